"""The session that the application steers, on a cluster."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.cluster.session import open_session
from dicom_retrieve_tui.engine.run import Session
from dicom_retrieve_tui.model import events as ev
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.cluster.running import Scheduler, wait_for
from tests.peers.counting_pacs import CountingPacs, study_uids
from tests.runs import settings


class _Reader:
    """Reads a session in a thread, as the application does."""

    def __init__(self, session: Session) -> None:
        self.progress = Progress()
        self.events: list[ev.Event] = []
        self._session = session
        self.thread = threading.Thread(target=self._run, name="session")
        self.thread.start()

    def _run(self) -> None:
        for event in self._session.events():
            self.events.append(event)
            self.progress.apply(event)

    def saw(self, kind: type) -> bool:
        return any(isinstance(event, kind) for event in self.events)


@contextmanager
def _reading(session: Session) -> Iterator[_Reader]:
    reader = _Reader(session)
    try:
        yield reader
    finally:
        session.cancel()
        reader.thread.join()


def test_a_session_on_a_cluster_is_steered_like_any_other(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    first, *others = [Selection.of(uid) for uid in study_uids(30)]
    with CountingPacs(30, pace_s=0.05) as pacs:
        options = replace(
            settings(pacs.port, tmp_path / "out"),
            method=Method.C_GET,
            cluster=scheduler.address,
            parallel=2,
        )
        session = open_session([first], options)
        with _reading(session) as reader:
            wait_for(lambda: reader.progress.good == 1, "the first study")
            session.add(others)
            wait_for(lambda: reader.progress.good > 3, "further studies")
            session.pause()
            wait_for(lambda: reader.saw(ev.RunPaused), "the pause")
            open_in_pause = pacs.open
            last = study_uids(30)[-1]
            session.promote(study_uids(30)[-2])
            removed = session.remove(last)
            session.resume()
            session.finish()
            reader.thread.join(60)

    assert open_in_pause == 0
    assert removed
    assert reader.progress.verdict is Verdict.COMPLETE
    assert reader.progress.good == reader.progress.studies_total == 29
    assert reader.progress.stored == reader.progress.expected == 87
    assert sum(pacs.sent.values()) == 87
    assert pacs.peak <= 2
