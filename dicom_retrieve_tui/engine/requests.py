"""C-GET and C-MOVE requests for a study, one at a time, and the results of each."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.run_forecast import RunForecast
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.errors import (
    ContextNotAccepted,
    Interrupted,
    PeerError,
    RequestAborted,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.events import Noted, PeerCounted
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.retry import Cure, status_cure
from dicom_retrieve_tui.model.selection import RetrieveRequest
from dicom_retrieve_tui.model.status import SUB_OPERATIONS_FAILED, SUCCESS
from dicom_retrieve_tui.model.study_identity import Identified

_DRAIN_TICK_S = 0.1


@dataclass(slots=True)
class PeerQuirks:
    """The peculiarities of the PACS that a run has learnt."""

    rejects_lists: bool = False
    """It does not honour lists of SOP Instance UIDs."""
    late_in_vain: bool = False
    """We waited for late instances of a C-MOVE, and none came."""
    answers_first: bool = False
    """It has ended a C-MOVE before everything had come."""
    takes_get: bool = False
    """It has answered a C-GET: if it aborts one, the reason is another than a missing service."""
    counts_nothing: bool = False
    """In its answer to a C-GET that can bring nothing, it does not count what it would send."""
    aborts_get: bool = False
    """It has aborted a C-GET, and served the C-MOVE that followed."""
    wider_in_vain: bool = False
    """Every class in every transfer syntax was negotiated for a study, and brought nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunContext:
    """The objects and settings that all studies of a run share."""

    options: RetrieveOptions
    receiver: InstanceReceiver
    queue: TaskQueue
    drain_s: float
    """Seconds of silence after a final C-MOVE response until no late instance is expected."""
    late_s: float
    """The same if none has come at all, although the PACS reports success."""
    no_progress_s: float
    """The same without a new instance, if other data keeps coming."""
    listening_at: str = ""
    """Host and port of our own Storage SCP; empty without one."""
    instead_of_get: str = ""
    """Advice for a PACS that does not serve C-GET."""
    identified: Identified | None = None
    """Called with each study and its identity, from the thread of a worker."""
    quirks: PeerQuirks = field(default_factory=PeerQuirks)
    space: RunForecast | None = None
    """Compares what is to come with the room on the disk; None if nothing is written there."""


