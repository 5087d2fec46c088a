"""Retrieve one study, from its inventory to its verdict, in one attempt or several."""

import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from dicom_retrieve_tui.engine.archive_outage import ArchiveWatch
from dicom_retrieve_tui.engine.dry_run import bug_reason, inventoried, nothing_requested
from dicom_retrieve_tui.engine.outage import Blame, PeerWatch, is_unanswered, no_association_left
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, Postponed, PutBack, StudyTask
from dicom_retrieve_tui.engine.requests import Requests, RunContext
from dicom_retrieve_tui.engine.split_study import SharedRequests
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.engine.transfer import Transfer
from dicom_retrieve_tui.engine.verdicts import Ending, judge, judge_delivery
from dicom_retrieve_tui.errors import (
    Cancelled,
    DiskFailed,
    Interrupted,
    RetrieveError,
    StoreError,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    HelpFinished,
    HelpStarted,
    Noted,
    StudyFinished,
    StudyPutBack,
    StudyStarted,
)
from dicom_retrieve_tui.model.forecast import Kind, Sizes, counts_to_come
from dicom_retrieve_tui.model.retry import Backoff, Cure, error_cure
from dicom_retrieve_tui.model.store_records import NOTHING_RECALLED, StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict

_LOG = logging.getLogger(__name__)
_MAY_HEAL = frozenset({Verdict.PARTIAL, Verdict.FAILED})
_OUTAGES_MAX = 2
"""How often in a row the PACS may go away during a study that brings nothing, until that counts."""
_CLAIMED_S = 2.0
"""Before a study is looked at again that another process has."""
_GIVEN_UP = _MAY_HEAL | {Verdict.CANCELLED}


