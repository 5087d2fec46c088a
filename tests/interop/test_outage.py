"""Orthanc is killed in the middle of a run and started again, or loses its storage for a while."""

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import AssociationAborted
from dicom_retrieve_tui.model.choices import HoldCause, Method
from dicom_retrieve_tui.model.events import AttemptFailed, PeerBack, PeerLost, StudyFinished
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.progress import Progress
from dicom_retrieve_tui.model.verdict import Verdict
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI
from tests.interop.process import free_port
from tests.interop.small_studies import names_of, small_studies
from tests.runs import Plan, files_in, of_kind, settings
from tests.sessions import Watched, selections

pytestmark = pytest.mark.peers

_STUDIES = [f"2.25.88{number:03}" for number in range(60)]
_INSTANCES = 3
_GET = Plan(selections=selections(*_STUDIES), method=Method.C_GET)
_MOVE = replace(_GET, method=Method.C_MOVE, move_destination=DRTUI, listening=True)


@pytest.fixture
def archive(tmp_path: Path) -> Iterator[Orthanc]:
    """An Orthanc of the test's own, with small studies."""
    folder = tmp_path / "orthanc"
    folder.mkdir()
    # What it has cached it would still send without its storage.
    orthanc = Orthanc(folder, {DRTUI: free_port()}, MaximumStorageCacheSize=0)
    orthanc.start()
    try:
        orthanc.take_zip(small_studies(_STUDIES, _INSTANCES))
        yield orthanc
    finally:
        orthanc.stop()


def _options(orthanc: Orthanc, output: Path) -> RetrieveOptions:
    given = settings(orthanc.port, output, called=orthanc.ae_title)
    listen = ("127.0.0.1", orthanc.move_ports[DRTUI])
    return replace(given, calling_ae_title=DRTUI, listen=listen)


def _finished(goal: int, progress: Progress) -> bool:
    return progress.finished >= goal


@pytest.mark.parametrize(
    "plan", [_GET, replace(_MOVE, parallel=4)], ids=["c-get", "c-move of four workers"]
)
def test_a_pacs_that_is_killed_twice_costs_no_study_an_attempt(
    archive: Orthanc, plan: Plan, tmp_path: Path
) -> None:
    output = tmp_path / "out"
    with Watched(wiring.open_session(*plan.on(_options(archive, output)))) as watched:
        for goal in (15, 35):
            watched.until(partial(_finished, goal))
            # A regular stop takes a second, in which a fast run may end.
            archive.kill()
            watched.until(lambda progress: progress.held)
            archive.start()
            watched.session.try_now()
            watched.until(lambda progress: not progress.held)
        events = watched.finish()

    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 2
    assert not of_kind(AttemptFailed, events)
    finished = of_kind(StudyFinished, events)
    assert len(finished) == len(_STUDIES)
    assert {each.verdict for each in finished} == {Verdict.COMPLETE}
    assert files_in(output) == names_of(_STUDIES, _INSTANCES)


def test_a_pacs_that_allows_us_no_c_echo_is_back_after_its_restart(tmp_path: Path) -> None:
    folder = tmp_path / "orthanc"
    folder.mkdir()
    orthanc = Orthanc(folder, {}, DicomAlwaysAllowEcho=False)
    orthanc.start()
    try:
        orthanc.take_zip(small_studies(_STUDIES, _INSTANCES))
        given = settings(orthanc.port, tmp_path / "out", called=orthanc.ae_title)
        with pytest.raises(AssociationAborted):
            wiring.echo(given)
        with Watched(wiring.open_session(*_GET.on(given))) as watched:
            watched.until(partial(_finished, 15))
            orthanc.kill()
            watched.until(lambda progress: progress.held)
            orthanc.start()
            watched.session.try_now()
            watched.until(lambda progress: not progress.held)
            events = watched.finish()
    finally:
        orthanc.stop()

    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1
    assert {each.verdict for each in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}


def test_a_pacs_without_its_storage_costs_no_study_its_attempts(
    archive: Orthanc, tmp_path: Path
) -> None:
    output, storage = tmp_path / "out", tmp_path / "orthanc" / "storage"
    # The index stays: Orthanc answers C-ECHO and C-FIND as before.
    files = [each for each in storage.iterdir() if each.is_dir()]
    plan = replace(_GET, retries=3)
    with Watched(wiring.open_session(*plan.on(_options(archive, output)))) as watched:
        watched.until(partial(_finished, 15))
        for folder in files:
            folder.rename(folder.with_suffix(".gone"))
        watched.until(lambda progress: progress.held)
        for folder in files:
            folder.with_suffix(".gone").rename(folder)
        watched.session.try_now()
        events = watched.finish()

    (lost,) = of_kind(PeerLost, events)
    assert lost.cause is HoldCause.ARCHIVE
    assert [each.cause for each in of_kind(PeerBack, events)] == [HoldCause.ARCHIVE]
    finished = of_kind(StudyFinished, events)
    assert len(finished) == len(_STUDIES)
    assert {each.verdict for each in finished} == {Verdict.COMPLETE}
    assert len(files_in(output)) == len(_STUDIES) * _INSTANCES