@dataclass(slots=True, kw_only=True)
class Requests:
    """The requests of one worker for one study, made one after the other."""

    run: RunContext
    study: StudyState
    peer: Peer
    worker: int
    cancel: CancelToken
    final: FinalResponse | None = None
    """The final response to the last request, or to several together."""
    moved: bool = False
    """True once C-MOVE was requested."""
    starves: bool = False
    """The last C-MOVE brought nothing, most likely because our Storage SCP refused the PACS."""
    _completed: int = 0
    _counted: int = 0
    """Sub-operations completed by requests that have ended."""
    _pending: FinalResponse | None = None
    """The last pending response to the current request; the final one if there was none."""

    def end(self) -> FinalResponse | None:
        """Add what the last request completed to the count; return its final response."""
        if self.final is not None:
            self._counted += self.final.completed or 0
        return self.final

    def get(self, negotiation: Any, request: RetrieveRequest) -> None:
        """Make a C-GET request.

        Raises:
            RetrieveError, Cancelled: It ended without a final response.
        """
        study, quirks = self.study, self.run.quirks
        receiver = self.run.receiver.for_worker(study, self.worker)
        with self._interruptible(request) as cancel:
            bytes_before, arrivals_before = study.activity.received_bytes, study.note_begin()
            try:
                with self._breaks_noted(request, cancel):
                    operation = self._operation(request, cancel)
                    final = self._answered(self.peer.c_get(operation, negotiation, receiver))
                quirks.takes_get = True
            finally:
                if study.activity.received_bytes > bytes_before:
                    quirks.takes_get = True
        self.final = final
        study.note_end(request, final, arrivals_before)

    def count(self, request: RetrieveRequest) -> None:
        """Have the PACS count what a request would bring, by a C-GET that can bring nothing.

        Raises:
            RetrieveError, Cancelled: It ended without a final response.
        """
        with self._interruptible(request) as cancel:
            final = self.peer.c_get_nothing(self._operation(request, cancel, emit_counts=False))
        self.study.note_count(request, final)

    def move(self, request: RetrieveRequest) -> None:
        """Make a C-MOVE request, and wait for instances that come after its final response.

        Raises:
            RetrieveError, Cancelled: It ended without a final response.
        """
        options, study = self.run.options, self.study
        if options.move_destination is None:
            raise ContextNotAccepted("C-MOVE needs a move destination: set --move-dest.")
        self.moved = True
        stored_before, began_s = study.stored_count, monotonic()
        with self._interruptible(request) as cancel:
            arrivals_before, refusals_before = study.note_begin(), study.bad.refusals
            final = self._final_of_move(request, cancel, options.move_destination, stored_before)
            self.final = final
            if not options.listening:
                return
            failed = final.status != SUCCESS or final.failed
            in_vain = failed and self._refused_all(stored_before, began_s)
            came = study.arrivals - arrivals_before
            if not (in_vain or _accounts_for(final, came + study.bad.refusals - refusals_before)):
                patience_s = self._patience_s(final, came, began_s)
                self._drain(self._uids_of(request), final, patience_s, cancel)
        study.note_end(request, final, arrivals_before)
        self.starves = self._refused_all(stored_before, began_s)

    def _final_of_move(
        self,
        request: RetrieveRequest,
        cancel: CancelToken,
        move_destination: str,
        stored_before: int,
    ) -> FinalResponse:
        try:
            with self._breaks_noted(request, cancel):
                operation = self._operation(request, cancel)
                return self._answered(self.peer.c_move(operation, move_destination))
        except RequestAborted as abort:
            if stored_before > len(self.study.present):  # the PACS knows the destination
                raise
            raise _unknown_destination(abort, move_destination) from abort

    def list_again(self) -> Inventory:
        """Ask by C-FIND what there is now, with the count of the study.

        Raises:
            PeerError, Cancelled: It ended without an answer.
        """
        with self.run.queue.request(self.cancel) as cancel:
            return self.peer.take_inventory(self.study.selection, cancel, count_study=True)

    @property
    def stopped(self) -> bool:
        """True if the user stopped, or the disk failed."""
        return self.cancel.requested or self.run.receiver.disk_failure is not None

    @property
    def sees_nothing(self) -> bool:
        """True if the instances go to an SCP that is not ours."""
        return self.moved and not self.run.options.listening

    @property
    def reported_success(self) -> bool:
        """True if the PACS reported no failure of the whole request."""
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
        """True if further requests are pointless."""
        study, final = self.study, self.final
        if study.satisfied or study.nothing_to_ask_for or self.stopped or self.starves:
            return True
        if final is None:
            return False
        if not study.inventory.listed and final.status == SUCCESS and not final.failed:
            return True  # the counters report no failure, and there is no list to compare with
        return status_cure(final.status) is Cure.NONE and not study.stored_count

    def note(self, text: str) -> None:
        """Emit a note on this study."""
        self.run.receiver.emit(Noted(study_instance_uid=self.study.study_instance_uid, text=text))

    @contextmanager
    def _interruptible(self, request: RetrieveRequest) -> Iterator[CancelToken]:
        """Yield the token of a request; what it brought counts, how it ended may not.

        Raises:
            Interrupted: The run is held: what is missing is requested again later.
        """
        with self.run.queue.request(self.cancel) as token:
            self.study.interrupted = False
            try:
                yield token
            except Interrupted:
                self._end_interrupted(request)
                raise
            delivered = self.sees_nothing and self.reported_success
        if token.interrupted and not delivered:
            # The PACS may have ended early what it calls a success.
            self._end_interrupted(request)
            raise Interrupted

    def _end_interrupted(self, request: RetrieveRequest) -> None:
        """Wait for the end of instances that are coming to our Storage SCP.

        The timeouts of their associations end what stalls.
        """
        self.study.note_interruption(request, self._pending)
        while self.moved and self.study.activity.arriving and not self.stopped:
            self.cancel.wait(_DRAIN_TICK_S)

    def _answered(self, final: FinalResponse) -> FinalResponse:
        """Return a final response; it announces a total, too, if no pending response did."""
        self._pending = self._pending or final
        return final

    def _refused_all(self, stored_before: int, began_s: float) -> bool:
        """True if nothing was stored since, and a caller was refused that may be the PACS."""
        refused = self.run.receiver.refused_callers_since(began_s)
        return bool(refused) and self.study.stored_count == stored_before

    def _uids_of(self, request: RetrieveRequest) -> frozenset[str]:
        """Return the listed instances that a request names; empty for the whole study."""
        if request.sop_instance_uids or request.series_instance_uid is None:
            return frozenset(request.sop_instance_uids)
        return frozenset(
            instance.sop_instance_uid
            for instance in self.study.inventory.instances
            if instance.series_instance_uid == request.series_instance_uid
        )

    @contextmanager
    def _breaks_noted(self, request: RetrieveRequest, cancel: CancelToken) -> Iterator[None]:
        """Record it in the study's state if the request breaks off.

        Raises:
            Interrupted: It broke off because it was interrupted, which some PACS cannot handle.
        """
        self._pending = None
        try:
            yield
        except PeerError as error:
            if cancel.interrupted:
                raise Interrupted from error
            if error.mid_request:
                self.study.note_break(request, self._pending)
            raise

    def _operation(
        self, request: RetrieveRequest, cancel: CancelToken, *, emit_counts: bool = True
    ) -> RetrieveOperation:
        uids = request.sop_instance_uids
        return RetrieveOperation(
            request=request,
            patient_id=self.study.inventory.patient_id,
            cancel=cancel,
            activity=self.study.activity,
            on_response=self._on_response if emit_counts else _ignore,
            has_come=partial(self.study.has_any, uids) if uids else None,
        )

    def _patience_s(self, final: FinalResponse, came: int, began_s: float) -> float:
        """Return the seconds of silence until no late instance is expected.

        A PACS that reports success before it has sent anything queues what it sends; if it is
        asked again, it sends everything twice. So the wait is longer for it, until that was once
        in vain.
        """
        queues = final.status == SUCCESS and not came and not self.run.quirks.late_in_vain
        refused = self.run.receiver.refused_callers_since(began_s)
        return self.run.late_s if queues and not refused else self.run.drain_s

    def _drain(
        self,
        asked: frozenset[str],
        final: FinalResponse,
        patience_s: float,
        cancel: CancelToken,
    ) -> None:
        """Wait for instances that come after the final response, while any data comes.

        Args:
            asked: The UIDs that were requested; empty for the whole study.
            final: The final response.
            patience_s: Seconds until the first of them must have come.
            cancel: The token of the request.
        """
        study, quirks = self.study, self.run.quirks
        started_s = monotonic()
        arrivals_before = study.arrivals
        while not study.has(asked or study.expected):
            now_s = monotonic()
            silent_s = now_s - max(started_s, study.activity.last_byte_s)
            # The PACS may send again and again what came before.
            barren_s = min(now_s - started_s, study.activity.barren_s(now_s))
            none_came = study.arrivals == arrivals_before
            if silent_s > (patience_s if none_came else self.run.drain_s):
                quirks.late_in_vain = none_came
                return
            if barren_s > self.run.no_progress_s or self.stopped or cancel.interrupted:
                return
            study.wait_complete(_DRAIN_TICK_S)
            if not study.has(asked or study.expected):
                self._note_the_wait(final, patience_s)

    def _note_the_wait(self, final: FinalResponse, patience_s: float) -> None:
        """Note, once a run, why the study goes on although the PACS has answered."""
        if self.run.quirks.answers_first:
            return
        self.run.quirks.answers_first = True
        answered = (
            "The PACS says that it is done"
            if final.status == SUCCESS
            else f"The PACS has ended the C-MOVE with status 0x{final.status:04X}"
        )
        self.note(
            f"{answered}, but instances are missing: waiting for late ones, up to "
            f"{patience_s:.3g} s for the first and {self.run.drain_s:.3g} s after the last."
        )

    def _on_response(self, response: FinalResponse) -> None:
        self._pending = response
        completed = self._counted + (response.completed or 0)
        if completed > self._completed and self.sees_nothing:
            # The counters of the PACS are the only sign of progress at an SCP that is not ours.
            self.study.activity.last_instance_s = monotonic()
            self._completed = completed
        self.run.receiver.emit(
            PeerCounted(
                study_instance_uid=self.study.study_instance_uid,
                remaining=response.remaining,
                completed=None if response.completed is None else completed,
                failed=response.failed,
                warning=response.warning,
            )
        )


def _unknown_destination(abort: RequestAborted, move_destination: str) -> RequestAborted:
    """Return the abort of a C-MOVE with its most likely cause."""
    error = RequestAborted(
        f"{abort.found} It did so at our C-MOVE request: most often, such a PACS does not know the "
        "move destination.",
        next_step=f"Ask its administrator to add {move_destination} with its address and port.",
    )
    error.mid_request = True
    return error


def _accounts_for(final: FinalResponse, came: int) -> bool:
    """True if no late instance is to be expected: it failed for good, or what was sent has come.

    Args:
        final: The final response.
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
    """Emit no progress for a request that can bring nothing."""
