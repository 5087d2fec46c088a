"""The requests for one study: all of it at once, then what is still missing."""

from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from time import monotonic

from dicom_retrieve_tui.engine.evidence import Doubt, scope_of
from dicom_retrieve_tui.engine.isolate import BREAKS_MAX, Ask, Isolation
from dicom_retrieve_tui.engine.requests import Requests
from dicom_retrieve_tui.engine.split_study import (
    UIDS_A_REQUEST_MAX,
    SharedRequests,
    image_request,
    image_requests,
)
from dicom_retrieve_tui.engine.verdicts import Ending
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
from dicom_retrieve_tui.model.dimse import FinalResponse, combined
from dicom_retrieve_tui.model.selection import RetrieveRequest, requests_for
from dicom_retrieve_tui.model.status import TRY_C_GET, Asked, describe_status

_BARREN_MAX = 20
"""Instances asked for one by one, and in vain, until the rest is not asked for."""

_SHARED_IN_VAIN_MAX = 2
"""Shares that break off for one worker, and bring nothing, until it asks for no more."""
_FIRSTS_MAX = 4
_LISTS_MAX = 3
"""How often the PACS is asked for its list again, while it has more each time."""

_MORE = frozenset({Doubt.MORE_FAILED, Doubt.MORE_ANNOUNCED})
_UNASKED = _MORE | {Doubt.UNCORROBORATED}
_LIST_AGAIN = _MORE | {Doubt.NO_LONGER_LISTED}
_COUNT = frozenset({Doubt.BROKE_OFF, Doubt.NO_LONGER_LISTED, Doubt.UNCORROBORATED})
"""What helps against which doubt."""