@dataclass(frozen=True, slots=True)
class _Result:
    finished: StudyFinished
    cure: Cure = Cure.NONE
    error: RetrieveError | None = None
    may_heal: bool = True
    """False if no further attempt can change the verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRetriever:
    """The handler of a run that retrieves its studies."""

    run: RunContext
    watch: PeerWatch
    archive: ArchiveWatch
    backoff: Backoff
    raise_bug: Callable[[], None] = lambda: None
    """Raises a bug that ended a thread of our Storage SCP."""

    # The queue of the run

    def expect(self, uids: Iterable[str]) -> None:
        """See `run.Retriever`."""
        self.run.receiver.store.plan(uids)

    def forget(self, uid: str) -> None:
        """See `run.Retriever`."""
        if self.run.space is not None:
            self.run.space.forget(uid)
        self.run.receiver.store.unplan(uid)

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        """See `run.Retriever`."""
        if self.run.space is not None:
            for uid in uids:
                self.run.space.forget(uid)
        self.run.receiver.store.give_up(uids, reason)

    def poll(self) -> None:
        """See `run.Retriever`."""
        self.run.receiver.report_bytes()
        self.archive.note_served(self.run.receiver.stored_s)
        self.raise_bug()

    # One attempt at a study

    def retrieve(
        self, task: StudyTask, peer: Peer, worker: int
    ) -> StudyFinished | Postponed | PutBack:
        """Make one attempt at a study, emitting its events.

        Returns:
            The verdict; `Postponed` if the failure may heal and attempts are left, or if another
            process has the study; or `PutBack` if it is not the study's, or the run is held.
        """
        if holder := self.run.receiver.store.claim(task.uid):
            self._note_holder(task, holder)
            return Postponed(_CLAIMED_S)
        self._announce(task, worker)
        return self._retrieve(task, peer, worker)

    def _retrieve(
        self, task: StudyTask, peer: Peer, worker: int
    ) -> StudyFinished | Postponed | PutBack:
        stored = task.study.stored_count if task.study is not None else 0
        breaks = task.study.bad.breaks() if task.study is not None else ({}, {})
        try:
            result = self._attempt(task, peer, worker)
        except Interrupted:
            return self._put_back(task)
        self.watch.note_failure(result.error)
        if task.given_up and result.finished.verdict in _GIVEN_UP:
            return self.abandon(task)
        blame = self._blame(task, result, worker)
        if blame is Blame.DISK or (blame is Blame.PEER and not self._is_suspect(task, stored)):
            if task.study is not None:
                task.study.bad.set_breaks(breaks)
            return self._put_back(task)
        if blame is Blame.STUDY and self._is_refused_by_archive(task, result):
            task.study = None  # what the PACS lists in such a state may be wrong, too
            return self._put_back(task, last=True)
        if (wait_s := self._wait_s(task, result, blame)) is not None:
            self._note_retry(task, result, wait_s, blame)
            return Postponed(wait_s)
        finished = self._finish(task, result.finished)
        if self.watch.never_answered(result.error):
            self.watch.give_up_unanswered(result.finished.reason)
        return finished

    def _note_holder(self, task: StudyTask, holder: str) -> None:
        """Report once that another process has a study."""
        if not task.claimed_elsewhere:
            task.claimed_elsewhere = True
            text = f"{holder} retrieves this study into the folder; waiting for it to end"
            self.run.receiver.emit(Noted(study_instance_uid=task.uid, text=text, minor=True))

    @staticmethod
    def _is_suspect(task: StudyTask, stored_before: int) -> bool:
        """Return True if a study may be why the PACS goes away: it did so again and again.

        Some instances make an archive crash. Then the attempts of their study count, or the run
        would go on for ever.
        """
        stored = task.study.stored_count if task.study is not None else 0
        task.outages = task.outages + 1 if stored == stored_before else 0
        return task.outages > _OUTAGES_MAX

    def _blame(self, task: StudyTask, result: _Result, worker: int) -> Blame:
        """Find out whose failure an attempt was; hold the queue if it is not the study's."""
        error, receiver = result.error, self.run.receiver
        if not result.may_heal or task.cancel.requested:
            return Blame.STUDY
        if isinstance(error, DiskFailed) and error.no_room:
            self.watch.wait_for_room(error, receiver.has_room)
            return Blame.DISK
        return self.watch.blame(error, worker, task.cancel)

    def _is_refused_by_archive(self, task: StudyTask, result: _Result) -> bool:
        """Return True if nothing came because the PACS serves no study; the queue is then held."""
        self.archive.note_served(self.run.receiver.stored_s)
        absent = result.finished.verdict is Verdict.NOT_FOUND
        if not absent:
            if not result.may_heal or result.finished.verdict not in _MAY_HEAL:
                return False
            if result.cure is Cure.NONE or isinstance(result.error, StoreError):
                return False
        if task.cancel.requested or (task.study is not None and task.study.stored_count):
            return False
        return self.archive.blames_archive(
            task.uid,
            result.finished.reason,
            unanswered=is_unanswered(result.error),
            absent=absent,
        )

    def _put_back(self, task: StudyTask, *, last: bool = False) -> PutBack:
        self.run.receiver.emit(StudyPutBack(study_instance_uid=task.uid))
        return PutBack(last)

    def _note_retry(self, task: StudyTask, result: _Result, wait_s: float, blame: Blame) -> None:
        """Report that a study is to be tried again; a look-up of ours is not a failure."""
        if blame is Blame.LOOK_UP:
            self._put_back(task)
            return
        self.run.receiver.emit(
            AttemptFailed(
                study_instance_uid=task.uid,
                failed_attempts=task.failed_attempts,
                retries=self.run.options.retries,
                wait_s=round(wait_s, 3),
                reason=result.finished.reason,
            )
        )

    def _announce(self, task: StudyTask, worker: int) -> None:
        event = AttemptStarted if task.started else StudyStarted
        task.started = True
        self.run.receiver.emit(event(study_instance_uid=task.uid, worker=worker))

    def _attempt(self, task: StudyTask, peer: Peer, worker: int) -> _Result:
        if (broken := self.run.receiver.disk_failure) is not None:
            if task.study is not None:
                return _Result(judge(task.study, Ending(error=broken)), error=broken)
            failed = self._nothing_requested(task, Verdict.FAILED, str(broken))
            return _Result(failed, error=broken)
        try:
            study = self._prepare(task, peer)
        except Interrupted:
            raise
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
        earlier = task.study
        if earlier is not None and (earlier.inventory.listed or earlier.stored_count):
            return earlier
        with self.run.queue.request(task.cancel) as cancel:
            inventory = peer.take_inventory(task.selection, cancel)
        self.watch.note_answer()
        if not inventory.empty:
            self.archive.note_found()
        look = inventory.listed and not self.run.options.delivering
        recalled = self.run.receiver.store.recall(inventory) if look else NOTHING_RECALLED
        wanted = inventory.narrow(task.selection) if inventory.has_match else task.selection
        task.study = study = StudyState(wanted, inventory, recalled)
        if self.run.identified is not None:
            self.run.identified(task.uid, inventory.identified(study.present))
        self._emit_inventory(study)
        return study

    def _emit_inventory(self, study: StudyState) -> None:
        """Emit what is listed, and the forecast of what is missing, alone and with the others'."""
        inventory, space, present = study.inventory, self.run.space, study.present
        if space is None:
            self.run.receiver.emit(inventoried(inventory, len(present)))
            return
        counts = counts_to_come(inventory, present)
        forecast = space.expect(inventory.study_instance_uid, counts, study.sizes)
        needed = None if counts is None else counts.total()
        self.run.receiver.emit(inventoried(inventory, len(present), needed, forecast))
        space.report()

    def _transfer(self, task: StudyTask, study: StudyState, peer: Peer, worker: int) -> Ending:
        """Request what is missing, with the help of workers that have no study of their own."""
        if self.run.space is not None:
            try:
                self.run.space.check(task.uid)
            except StoreError as error:
                return Ending(error=error)
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
            crowded = isinstance(error, RetrieveError) and no_association_left(error)
            if crowded and not queue.looked_up_lately:
                queue.lower()
        finally:
            if not others_may:  # nothing is left, or further requests are pointless
                queue.unshare(task)
            emit(HelpFinished(study_instance_uid=study.study_instance_uid, worker=worker))
            task.shared.leave()

    # The end of a study

    def _wait_s(self, task: StudyTask, result: _Result, blame: Blame) -> float | None:
        """Return the seconds until the next attempt, or None if this was the last one."""
        hopeless = not result.may_heal or self.run.receiver.disk_failure
        if hopeless or task.cancel.requested:
            return None
        if blame in {Blame.BUSY, Blame.LOOK_UP}:
            return self.backoff.wait_s(1)  # no attempt of this study: we had too many associations
        failed_before = result.cure is Cure.ONCE and task.failed_attempts > 0
        retries = self.run.options.retries
        if result.cure is Cure.NONE or failed_before or task.failed_attempts >= retries:
            return None
        task.failed_attempts += 1
        return self.backoff.wait_s(task.failed_attempts)

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Finish a study that is not tried again: the user stopped it, or the run gave up."""
        verdict = Verdict.NOT_TRIED if task.given_up else Verdict.CANCELLED
        if (study := task.study) is None:
            return self._finish(task, self._nothing_requested(task, verdict, task.given_up))
        if not task.given_up:
            return self._finish(task, judge(study, Ending(cancelled=True)))
        finished = judge(study, Ending(error=RetrieveError(task.given_up)))
        if not finished.stored and finished.verdict is Verdict.FAILED:
            finished = replace(finished, verdict=verdict)
        return self._finish(task, finished)

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Finish a study that a bug of ours has ended."""
        reason = bug_reason(bug)
        if task.study is not None:
            return self._finish(task, judge(task.study, Ending(error=RetrieveError(reason))))
        return self._finish(task, self._nothing_requested(task, Verdict.FAILED, reason))

    def _nothing_requested(self, task: StudyTask, verdict: Verdict, reason: str) -> StudyFinished:
        """Return the verdict on a study without an inventory; what earlier runs left is counted."""
        finished = nothing_requested(task.uid, verdict, reason)
        if self.run.options.delivering or task.selection.series:
            return finished
        return replace(finished, stored=self.run.receiver.store.kept_count(task.uid))

    def _finish(self, task: StudyTask, finished: StudyFinished) -> StudyFinished:
        study, missing = task.study, frozenset(finished.missing)
        if self.run.space is not None:
            self.run.space.finish(task.uid, _learned(task, finished))
        self.run.receiver.store.finish(
            StudyRecord(
                study_instance_uid=finished.study_instance_uid,
                verdict=str(finished.verdict),
                asked=missing | study.expected if study is not None else missing,
                missing=missing,
                retired=study.retired if study is not None else frozenset(),
                series=frozenset(study.selection.instances_by_series) if study else frozenset(),
                left_out=study.inventory.left_out_on_purpose if study else (),
                answered=study is not None and not self.run.options.delivering,
                reason=finished.reason,
                expected=finished.expected,
                selected=task.selection.series,
            )
        )
        self.run.receiver.emit(finished)
        return finished


def _learned(task: StudyTask, finished: StudyFinished) -> Mapping[Kind, Sizes]:
    """Return what the sizes of a study teach; nothing if it is not complete."""
    study = task.study
    if study is None or finished.verdict is not Verdict.COMPLETE:
        return {}
    part = task.selection.series or study.inventory.left_out or study.present
    return study.sizes.learned(whole=not part)
