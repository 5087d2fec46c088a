"""One study from its inventory to its verdict, in one attempt or several."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.engine.dry_run import bug_reason, inventoried, nothing_requested
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.requests import PeerQuirks, Requests
from dicom_retrieve_tui.engine.split_study import SharedRequests
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.engine.transfer import Transfer
from dicom_retrieve_tui.engine.verdicts import Ending, judge, judge_delivery
from dicom_retrieve_tui.errors import AssociationRejected, Cancelled, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    HelpFinished,
    HelpStarted,
    StudyFinished,
    StudyStarted,
)
from dicom_retrieve_tui.model.retry import Backoff, Cure, error_cure
from dicom_retrieve_tui.model.selection import Plan
from dicom_retrieve_tui.model.store_records import NOTHING_RECALLED, StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict

_LOG = logging.getLogger(__name__)
_MAY_HEAL = frozenset({Verdict.PARTIAL, Verdict.FAILED})
_PROVIDER = 3
"""Source of an A-ASSOCIATE-RJ: the service provider, which counts its associations."""


@dataclass(frozen=True, slots=True)
class Postponed:
    """A study that is to be tried again."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class _Result:
    finished: StudyFinished
    cure: Cure = Cure.NONE
    error: RetrieveError | None = None
    may_heal: bool = True
    """False if the verdict stands, whatever comes."""

    @property
    def crowded(self) -> bool:
        """True if the PACS had no association left for us. Source: PS3.8 Table 9-21."""
        return isinstance(self.error, AssociationRejected) and _no_association_left(self.error)


