"""The state of a run, folded from its events. Command and application share it.

`Progress.apply` reads no clock and does no I/O: the same events give the same state. It changes the
state in place, because a run may hold a million studies and a copy for each event would cost more
than the retrieval. Of a study it uses nothing but its entry in `studies`, so that another mapping
may keep those that are not in use elsewhere.
"""

from collections import OrderedDict
from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from enum import StrEnum

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

_OfHold = events.PeerLost | events.ProbeFailed | events.PeerBack | events.QueueGivenUp
_OfPause = events.RunPausing | events.RunPaused | events.RunResumed
_OfHours = events.HoursClosed | events.HoursOpened
_OfRun = (
    events.RetrieveStarted
    | _OfPause
    | _OfHours
    | _OfHold
    | events.AssociationOpened
    | events.AssociationClosed
    | events.Noted
    | events.SpaceForecast
    | events.RetrieveFinished
)
_OfStudy = (
    events.StudyStarted
    | events.StudyInventoried
    | events.BytesReceived
    | events.PeerCounted
    | events.InstanceSetAside
    | events.StudyFinished
)


@dataclass(slots=True)
class StudyProgress:
    """The state of one study."""

    study_instance_uid: str
    worker: int
    """The worker that has or had it."""
    helpers: int = 0
    """Further workers that make requests for it."""
    waiting: bool = False
    """True between two attempts, and while the run is held."""
    held: bool = False
    """True while the run is held; no attempt has failed."""
    failed_attempts: int = 0
    crowded: bool = False
    """True if the last failed attempt did not count: the PACS accepted no further association."""
    inventoried: bool = False
    """True once C-FIND listed it, or the PACS did not list it."""
    listed: bool = False
    series: int | None = None
    """Series that the PACS lists; None before it was asked."""
    absent: tuple[str, ...] = ()
    """Requested series and instances that the PACS does not have."""
    expected: int | None = None
    present: int = 0
    """Instances that an earlier run or attempt left; included in `stored`."""
    stored: int = 0
    received_bytes: int = 0
    refused: int = 0
    set_aside: int = 0
    irregular: int = 0
    """Instances that are kept although their data sets depart from the standard."""
    irregular_example: str = ""
    """UID of the first of them, and how it departs."""
    needed: int | None = None
    """Instances that were not on disk when it was listed; None if unknown."""
    needed_bytes: int | None = None
    """What these are likely to take."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each series that the filter left out on purpose."""
    undecided: tuple[str, ...] = ()
    """Series Instance UIDs that the filter could not decide."""
    peer_remaining: int | None = None
    peer_failed: int | None = None
    verdict: Verdict | None = None
    """None until the study has ended."""
    missing: tuple[str, ...] = ()
    reason: str = ""

    @property
    def no_match(self) -> bool:
        """True if the study exists and the filter left out all of it."""
        return bool(self.left_out) and not self.undecided and self.listed and not self.expected


@dataclass(slots=True)
class Outage:
    """A time in which the queue was held, because the PACS did not answer or the disk was full."""

    cause: HoldCause
    reason: str
    waited_s: float = 0.0
    """How long it lasted, or has lasted when it was last probed."""
    next_try_s: float = 0.0
    """From the last probe to the next."""
    over: bool = False
    """True if it ended, or the run waits no longer."""
    given_up: bool = False


class WorkerState(StrEnum):
    """The state of a worker."""

    IDLE = "idle"
    FINDING = "finding"
    """Asking by C-FIND what the PACS has of its study."""
    RECEIVING = "receiving"
    WAITING = "waiting"
    """Its study waits for another attempt, and there is nothing else to do."""
    HELPING = "helping"
    """Making requests for another worker's study."""


@dataclass(slots=True)
class WorkerProgress:
    """One worker, and what came on its associations."""

    number: int
    state: WorkerState = WorkerState.IDLE
    study_instance_uid: str | None = None
    """None while it is idle."""
    associated: bool = False
    """True while its association with the PACS is open."""
    instances: int = 0
    """Stored instances; those that came to our Storage SCP count for the worker of their study."""
    received_bytes: int = 0
    """Data set bytes; while several workers share a study, the size of its files."""

    def work(self, state: WorkerState, study_instance_uid: str) -> None:
        """Assign a study, or change the state on it."""
        self.state, self.study_instance_uid = state, study_instance_uid

    def rest(self) -> None:
        """Make the worker idle."""
        self.state, self.study_instance_uid = WorkerState.IDLE, None


