"""List what a run would retrieve, by C-FIND alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dicom_retrieve_tui.engine.outage import Blame, PeerWatch
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, PutBack, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.verdicts import absence, no_match, undecided
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.events import (
    AttemptStarted,
    Event,
    StudyFinished,
    StudyInventoried,
    StudyPutBack,
    StudyStarted,
)
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.verdict import Verdict

Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class DryRun:
    """The handler of a dry run: it asks the PACS what it has, and retrieves nothing."""

    emit: Emit
    queue: TaskQueue
    watch: PeerWatch

    def retrieve(self, task: StudyTask, peer: Peer, worker: int) -> StudyFinished | PutBack:
        """Take the inventory of one study."""
        uid = task.selection.study_instance_uid
        begun = AttemptStarted if task.started else StudyStarted
        task.started = True
        self.emit(begun(study_instance_uid=uid, worker=worker))
        failure = None
        try:
            self.queue.wait_while_paused(peer, task.cancel)
            inventory = peer.take_inventory(task.selection, task.cancel)
            self.watch.note_answer()
            self.emit(inventoried(inventory))
            finished = _judge(inventory)
        except Cancelled:
            return self.abandon(task)
        except RetrieveError as error:
            failure = error
            self.watch.note_failure(error)
            if self.watch.blame(error, worker, task.cancel) is Blame.PEER:
                self.emit(StudyPutBack(study_instance_uid=uid))
                return PutBack()
            finished = nothing_requested(uid, Verdict.FAILED, str(error))
        self.emit(finished)
        if self.watch.never_answered(failure):
            self.watch.give_up_unanswered(finished.reason)
        return finished

    def expect(self, uids: Iterable[str]) -> None:
        """Do nothing: a dry run writes no journal."""

    def forget(self, uid: str) -> None:
        """Do nothing: a dry run writes no journal."""

    def poll(self) -> None:
        """Do nothing: no instance comes."""

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Do nothing: no study is shared."""

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Finish a study that the user stopped or the run gave up."""
        verdict = Verdict.NOT_TRIED if task.given_up else Verdict.CANCELLED
        finished = nothing_requested(task.uid, verdict, task.given_up)
        self.emit(finished)
        return finished

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Finish a study that a bug of ours has ended."""
        finished = nothing_requested(task.uid, Verdict.FAILED, bug_reason(bug))
        self.emit(finished)
        return finished


def inventoried(inventory: Inventory, present: int = 0) -> StudyInventoried:
    """Return the event for an inventory of which `present` instances are on disk already."""
    return StudyInventoried(
        study_instance_uid=inventory.study_instance_uid,
        listed=inventory.listed,
        series=len(inventory.series_instance_uids),
        expected=inventory.expected_count,
        present=present,
        absent=inventory.absent,
        left_out_series=len(inventory.left_out_on_purpose),
        left_out=inventory.left_out_on_purpose,
        undecided=tuple(series.series_instance_uid for series in inventory.undecided),
    )


def bug_reason(bug: Exception) -> str:
    """Return why a study failed if neither the PACS nor the disk is the cause."""
    return f"A bug in dicom-retrieve ended it ({type(bug).__qualname__})."


def nothing_requested(study_instance_uid: str, verdict: Verdict, reason: str) -> StudyFinished:
    """Return the verdict on a study of which no instance was requested."""
    return StudyFinished(
        study_instance_uid=study_instance_uid,
        verdict=verdict,
        expected=None,
        stored=0,
        reason=reason,
    )


def _judge(inventory: Inventory) -> StudyFinished:
    uid = inventory.study_instance_uid
    if inventory.empty:
        return nothing_requested(
            uid, Verdict.NOT_FOUND, "The PACS has nothing that matches these UIDs."
        )
    verdict, reason = Verdict.COMPLETE, inventory.doubt or no_match(inventory)
    if not inventory.listed or inventory.is_short:
        verdict = Verdict.UNVERIFIED
    elif inventory.undecided:
        verdict, reason = Verdict.UNVERIFIED, undecided(inventory)
    elif inventory.absent:
        verdict, reason = Verdict.PARTIAL, absence(inventory)
    return StudyFinished(
        study_instance_uid=uid,
        verdict=verdict,
        expected=inventory.expected_count,
        stored=0,
        reason=reason,
    )