def _no_association_left(error: AssociationRejected) -> bool:
    return error.retryable and error.source == _PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRetriever:
    """What it takes to retrieve a study; the same for every study of a run."""

    plan: Plan
    receiver: InstanceReceiver
    drain_s: float
    """Seconds of silence after a final C-MOVE response until no late instance is expected."""
    late_s: float
    """The same while none has come at all, although the PACS reports success."""
    no_progress_s: float
    """The same without a new instance, whatever else comes."""
    backoff: Backoff
    queue: TaskQueue
    """Told when a study can be shared, and when the PACS has no association left for us."""
    listening_at: str = ""
    """Host and port of our own Storage SCP; empty without one."""
    instead_of_get: str = ""
    """What to try where the PACS does not serve C-GET."""
    quirks: PeerQuirks = field(default_factory=PeerQuirks)
    raise_bug: Callable[[], None] = lambda: None
    """Raises a bug that ended a thread of our Storage SCP."""

    def retrieve(self, task: StudyTask, peer: Peer, worker: int) -> StudyFinished | Postponed:
        """Make one attempt at a study, telling the story as events.

        Returns the verdict, or `Postponed` if the failure may heal and attempts are left.
        """
        self._announce(task, worker)
        result = self._attempt(task, peer, worker)
        if (wait_s := self._wait_s(task, result)) is not None:
            self.receiver.emit(
                AttemptFailed(
                    study_instance_uid=task.selection.study_instance_uid,
                    failed_attempts=task.failed_attempts,
                    retries=self.plan.retries,
                    wait_s=round(wait_s, 3),
                    reason=result.finished.reason,
                )
            )
            return Postponed(wait_s)
        return self._finish(task, result.finished)

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Close the account of a study that waited for another attempt when the user stopped."""
        if task.study is not None:
            return self._finish(task, judge(task.study, Ending(cancelled=True)))
        return self._finish(task, self._nothing_requested(task, Verdict.CANCELLED, ""))

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Close the account of a study that a bug of ours has ended."""
        reason = bug_reason(bug)
        if task.study is not None:
            return self._finish(task, judge(task.study, Ending(error=RetrieveError(reason))))
        return self._finish(task, self._nothing_requested(task, Verdict.FAILED, reason))

    def _nothing_requested(self, task: StudyTask, verdict: Verdict, reason: str) -> StudyFinished:
        """The verdict on a study that nothing is known of; what earlier runs left of it counts."""
        finished = nothing_requested(task.uid, verdict, reason)
        elsewhere = self.plan.method is Method.C_MOVE and not self.plan.listening
        if elsewhere or task.selection.series:
            return finished
        return replace(finished, stored=self.receiver.store.kept_count(task.uid))

    def expect(self, uids: Iterable[str]) -> None:
        """See `run.Retriever`."""
        self.receiver.store.plan(uids)

    def forget(self, uid: str) -> None:
        """See `run.Retriever`."""
        self.receiver.store.unplan(uid)

    def poll(self) -> None:
        """See `run.Retriever`."""
        self.receiver.report_bytes()
        self.raise_bug()

    def _finish(self, task: StudyTask, finished: StudyFinished) -> StudyFinished:
        study, missing = task.study, frozenset(finished.missing)
        self.receiver.store.finish(
            StudyRecord(
                study_instance_uid=finished.study_instance_uid,
                verdict=str(finished.verdict),
                asked=missing | study.expected if study is not None else missing,
                missing=missing,
                retired=study.retired if study is not None else frozenset(),
                series=frozenset(study.selection.instances_by_series) if study else frozenset(),
                left_out=study.inventory.left_out_on_purpose if study else (),
            )
        )
        self.receiver.emit(finished)
        return finished

    def _announce(self, task: StudyTask, worker: int) -> None:
        uid = task.selection.study_instance_uid
        event = AttemptStarted if task.started else StudyStarted
        task.started = True
        self.receiver.emit(event(study_instance_uid=uid, worker=worker))

    def _wait_s(self, task: StudyTask, result: _Result) -> float | None:
        """Seconds until the next attempt, or None if this was the last one."""
        hopeless = not result.may_heal or self.receiver.disk_failure
        if hopeless or task.cancel.requested:
            return None
        if result.crowded and self.queue.lower():
            return self.backoff.wait_s(1)  # nobody failed: there were too many of us
        often_enough = result.cure is Cure.ONCE and task.failed_attempts > 0
        if result.cure is Cure.NONE or often_enough or task.failed_attempts >= self.plan.retries:
            return None
        task.failed_attempts += 1
        return self.backoff.wait_s(task.failed_attempts)

    def _attempt(self, task: StudyTask, peer: Peer, worker: int) -> _Result:
        if (broken := self.receiver.disk_failure) is not None:
            if task.study is not None:
                return _Result(judge(task.study, Ending(error=broken)))
            return _Result(self._nothing_requested(task, Verdict.FAILED, str(broken)))
        try:
            study = self._prepare(task, peer)
        except Cancelled:
            return _Result(self._nothing_requested(task, Verdict.CANCELLED, ""))
        except RetrieveError as error:
            failed = self._nothing_requested(task, Verdict.FAILED, str(error))
            return _Result(failed, error_cure(error), error)
        if not study.inventory.has_match:
            return _Result(judge(study, Ending()))
        ending = self._retrieve(task, study, peer, worker)
        finished = (
            judge_delivery(study, ending, self.plan.move_destination or "")
            if ending.elsewhere
            else judge(study, ending)
        )
        cure = Cure.NONE if study.hopeless else ending.cure
        may_heal = finished.verdict in _MAY_HEAL or (study.satisfied and not study.hopeless)
        return _Result(finished, cure, ending.error, may_heal)

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Make requests for a study that another worker has; its failures are no failures yet.

        A study of its own comes first, as soon as there is one.
        """
        if not task.shared.join():
            return
        uid, others_may = task.shared.study.study_instance_uid, False
        self.receiver.emit(HelpStarted(study_instance_uid=uid, worker=worker))
        try:
            transfer = self._transfer(task.shared.study, task.cancel, peer, worker, task.shared)
            others_may = transfer.help(busy=lambda: self.queue.has_ready)
        except (Cancelled, RetrieveError) as error:
            _LOG.debug("no more help: %s", error)
            if isinstance(error, AssociationRejected) and _no_association_left(error):
                self.queue.lower()
        finally:
            if not others_may:  # nothing is left, or asking again is pointless
                self.queue.unshare(task)
            self.receiver.emit(HelpFinished(study_instance_uid=uid, worker=worker))
            task.shared.leave()

    def _retrieve(self, task: StudyTask, study: StudyState, peer: Peer, worker: int) -> Ending:
        """Ask for what is missing, with the help of others if they have nothing else to do."""
        shared = self._split(study)
        transfer = self._transfer(study, task.cancel, peer, worker, shared)
        self.receiver.open(study)
        if shared is None:
            try:
                return transfer.run()
            finally:
                self.receiver.close(study)
        help_task = HelpTask(shared, task.cancel)
        self.queue.share(help_task)
        try:
            return transfer.run()
        finally:
            self.queue.unshare(help_task)
            shared.wait()
            self.receiver.close(study)

    def _split(self, study: StudyState) -> SharedRequests | None:
        """The study cut into requests, where it can be and where it helps."""
        elsewhere = self.plan.method is not Method.C_GET and not self.plan.listening
        workers = self.queue.idle_workers + 1
        listed = study.inventory.listed and not study.inventory.is_short  # the rest comes unlisted
        countable = self.plan.method is Method.C_GET and not self.quirks.counts_nothing
        if not (study.inventory.counted or countable):
            return None  # only a request for all of it tells how many there are
        if workers == 1 or elsewhere or not listed or self.quirks.rejects_lists:
            return None
        shared = SharedRequests(study, workers)
        return shared if len(shared) > 1 else None

    def _transfer(
        self,
        study: StudyState,
        cancel: CancelToken,
        peer: Peer,
        worker: int,
        shared: SharedRequests | None,
    ) -> Transfer:
        requests = Requests(
            plan=self.plan,
            receiver=self.receiver,
            queue=self.queue,
            cancel=cancel,
            drain_s=self.drain_s,
            late_s=self.late_s,
            no_progress_s=self.no_progress_s,
            quirks=self.quirks,
            study=study,
            peer=peer,
            worker=worker,
        )
        return Transfer(
            requests,
            destination=self._destination,
            instead_of_get=self.instead_of_get,
            shared=shared,
        )

    @property
    def _destination(self) -> str:
        """Our move destination in the words that a PACS administrator needs."""
        if not self.listening_at:
            return ""
        return f"AE title {self.plan.move_destination} is at {self.listening_at}"

    def _prepare(self, task: StudyTask, peer: Peer) -> StudyState:
        """Ask what there is, look what of it is here, and tell; an earlier attempt may have."""
        if task.study is not None:
            return task.study
        self.queue.wait_while_paused(peer, task.cancel)
        inventory = peer.take_inventory(task.selection, task.cancel)
        elsewhere = self.plan.method is Method.C_MOVE and not self.plan.listening
        look = inventory.listed and not elsewhere
        recalled = self.receiver.store.recall(inventory) if look else NOTHING_RECALLED
        wanted = inventory.narrow(task.selection) if inventory.has_match else task.selection
        task.study = study = StudyState(wanted, inventory, recalled)
        self.receiver.emit(inventoried(inventory, len(study.present)))
        return study
