"""The events of a run: facts in the past tense, as plain values without a time.

The names and fields are public: `--json` prints one event a line. An event is emitted after its
fact holds. `RetrieveStarted` is the first and `RetrieveFinished` the last, each once; every
`StudyStarted` has exactly one `StudyFinished`. `PeerLost` is followed by `PeerBack` or
`QueueGivenUp` for the same cause, unless the run is cancelled. Order holds within a study, not
between studies. A finished study may be queued again; then it starts again.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace

from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.sanitize import clean_values
from dicom_retrieve_tui.model.verdict import Verdict

_NAMED_MAX = 1000
"""Studies that one event names in JSON."""
SCHEMA_VERSION = 1
"""Version of the events' names and fields; raised if one is removed or changes its meaning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveStarted:
    """A run has begun; no association is open yet."""

    peer: str
    """The PACS, as `AET@host:port`."""
    method: str
    studies: int
    """Studies at the start; each `StudyQueued` adds one."""
    parallel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQueued:
    """A study was added to the queue of a run that has started, for the first time or again."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPromoted:
    """A study moved to the front of the queue."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRemoved:
    """A study was removed from the queue before a worker started it."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPausing:
    """A pause began: no study and no request is begun, and current requests are being ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    """Nothing flows any more: the requests have ended and every association is released."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    """The pause ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerLost:
    """The PACS is gone, or the disk is full: the queue is held, and no study loses an attempt."""

    cause: HoldCause
    reason: str
    """What failed, in sentences."""
    studies: int
    """Studies that wait or were begun."""
    next_try_s: float
    """Seconds until the next probe."""
    limit_s: float
    """Seconds until the run gives up, from now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeFailed:
    """A probe found that it still is."""

    cause: HoldCause
    reason: str
    waited_s: float
    """Seconds since `PeerLost`, without those outside the hours of the run."""
    next_try_s: float
    """Seconds until the next probe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerBack:
    """The PACS answers again, or the disk has room: the queue goes on."""

    cause: HoldCause
    waited_s: float
    """Seconds since `PeerLost`, without those outside the hours of the run."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursClosed:
    """The hours of the run are over, or were changed meanwhile: the queue is held.

    Requests that were being made are ended, as in a pause.
    """

    until: str
    """When the next hours begin: local time in ISO 8601, with its offset from UTC."""
    studies: int
    """Studies that wait or were begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HoursOpened:
    """The hours of the run began, or were changed: the queue goes on."""

    waited_s: float
    """Seconds since `HoursClosed`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueGivenUp:
    """The run waits no longer: every study that was not begun ended as `not tried`.

    The studies that were begun end with a `StudyFinished` each.
    """

    cause: HoldCause
    reason: str
    waited_s: float
    """Seconds since `PeerLost` or `HoursClosed`; 0 for a PACS that has never answered."""
    studies: int
    """How many studies were not begun."""
    study_instance_uids: tuple[str, ...]
    """These studies. In JSON it is empty if there are more than 1,000."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOpened:
    """A worker's association with the PACS was accepted."""

    worker: int
    """Number of the worker, from 1 to the number of parallel associations."""
    accepted_contexts: int
    proposed_contexts: int
    peer_max_pdu_bytes: int
    """Largest PDU that the peer takes, bytes; 0 means no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationClosed:
    """A worker's association ended, by release, abort or loss."""

    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyStarted:
    """A worker started a study."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpStarted:
    """A worker without a study of its own began to make requests for another worker's study."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpFinished:
    """It stopped: no requests are left, one failed, or a study waits for a worker."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """An attempt failed, and the study was returned to the queue for another one."""

    study_instance_uid: str
    failed_attempts: int
    """How many counted attempts have failed so far."""
    retries: int
    """How many attempts may follow the first."""
    wait_s: float
    """Seconds until the next attempt, at the earliest."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPutBack:
    """An attempt ended because the queue is held: the study is in the queue again, first of all.

    It lost no attempt. `AttemptStarted` follows, or `StudyFinished`.
    """

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worker began another attempt at a study."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyInventoried:
    """C-FIND listed what the PACS has of a study, or the PACS did not list it."""

    study_instance_uid: str
    listed: bool
    """True if every instance is known by its UID, so that completeness can be proven."""
    series: int
    expected: int | None
    """Instances that the PACS has; None if it does not list them."""
    present: int = 0
    """Instances of these that an earlier run left and that were checked; not requested again."""
    absent: tuple[str, ...] = ()
    """Series and SOP Instance UIDs that were requested and are not in the study."""
    left_out_series: int = 0
    """Series that the filter left out on purpose; `series` does not count them."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each; the modality is empty if unknown."""
    undecided: tuple[str, ...] = ()
    """Series Instance UIDs that the filter could not decide because the PACS did not return the
    key; they are not retrieved."""
    needed: int | None = None
    """Instances that are not on disk yet; None if the PACS does not count them, or if nothing is
    written to the output folder."""
    needed_bytes: int | None = None
    """What these are likely to take; None if unknown."""
    needed_low_bytes: int | None = None
    """Its low end: the probability of less is 5 %."""
    needed_high_bytes: int | None = None
    """Its high end: the probability of more is 5 %."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpaceForecast:
    """A forecast, at this moment, of what the rest of the run takes on the disk.

    Emitted with the first study if earlier studies are known, else once enough are listed; then
    whenever it starts or ceases to fit, or the whole run, with what has come, is a tenth larger or
    smaller. In a dry run, once at its end.
    """

    studies: int
    """Studies that are listed or counted, and not finished."""
    estimated: int
    """Further studies that are not listed yet, taken to be like those that are."""
    uncounted: int
    """Studies that the PACS neither lists nor counts; they are not in the forecast."""
    likely_bytes: int
    low_bytes: int
    """The probability of less is 5 %."""
    high_bytes: int
    """The probability of more is 5 %."""
    built_in: bool
    """True if built-in figures are used because no such instance came before."""
    free_bytes: int | None
    """Free space on the disk of the output folder; None if it is unknown."""
    keep_free_bytes: int | None
    """How much of that is to stay free (`--keep-free`)."""
    fits: bool | None
    """True if the high end fits, False if even the low end does not; None between, or if the free
    space is unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesReceived:
    """Data set bytes of a study came since the last such event, stored or not yet."""

    study_instance_uid: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCounted:
    """The PACS sent its counters of sub-operations: shown, never trusted."""

    study_instance_uid: str
    remaining: int | None
    completed: int | None
    failed: int | None
    warning: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStored:
    """An instance was checked and has its final name.

    Emitted once an instance, even when the peer sends it twice.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    """Path of the file, relative to the output folder."""
    size_bytes: int
    """Size of the file, preamble and file meta included."""
    worker: int | None = None
    """The worker whose association it came on; None for one of our Storage SCP."""
    irregular: str = ""
    """How its data set departs from the standard, in a short phrase; empty if it does not."""
    checksum: str = ""
    """CRC-32 of the file, computed while it was received: `crc32:0123abcd`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSetAside:
    """An instance came whose file exists with other content; both are kept."""

    study_instance_uid: str
    sop_instance_uid: str
    path: str
    """Path of the second version, relative to the output folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRefused:
    """An instance came that was not kept: it was damaged or not requested."""

    study_instance_uid: str | None
    """The study that was being retrieved; None if no current study matches."""
    sop_instance_uid: str
    status: int
    """Status of our C-STORE response (0000,0900)."""
    reason: str
    path: str = ""
    """Path of its bytes, relative to the output folder; empty if they are not kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Information for the user that changes no count."""

    study_instance_uid: str | None
    text: str
    minor: bool = False
    """True for a detail without consequences, shown only in verbose output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFinished:
    """A study ended, with this verdict."""

    study_instance_uid: str
    verdict: Verdict
    expected: int | None
    """Instances that C-FIND lists; None if the PACS does not list them."""
    stored: int
    """Instances proven on disk."""
    missing: tuple[str, ...] = ()
    """SOP Instance UIDs listed, but not on disk."""
    reason: str = ""
    """What failed and what to do next; empty if nothing failed, unless the filter left nothing to
    retrieve."""
    irregular: int = 0
    """Instances that are kept although their data sets depart from the standard, those of earlier
    runs included."""
    irregular_example: str = ""
    """SOP Instance UID of the first of them, and how it departs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCommandFinished:
    """The command of `--on-study` ended for a complete study."""

    study_instance_uid: str
    exit_code: int | None
    """None if it did not start, or was ended by a signal."""
    seconds: float
    reason: str = ""
    """Why it failed; empty if it succeeded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyCommandsDropped:
    """Complete studies for which the command of `--on-study` will not be run."""

    studies: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveFinished:
    """The run ended: every thread has ended and every association is closed."""

    verdict: Verdict


