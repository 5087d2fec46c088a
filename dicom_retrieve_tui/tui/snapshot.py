"""What the store hands to the screen: frozen values, ready to be drawn. Pure."""

from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import NamedTuple

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.progress import WorkerState
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict


class RowKey(NamedTuple):
    """Which entry of the queue."""

    group: int
    """The terms on which it was asked for, by number."""
    study_instance_uid: str


class State(Enum):
    """Where an entry stands, by what a person would do about it."""

    RUNNING = "running"
    RETRYING = "waits to be tried again"
    QUEUED = "queued"
    FAILED = "failed"
    STOPPED = "stopped"
    DONE = "done"


ACTIVE = frozenset({State.RUNNING, State.RETRYING, State.QUEUED})
BAD = frozenset({State.FAILED, State.STOPPED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One entry of the queue at one moment."""

    key: RowKey
    number: int
    """The order in which the entries came, from 1."""
    state: State
    level: Level = Level.STUDY
    patient: str = ""
    modality: str = ""
    done: int = 0
    expected: int | None = None
    failed: int = 0
    """Instances that are missing, once there is a verdict; until then, those refused."""
    received_bytes: int = 0
    instances_per_s: float | None = None
    eta_s: float | None = None
    quiet_s: int = 0
    """Whole seconds since something came, if it runs."""
    retry_in_s: int = 0
    elapsed_s: float = 0.0
    """From its start to its end."""
    verdict: Verdict | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Details:
    """One entry of the queue in full."""

    row: Row
    selection: Selection
    present: int
    """Instances that were here before; the row counts them, too."""
    listed: bool
    """The PACS listed every instance, so that completeness can be proven."""
    failed_attempts: int
    refused: int
    set_aside: int
    missing: tuple[str, ...]
    """SOP Instance UIDs."""
    series: tuple[tuple[str, int], ...]
    """Series Instance UIDs, and the instances that came of each."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series that the filter left out on purpose: Series Instance UID and modality."""
    irregular: int = 0
    """Instances that are kept although their data sets depart from the standard."""
    irregular_example: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """The queue as a whole."""

    studies: int = 0
    active: int = 0
    """Running, waiting or queued."""
    running: int = 0
    failed: int = 0
    """Studies that ended badly, or were stopped."""
    good: int = 0
    stored: int = 0
    expected: int = 0
    """Instances, of the studies whose number is known."""
    missing: int = 0
    received_bytes: int = 0
    instances_per_s: float | None = None
    bytes_per_s: float | None = None
    left: int = 0
    """Instances still to come; an estimate unless `exact`."""
    exact: bool = True
    eta_s: float | None = None
    elapsed_s: float = 0.0
    associations: int = 0
    associations_max: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerRow:
    """One association at one moment."""

    number: int
    state: WorkerState
    associated: bool
    """True while its association is open."""
    study_instance_uid: str = ""
    """Empty if it has nothing to do."""
    left: int | None = None
    """Instances of the study still to come."""
    instances_per_s: float | None = None
    quiet_s: int = 0
    timeout_s: float = 0.0
    """After how many quiet seconds the association is given up."""


class Sample(NamedTuple):
    """A point of the graph."""

    instances_per_s: float
    bytes_per_s: float


class Line(NamedTuple):
    """A line of the events pane."""

    at: datetime
    text: str
    grave: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """What has changed since the last one, and the state of the whole."""

    rows: tuple[Row, ...]
    removed: tuple[RowKey, ...]
    totals: Totals
    workers: tuple[WorkerRow, ...]
    history: tuple[Sample, ...]
    lines: tuple[Line, ...]
    """New ones only."""
    paused: bool
