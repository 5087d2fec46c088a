"""The state of a run, folded from its events: the one account that every face shares.

`Progress.apply` reads no clock and does no I/O: the same events give the same state. It changes the
state in place, because a run may hold 20,000 studies and a copy for each event would cost more than
the retrieval.
"""

from dataclasses import dataclass, field

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.verdict import GOOD, Verdict


@dataclass(slots=True)
class StudyProgress:
    """Where one study stands."""

    study_instance_uid: str
    worker: int
    """The worker that has it, or had it."""
    waiting: bool = False
    """True between two attempts."""
    failed_attempts: int = 0
    listed: bool = False
    expected: int | None = None
    present: int = 0
    """Instances that an earlier run left; `stored` counts them, too."""
    stored: int = 0
    received_bytes: int = 0
    refused: int = 0
    set_aside: int = 0
    peer_remaining: int | None = None
    peer_failed: int | None = None
    verdict: Verdict | None = None
    """None while it runs."""
    missing: tuple[str, ...] = ()
    reason: str = ""


@dataclass(slots=True)
class Progress:
    """Where the whole run stands."""

    peer: str = ""
    method: str = ""
    studies_total: int = 0
    parallel: int = 0
    studies: dict[str, StudyProgress] = field(default_factory=dict)
    """By Study Instance UID, in the order in which they were taken up."""
    notes: list[str] = field(default_factory=list)
    associations: int = 0
    """Open now."""
    expected: int = 0
    """Instances, as far as the studies taken up so far are known."""
    present: int = 0
    """Left by an earlier run; `stored` counts them, too."""
    stored: int = 0
    refused: int = 0
    set_aside: int = 0
    received_bytes: int = 0
    """Data set bytes that came over the network."""
    stored_bytes: int = 0
    """Size of the files."""
    finished: int = 0
    good: int = 0
    verdict: Verdict | None = None
    """None until the run is over."""

    @property
    def complete(self) -> bool:
        """True if the run is over and everything asked for is complete: exit code 0."""
        return self.verdict is not None and self.verdict in GOOD

    def apply(self, event: events.Event) -> None:
        """Take in one event."""
        match event:
            case events.RetrieveStarted():
                self.peer, self.method = event.peer, event.method
                self.studies_total, self.parallel = event.studies, event.parallel
            case events.AssociationOpened():
                self.associations += 1
            case events.AssociationClosed():
                self.associations -= 1
            case events.Noted():
                self.notes.append(event.text)
            case events.RetrieveFinished():
                self.verdict = event.verdict
            case events.InstanceRefused():
                self._apply_refusal(event)
            case events.AttemptFailed() | events.AttemptStarted():
                self._apply_attempt(event)
            case _:
                self._apply_to_study(event)

    def _apply_attempt(self, event: events.AttemptFailed | events.AttemptStarted) -> None:
        study = self.studies[event.study_instance_uid]
        if isinstance(event, events.AttemptFailed):
            study.waiting, study.failed_attempts = True, event.failed_attempts
            study.reason = event.reason
        else:
            study.waiting, study.worker = False, event.worker

    def _apply_refusal(self, event: events.InstanceRefused) -> None:
        self.refused += 1
        if event.study_instance_uid is not None:
            self.studies[event.study_instance_uid].refused += 1

    def _apply_to_study(
        self,
        event: events.StudyStarted
        | events.StudyInventoried
        | events.BytesReceived
        | events.PeerCounted
        | events.InstanceStored
        | events.InstanceSetAside
        | events.StudyFinished,
    ) -> None:
        uid = event.study_instance_uid
        if isinstance(event, events.StudyStarted):
            self.studies[uid] = StudyProgress(uid, event.worker)
            return
        study = self.studies[uid]
        match event:
            case events.InstanceStored():
                study.stored += 1
                self.stored += 1
                self.stored_bytes += event.size_bytes
            case events.BytesReceived():
                study.received_bytes += event.size_bytes
                self.received_bytes += event.size_bytes
            case events.StudyInventoried():
                study.listed, study.expected = event.listed, event.expected
                study.present = study.stored = event.present
                self.expected += event.expected or 0
                self.present += event.present
                self.stored += event.present
            case events.PeerCounted():
                study.peer_remaining, study.peer_failed = event.remaining, event.failed
            case events.InstanceSetAside():
                study.set_aside += 1
                self.set_aside += 1
            case events.StudyFinished():
                self._finish(study, event)

    def _finish(self, study: StudyProgress, event: events.StudyFinished) -> None:
        study.verdict, study.missing, study.reason = event.verdict, event.missing, event.reason
        self.expected += (event.expected or 0) - (study.expected or 0)
        study.stored, study.expected = event.stored, event.expected
        self.finished += 1
        self.good += event.verdict in GOOD
