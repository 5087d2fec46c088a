"""What there would be to retrieve: C-FIND alone."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.verdicts import absence, no_match, undecided
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.events import Event, StudyFinished, StudyInventoried, StudyStarted
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.verdict import Verdict

Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class DryRun:
    """Asks for each study what there is, and retrieves nothing."""

    emit: Emit
    queue: TaskQueue

    def retrieve(self, task: StudyTask, peer: Peer, worker: int) -> StudyFinished:
        """Take the inventory of one study."""
        uid = task.selection.study_instance_uid
        self.emit(StudyStarted(study_instance_uid=uid, worker=worker))
        try:
            self.queue.wait_while_paused(peer, task.cancel)
            inventory = peer.take_inventory(task.selection, task.cancel)
            self.emit(inventoried(inventory))
            finished = _judge(inventory)
        except Cancelled:
            finished = nothing_requested(uid, Verdict.CANCELLED, "")
        except RetrieveError as error:
            finished = nothing_requested(uid, Verdict.FAILED, str(error))
        self.emit(finished)
        return finished

    def expect(self, uids: Iterable[str]) -> None:
        """Record nothing: no folder is written to."""

    def forget(self, uid: str) -> None:
        """Record nothing."""

    def poll(self) -> None:
        """Emit nothing: no instance comes."""

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Nothing in a survey is shared."""

    def abandon(self, task: StudyTask) -> StudyFinished:
        """A survey tries nothing again; this is for the sake of the run alone."""
        finished = nothing_requested(task.selection.study_instance_uid, Verdict.CANCELLED, "")
        self.emit(finished)
        return finished

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Close the account of a study that a bug of ours has ended."""
        finished = nothing_requested(task.uid, Verdict.FAILED, bug_reason(bug))
        self.emit(finished)
        return finished


def inventoried(inventory: Inventory, present: int = 0) -> StudyInventoried:
    """The event that tells of an inventory, `present` instances of which are here already."""
    return StudyInventoried(
        study_instance_uid=inventory.study_instance_uid,
        listed=inventory.listed,
        series=len(inventory.series_instance_uids),
        expected=inventory.expected_count,
        present=present,
        absent=inventory.absent,
        left_out_series=len(inventory.left_out_on_purpose),
        left_out=inventory.left_out_on_purpose,
        undecided=tuple(each.series_instance_uid for each in inventory.undecided),
    )


def bug_reason(bug: Exception) -> str:
    """Why a study failed that no peer and no disk is to blame for."""
    return f"A bug in dicom-retrieve ended it ({type(bug).__qualname__})."


def nothing_requested(study_instance_uid: str, verdict: Verdict, reason: str) -> StudyFinished:
    """The verdict on a study of which no instance was asked for."""
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
