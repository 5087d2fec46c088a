"""What a retrieval tells: facts in the past tense, plain values, no clock.

The names and fields are public: `--json` prints one event a line. An event is emitted after its
fact holds. `RetrieveStarted` is the first and `RetrieveFinished` the last, each once; every
`StudyStarted` has exactly one `StudyFinished`. Order holds within a study, not between studies.
A study that is finished may be queued again, and its story then begins anew.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields

from dicom_retrieve_tui.model.sanitize import clean_values
from dicom_retrieve_tui.model.verdict import Verdict

SCHEMA_VERSION = 1
"""Version of the events' names and fields; raised when one of them changes its meaning or goes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveStarted:
    """A run has begun; no association is open yet."""

    peer: str
    """The PACS, as `AET@host:port`."""
    method: str
    studies: int
    """Those that it begins with; each `StudyQueued` is one more."""
    parallel: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyQueued:
    """A study was put to the end of the queue of a run under way, for the first time or again."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyPromoted:
    """A study moved to the front of the queue."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRemoved:
    """A study left the queue before a worker took it up; the run is not about it any more."""

    study_instance_uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunPaused:
    """No study and no request is begun from now on; requests in hand go on to their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResumed:
    """Workers go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AssociationOpened:
    """A worker's association with the PACS was accepted."""

    worker: int
    """The worker's number, from 1 to the number of associations at once."""
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
    """A worker took up a study."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpStarted:
    """A worker without a study of its own makes requests for one that another worker has."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HelpFinished:
    """It makes no more of them: none are left, one failed, or there is a study of its own."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptFailed:
    """A study went to the back of the queue, to be tried again."""

    study_instance_uid: str
    failed_attempts: int
    """How many attempts that count have failed so far."""
    retries: int
    """How many may follow the first, in all."""
    wait_s: float
    """The next attempt comes in this many seconds at the earliest."""
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttemptStarted:
    """A worker took up a study again."""

    study_instance_uid: str
    worker: int


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyInventoried:
    """C-FIND told what there is of a study, or would not tell."""

    study_instance_uid: str
    listed: bool
    """True if every instance is known by its UID, so that completeness can be proven."""
    series: int
    expected: int | None
    """Instances that there are; None if the PACS would not say."""
    present: int = 0
    """Instances of these that an earlier run left, looked at again; they are not asked for."""
    absent: tuple[str, ...] = ()
    """Series and SOP Instance UIDs that were asked for by name, and are not in the study."""
    left_out_series: int = 0
    """Series that the filter left out on purpose; `series` does not count them."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each; no modality where the PACS does not say."""
    undecided: tuple[str, ...] = ()
    """Series Instance UIDs that the filter could not decide, for want of an answer; they are not
    retrieved either."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BytesReceived:
    """Data set bytes of a study came in since the last such event, stored or not yet."""

    study_instance_uid: str
    size_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerCounted:
    """The PACS's own account of its sub-operations: shown, never trusted."""

    study_instance_uid: str
    remaining: int | None
    completed: int | None
    failed: int | None
    warning: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceStored:
    """One SOP Instance was checked and stands under its final name.

    Emitted once an instance, even when the peer sends it twice.
    """

    study_instance_uid: str
    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str
    transfer_syntax_uid: str
    path: str
    """Where the file is, relative to the output folder."""
    size_bytes: int
    """Size of the file, preamble and file meta included."""
    worker: int | None = None
    """Whose association it came on; None if it came on one of the PACS's own."""
    irregular: str = ""
    """In what its data set departs from the standard, in a short phrase; empty if in nothing."""
    checksum: str = ""
    """CRC-32 of the file, computed while it was received: `crc32:0123abcd`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceSetAside:
    """An instance came whose file exists with other bytes; both are kept."""

    study_instance_uid: str
    sop_instance_uid: str
    path: str
    """Where the second version is, relative to the output folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRefused:
    """An instance came that was not kept: damaged, or not what was asked for."""

    study_instance_uid: str | None
    """The study that was being retrieved; None if no running study fits."""
    sop_instance_uid: str
    status: int
    """What the peer was answered (0000,0900)."""
    reason: str
    path: str = ""
    """Where its bytes are kept, relative to the output folder; empty if they are not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something that the user should know and that changes no count."""

    study_instance_uid: str | None
    text: str
    minor: bool = False
    """True for a detail that cost nothing; faces show it only where they show everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyFinished:
    """The verdict on one study."""

    study_instance_uid: str
    verdict: Verdict
    expected: int | None
    """Instances that C-FIND lists; None if the PACS would not list them."""
    stored: int
    """Instances proven on disk."""
    missing: tuple[str, ...] = ()
    """SOP Instance UIDs listed, but not on disk."""
    reason: str = ""
    """What went wrong and what to do next; empty if nothing did, except where the filter left
    nothing to retrieve."""
    irregular: int = 0
    """Instances that are kept although their data sets depart from the standard, those of earlier
    runs included."""
    irregular_example: str = ""
    """SOP Instance UID of the first of them, and in what it departs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveFinished:
    """The run is over: every thread has ended and every association is closed."""

    verdict: Verdict


Event = (
    RetrieveStarted
    | StudyQueued
    | StudyPromoted
    | StudyRemoved
    | RunPaused
    | RunResumed
    | AssociationOpened
    | AssociationClosed
    | StudyStarted
    | HelpStarted
    | HelpFinished
    | AttemptFailed
    | AttemptStarted
    | StudyInventoried
    | BytesReceived
    | PeerCounted
    | InstanceStored
    | InstanceSetAside
    | InstanceRefused
    | Noted
    | StudyFinished
    | RetrieveFinished
)


def event_name(event: Event) -> str:
    """`InstanceStored` is `instance_stored` in JSON."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", type(event).__name__).lower()


def event_fields(event: Event) -> Mapping[str, object]:
    """The event as a plain mapping, its name first, ready to be written as JSON.

    Whatever a peer said is cleaned.
    """
    values = {field.name: clean_values(getattr(event, field.name)) for field in fields(event)}
    return {"event": event_name(event), **values}