@dataclass(slots=True)
class Progress:
    """The state of the whole run."""

    peer: str = ""
    method: str = ""
    studies_total: int = 0
    parallel: int = 0
    studies: MutableMapping[str, StudyProgress] = field(default_factory=dict)
    """By Study Instance UID, in the order in which they were started."""
    queued: OrderedDict[str, None] = field(default_factory=OrderedDict)
    """Studies that were added after the start and are not started, the next one first. One that is
    retrieved again stays in `studies`, as its last attempt left it, until it is started."""
    not_tried: dict[str, None] = field(default_factory=dict)
    """Studies that were not begun when the run gave up."""
    given_up: str = ""
    """Why the run gave up the last time; empty if it has not."""
    outages: list[Outage] = field(default_factory=list)
    """In the order in which they began."""
    pausing: bool = False
    """True from the begin of a pause to its end."""
    closed_until: str = ""
    """When the hours of the run begin again, in ISO 8601; empty within them."""
    hours_waited_s: float = 0.0
    """Seconds that the run has waited for its hours, until they last began."""
    paused: bool = False
    """True once nothing flows in it."""
    workers: dict[int, WorkerProgress] = field(default_factory=dict)
    """By number, in no order."""
    notes: list[str] = field(default_factory=list)
    associations: int = 0
    """Open now."""
    expected: int = 0
    """Instances of the studies whose size is known."""
    unexpected: int = 0
    """Stored instances beyond the expected ones, as all of a study of unknown size."""
    present: int = 0
    """Left by an earlier run or attempt; included in `stored`."""
    stored: int = 0
    came: int = 0
    """Instances that came and were stored; does not fall when a study is retrieved again."""
    refused: int = 0
    set_aside: int = 0
    irregular: int = 0
    """Of the studies that are finished."""
    received_bytes: int = 0
    """Data set bytes that came over the network; does not fall."""
    stored_bytes: int = 0
    """Size of the files."""
    space: events.SpaceForecast | None = None
    """The latest forecast of what the rest takes on the disk; None while too little is listed."""
    finished: int = 0
    good: int = 0
    verdict: Verdict | None = None
    """None until the run is over."""
    commands_succeeded: int = 0
    """Commands of `--on-study`."""
    command_failures: dict[str, str] = field(default_factory=dict)
    """Why the command of a study failed, by Study Instance UID."""
    commands_dropped: int = 0
    """Complete studies whose command was not run."""

    @property
    def complete(self) -> bool:
        """True if the run has ended and everything requested is complete: exit code 0."""
        return self.verdict is not None and self.verdict in GOOD

    @property
    def commands_failed(self) -> int:
        """Complete studies whose command failed or was not run."""
        return len(self.command_failures) + self.commands_dropped

    @property
    def held(self) -> Outage | None:
        """The hold on the queue; None if there is none."""
        return next((outage for outage in self.outages if not outage.over), None)

    @property
    def expected_in_all(self) -> int:
        """Instances of the studies whose size is known, and what is stored of the others."""
        return self.expected + self.unexpected

    def apply(self, event: events.Event) -> None:
        """Update the state by one event."""
        match event:
            case events.InstanceStored():
                self._store(event)
                return  # by far the most frequent event; it changes no worker's state
            case events.StudyQueued() | events.StudyPromoted() | events.StudyRemoved():
                self._apply_to_queue(event)
            case events.InstanceRefused():
                self._apply_refusal(event)
            case events.AttemptFailed() | events.AttemptStarted() | events.StudyPutBack():
                self._apply_attempt(event)
            case events.HelpStarted():
                self.studies[event.study_instance_uid].helpers += 1
            case events.HelpFinished():
                self.studies[event.study_instance_uid].helpers -= 1
            case events.StudyCommandFinished() | events.StudyCommandsDropped():
                self._apply_command(event)
            case _:
                self._apply_to_run(event)
        _follow_workers(self.workers, self.studies, event)

    def _apply_to_run(self, event: _OfRun | _OfStudy) -> None:
        match event:
            case events.RetrieveStarted():
                self.peer, self.method = event.peer, event.method
                self.studies_total, self.parallel = event.studies, event.parallel
            case (
                events.PeerLost() | events.ProbeFailed() | events.PeerBack() | events.QueueGivenUp()
            ):
                self._apply_to_outage(event)
            case events.AssociationOpened() | events.AssociationClosed():
                self.associations += 1 if isinstance(event, events.AssociationOpened) else -1
            case events.Noted():
                self.notes.append(event.text)
            case events.SpaceForecast():
                self.space = event
            case events.RetrieveFinished():
                self.verdict = event.verdict
            case (
                events.RunPausing()
                | events.RunPaused()
                | events.RunResumed()
                | events.HoursClosed()
                | events.HoursOpened()
            ):
                self._apply_to_pause(event)
            case _:
                self._apply_to_study(event)

    def _apply_to_pause(self, event: _OfPause | _OfHours) -> None:
        match event:
            case events.HoursClosed():
                self.closed_until = event.until
            case events.HoursOpened():
                self.closed_until = ""
                self.hours_waited_s += event.waited_s
            case _:
                self.pausing = not isinstance(event, events.RunResumed)
                self.paused = isinstance(event, events.RunPaused)

    def _apply_to_outage(self, event: _OfHold) -> None:
        if isinstance(event, events.PeerLost):
            outage = Outage(event.cause, event.reason, next_try_s=event.next_try_s)
            self.outages.append(outage)
            return
        for outage in self.outages:
            if outage.cause is event.cause and not outage.over:
                outage.waited_s = event.waited_s
                if isinstance(event, events.ProbeFailed):
                    outage.reason, outage.next_try_s = event.reason, event.next_try_s
                else:
                    outage.over = True
                    outage.given_up = isinstance(event, events.QueueGivenUp)
        if isinstance(event, events.QueueGivenUp):
            self.closed_until = ""
            self.given_up = event.reason
            self.finished += event.studies
            for uid in event.study_instance_uids:
                self.not_tried[uid] = None
                self.queued.pop(uid, None)

    def _apply_to_queue(
        self, event: events.StudyQueued | events.StudyPromoted | events.StudyRemoved
    ) -> None:
        uid = event.study_instance_uid
        known = uid in self.studies
        match event:
            case events.StudyQueued():
                self.queued[uid] = None
                self.studies_total += not known and not self._try_after_all(uid)
            case events.StudyRemoved():
                self.queued.pop(uid, None)
                self.studies_total -= not known
            case events.StudyPromoted():
                if uid in self.queued:
                    self.queued.move_to_end(uid, last=False)

    def _try_after_all(self, uid: str) -> bool:
        """Return True if a study was not tried, and count it as such no longer."""
        if uid not in self.not_tried:
            return False
        del self.not_tried[uid]
        self.finished -= 1
        return True

    def _start(self, event: events.StudyStarted) -> None:
        """Add a study, and subtract what an earlier retrieval of it counted."""
        uid = event.study_instance_uid
        self.queued.pop(uid, None)
        if (earlier := self.studies.pop(uid, None)) is not None:
            self.expected -= earlier.expected or 0
            self.unexpected -= _unexpected(earlier)
            self.present -= earlier.present
            self.stored -= earlier.stored
            self.refused -= earlier.refused
            self.set_aside -= earlier.set_aside
            self.irregular -= earlier.irregular
            self.finished -= 1
            self.good -= earlier.verdict in GOOD
        self.studies[uid] = StudyProgress(uid, event.worker)

    def _store(self, event: events.InstanceStored) -> None:
        study = self.studies[event.study_instance_uid]
        study.stored += 1
        self.stored += 1
        self.unexpected += study.stored > (study.expected or 0)
        self.came += 1
        self.stored_bytes += event.size_bytes
        worker = self.workers[study.worker if event.worker is None else event.worker]
        worker.instances += 1
        if study.helpers:
            worker.received_bytes += event.size_bytes

    def _apply_attempt(
        self, event: events.AttemptFailed | events.AttemptStarted | events.StudyPutBack
    ) -> None:
        study = self.studies[event.study_instance_uid]
        match event:
            case events.AttemptFailed():
                study.crowded = event.failed_attempts == study.failed_attempts
                study.waiting, study.failed_attempts = True, event.failed_attempts
                study.reason = event.reason
            case events.StudyPutBack():
                study.waiting = study.held = True
            case events.AttemptStarted():
                study.waiting = study.held = False
                study.worker = event.worker

    def _apply_refusal(self, event: events.InstanceRefused) -> None:
        self.refused += 1
        if event.study_instance_uid is not None:
            self.studies[event.study_instance_uid].refused += 1

    def _apply_command(
        self, event: events.StudyCommandFinished | events.StudyCommandsDropped
    ) -> None:
        if isinstance(event, events.StudyCommandsDropped):
            self.commands_dropped += event.studies
        elif event.reason:
            self.command_failures[event.study_instance_uid] = event.reason
        else:
            self.command_failures.pop(event.study_instance_uid, None)
            self.commands_succeeded += 1

    def _apply_to_study(self, event: _OfStudy) -> None:
        if isinstance(event, events.StudyStarted):
            self._start(event)
            return
        study = self.studies[event.study_instance_uid]
        match event:
            case events.BytesReceived():
                study.received_bytes += event.size_bytes
                self.received_bytes += event.size_bytes
                if not study.helpers:
                    self.workers[study.worker].received_bytes += event.size_bytes
            case events.StudyInventoried():
                self._inventory(study, event)
            case events.PeerCounted():
                study.peer_remaining, study.peer_failed = event.remaining, event.failed
            case events.InstanceSetAside():
                study.set_aside += 1
                self.set_aside += 1
            case events.StudyFinished():
                self._finish(study, event)

    def _inventory(self, study: StudyProgress, event: events.StudyInventoried) -> None:
        self.unexpected -= _unexpected(study)
        if study.inventoried:  # by another machine, after the one before was lost
            self.expected -= study.expected or 0
            self.present -= study.present
            self.stored -= study.stored
        study.inventoried = True
        study.listed, study.expected = event.listed, event.expected
        study.series, study.absent = event.series, event.absent
        study.present = study.stored = event.present
        study.left_out, study.undecided = event.left_out, event.undecided
        study.needed, study.needed_bytes = event.needed, event.needed_bytes
        self.expected += event.expected or 0
        self.unexpected += _unexpected(study)
        self.present += event.present
        self.stored += event.present

    def _finish(self, study: StudyProgress, event: events.StudyFinished) -> None:
        study.verdict, study.missing, study.reason = event.verdict, event.missing, event.reason
        self.expected += (event.expected or 0) - (study.expected or 0)
        self.unexpected -= _unexpected(study)
        if not study.inventoried:  # an earlier run may have left some
            study.present = event.stored
            self.present += event.stored
            self.stored += event.stored
        study.stored, study.expected = event.stored, event.expected
        self.unexpected += _unexpected(study)
        study.irregular, study.irregular_example = event.irregular, event.irregular_example
        self.irregular += event.irregular
        self.finished += 1
        self.good += event.verdict in GOOD


