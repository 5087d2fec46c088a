"""What each worker does, folded from the events of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from dicom_retrieve_tui.model import events


class WorkerState(StrEnum):
    """What a worker does."""

    IDLE = "idle"
    FINDING = "finding"
    """It asks by C-FIND what there is of its study."""
    RECEIVING = "receiving"
    WAITING = "waiting"
    """Its study is between two attempts, and it has found nothing else to do since."""
    HELPING = "helping"
    """It makes requests for a study that another worker has."""


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
    """Stored; those that came on associations of the PACS's own count for their study's worker."""
    received_bytes: int = 0
    """Data set bytes; while several work on one study, the size of its files as they are stored."""

    def work(self, state: WorkerState, study_instance_uid: str) -> None:
        """Take up a study, or go on with it."""
        self.state, self.study_instance_uid = state, study_instance_uid

    def rest(self) -> None:
        """Have nothing to do."""
        self.state, self.study_instance_uid = WorkerState.IDLE, None


class Worked(Protocol):
    """What there is to know of a study, here."""

    @property
    def worker(self) -> int:
        """Who has it, or had it."""

    @property
    def inventoried(self) -> bool:
        """True once C-FIND told what there is."""

    @property
    def waiting(self) -> bool:
        """True between two attempts."""


def follow(
    workers: dict[int, WorkerProgress], studies: Mapping[str, Worked], event: events.Event
) -> None:
    """Note who does what now; `studies` have taken the event in."""
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
        case events.StudyFinished():
            _drop(workers, event.study_instance_uid)
        case _:
            pass


def _state(study: Worked) -> WorkerState:
    if study.waiting:
        return WorkerState.WAITING
    return WorkerState.RECEIVING if study.inventoried else WorkerState.FINDING


def _worker(workers: dict[int, WorkerProgress], number: int) -> WorkerProgress:
    return workers.setdefault(number, WorkerProgress(number))


def _drop(workers: dict[int, WorkerProgress], uid: str) -> None:
    """A study leaves the worker that had it: it ended, or another worker took it up."""
    for worker in workers.values():
        if worker.study_instance_uid == uid and worker.state is not WorkerState.HELPING:
            worker.rest()