Event = (
    RetrieveStarted
    | StudyQueued
    | StudyPromoted
    | StudyRemoved
    | RunPausing
    | RunPaused
    | RunResumed
    | PeerLost
    | ProbeFailed
    | PeerBack
    | HoursClosed
    | HoursOpened
    | QueueGivenUp
    | AssociationOpened
    | AssociationClosed
    | StudyStarted
    | HelpStarted
    | HelpFinished
    | AttemptFailed
    | StudyPutBack
    | AttemptStarted
    | StudyInventoried
    | SpaceForecast
    | BytesReceived
    | PeerCounted
    | InstanceStored
    | InstanceSetAside
    | InstanceRefused
    | Noted
    | StudyFinished
    | StudyCommandFinished
    | StudyCommandsDropped
    | RetrieveFinished
)


def event_name(event: Event) -> str:
    """Return the name of an event in JSON: `instance_stored` for `InstanceStored`."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def event_fields(event: Event) -> Mapping[str, object]:
    """Return the event as a mapping for JSON, its name first; texts of the peer are sanitized."""
    if isinstance(event, QueueGivenUp) and event.studies > _NAMED_MAX:
        event = replace(event, study_instance_uids=())
    values = {field.name: clean_values(getattr(event, field.name)) for field in fields(event)}
    return {"event": event_name(event), **values}
