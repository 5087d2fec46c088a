"""Single requests for one study: made one after the other, and what the PACS says of them kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.errors import ContextNotAccepted, PeerError, RequestAborted
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.events import Noted, PeerCounted
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.retry import Cure, status_cure
from dicom_retrieve_tui.model.selection import Plan, RetrieveRequest
from dicom_retrieve_tui.model.status import SUB_OPERATIONS_FAILED, SUCCESS

_DRAIN_TICK_S = 0.1


@dataclass(slots=True)
class PeerQuirks:
    """What a run has learnt of its PACS."""

    rejects_lists: bool = False
    """It does not honour lists of SOP Instance UIDs."""
    late_in_vain: bool = False
    """Late instances of a C-MOVE were waited for, and none came."""
    answers_first: bool = False
    """It has ended a C-MOVE before everything had come."""
    takes_get: bool = False
    """It has answered a C-GET: if it aborts one, it is not for want of the service."""
    counts_nothing: bool = False
    """It does not count, in its answer to a C-GET that can bring nothing, what it would send."""
    aborts_get: bool = False
    """It has aborted a C-GET, and served the C-MOVE that came instead."""
    wider_in_vain: bool = False
    """Every class in every transfer syntax was negotiated for a study, and brought nothing."""


@dataclass(slots=True, kw_only=True)
class Requests:
    """Makes the requests of one worker for one study."""

    plan: Plan
    receiver: InstanceReceiver
    queue: TaskQueue
    cancel: CancelToken
    drain_s: float
    late_s: float
    no_progress_s: float
    quirks: PeerQuirks
    study: StudyState
    peer: Peer
    worker: int
    final: FinalResponse | None = None
    """What the PACS said at the end of the last one, or of several together."""
    moved: bool = False
    """True once C-MOVE was asked for."""
    starves: bool = False
    """The last C-MOVE brought nothing, because of whom our Storage SCP lets in, most likely."""
    _completed: int = 0
    _counted: int = 0
    """Sub-operations completed by requests that have ended."""
    _pending: FinalResponse | None = None
    """The last pending response to the request under way."""

    def end(self) -> FinalResponse | None:
        """Count what the last request completed to what the next ones will; how it ended."""
        if self.final is not None:
            self._counted += self.final.completed or 0
        return self.final

    def get(self, negotiation: Any, request: RetrieveRequest) -> None:
        """Ask by C-GET.

        Raises:
            RetrieveError, Cancelled: It ended without a final response.
        """
        self._wait_while_paused()
        receiver = self.receiver.for_worker(self.study, self.worker)
        before_bytes, before = self.study.activity.received_bytes, self.study.note_begin()
        try:
            with self._watched(request):
                final = self.final = self.peer.c_get(
                    self._operation(request), negotiation, receiver
                )
            self.quirks.takes_get = True
        finally:
            if self.study.activity.received_bytes > before_bytes:
                self.quirks.takes_get = True
        self.study.note_end(request, final, before)

    def count(self, request: RetrieveRequest) -> None:
        """Have the PACS count what a request would bring, by a C-GET that can bring nothing.

        Raises:
            RetrieveError, Cancelled: It ended without a final response.
        """
        self._wait_while_paused()
        final = self.peer.c_get_nothing(self._operation(request, told=False))
        self.study.note_count(request, final)

    def move(self, request: RetrieveRequest) -> None:
        """Ask by C-MOVE, and wait for what comes after its end.

        Raises:
            RetrieveError, Cancelled: It ended without a final response.
        """
        if self.plan.move_destination is None:
            raise ContextNotAccepted("C-MOVE needs a move destination: set --move-dest.")
        self.moved = True
        self._wait_while_paused()
        before, began_s = self.study.stored_count, monotonic()
        arrivals_before, refusals_before = self.study.note_begin(), self.study.bad.refusals
        try:
            with self._watched(request):
                final = self.peer.c_move(self._operation(request), self.plan.move_destination)
        except RequestAborted as abort:
            if before > len(self.study.present):  # the destination is known to it
                raise
            told = RequestAborted(
                f"{abort.found} It did so at our C-MOVE request: most often, such a PACS does not "
                "know the move destination.",
                next_step=f"Ask its administrator to add {self.plan.move_destination} with its "
                "address and port.",
            )
            told.mid_request = True
            raise told from abort
        self.final = final
        if not self.plan.listening:
            return
        failed = final.status != SUCCESS or final.failed
        in_vain = failed and self._refused_all(before, began_s)
        came = self.study.arrivals - arrivals_before
        if not (in_vain or _accounts_for(final, came + self.study.bad.refusals - refusals_before)):
            self._drain(self._uids_of(request), final, self._patience_s(final, came, began_s))
        self.study.note_end(request, final, arrivals_before)
        self.starves = self._refused_all(before, began_s)

    def list_again(self) -> Inventory:
        """Ask by C-FIND what there is now, with the count of the study.

        Raises:
            PeerError, Cancelled: It ended without an answer.
        """
        self._wait_while_paused()
        return self.peer.take_inventory(self.study.selection, self.cancel, count_study=True)

    def _wait_while_paused(self) -> None:
        self.queue.wait_while_paused(self.peer, self.cancel)

    def _refused_all(self, before: int, began_s: float) -> bool:
        """True if nothing came since, and somebody was refused who may be the PACS."""
        refused = self.receiver.refused_callers_since(began_s)
        return bool(refused) and self.study.stored_count == before

    @property
    def sees_nothing(self) -> bool:
        """True if the instances go to somebody else's SCP."""
        return self.moved and not self.plan.listening

    @property
    def reported_success(self) -> bool:
        """True if the PACS named no failure of the whole request."""
        return self.final is None or self.final.status in {SUCCESS, SUB_OPERATIONS_FAILED}

    def stopped_early(self, asked: int) -> bool:
        """True if the last request, for `asked` instances, ended at the first that failed.

        Where a C-GET counts nothing, and nothing has come, it may have: it is not known.
        """
        final = self.final
        if final is None or final.status == SUCCESS or status_cure(final.status) is Cure.NONE:
            return False
        counters = (final.completed, final.failed, final.warning)
        counted = sum(n or 0 for n in counters)
        return counted < asked and bool(counted or self.study.stored_count or not self.moved)

    @property
    def settled(self) -> bool:
        """True if asking again is pointless."""
        if (
            self.study.satisfied
            or self.cancel.requested
            or self.receiver.disk_failure
            or self.starves
        ):
            return True
        if self.study.nothing_to_ask_for:
            return True
        final = self.final
        if final is None:
            return False
        if not self.study.inventory.listed and final.status == SUCCESS and not final.failed:
            return True  # nothing failed by the peer's account, and nothing else tells
        return status_cure(final.status) is Cure.NONE and not self.study.stored_count

    def note(self, text: str) -> None:
        """Tell of something that the study's verdict does not say."""
        self.receiver.emit(Noted(study_instance_uid=self.study.study_instance_uid, text=text))

    def _uids_of(self, request: RetrieveRequest) -> frozenset[str]:
        """What a request asks for, as far as it is listed; empty for all of the study."""
        if request.sop_instance_uids or request.series_instance_uid is None:
            return frozenset(request.sop_instance_uids)
        return frozenset(
            each.sop_instance_uid
            for each in self.study.inventory.instances
            if each.series_instance_uid == request.series_instance_uid
        )

    @contextmanager
    def _watched(self, request: RetrieveRequest) -> Iterator[None]:
        """Take note if the request breaks off."""
        self._pending = None
        try:
            yield
        except PeerError as error:
            if error.mid_request:
                self.study.note_break(request, self._pending)
            raise

    def _operation(self, request: RetrieveRequest, *, told: bool = True) -> RetrieveOperation:
        uids = request.sop_instance_uids
        return RetrieveOperation(
            request=request,
            patient_id=self.study.inventory.patient_id,
            cancel=self.cancel,
            activity=self.study.activity,
            on_response=self._on_response if told else _ignore,
            has_come=partial(self.study.has_any, uids) if uids else None,
        )

    def _patience_s(self, final: FinalResponse, came: int, began_s: float) -> float:
        """Seconds of silence until no late instance is expected.

        Longer where the PACS reports success before it has sent anything: it queues what it sends,
        and asked again it would send everything twice. Once in a run that is in vain.
        """
        queues = final.status == SUCCESS and not came and not self.quirks.late_in_vain
        return (
            self.late_s
            if queues and not self.receiver.refused_callers_since(began_s)
            else self.drain_s
        )

    def _drain(self, asked: frozenset[str], final: FinalResponse, patience_s: float) -> None:
        """Wait for stores that come after the final response, while anything still comes.

        Args:
            asked: The UIDs that were asked for; empty for all of the study.
            patience_s: Seconds until the first of them must have come.
        """
        study = self.study
        started_s = monotonic()
        arrivals_before = study.arrivals
        while not study.has(asked or study.expected):
            now_s = monotonic()
            silent_s = now_s - max(started_s, study.activity.last_byte_s)
            # What comes may be what came before, over and over.
            barren_s = min(now_s - started_s, study.activity.barren_s(now_s))
            none_came = study.arrivals == arrivals_before
            if silent_s > (patience_s if none_came else self.drain_s):
                self.quirks.late_in_vain = none_came
                return
            if barren_s > self.no_progress_s:
                return
            if self.cancel.requested or self.receiver.disk_failure:
                return
            study.wait_complete(_DRAIN_TICK_S)
            if not study.has(asked or study.expected):
                self._note_the_wait(final, patience_s)

    def _note_the_wait(self, final: FinalResponse, patience_s: float) -> None:
        """Note, once a run, why nothing ends although the PACS has answered."""
        if self.quirks.answers_first:
            return
        self.quirks.answers_first = True
        answered = (
            "The PACS says that it is done"
            if final.status == SUCCESS
            else f"The PACS has ended the C-MOVE with status 0x{final.status:04X}"
        )
        self.note(
            f"{answered}, but instances are missing: waiting for late ones, up to "
            f"{patience_s:.3g} s for the first and {self.drain_s:.3g} s after the last."
        )

    def _on_response(self, response: FinalResponse) -> None:
        self._pending = response
        completed = self._counted + (response.completed or 0)
        if completed > self._completed and self.sees_nothing:
            # Of what goes to somebody else's SCP, the PACS's count is all that we see.
            self.study.activity.last_instance_s = monotonic()
            self._completed = completed
        self.receiver.emit(
            PeerCounted(
                study_instance_uid=self.study.study_instance_uid,
                remaining=response.remaining,
                completed=None if response.completed is None else completed,
                failed=response.failed,
                warning=response.warning,
            )
        )


def _accounts_for(final: FinalResponse, came: int) -> bool:
    """True if nothing late is to be expected: it failed for good, or what was sent has come.

    Args:
        came: Instances that came, whether they were kept or refused.
    """
    if status_cure(final.status) is Cure.NONE:
        return True
    served = final.status in {SUCCESS, SUB_OPERATIONS_FAILED}
    if not (served or final.completed or came):
        return True
    claimed = (final.completed or 0) + (final.warning or 0) + (final.failed or 0)
    return bool(final.failed) and 0 < claimed <= came


def _ignore(_response: FinalResponse) -> None:
    """What a request counts that can bring nothing is not the progress of the study."""
