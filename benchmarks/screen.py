"""The application with a stop watch, in whatever terminal it is started in.

    python -m benchmarks.screen FIGURES PORT CALLED_AE_TITLE FOLDER PARALLEL ROWS UID [UID ...]

Waits for enter, retrieves, writes to the file FIGURES how long the session took (`run_s`) and how
late the loop of the user interface was meanwhile, and ends. ROWS entries stand in the queue beside.
"""

import asyncio
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import quantiles
from time import monotonic

from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.settings import FLAT_LAYOUT, Settings
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui import app as application
from dicom_retrieve_tui.tui.entries import Wanted
from dicom_retrieve_tui.tui.form import defaults
from dicom_retrieve_tui.tui.ports import Session
from dicom_retrieve_tui.tui.widgets.options_form import Preset
from dicom_retrieve_tui.wiring import lookup, retrieval

_PERIOD_S = 0.01
_OTHERS = 99
"""The number of the terms on which the other rows were asked for."""


class _Timed:
    """A session that notes from when to when it told its story."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self.started_s = self.ended_s = 0.0

    def __getattr__(self, name: str) -> object:
        return getattr(self._session, name)

    def events(self) -> Iterator[Event]:
        self.started_s = monotonic()
        yield from self._session.events()
        self.ended_s = monotonic()


class _App(application.RetrieveApp):
    """The application; it leaves when its job is over."""

    CSS_PATH = str(Path(application.__file__).with_name("main.tcss"))

    def prepare(self, figures: Path, rows: int) -> None:
        """Prepare to write the figures."""
        self._figures, self._rows = figures, rows
        self._lags_s: list[tuple[float, float]] = []

    def on_ready(self) -> None:
        """Fill the queue, and watch the loop."""
        others = [
            Wanted(selection=Selection(study_instance_uid=f"1.2.3.{n}")) for n in range(self._rows)
        ]
        self.store.queue(_OTHERS, others)
        self.run_worker(self._watch_the_loop())

    async def _watch_the_loop(self) -> None:
        due_s = monotonic() + _PERIOD_S
        while not (TIMED and TIMED[0].ended_s):
            await asyncio.sleep(max(due_s - monotonic(), 0))
            now_s = monotonic()
            self._lags_s.append((now_s, now_s - due_s))
            due_s = now_s + _PERIOD_S

    def on_retrieve_app_job_over(self, event: application.RetrieveApp.JobOver) -> None:
        """Write down how it went."""
        if any(ending.verdict is not Verdict.COMPLETE for ending in event.ended.endings):
            self.exit(return_code=1)
            return
        (timed,) = TIMED
        lags_s = [lag for at, lag in self._lags_s if timed.started_s <= at <= timed.ended_s]
        figures = {
            "run_s": timed.ended_s - timed.started_s,
            "lag_p99_ms": 1000 * quantiles(lags_s, n=100, method="inclusive")[-1],
            "lag_max_ms": 1000 * max(lags_s),
        }
        self._figures.write_text(json.dumps(figures), encoding="utf-8")
        self.exit()


TIMED: list[_Timed] = []


def open_session(plan: Plan, settings: Settings) -> Session:
    """The real one, timed."""
    timed = _Timed(retrieval.open_session(plan, settings))
    TIMED.append(timed)
    return timed  # type: ignore[return-value] # what it lacks, it hands on


def main() -> None:
    """Be the application."""
    figures, port, called, folder, parallel, rows, *uids = sys.argv[1:]
    draft = {
        **defaults(),
        "pacs": f"127.0.0.1:{port}",
        "called_ae_title": called,
        "folder": folder,
        "layout": FLAT_LAYOUT,
        "parallel": parallel,
    }
    sys.setswitchinterval(application._SWITCH_S)  # noqa: SLF001 - as `run_app` does
    app = _App(open_session, [Preset("bench", draft)], find=lookup.find, text="\n".join(uids))
    app.prepare(Path(figures), int(rows))
    app.run()
    app.jobs.close()
    sys.exit(app.return_code)


if __name__ == "__main__":
    main()
