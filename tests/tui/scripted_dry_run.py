"""A dry run that a test leads: it says what the test tells it to."""

import queue
import threading
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified
from dicom_retrieve_tui.model.verdict import Verdict

_TICK_S = 0.01


@dataclass
class DryRuns:
    """Takes the place of `wiring.dry_run`; every dry run gets its events from the same script."""

    asked: list[tuple[Sequence[Selection], RetrieveOptions]] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)
    """Set once one was stopped before its end."""
    identified: Identified | None = None
    """What the last one reports identities to."""

    def __post_init__(self) -> None:
        self._script: queue.Queue[Event | RetrieveError | None] = queue.Queue()

    def tell(self, *story: Event) -> None:
        """Let these events happen."""
        for event in story:
            self._script.put(event)

    def end(self, error: RetrieveError | None = None) -> None:
        """Let the dry run be over."""
        self._script.put(error)

    def __call__(
        self,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        cancel: CancelToken,
        *,
        identified: Identified,
    ) -> Generator[Event, None, None]:
        self.asked.append((selections, options))
        self.identified = identified
        while True:
            if cancel.requested:
                self.over.set()
                raise Cancelled
            try:
                told = self._script.get(timeout=_TICK_S)
            except queue.Empty:
                continue
            if told is None:
                return
            if isinstance(told, RetrieveError):
                raise told
            yield told


def listed(
    uid: str, expected: int, *, needed: int | None = None, mb: tuple[int, int, int] = (80, 100, 120)
) -> list[Event]:
    """A study is listed, with its forecast in MB: low, likely, high."""
    low, likely, high = (10**6 * each for each in mb)
    return [
        events.StudyStarted(study_instance_uid=uid, worker=1),
        events.StudyInventoried(
            study_instance_uid=uid,
            listed=True,
            series=2,
            expected=expected,
            needed=expected if needed is None else needed,
            needed_bytes=likely,
            needed_low_bytes=low,
            needed_high_bytes=high,
        ),
        ended(uid, Verdict.COMPLETE, expected),
    ]


def ended(uid: str, verdict: Verdict, expected: int | None = None, reason: str = "") -> Event:
    """The verdict on a study."""
    return events.StudyFinished(
        study_instance_uid=uid, verdict=verdict, expected=expected, stored=0, reason=reason
    )


def space(*, likely_gb: int, free_gb: int, fits: bool | None) -> Event:
    """The forecast of all studies together."""
    return events.SpaceForecast(
        studies=2,
        estimated=0,
        uncounted=0,
        likely_bytes=likely_gb * 10**9,
        low_bytes=likely_gb * 10**9 // 2,
        high_bytes=likely_gb * 10**9 * 2,
        built_in=False,
        free_bytes=free_gb * 10**9,
        keep_free_bytes=0,
        fits=fits,
    )
