"""The frozen values that `ProgressStore` hands to the screen."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from dicom_retrieve_tui.model.choices import HoldCause, Level
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.progress import WorkerState
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict


class RowKey(NamedTuple):
    """The key of an entry of the queue."""

    group: int
    """The number of its options; entries with equal options share a session."""
    study_instance_uid: str


class State(Enum):
    """The state of an entry, by what a user can do about it."""

    RUNNING = "running"
    RETRYING = "waiting for a retry"
    QUEUED = "queued"
    FAILED = "failed"
    STOPPED = "stopped"
    DONE = "done"


ACTIVE = frozenset({State.RUNNING, State.RETRYING, State.QUEUED})
BAD = frozenset({State.FAILED, State.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An entry of the queue at one moment."""

    key: RowKey
    number: int
    """The order in which entries were added, from 1."""
    state: State
    level: Level = Level.STUDY
    part: str = ""
    """What is requested of the study, `2 series`; empty for all of it."""
    identity: StudyIdentity = UNIDENTIFIED
    by_accession: bool = False
    """It was asked for by its accession number."""
    pacs: str = ""
    """The name of its profile, or its address."""
    sought: str = ""
    """The line of a list for which no study was found, `accession A1, line 12`; then the key has
    no UID. Empty for a study."""
    done: int = 0
    expected: int | None = None
    failed: int = 0
    """Missing instances, once there is a verdict; until then, refused ones."""
    received_bytes: int = 0
    """In this attempt."""
    earlier_bytes: int = 0
    """Received in earlier attempts, also in earlier runs of the application; `done` counts their
    instances, too."""
    instances_per_s: float | None = None
    eta_s: float | None = None
    quiet_s: int = 0
    """Whole seconds since something was received, if it runs."""
    retry_in_s: int = 0
    held: bool = False
    """It waits because the run is held, not for a retry."""
    elapsed_s: float = 0.0
    """From its start to its end."""
    verdict: Verdict | None = None
    reason: str = ""

    @property
    def label(self) -> str:
        """What is on record of an unnamed row: its UID, or the line that was sought."""
        return self.sought or self.key.study_instance_uid


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """All details of an entry."""

    row: Row
    selection: Selection
    present: int
    """Instances from earlier runs; `row.done` counts them, too."""
    listed: bool
    """True if the PACS listed every instance, so that completeness can be proven."""
    failed_attempts: int
    refused: int
    set_aside: int
    missing: tuple[str, ...]
    """SOP Instance UIDs."""
    series: tuple[tuple[str, int], ...]
    """Series Instance UIDs, and the instances received of each."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series that a filter has left out: Series Instance UID and modality."""
    irregular: int = 0
    """Instances whose data sets deviate from the standard, and are kept."""
    irregular_example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The totals of the queue."""

    studies: int = 0
    active: int = 0
    """Running, waiting for a retry, or queued."""
    running: int = 0
    failed: int = 0
    """Failed or stopped studies."""
    stopped: int = 0
    good: int = 0
    stored: int = 0
    expected: int = 0
    """Stored and missing instances, and those still to come; 0 while no size is known."""
    missing: int = 0
    received_bytes: int = 0
    instances_per_s: float | None = None
    bytes_per_s: float | None = None
    left: int = 0
    """Instances still to come; an estimate unless `exact`, and without the studies of
    `unsized`."""
    unsized: int = 0
    """Active studies of unknown size, while too few sizes are known to estimate them."""
    exact: bool = True
    eta_s: float | None = None
    elapsed_s: float = 0.0
    associations: int = 0
    associations_max: int = 0
    space: str = ""
    """What is needed and the room for it; empty while it fits or is unknown."""

    def instances_text(self, noun: str = "") -> str:
        """Format stored and expected instances: `124/973`, `5/~490`, `4/10 + 240 studies`."""
        if not self.expected:
            return ""
        about = "" if self.exact or self.unsized or not self.active else "~"
        more = f" + {count(self.unsized, 'study')}" if self.unsized else ""
        return f"{self.stored:,}/{about}{self.expected:,}{noun}{more}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """An association at one moment."""

    number: int
    state: WorkerState
    associated: bool
    """True while its association is open."""
    study_instance_uid: str = ""
    """Empty if it is idle."""
    identity: StudyIdentity = UNIDENTIFIED
    left: int | None = None
    """Instances of the study still to come."""
    instances_per_s: float | None = None
    quiet_s: int = 0
    timeout_s: float = 0.0
    """Seconds of silence after which the association is aborted."""


class Sample(NamedTuple):
    """A point of the throughput graph."""

    instances_per_s: float
    bytes_per_s: float


class Line(NamedTuple):
    """A line of the events pane."""

    at: datetime
    text: str
    grave: bool
    masked: str = ""
    """The text without the patient; empty if that is not known to differ."""


@dataclass(frozen=True, slots=True)
class Held:
    """What holds the queue of a session."""

    cause: HoldCause
    next_try_in_s: int
    """Whole seconds until the next probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """The changes since the last snapshot, and the totals."""

    rows: tuple[Row, ...]
    removed: tuple[RowKey, ...]
    totals: Totals
    workers: tuple[WorkerRow, ...]
    history: tuple[Sample, ...]
    lines: tuple[Line, ...]
    """New ones only."""
    flowing: bool
    """False if every session is paused, and nothing comes any more."""
    closed_until: str
    """When the hours of the sessions begin, in ISO 8601; empty if those of one have begun."""
    held: Held | None = None
    """None if nothing holds a session."""