class Transfer:
    """One attempt at the instances of one study."""

    def __init__(
        self,
        requests: Requests,
        *,
        destination: str,
        instead_of_get: str,
        shared: SharedRequests | None,
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
        self._receiver = requests.receiver
        self._cancel = requests.cancel
        self._quirks = requests.quirks
        self._study = requests.study
        self._peer = requests.peer
        self._destination = destination
        self._instead_of_get = instead_of_get
        self._shared = shared
        self._asked_whole = False
        """True once this attempt has asked for all of the selection at once."""
        self._breaks_again = bool(requests.study.bad.broke_at)
        """True if a request of an earlier attempt broke off."""

    def run(self) -> Ending:
        """Ask until everything is there or there is no more to try."""
        if self._study.inventory.empty or self._study.complete:
            return Ending()
        cancelled, error, start_s = False, None, monotonic()
        for step in (self._run_method, self._weigh):
            try:
                step()
            except Cancelled:
                cancelled = True
                break
            except RetrieveError as caught:
                error = error or caught
        return Ending(
            final=self._requests.final,
            error=error or self._receiver.disk_failure,
            cancelled=cancelled or self._cancel.requested,
            refused_callers=self._receiver.refused_callers_since(start_s),
            starved=self._requests.starves,
            elsewhere=self._requests.sees_nothing,
            destination=self._destination if self._requests.moved else "",
            asked=self._asked,
        )

    @property
    def _asked(self) -> Asked:
        """The request that was made last, and what there is to try instead."""
        requests, study = self._requests, self._study
        other_way = TRY_C_GET if requests.moved else self._instead_of_get
        tried = self._plan.method is Method.AUTO and self._may_move
        return Asked(
            operation="C-MOVE" if requests.moved else "C-GET",
            came=study.stored_count > len(study.present),
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
            return self._ask_shared(self._requests.move, busy)
        try:
            for negotiation in self._peer.negotiations(self._study.inventory)[:1]:
                return self._ask_shared(partial(self._requests.get, negotiation), busy)
        except ContextNotAccepted:
            if not self._may_move:
                raise
            return self._ask_shared(self._requests.move, busy)
        return False

    def _run_method(self) -> None:
        if self._study.satisfied:
            return  # it is only to be weighed
        if self._moves:
            self._by_move()
            return
        try:
            self._by_get()
        except ContextNotAccepted as refusal:
            if not self._may_move:
                raise self._with_another_way(refusal, refusal.found) from refusal
            self._by_move()
        except RequestAborted as abort:
            self._after_abort(abort)
        except PeerError as error:
            self._after_break(error)
        else:
            self._after_get()

    def _after_get(self) -> None:
        """Ask by C-MOVE for what C-GET did not bring."""
        if self._may_move and self._lacks_some:
            self._requests.note("Not everything came by C-GET: asking for the rest by C-MOVE.")
            self._by_move()

    def _after_abort(self, abort: RequestAborted) -> None:
        """Ask by C-MOVE, where the PACS aborts because it does not serve C-GET."""
        if self._quirks.takes_get:
            raise abort  # it serves C-GET, and this is another failure
        found = f"{abort.found} It did so at our C-GET request: some refuse C-GET like that."
        if not self._may_move:
            raise self._with_another_way(abort, found) from abort
        self._requests.note(f"{found} Asking by C-MOVE instead, as --method auto says.")
        self._by_move()
        self._quirks.aborts_get = self._requests.reported_success

    def _after_break(self, error: PeerError) -> None:
        """Ask by C-MOVE, where the PACS hangs up or is silent at a C-GET: it may not serve any.

        Raises:
            PeerError: The same, if C-MOVE brings nothing: then it may be about an instance. Or it
                is another failure.
        """
        if not (error.mid_request and self._may_move) or self._quirks.takes_get:
            raise error
        instead = "Asking by C-MOVE instead, as --method auto says."
        self._requests.note(f"{error.found} It did so at our C-GET request. {instead}")
        before = self._study.stored_count
        try:
            self._by_move()
            failure = self._move_failure()
        except PeerError as other:
            failure = str(other)
        if self._study.stored_count == before and failure:
            self._requests.note(f"C-MOVE brought nothing, either. {failure}")
            raise error
        self._quirks.aborts_get = not failure

    def _move_failure(self) -> str:
        """Return how the PACS ended a C-MOVE, in a sentence; empty if it named no failure."""
        final = self._requests.final
        if final is None or self._requests.reported_success:
            return ""
        described = describe_status(final.status, final.comment, self._asked)
        return f"The PACS ended the retrieval with {described}"

    @property
    def _lacks_some(self) -> bool:
        """True if something did not come that C-MOVE may bring here, or anywhere."""
        study = self._study
        if self._stopped or study.satisfied or (study.stored_count and not self._plan.listening):
            return False
        return study.inventory.listed or not self._requests.settled

    @property
    def _stopped(self) -> bool:
        return self._cancel.requested or self._receiver.disk_failure is not None

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
        inventory = self._study.inventory
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
            # Where C-MOVE comes next, it brings what no list brought.
            singly = not (self._may_move and self._plan.listening)
            self._chase(ask, chain(narrow, Widening(self._requests).asks()), singly=singly)

    def _by_move(self) -> None:
        if not self._plan.listening:  # somebody else gets all of it, whatever is here
            self._ask_for_selection(self._requests.move)
            return
        self._ask_for_all(self._requests.move)
        if not self._requests.settled:
            self._chase(self._requests.move, (), singly=True)

    def _ask_for_all(self, ask: Ask) -> None:
        """The whole selection in one request, unless it is shared, or in part here already.

        Nor where a request for it broke off before: then one instance may be to blame.
        """
        in_vain = self._shared is not None
        if in_vain and self._ask_together(ask):
            return
        study = self._study
        before = study.stored_count
        if study.inventory.listed and (before or self._breaks_again):
            self._ask_by_lists(ask)
        else:
            self._ask_for_selection(ask)
            if in_vain and study.stored_count > before:
                self._quirks.rejects_lists = True

    def _ask_for_selection(self, ask: Ask) -> None:
        """The requests for it one after the other, with one account of them all."""
        finals: list[FinalResponse] = []
        uids_max = 1 if self._quirks.rejects_lists else UIDS_A_REQUEST_MAX
        self._asked_whole = True
        for request in requests_for(self._study.selection, uids_max):
            if self._stopped:
                break
            before = self._study.stored_count
            try:
                ask(request)
            except AssociationAborted:
                alone = len(request.sop_instance_uids) < 2 or not self._study.inventory.listed
                if alone or self._requests.sees_nothing or self._study.stored_count > before:
                    raise
                continue  # perhaps it was the list, and one by one will do
            if (final := self._requests.end()) is not None:
                finals.append(final)
        if finals:
            self._requests.final = combined(finals)

    def _ask_together(self, ask: Ask) -> bool:
        """Ask share by share, as others do meanwhile; False if nothing at all came of it.

        A PACS that does not take lists of UIDs shows in that, and may take the whole study.
        """
        before = self._study.stored_count
        failure: RetrieveError | None = None
        try:
            self._ask_shared(ask)
        except ContextNotAccepted:
            raise  # the shares are for another method, then
        except RetrieveError as error:
            failure = error
        if self._shared is not None:
            self._shared.wait()  # the account stays open while others bring what they asked for
            try:
                for request in self._shared.take_broken_off():
                    Isolation(request, self._study, ask).retrieve(lambda: self._stopped)
            except RetrieveError as error:
                failure = failure or error
        came = self._study.stored_count > before
        if failure is not None and (came or not isinstance(failure, AssociationAborted)):
            raise failure
        return came or self._stopped

    def _ask_shared(self, ask: Ask, busy: Callable[[], bool] = lambda: False) -> bool:
        """Ask share by share; True if that ended because of `busy`."""
        shared = self._shared
        if shared is None or not shared.join():
            return False
        in_vain = 0
        try:
            while not self._requests.settled and (request := shared.take()):
                before = self._study.stored_count
                try:
                    ask(request)
                except BaseException as error:
                    if not (isinstance(error, PeerError) and error.mid_request):
                        shared.give_back(request)
                        raise
                    shared.put_off(request)
                    in_vain = in_vain + 1 if self._study.stored_count == before else 0
                    if in_vain == _SHARED_IN_VAIN_MAX:
                        raise
                if busy():
                    return True
        finally:
            shared.leave()
        return False

    def _chase(self, ask: Ask, others: Iterable[Ask], *, singly: bool) -> None:
        """Ask for what is missing: by lists of UIDs, in other ways, and then one by one.

        Not for everything over again, where nothing came and the PACS named a failure that time
        may heal: that is for another attempt.
        """
        study = self._study
        if not study.inventory.listed:
            return
        before = study.stored_count
        if study.stored_count or self._requests.reported_success:
            self._ask_by_lists(ask)
        if study.stored_count == before:
            self._ask_past_the_first(ask)
        lists_failed = study.stored_count == before
        for other in others:
            if self._requests.settled:
                break
            self._ask_by_lists(other)
        if singly and (study.stored_count or self._requests.reported_success):
            self._ask_one_by_one(ask, lists_failed=lists_failed)

    def _ask_by_lists(self, ask: Ask) -> None:
        """Ask for what is missing by lists, unless the PACS is known not to take them."""
        if self._quirks.rejects_lists:
            return
        before = self._study.stored_count
        try:
            for request in image_requests(self._study, UIDS_A_REQUEST_MAX):
                if self._stopped:
                    return
                if self._breaks_again:
                    Isolation(request, self._study, ask).retrieve(lambda: self._stopped)
                else:
                    ask(request)
        except AssociationAborted:
            if self._breaks_again or self._study.stored_count > before:  # it was not the list
                raise

    def _ask_past_the_first(self, ask: Ask) -> None:
        """Ask for lists without their first instance, where the PACS stops at what it cannot send.

        Orthanc does, and says so by counting fewer sub-operations than it was asked for. Where
        nothing has come and none is counted, it may refuse any request: that is tried once.
        """
        for _ in range(_FIRSTS_MAX):
            before = self._study.stored_count
            for request in list(image_requests(self._study, UIDS_A_REQUEST_MAX)):
                rest = request.sop_instance_uids[1:]
                if self._stopped or not rest or not self._requests.stopped_early(len(rest) + 1):
                    return
                ask(image_request(self._study, request.series_instance_uid or "", rest))
            if self._study.stored_count == before:
                return

    def _ask_one_by_one(self, ask: Ask, *, lists_failed: bool) -> None:
        barren = 0
        for request in image_requests(self._study, 1):
            if self._requests.settled:
                return
            before = self._study.stored_count
            self._ask_for_one(ask, request)
            if self._study.stored_count > before:
                barren = 0
                self._quirks.rejects_lists = self._quirks.rejects_lists or lists_failed
            else:
                barren += 1
            if barren == _BARREN_MAX:
                return

    def _ask_for_one(self, ask: Ask, request: RetrieveRequest) -> None:
        (uid,) = request.sop_instance_uids
        try:
            ask(request)
        except PeerError as error:
            if not (error.mid_request and self._breaks_again):
                raise
            if self._study.bad.breaks_at(uid) >= BREAKS_MAX:
                self._study.bad.given_up[uid] = error.found

    # What follows weighs a list that is satisfied.

    def _weigh(self) -> None:
        """Look into what contradicts a list that is satisfied, with as few requests as it takes."""
        study = self._study
        if self._requests.sees_nothing or not study.inventory.listed:
            return
        self._ask_for_remembered()
        lists_left, counted, grew = _LISTS_MAX, False, False
        while not self._stopped and study.satisfied:
            doubt = study.doubt
            if lists_left and (grew or study.grew or doubt in _LIST_AGAIN):
                grew = self._list_again()
                lists_left = lists_left - 1 if grew else 0
            elif doubt is Doubt.NO_LONGER_LISTED and study.confirmed:
                study.retire()
            elif doubt in _COUNT and not (counted or self._quirks.counts_nothing):
                counted = True
                self._count()
                self._quirks.counts_nothing = study.doubt is doubt is Doubt.UNCORROBORATED
            elif self._may_help_to_ask_again(doubt):
                study.repeats_left -= 1
                self._ask_for_selection(self._way)
            else:
                return

    def _may_help_to_ask_again(self, doubt: Doubt | None) -> bool:
        """True if all of it is worth another request, which brings again what is here."""
        if not self._study.repeats_left:
            return False
        if doubt in _UNASKED:
            return not self._asked_whole
        return doubt is Doubt.BROKE_OFF

    @property
    def _way(self) -> Ask:
        """How to ask for more of what came already."""
        if not self._moves and not self._requests.moved:
            for negotiation in self._peer.negotiations(self._study.inventory):
                return partial(self._requests.get, negotiation)
        return self._requests.move

    def _ask_for_remembered(self) -> None:
        """Ask for what earlier runs had on disk and the PACS does not list."""
        by_series: dict[str, list[str]] = {}
        for uid, series_uid in self._study.remembered.items():
            if series_uid:
                by_series.setdefault(series_uid, []).append(uid)
        for series_uid, uids in by_series.items():
            for at in range(0, len(uids), UIDS_A_REQUEST_MAX):
                if self._stopped:
                    return
                part = uids[at : at + UIDS_A_REQUEST_MAX]
                self._way(image_request(self._study, series_uid, part))

    def _list_again(self) -> bool:
        """Have the PACS list the study again; ask for what is new, and return True if it grew."""
        study = self._study
        before = len(study.expected)
        inventory = self._requests.list_again()
        if not inventory.listed or inventory.empty:
            return False
        grew = study.still_arriving = study.list_again(inventory)
        if grew:
            now = len(study.expected)
            self._requests.note(
                f"The study is still arriving: {now:,} now, {before:,} when it was listed."
            )
            self._ask_by_lists(self._way)
        return grew

    def _count(self) -> None:
        """Have the PACS count all of the selection, without having it sent once more."""
        for request in requests_for(self._study.selection, UIDS_A_REQUEST_MAX):
            if scope_of(request) is None or self._stopped:
                continue
            try:
                self._requests.count(request)
            except ContextNotAccepted:
                return  # it serves C-MOVE alone
            except PeerError as error:
                if not error.mid_request:
                    raise
                self._study.note_break(request, None)
