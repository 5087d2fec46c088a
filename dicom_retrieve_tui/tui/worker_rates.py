"""The rate and the silence of each association, by session and worker."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.model.eta import Throughput
from dicom_retrieve_tui.model.progress import Progress, WorkerProgress, WorkerState
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.tui.snapshot import WorkerRow


@dataclass(slots=True)
class _WorkerRate:
    came: tuple[int, int] = (-1, -1)
    heard_s: float = 0.0
    state: WorkerState = WorkerState.IDLE
    instances: Throughput = field(default_factory=Throughput)

    def sample(self, worker: WorkerProgress, now_s: float) -> None:
        self.instances.add(now_s, worker.instances)
        came = (worker.instances, worker.received_bytes)
        if came != self.came or worker.state is not self.state:
            self.came, self.state, self.heard_s = came, worker.state, now_s


@dataclass(slots=True)
class _Group:
    timeout_s: float
    most: int
    lanes: dict[int, _WorkerRate] = field(default_factory=dict)


class WorkerRates:
    """The associations of all sessions."""

    def __init__(self) -> None:
        self._groups: dict[int, _Group] = {}

    @property
    def most(self) -> int:
        """The most associations there may be."""
        return sum(group.most for group in self._groups.values())

    def begin(self, group: int, *, associations: int, timeout_s: float) -> None:
        """Count the associations that a session may open."""
        self._groups[group] = _Group(timeout_s, associations)

    def end(self, group: int) -> None:
        """Forget a session."""
        self._groups.pop(group, None)

    def rows(
        self,
        now_s: float,
        runs: Mapping[int, Progress],
        identity_of: Callable[[str], StudyIdentity] = lambda _: UNIDENTIFIED,
    ) -> tuple[WorkerRow, ...]:
        """Return every association at this moment.

        Args:
            now_s: The monotonic time.
            runs: The progress of each session.
            identity_of: Returns whose a study is.
        """
        return tuple(
            replace(row, identity=identity_of(row.study_instance_uid))
            for number, group in self._groups.items()
            if number in runs
            for _, worker in sorted(runs[number].workers.items())
            for row in [self._row(group, worker, runs[number], now_s)]
        )

    def _row(
        self, group: _Group, worker: WorkerProgress, progress: Progress, now_s: float
    ) -> WorkerRow:
        lane = group.lanes.setdefault(worker.number, _WorkerRate())
        lane.sample(worker, now_s)
        study = progress.studies.get(worker.study_instance_uid or "")
        left = None
        if study is not None and study.expected is not None:
            left = max(study.expected - study.stored, 0)
        return WorkerRow(
            number=worker.number,
            state=worker.state,
            associated=worker.associated,
            study_instance_uid=worker.study_instance_uid or "",
            left=left,
            instances_per_s=lane.instances.rate,
            quiet_s=int(now_s - lane.heard_s),
            timeout_s=group.timeout_s,
        )
