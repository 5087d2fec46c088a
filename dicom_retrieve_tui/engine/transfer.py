"""The requests for one study: all of it at once, then what is still missing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import Any

from dicom_retrieve_tui.engine.desk import Desk
from dicom_retrieve_tui.engine.judgement import Ending
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.shares import UIDS_A_REQUEST_MAX, Shares, image_requests
from dicom_retrieve_tui.engine.work import StudyWork
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    Cancelled,
    ContextNotAccepted,
    PeerError,
    RequestAborted,
    RetrieveError,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import Noted, PeerCounted
from dicom_retrieve_tui.model.offer import FinalResponse, combined
from dicom_retrieve_tui.model.order import Order
from dicom_retrieve_tui.model.retry import Cure, status_cure
from dicom_retrieve_tui.model.selection import Plan, RetrieveRequest, requests_for
from dicom_retrieve_tui.model.status import SUB_OPERATIONS_FAILED, SUCCESS

_BARREN_MAX = 20
"""Instances asked for one by one, and in vain, until the rest is not asked for."""

_DRAIN_TICK_S = 0.1

_Ask = Callable[[RetrieveRequest], None]


@dataclass(slots=True)
class Quirks:
    """What a run has learnt of its PACS."""

    rejects_lists: bool = False
    """It does not honour lists of SOP Instance UIDs."""
    answers_first: bool = False
    """It has ended a C-MOVE before everything had come."""
    takes_get: bool = False
    """It has answered a C-GET: if it aborts one, it is not for want of the service."""
    aborts_get: bool = False
    """It has aborted a C-GET, and served the C-MOVE that came instead."""


@dataclass(slots=True, kw_only=True)
class Transfer:
    """One attempt at the instances of one study."""

    plan: Plan
    desk: Desk
    cancel: CancelToken
    drain_s: float
    quirks: Quirks
    destination: str
    instead_of_get: str
    """What to try where the PACS does not serve C-GET."""
    work: StudyWork
    peer: Peer
    worker: int
    shares: Shares | None = None
    """What to ask for, one request after the other, with the help of others; None: all at once."""
    _final: FinalResponse | None = None
    _moved: bool = False
    _completed: int = 0
    _counted: int = 0
    """Sub-operations completed by requests that have ended."""

    def run(self) -> Ending:
        """Ask until everything is there or there is no more to try."""
        if self.work.inventory.empty or self.work.complete:
            return Ending()
        cancelled, error, start_s = False, None, monotonic()
        try:
            self._run_method()
        except Cancelled:
            cancelled = True
        except RetrieveError as caught:
            error = caught
        return Ending(
            final=self._final,
            error=error or self.desk.disk_failure,
            cancelled=cancelled or self.cancel.requested,
            turned_away=self.desk.turned_away_since(start_s),
            elsewhere=self._sees_nothing,
            destination=self.destination if self._moved else "",
        )

    def help(self, busy: Callable[[], bool]) -> bool:
        """Make requests for a study that is in other hands, while it has any to spare.

        Args:
            busy: True if the helper is needed elsewhere; looked at after each request.

        Returns:
            True if it left because it was, so that others may go on.

        Raises:
            RetrieveError, Cancelled: As ever; what is missing then is its owner's affair.
        """
        if self._moves:
            return self._ask_by_shares(self._move, busy)
        try:
            for negotiation in self.peer.negotiations(self.work.inventory)[:1]:
                return self._ask_by_shares(partial(self._get, negotiation), busy)
        except ContextNotAccepted:
            if not self._may_move:
                raise
            return self._ask_by_shares(self._move, busy)
        return False

    def _run_method(self) -> None:
        if self._moves:
            self._by_move()
            return
        before = self.work.stored_count
        try:
            self._by_get()
        except ContextNotAccepted as refusal:
            if not self._may_move:
                raise self._with_another_way(refusal, refusal.found) from refusal
            self._by_move()
        except RequestAborted as abort:
            if self.quirks.takes_get or self.work.stored_count > before:
                raise  # it serves C-GET, and this is another failure
            found = f"{abort.found} It did so at our C-GET request: some refuse C-GET like that."
            if not self._may_move:
                raise self._with_another_way(abort, found) from abort
            self._note(f"{found} Asking by C-MOVE instead, as --method auto says.")
            self._by_move()
            self.quirks.aborts_get = self._reported_success

    @property
    def _moves(self) -> bool:
        """True if C-GET is not to be tried."""
        return self.plan.method is Method.C_MOVE or (self._may_move and self.quirks.aborts_get)

    @property
    def _may_move(self) -> bool:
        return self.plan.method is not Method.C_GET and self.plan.move_destination is not None

    def _with_another_way(self, refusal: PeerError, found: str) -> PeerError:
        """The refusal of a C-GET, with what to try instead."""
        next_step = f"{refusal.next_step} {self.instead_of_get}".strip()
        return type(refusal)(found, next_step=next_step)

    def _note(self, text: str) -> None:
        self.desk.emit(Noted(study_instance_uid=self.work.study_instance_uid, text=text))

    def _by_get(self) -> None:
        """Ask with each negotiation in turn; more than one is rare."""
        inventory = self.work.inventory
        asks = [partial(self._get, n) for n in self.peer.negotiations(inventory)]
        for number, ask in enumerate(asks):
            if number == 0 or not inventory.listed:
                self._ask_for_all(ask)
            else:
                self._ask_by_lists(ask)
            if self._settled:
                return
        for ask in asks[:1]:
            narrow = [partial(self._get, n) for n in self.peer.narrow_negotiations(inventory)]
            self._chase(ask, narrow)

    def _by_move(self) -> None:
        self._ask_for_all(self._move)
        if self.plan.listening and not self._settled:
            self._chase(self._move, ())

    def _ask_for_all(self, ask: _Ask) -> None:
        """The whole selection in one request, unless it is shared, or in part here already."""
        in_vain = self.shares is not None
        if in_vain and self._ask_together(ask):
            return
        before = self.work.stored_count
        if before and self.work.inventory.listed:
            self._ask_by_lists(ask)
        else:
            self._ask_for_selection(ask)
            if in_vain and self.work.stored_count > before:
                self.quirks.rejects_lists = True

    def _ask_for_selection(self, ask: _Ask) -> None:
        """The requests for it one after the other, with one account of them all."""
        finals: list[FinalResponse] = []
        uids_max = 1 if self.quirks.rejects_lists else UIDS_A_REQUEST_MAX
        for request in requests_for(self.work.selection, uids_max):
            if self.cancel.requested or self.desk.disk_failure:
                break
            before = self.work.stored_count
            try:
                ask(request)
            except AssociationAborted:
                alone = len(request.sop_instance_uids) < 2 or not self.work.inventory.listed
                if alone or self._sees_nothing or self.work.stored_count > before:
                    raise
                continue  # perhaps it was the list, and one by one will do
            if self._final is not None:
                finals.append(self._final)
                self._counted += self._final.completed or 0
        if finals:
            self._final = combined(finals)

    def _ask_together(self, ask: _Ask) -> bool:
        """Ask share by share, as others do meanwhile; False if nothing at all came of it.

        A PACS that does not take lists of UIDs shows in that, and may take the whole study.
        """
        before = self.work.stored_count
        failure: RetrieveError | None = None
        try:
            self._ask_by_shares(ask)
        except ContextNotAccepted:
            raise  # the shares are for another method, then
        except RetrieveError as error:
            failure = error
        if self.shares is not None:  # the account stays open while others bring what they asked for
            self.shares.wait()
        came = self.work.stored_count > before
        if failure is not None and (came or not isinstance(failure, AssociationAborted)):
            raise failure
        return came or self.cancel.requested or self.desk.disk_failure is not None

    def _ask_by_shares(self, ask: _Ask, busy: Callable[[], bool] = lambda: False) -> bool:
        """Ask share by share; True if that ended because of `busy`."""
        shares = self.shares
        if shares is None or not shares.join():
            return False
        try:
            while not self._settled and (request := shares.take()):
                try:
                    ask(request)
                except BaseException:
                    shares.give_back(request)
                    raise
                if busy():
                    return True
        finally:
            shares.leave()
        return False

    def _chase(self, ask: _Ask, others: Sequence[_Ask]) -> None:
        """Ask for what is missing: by lists of UIDs, in other ways, and then one by one.

        Not for everything over again, where nothing came and the PACS named a failure that time
        may heal: that is for another attempt.
        """
        work = self.work
        if not work.inventory.listed:
            return
        before = work.stored_count
        if work.stored_count or self._reported_success:
            self._ask_by_lists(ask)
        lists_failed = work.stored_count == before
        for other in others if lists_failed else ():
            if not self._settled:
                self._ask_by_lists(other)
        if work.stored_count or self._reported_success:
            self._ask_one_by_one(ask, lists_failed=lists_failed)

    @property
    def _sees_nothing(self) -> bool:
        """True if the instances go to somebody else's SCP."""
        return self._moved and not self.plan.listening

    @property
    def _reported_success(self) -> bool:
        return self._final is None or self._final.status in {SUCCESS, SUB_OPERATIONS_FAILED}

    def _ask_by_lists(self, ask: _Ask) -> None:
        """Ask for what is missing by lists, unless the PACS is known not to take them."""
        if self.quirks.rejects_lists:
            return
        before = self.work.stored_count
        try:
            for request in image_requests(self.work, UIDS_A_REQUEST_MAX):
                if self.cancel.requested or self.desk.disk_failure:
                    return
                ask(request)
        except AssociationAborted:
            if self.work.stored_count > before:  # then it was not the list
                raise

    def _ask_one_by_one(self, ask: _Ask, *, lists_failed: bool) -> None:
        barren = 0
        for request in image_requests(self.work, 1):
            if self._settled:
                return
            before = self.work.stored_count
            ask(request)
            if self.work.stored_count > before:
                barren = 0
                self.quirks.rejects_lists = self.quirks.rejects_lists or lists_failed
            else:
                barren += 1
            if barren == _BARREN_MAX:
                return

    def _get(self, negotiation: Any, request: RetrieveRequest) -> None:
        receiver = self.desk.receiver(self.work, self.worker)
        self._final = self.peer.c_get(self._order(request), negotiation, receiver)
        self.quirks.takes_get = True

    def _move(self, request: RetrieveRequest) -> None:
        if self.plan.move_destination is None:
            raise ContextNotAccepted("C-MOVE needs a move destination: set --move-dest.")
        self._moved = True
        self._final = self.peer.c_move(self._order(request), self.plan.move_destination)
        if self.plan.listening and status_cure(self._final.status) is not Cure.NONE:
            self._drain(self._uids_of(request))

    def _uids_of(self, request: RetrieveRequest) -> frozenset[str]:
        """What a request asks for, as far as it is listed; empty for all of the study."""
        if request.sop_instance_uids or request.series_instance_uid is None:
            return frozenset(request.sop_instance_uids)
        return frozenset(
            each.sop_instance_uid
            for each in self.work.inventory.instances
            if each.series_instance_uid == request.series_instance_uid
        )

    def _order(self, request: RetrieveRequest) -> Order:
        return Order(
            request=request,
            patient_id=self.work.inventory.patient_id,
            cancel=self.cancel,
            activity=self.work.activity,
            on_response=self._on_response,
        )

    def _drain(self, asked: frozenset[str]) -> None:
        """Wait for stores that come after the final response, while anything still comes.

        Args:
            asked: The UIDs that were asked for; empty for all of the study.
        """
        work = self.work
        started_s = monotonic()
        while not work.has(asked or work.expected):
            silent_s = monotonic() - max(started_s, work.activity.last_byte_s)
            if silent_s > self.drain_s or self.cancel.requested or self.desk.disk_failure:
                return
            work.wait_complete(_DRAIN_TICK_S)
            if not work.has(asked or work.expected):
                self._note_the_wait()

    def _note_the_wait(self) -> None:
        """Tell, once a run, why nothing ends although the PACS says that it is done."""
        if self.quirks.answers_first:
            return
        self.quirks.answers_first = True
        text = (
            "The PACS says that it is done, but instances are missing: waiting for late ones, "
            f"up to {self.drain_s:.3g} s after the last."
        )
        self._note(text)

    @property
    def _settled(self) -> bool:
        """True if asking again is pointless."""
        if self.work.complete or self.cancel.requested or self.desk.disk_failure:
            return True
        final = self._final
        if final is None:
            return False
        if not self.work.inventory.listed and final.status == SUCCESS and not final.failed:
            return True  # nothing failed by the peer's account, and nothing else tells
        return status_cure(final.status) is Cure.NONE and not self.work.stored_count

    def _on_response(self, response: FinalResponse) -> None:
        completed = self._counted + (response.completed or 0)
        if completed > self._completed and self._sees_nothing:
            # Of what goes to somebody else's SCP, the PACS's count is all that we see.
            self.work.activity.last_instance_s = monotonic()
            self._completed = completed
        self.desk.emit(
            PeerCounted(
                study_instance_uid=self.work.study_instance_uid,
                remaining=response.remaining,
                completed=None if response.completed is None else completed,
                failed=response.failed,
                warning=response.warning,
            )
        )
