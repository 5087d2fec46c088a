"""The requests for one study: all of it at once, then what is still missing."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from time import monotonic

from dicom_retrieve_tui.engine.judgement import Ending
from dicom_retrieve_tui.engine.requests import Requests
from dicom_retrieve_tui.engine.shares import UIDS_A_REQUEST_MAX, Shares, image_requests
from dicom_retrieve_tui.engine.widening import Widening
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    Cancelled,
    ContextNotAccepted,
    PeerError,
    RequestAborted,
    RetrieveError,
)
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.offer import FinalResponse, combined
from dicom_retrieve_tui.model.selection import RetrieveRequest, requests_for
from dicom_retrieve_tui.model.status import TRY_C_GET, Asked

_BARREN_MAX = 20
"""Instances asked for one by one, and in vain, until the rest is not asked for."""

_Ask = Callable[[RetrieveRequest], None]


class Transfer:
    """One attempt at the instances of one study."""

    def __init__(
        self, requests: Requests, *, destination: str, instead_of_get: str, shares: Shares | None
    ) -> None:
        """Prepare; nothing is sent yet.

        Args:
            destination: Our move destination, in the words that a PACS administrator needs.
            instead_of_get: What to try where the PACS does not serve C-GET.
            shares: What to ask for, one request after the other, with the help of others; None:
                all at once.
        """
        self._requests = requests
        self._plan = requests.plan
        self._desk = requests.desk
        self._cancel = requests.cancel
        self._quirks = requests.quirks
        self._work = requests.work
        self._peer = requests.peer
        self._destination = destination
        self._instead_of_get = instead_of_get
        self._shares = shares

    def run(self) -> Ending:
        """Ask until everything is there or there is no more to try."""
        if self._work.inventory.empty or self._work.complete:
            return Ending()
        cancelled, error, start_s = False, None, monotonic()
        try:
            self._run_method()
        except Cancelled:
            cancelled = True
        except RetrieveError as caught:
            error = caught
        return Ending(
            final=self._requests.final,
            error=error or self._desk.disk_failure,
            cancelled=cancelled or self._cancel.requested,
            turned_away=self._desk.turned_away_since(start_s),
            starved=self._requests.starves,
            elsewhere=self._requests.sees_nothing,
            destination=self._destination if self._requests.moved else "",
            asked=self._asked,
        )

    @property
    def _asked(self) -> Asked:
        """The request that was made last, and what there is to try instead."""
        requests, work = self._requests, self._work
        other_way = TRY_C_GET if requests.moved else self._instead_of_get
        tried = self._plan.method is Method.AUTO and self._may_move
        return Asked(
            operation="C-MOVE" if requests.moved else "C-GET",
            came=work.stored_count > len(work.present),
            other_way="" if tried or requests.sees_nothing else other_way,
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
            return self._ask_by_shares(self._requests.move, busy)
        try:
            for negotiation in self._peer.negotiations(self._work.inventory)[:1]:
                return self._ask_by_shares(partial(self._requests.get, negotiation), busy)
        except ContextNotAccepted:
            if not self._may_move:
                raise
            return self._ask_by_shares(self._requests.move, busy)
        return False

    def _run_method(self) -> None:
        if self._moves:
            self._by_move()
            return
        before = self._work.stored_count
        try:
            self._by_get()
        except ContextNotAccepted as refusal:
            if not self._may_move:
                raise self._with_another_way(refusal, refusal.found) from refusal
            self._by_move()
        except RequestAborted as abort:
            if self._quirks.takes_get or self._work.stored_count > before:
                raise  # it serves C-GET, and this is another failure
            found = f"{abort.found} It did so at our C-GET request: some refuse C-GET like that."
            if not self._may_move:
                raise self._with_another_way(abort, found) from abort
            self._requests.note(f"{found} Asking by C-MOVE instead, as --method auto says.")
            self._by_move()
            self._quirks.aborts_get = self._requests.reported_success

    @property
    def _moves(self) -> bool:
        """True if C-GET is not to be tried."""
        return self._plan.method is Method.C_MOVE or (self._may_move and self._quirks.aborts_get)

    @property
    def _may_move(self) -> bool:
        return self._plan.method is not Method.C_GET and self._plan.move_destination is not None

    def _with_another_way(self, refusal: PeerError, found: str) -> PeerError:
        """The refusal of a C-GET, with what to try instead."""
        return type(refusal)(found, next_step=refusal.next_step or self._instead_of_get)

    def _by_get(self) -> None:
        """Ask with each negotiation in turn; more than one is rare."""
        inventory = self._work.inventory
        asks = [partial(self._requests.get, n) for n in self._peer.negotiations(inventory)]
        for number, ask in enumerate(asks):
            if number == 0 or not inventory.listed:
                self._ask_for_all(ask)
            else:
                self._ask_by_lists(ask)
            if self._requests.settled:
                return
        for ask in asks[:1]:
            narrow = [
                partial(self._requests.get, n) for n in self._peer.narrow_negotiations(inventory)
            ]
            self._chase(ask, chain(narrow, Widening(self._requests).asks()))

    def _by_move(self) -> None:
        if not self._plan.listening:  # somebody else gets all of it, whatever is here
            self._ask_for_selection(self._requests.move)
            return
        self._ask_for_all(self._requests.move)
        if not self._requests.settled:
            self._chase(self._requests.move, ())

    def _ask_for_all(self, ask: _Ask) -> None:
        """The whole selection in one request, unless it is shared, or in part here already."""
        in_vain = self._shares is not None
        if in_vain and self._ask_together(ask):
            return
        before = self._work.stored_count
        if before and self._work.inventory.listed:
            self._ask_by_lists(ask)
        else:
            self._ask_for_selection(ask)
            if in_vain and self._work.stored_count > before:
                self._quirks.rejects_lists = True

    def _ask_for_selection(self, ask: _Ask) -> None:
        """The requests for it one after the other, with one account of them all."""
        finals: list[FinalResponse] = []
        uids_max = 1 if self._quirks.rejects_lists else UIDS_A_REQUEST_MAX
        for request in requests_for(self._work.selection, uids_max):
            if self._cancel.requested or self._desk.disk_failure:
                break
            before = self._work.stored_count
            try:
                ask(request)
            except AssociationAborted:
                alone = len(request.sop_instance_uids) < 2 or not self._work.inventory.listed
                if alone or self._requests.sees_nothing or self._work.stored_count > before:
                    raise
                continue  # perhaps it was the list, and one by one will do
            if (final := self._requests.end()) is not None:
                finals.append(final)
        if finals:
            self._requests.final = combined(finals)

    def _ask_together(self, ask: _Ask) -> bool:
        """Ask share by share, as others do meanwhile; False if nothing at all came of it.

        A PACS that does not take lists of UIDs shows in that, and may take the whole study.
        """
        before = self._work.stored_count
        failure: RetrieveError | None = None
        try:
            self._ask_by_shares(ask)
        except ContextNotAccepted:
            raise  # the shares are for another method, then
        except RetrieveError as error:
            failure = error
        if (
            self._shares is not None
        ):  # the account stays open while others bring what they asked for
            self._shares.wait()
        came = self._work.stored_count > before
        if failure is not None and (came or not isinstance(failure, AssociationAborted)):
            raise failure
        return came or self._cancel.requested or self._desk.disk_failure is not None

    def _ask_by_shares(self, ask: _Ask, busy: Callable[[], bool] = lambda: False) -> bool:
        """Ask share by share; True if that ended because of `busy`."""
        shares = self._shares
        if shares is None or not shares.join():
            return False
        try:
            while not self._requests.settled and (request := shares.take()):
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

    def _chase(self, ask: _Ask, others: Iterable[_Ask]) -> None:
        """Ask for what is missing: by lists of UIDs, in other ways, and then one by one.

        Not for everything over again, where nothing came and the PACS named a failure that time
        may heal: that is for another attempt.
        """
        work = self._work
        if not work.inventory.listed:
            return
        before = work.stored_count
        if work.stored_count or self._requests.reported_success:
            self._ask_by_lists(ask)
        lists_failed = work.stored_count == before
        for other in others:
            if self._requests.settled:
                break
            self._ask_by_lists(other)
        if work.stored_count or self._requests.reported_success:
            self._ask_one_by_one(ask, lists_failed=lists_failed)

    def _ask_by_lists(self, ask: _Ask) -> None:
        """Ask for what is missing by lists, unless the PACS is known not to take them."""
        if self._quirks.rejects_lists:
            return
        before = self._work.stored_count
        try:
            for request in image_requests(self._work, UIDS_A_REQUEST_MAX):
                if self._cancel.requested or self._desk.disk_failure:
                    return
                ask(request)
        except AssociationAborted:
            if self._work.stored_count > before:  # then it was not the list
                raise

    def _ask_one_by_one(self, ask: _Ask, *, lists_failed: bool) -> None:
        barren = 0
        for request in image_requests(self._work, 1):
            if self._requests.settled:
                return
            before = self._work.stored_count
            ask(request)
            if self._work.stored_count > before:
                barren = 0
                self._quirks.rejects_lists = self._quirks.rejects_lists or lists_failed
            else:
                barren += 1
            if barren == _BARREN_MAX:
                return