def _unexpected(study: StudyProgress) -> int:
    return max(study.stored - (study.expected or 0), 0)


def _follow_workers(
    workers: dict[int, WorkerProgress], studies: Mapping[str, StudyProgress], event: events.Event
) -> None:
    """Update the workers; `studies` reflect the event already."""
    match event:
        case events.AssociationOpened() | events.AssociationClosed():
            opened = isinstance(event, events.AssociationOpened)
            _worker(workers, event.worker).associated = opened
        case events.HelpStarted():
            _worker(workers, event.worker).work(WorkerState.HELPING, event.study_instance_uid)
        case events.HelpFinished():
            _worker(workers, event.worker).rest()
        case (
            events.StudyStarted()
            | events.StudyInventoried()
            | events.AttemptFailed()
            | events.AttemptStarted()
        ):
            uid = event.study_instance_uid
            _drop(workers, uid)
            _worker(workers, studies[uid].worker).work(_state(studies[uid]), uid)
        case events.StudyFinished() | events.StudyPutBack():
            _drop(workers, event.study_instance_uid)
        case _:
            pass


def _state(study: StudyProgress) -> WorkerState:
    if study.waiting:
        return WorkerState.WAITING
    return WorkerState.RECEIVING if study.inventoried else WorkerState.FINDING


def _worker(workers: dict[int, WorkerProgress], number: int) -> WorkerProgress:
    return workers.setdefault(number, WorkerProgress(number))


def _drop(workers: dict[int, WorkerProgress], uid: str) -> None:
    """Take a study from its worker: it ended, or another worker started it."""
    for worker in workers.values():
        if worker.study_instance_uid == uid and worker.state is not WorkerState.HELPING:
            worker.rest()
