"""The numbers of the live display, drawn from progress when somebody looks.

`follow` runs on the thread that folds the events, `picture` on the one that draws. They share plain
attributes only; a number that is one event old does no harm.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from dicom_retrieve_tui.model.events import Event, StudyFinished, StudyStarted
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
    received_bytes: int
    elapsed_s: float
    eta_s: float | None


@dataclass(slots=True)
class _Lane:
    """One worker's study and speed."""

    study: StudyProgress | None = None
    before: int = 0
    """Instances that came of the studies which this worker has finished."""
    bytes_before: int = 0
    instances: Throughput = field(default_factory=Throughput)
    bytes: Throughput = field(default_factory=Throughput)


class Board:
    """Follows which worker has which study, and measures how fast each is."""

    def __init__(self, progress: Progress, monotonic_s: Callable[[], float]) -> None:
        self._progress = progress
        self._monotonic_s = monotonic_s
        self._started_s = monotonic_s()
        self._lanes: dict[int, _Lane] = {}
        self._instances = Throughput()
        self._bytes = Throughput()

    def follow(self, event: Event) -> None:
        """Note who works on what; all other events are in the progress already."""
        if isinstance(event, StudyStarted):
            lane = self._lanes.setdefault(event.worker, _Lane())
            lane.study = self._progress.studies[event.study_instance_uid]
        elif isinstance(event, StudyFinished):
            study = self._progress.studies[event.study_instance_uid]
            lane = self._lanes[study.worker]
            lane.study = None
            lane.before += study.stored - study.present
            lane.bytes_before += study.received_bytes

    def picture(self, rows_max: int) -> Picture:
        """Take the numbers of this moment.

        Args:
            rows_max: Lines that there is room for, workers' rows only.
        """
        now_s = self._monotonic_s()
        progress = self._progress
        lanes = sorted(self._lanes.items())
        for _, lane in lanes:
            _sample(lane, now_s)
        self._instances.add(now_s, progress.stored - progress.present)
        self._bytes.add(now_s, progress.received_bytes)
        # A worker between two studies has none for a moment; its lane is read once only.
        busy = [(number, lane, study) for number, lane in lanes if (study := lane.study)]
        future = outlook(progress, [study for _, _, study in busy])
        rate = self._instances.rate
        return Picture(
            rows=tuple(_row(*each) for each in busy[:rows_max]),
            hidden=max(len(busy) - rows_max, 0),
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
            received_bytes=progress.received_bytes,
            elapsed_s=now_s - self._started_s,
            eta_s=None if future is None else future.eta_s(rate),
        )


def _sample(lane: _Lane, now_s: float) -> None:
    study = lane.study
    came = study.stored - study.present if study else 0
    lane.instances.add(now_s, lane.before + came)
    lane.bytes.add(now_s, lane.bytes_before + (study.received_bytes if study else 0))


def _row(number: int, lane: _Lane, study: StudyProgress) -> Row:
    return Row(
        label=str(number),
        study_instance_uid=study.study_instance_uid,
        done=done(study),
        expected=study.expected,
        instances_per_s=lane.instances.rate,
        bytes_per_s=lane.bytes.rate,
    )
