"""List what a run would retrieve, by C-FIND alone."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from time import monotonic

from dicom_retrieve_tui.engine.archive_outage import ArchiveWatch
from dicom_retrieve_tui.engine.outage import Blame, PeerWatch, is_unanswered
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, PutBack, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.run_forecast import RunForecast
from dicom_retrieve_tui.engine.verdicts import absence, no_match, undecided
from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.bug_report import limit_reached
from dicom_retrieve_tui.model.events import (
    AttemptStarted,
    Event,
    StudyFinished,
    StudyInventoried,
    StudyPutBack,
    StudyStarted,
)
from dicom_retrieve_tui.model.forecast import Forecast, counts_to_come
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.retry import Cure, error_cure
from dicom_retrieve_tui.model.study_identity import Identified
from dicom_retrieve_tui.model.verdict import Verdict

Emit = Callable[[Event], None]


@dataclass(frozen=True, slots=True)
class DryRun:
    """The handler of a dry run: it asks the PACS what it has, and retrieves nothing."""

    emit: Emit
    queue: TaskQueue
    watch: PeerWatch
    archive: ArchiveWatch
    space: RunForecast | None = None
    """Forecasts the bytes; None if nothing would be written to the output folder."""
    kept: Callable[[str], frozenset[str]] = lambda _: frozenset()
    """Returns the SOP Instance UIDs of a study that are on disk already."""
    identified: Identified | None = None
    """Called with each study and its identity, from the thread of a worker."""

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
            self.archive.note_served(monotonic())
            if self.identified is not None:
                self.identified(uid, inventory.identified(frozenset()))
            self._emit_inventory(inventory)
            finished = _judge(inventory)
        except Cancelled:
            return self.abandon(task)
        except RetrieveError as error:
            failure = error
            self.watch.note_failure(error)
            blame = self.watch.blame(error, worker, task.cancel)
            refused = blame is Blame.STUDY and self._is_refused_by_archive(task, error)
            if refused or blame is Blame.PEER:
                self.emit(StudyPutBack(study_instance_uid=uid))
                return PutBack(last=refused)
            finished = nothing_requested(uid, Verdict.FAILED, str(error))
        self.emit(finished)
        if self.watch.never_answered(failure):
            self.watch.give_up_unanswered(finished.reason)
        return finished

    def _is_refused_by_archive(self, task: StudyTask, error: RetrieveError) -> bool:
        """Return True if the PACS lists no study; the queue is then held."""
        if task.cancel.requested or error_cure(error) is Cure.NONE:
            return False
        unanswered = is_unanswered(error)
        return self.archive.blames_archive(task.uid, str(error), unanswered=unanswered)

    def _emit_inventory(self, inventory: Inventory) -> None:
        if self.space is None:
            self.emit(inventoried(inventory))
            return
        uid = inventory.study_instance_uid
        counts = counts_to_come(inventory, self.kept(uid))
        forecast = self.space.expect(uid, counts)
        needed = None if counts is None else counts.total()
        self.emit(inventoried(inventory, needed=needed, forecast=forecast))

    def expect(self, uids: Iterable[str]) -> None:
        """Do nothing: a dry run writes no journal."""

    def forget(self, uid: str) -> None:
        """Do nothing: a dry run writes no journal."""

    def give_up(self, uids: Sequence[str], reason: str) -> None:
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


def inventoried(
    inventory: Inventory,
    present: int = 0,
    needed: int | None = None,
    forecast: Forecast | None = None,
) -> StudyInventoried:
    """Return the event for an inventory.

    Args:
        inventory: What the PACS lists.
        present: How many of these instances are on disk already, checked.
        needed: How many are still to come; None if unknown.
        forecast: The bytes that these will take; None if unknown.
    """
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
        needed=needed,
        needed_bytes=None if forecast is None else forecast.likely_bytes,
        needed_low_bytes=None if forecast is None else forecast.low_bytes,
        needed_high_bytes=None if forecast is None else forecast.high_bytes,
    )


def bug_reason(bug: Exception) -> str:
    """Return why a study failed if neither the PACS nor the disk is the cause."""
    return limit_reached(bug) or f"A bug in dicom-retrieve ended it ({type(bug).__qualname__})."


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
