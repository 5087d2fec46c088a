"""Retrieve one study, from its inventory to its verdict, in one attempt or several."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from dicom_retrieve_tui.engine.dry_run import bug_reason, inventoried, nothing_requested
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, StudyTask
from dicom_retrieve_tui.engine.requests import Requests, RunContext
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
    """False if no further attempt can change the verdict."""


def _no_association_left(error: RetrieveError | None) -> bool:
    """True if the PACS had no association left for us. Source: PS3.8 Table 9-21."""
    if not isinstance(error, AssociationRejected):
        return False
    return error.retryable and error.source == _PROVIDER


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRetriever:
    """The handler of a run that retrieves its studies."""

    run: RunContext
    backoff: Backoff
    raise_bug: Callable[[], None] = lambda: None
    """Raises a bug that ended a thread of our Storage SCP."""

    # The queue of the run

    def expect(self, uids: Iterable[str]) -> None:
        """See `run.Retriever`."""
        self.run.receiver.store.plan(uids)

    def forget(self, uid: str) -> None:
        """See `run.Retriever`."""
        self.run.receiver.store.unplan(uid)

    def poll(self) -> None:
        """See `run.Retriever`."""
        self.run.receiver.report_bytes()
        self.raise_bug()

    # One attempt at a study

    def retrieve(self, task: StudyTask, peer: Peer, worker: int) -> StudyFinished | Postponed:
        """Make one attempt at a study, emitting its events.

        Returns:
            The verdict, or `Postponed` if the failure may heal and attempts are left.
        """
        self._announce(task, worker)
        result = self._attempt(task, peer, worker)
        if (wait_s := self._wait_s(task, result)) is not None:
            self.run.receiver.emit(
                AttemptFailed(
                    study_instance_uid=task.uid,
                    failed_attempts=task.failed_attempts,
                    retries=self.run.options.retries,
                    wait_s=round(wait_s, 3),
                    reason=result.finished.reason,
                )
            )
            return Postponed(wait_s)
        return self._finish(task, result.finished)

    def _announce(self, task: StudyTask, worker: int) -> None:
        event = AttemptStarted if task.started else StudyStarted
        task.started = True
        self.run.receiver.emit(event(study_instance_uid=task.uid, worker=worker))

    def _attempt(self, task: StudyTask, peer: Peer, worker: int) -> _Result:
        if (broken := self.run.receiver.disk_failure) is not None:
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
        ending = self._transfer(task, study, peer, worker)
        finished = (
            judge_delivery(study, ending, self.run.options.move_destination or "")
            if ending.elsewhere
            else judge(study, ending)
        )
        cure = Cure.NONE if study.hopeless else ending.cure
        may_heal = finished.verdict in _MAY_HEAL or (study.satisfied and not study.hopeless)
        return _Result(finished, cure, ending.error, may_heal)

    def _prepare(self, task: StudyTask, peer: Peer) -> StudyState:
        """Ask what the PACS has and check what of it is here, unless an earlier attempt did."""
        if task.study is not None:
            return task.study
        self.run.queue.wait_while_paused(peer, task.cancel)
        inventory = peer.take_inventory(task.selection, task.cancel)
        look = inventory.listed and not self._delivers_elsewhere
        recalled = self.run.receiver.store.recall(inventory) if look else NOTHING_RECALLED
        wanted = inventory.narrow(task.selection) if inventory.has_match else task.selection
        task.study = study = StudyState(wanted, inventory, recalled)
        if self.run.identified is not None:
            self.run.identified(task.uid, inventory.identified(study.present))
        self.run.receiver.emit(inventoried(inventory, len(study.present)))
        return study

    def _transfer(self, task: StudyTask, study: StudyState, peer: Peer, worker: int) -> Ending:
        """Request what is missing, with the help of workers that have no study of their own."""
        shared = self._split(study)
        transfer = self._transfer_of(study, task.cancel, peer, worker, shared)
        receiver, queue = self.run.receiver, self.run.queue
        receiver.open(study)
        if shared is None:
            try:
                return transfer.run()
            finally:
                receiver.close(study)
        help_task = HelpTask(shared, task.cancel)
        queue.share(help_task)
        try:
            return transfer.run()
        finally:
            queue.unshare(help_task)
            shared.wait()
            receiver.close(study)

    def _split(self, study: StudyState) -> SharedRequests | None:
        """Cut a study into requests for several workers, if that is possible and helps."""
        options, queue, quirks = self.run.options, self.run.queue, self.run.quirks
        elsewhere = options.method is not Method.C_GET and not options.listening
        workers = queue.idle_workers + 1
        # What is missing in a short list comes only with a request for the whole study.
        listed = study.inventory.listed and not study.inventory.is_short
        countable = study.inventory.counted or options.method is Method.C_GET
        if not (study.confirmed or (countable and not quirks.counts_nothing)):
            return None  # only a request for the whole study shows how many instances there are
        if workers == 1 or elsewhere or not listed or quirks.rejects_lists:
            return None
        shared = SharedRequests(study, workers)
        return shared if len(shared) > 1 else None

    def _transfer_of(
        self,
        study: StudyState,
        cancel: CancelToken,
        peer: Peer,
        worker: int,
        shared: SharedRequests | None,
    ) -> Transfer:
        requests = Requests(run=self.run, study=study, peer=peer, worker=worker, cancel=cancel)
        return Transfer(requests, shared)

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Make requests for a study that another worker retrieves; failures are left to that one.

        The helper leaves as soon as a study waits for a worker.
        """
        study, queue, emit = task.shared.study, self.run.queue, self.run.receiver.emit
        if not task.shared.join():
            return
        others_may = False
        emit(HelpStarted(study_instance_uid=study.study_instance_uid, worker=worker))
        try:
            transfer = self._transfer_of(study, task.cancel, peer, worker, task.shared)
            others_may = transfer.help(busy=lambda: queue.has_ready)
        except (Cancelled, RetrieveError) as error:
            _LOG.debug("no more help: %s", error)
            if isinstance(error, RetrieveError) and _no_association_left(error):
                queue.lower()
        finally:
            if not others_may:  # nothing is left, or further requests are pointless
                queue.unshare(task)
            emit(HelpFinished(study_instance_uid=study.study_instance_uid, worker=worker))
            task.shared.leave()

    # The end of a study

    def _wait_s(self, task: StudyTask, result: _Result) -> float | None:
        """Return the seconds until the next attempt, or None if this was the last one."""
        hopeless = not result.may_heal or self.run.receiver.disk_failure
        if hopeless or task.cancel.requested:
            return None
        if _no_association_left(result.error) and self.run.queue.lower():
            return self.backoff.wait_s(1)  # no attempt of this study: we had too many associations
        failed_before = result.cure is Cure.ONCE and task.failed_attempts > 0
        retries = self.run.options.retries
        if result.cure is Cure.NONE or failed_before or task.failed_attempts >= retries:
            return None
        task.failed_attempts += 1
        return self.backoff.wait_s(task.failed_attempts)

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Finish a study that waited for another attempt when the user stopped."""
        if task.study is not None:
            return self._finish(task, judge(task.study, Ending(cancelled=True)))
        return self._finish(task, self._nothing_requested(task, Verdict.CANCELLED, ""))

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Finish a study that a bug of ours has ended."""
        reason = bug_reason(bug)
        if task.study is not None:
            return self._finish(task, judge(task.study, Ending(error=RetrieveError(reason))))
        return self._finish(task, self._nothing_requested(task, Verdict.FAILED, reason))

    def _nothing_requested(self, task: StudyTask, verdict: Verdict, reason: str) -> StudyFinished:
        """Return the verdict on a study without an inventory; what earlier runs left is counted."""
        finished = nothing_requested(task.uid, verdict, reason)
        if self._delivers_elsewhere or task.selection.series:
            return finished
        return replace(finished, stored=self.run.receiver.store.kept_count(task.uid))

    @property
    def _delivers_elsewhere(self) -> bool:
        """True if nothing is written to the output folder."""
        return self.run.options.method is Method.C_MOVE and not self.run.options.listening

    def _finish(self, task: StudyTask, finished: StudyFinished) -> StudyFinished:
        study, missing = task.study, frozenset(finished.missing)
        self.run.receiver.store.finish(
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
        self.run.receiver.emit(finished)
        return finished
