"""The application with a stop watch, in whatever terminal it is started in.

    python -m benchmarks.screen FIGURES PORT CALLED_AE_TITLE FOLDER PARALLEL ROWS UID [UID ...]

Waits for enter, retrieves, writes its figures to the file FIGURES, and ends: `run_s`, how long the
retrieval took, from the opening of the session to its last event, and `screen_s`, the processor
time of the user interface meanwhile. With ROWS further entries in the queue it is watched how late
the loop of the user interface is, too; the watch wakes it a hundred times a second, so that these
two are never reported of one run.
"""

import asyncio
import gc
import json
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from statistics import quantiles
from time import monotonic

import benchmarks.engine_modules  # noqa: F401
from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui import app as application
from dicom_retrieve_tui.tui.ports import Session
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import new_draft
from dicom_retrieve_tui.tui.widgets.options_form import Preset

_PERIOD_S = 0.01
_OTHERS = 99
"""The number of the terms on which the other rows were asked for."""


class _Timed:
    """A session that notes from when to when it was there."""

    def __init__(
        self,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        cancel: CancelToken,
        identified: Identified,
    ) -> None:
        self.started_s, self.ended_s = monotonic(), 0.0
        self.screen_s = -_spent_on_the_screen_s()
        self._session = wiring.open_session(selections, options, cancel, identified=identified)

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def events(self) -> Iterator[Event]:
        yield from self._session.events()
        self.ended_s = monotonic()
        self.screen_s += _spent_on_the_screen_s()


def _spent_on_the_screen_s() -> float:
    """Processor time of the main thread, which draws and does nothing else."""
    ident = threading.main_thread().ident or 0
    return time.clock_gettime(time.pthread_getcpuclockid(ident))


class _App(application.RetrieveApp):
    """The application; it leaves when its job is over."""

    CSS_PATH = str(Path(application.__file__).with_name("main.tcss"))

    def prepare(self, figures: Path, rows: int) -> None:
        """Prepare to write the figures."""
        self._figures, self._rows = figures, rows
        self._lags_s: list[tuple[float, float]] = []

    def on_ready(self) -> None:
        """Fill the queue, and watch the loop."""
        super().on_ready()
        if self._rows:
            uids = [f"1.2.3.{number}" for number in range(self._rows)]
            others = [StudyRequest(selection=Selection(study_instance_uid=uid)) for uid in uids]
            self.store.queue(_OTHERS, others)
            self.run_worker(self._watch_the_loop())

    async def _watch_the_loop(self) -> None:
        due_s = monotonic() + _PERIOD_S
        while not (TIMED and TIMED[0].ended_s):
            await asyncio.sleep(max(due_s - monotonic(), 0))
            now_s = monotonic()
            # A key that is pressed during a long halt waits for the rest of it.
            while due_s <= now_s:
                self._lags_s.append((due_s, now_s - due_s))
                due_s += _PERIOD_S

    def on_retrieve_app_job_over(self, event: application.RetrieveApp.JobOver) -> None:
        """Write down how it went."""
        if any(ending.verdict is not Verdict.COMPLETE for ending in event.ended.endings):
            self.exit(return_code=1)
            return
        (timed,) = TIMED
        figures = {"run_s": timed.ended_s - timed.started_s, "screen_s": timed.screen_s}
        lags_s = [lag for at, lag in self._lags_s if timed.started_s <= at <= timed.ended_s]
        if lags_s:
            figures["lag_p99_ms"] = 1000 * quantiles(lags_s, n=100, method="inclusive")[-1]
            figures["lag_max_ms"] = 1000 * max(lags_s)
        self._figures.write_text(json.dumps(figures), encoding="utf-8")
        self.exit()


TIMED: list[_Timed] = []


def open_session(
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    *,
    identified: Identified,
) -> Session:
    """The real one, timed."""
    timed = _Timed(selections, options, cancel, identified)
    TIMED.append(timed)
    return timed  # type: ignore[return-value] # what it lacks, it hands on


def main() -> None:
    """Be the application."""
    figures, port, called, folder, parallel, rows, *uids = sys.argv[1:]
    draft = {
        **new_draft(),
        "pacs": f"127.0.0.1:{port}",
        "called_aet": called,
        "output": folder,
        "method": "c-get",
        "layout": FLAT_LAYOUT,
        "parallel": parallel,
    }
    gc.disable()  # as the command does before it loads the application
    app = _App(
        open_session,
        [Preset("bench", draft)],
        find=wiring.find,
        find_each=wiring.find_each,
        text="\n".join(uids),
    )
    app.prepare(Path(figures), int(rows))
    sys.exit(application.run_app(app))


if __name__ == "__main__":
    main()
