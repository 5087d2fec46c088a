"""The numbers of the live display, drawn from progress when somebody looks.

`follow` runs on the thread that folds the events, `picture` on the one that draws. They share plain
attributes only; a number that is one event old does no harm.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    StudyFinished,
    StudyStarted,
)
from dicom_retrieve_tui.model.progress import Progress, StudyProgress
from dicom_retrieve_tui.model.throughput import Throughput, done, outlook


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of numbers; None where nobody knows yet."""

    label: str
    study_instance_uid: str = ""
    done: int = 0
    expected: int | None = None
    instances_per_s: float | None = None
    bytes_per_s: float | None = None
    retry_in_s: float | None = None
    """Of a study between two attempts, seconds until it may be tried again; else None."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """All that the live display shows at one moment."""

    rows: tuple[Row, ...]
    hidden: int
    """Workers for whose rows the terminal is too small."""
    total: Row
    exact: bool
    """False if the total's `expected` is an estimate."""
    studies_total: int
    finished: int
    bad: int
    waiting: int
    """Studies between two attempts."""
    received_bytes: int
    elapsed_s: float
    eta_s: float | None


@dataclass(slots=True)
class _Lane:
    """One worker's study and speed."""

    study: StudyProgress | None = None
    """The one in hand; else the one that it gave back last, as long as that waits."""
    in_hand: bool = False
    before: int = 0
    """What makes the sum with the study's own instances the number that this worker got."""
    bytes_before: int = 0
    instances: Throughput = field(default_factory=Throughput)
    bytes: Throughput = field(default_factory=Throughput)

    def enter(self, study: StudyProgress) -> None:
        """Take up a study, of which other workers may have got a part."""
        self.study, self.in_hand = study, True
        self.before -= _came(study)
        self.bytes_before -= study.received_bytes

    def leave(self) -> None:
        """Give it back, done or not."""
        if self.study is not None and self.in_hand:
            self.in_hand = False
            self.before += _came(self.study)
            self.bytes_before += self.study.received_bytes

    def sample(self, now_s: float) -> None:
        """Note what this worker got until now."""
        study = self.study if self.in_hand else None
        self.instances.add(now_s, self.before + (_came(study) if study else 0))
        self.bytes.add(now_s, self.bytes_before + (study.received_bytes if study else 0))


@dataclass(frozen=True, slots=True)
class _Waiting:
    study: StudyProgress
    due_s: float


class Board:
    """Follows which worker has which study, and measures how fast each is."""

    def __init__(self, progress: Progress, monotonic_s: Callable[[], float]) -> None:
        self._progress = progress
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._lanes: dict[int, _Lane] = {}
        self._waiting: dict[str, _Waiting] = {}
        self._instances = Throughput()
        self._bytes = Throughput()

    def follow(self, event: Event) -> None:
        """Note who works on what; all other events are in the progress already."""
        if isinstance(event, StudyStarted | AttemptStarted):
            self._waiting.pop(event.study_instance_uid, None)
            study = self._progress.studies[event.study_instance_uid]
            self._lanes.setdefault(event.worker, _Lane()).enter(study)
        elif isinstance(event, AttemptFailed | StudyFinished):
            study = self._progress.studies[event.study_instance_uid]
            self._lanes[study.worker].leave()
            if isinstance(event, AttemptFailed):
                due_s = self._monotonic_s() + event.wait_s
                self._waiting[event.study_instance_uid] = _Waiting(study, due_s)

    def picture(self, rows_max: int) -> Picture:
        """Take the numbers of this moment.

        Args:
            rows_max: Lines that there is room for, workers' rows only.
        """
        now_s = self._monotonic_s()
        progress = self._progress
        lanes = sorted(self._lanes.items())
        for _, lane in lanes:
            lane.sample(now_s)
        self._instances.add(now_s, progress.stored - progress.present)
        self._bytes.add(now_s, progress.received_bytes)
        waiting = self._waiting.copy()
        in_hand = [lane.study for _, lane in lanes if lane.study and lane.in_hand]
        future = outlook(progress, [*in_hand, *(each.study for each in waiting.values())])
        rows = [row for each in lanes if (row := _row(*each, waiting, now_s)) is not None]
        rate = self._instances.rate
        return Picture(
            rows=tuple(rows[:rows_max]),
            hidden=max(len(rows) - rows_max, 0),
            total=Row(
                label="total",
                done=progress.stored,
                expected=None if future is None else progress.stored + future.instances,
                instances_per_s=rate,
                bytes_per_s=self._bytes.rate,
            ),
            exact=future is not None and future.exact,
            studies_total=progress.studies_total,
            finished=progress.finished,
            bad=progress.finished - progress.good,
            waiting=len(waiting),
            received_bytes=progress.received_bytes,
            elapsed_s=now_s - self._started_s,
            eta_s=None if future is None else future.eta_s(rate),
        )


def _came(study: StudyProgress) -> int:
    return study.stored - study.present


def _row(number: int, lane: _Lane, waiting: Mapping[str, _Waiting], now_s: float) -> Row | None:
    """The row of a worker; None if it has nothing to show: its study is done, or in other hands."""
    study, retry_in_s = lane.study, None
    if study is None:
        return None
    if not lane.in_hand:
        given_back = waiting.get(study.study_instance_uid)
        if given_back is None or study.worker != number:
            return None
        retry_in_s = max(given_back.due_s - now_s, 0.0)
    return Row(
        label=str(number),
        study_instance_uid=study.study_instance_uid,
        done=done(study),
        expected=study.expected,
        instances_per_s=lane.instances.rate,
        bytes_per_s=lane.bytes.rate,
        retry_in_s=retry_in_s,
    )
