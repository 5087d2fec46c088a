"""One attempt at the instances of a study: by C-GET, by C-MOVE, and then what contradicts the list.

C-GET is tried with the usual presentation contexts, with narrower and with wider ones; where it
does not bring everything and C-MOVE may, C-MOVE follows. Once all that is listed is here, a few
requests look into whatever indicates that there is more.
"""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from time import monotonic
from typing import Any

from dicom_retrieve_tui.engine.evidence import Doubt, scope_of
from dicom_retrieve_tui.engine.isolate import Ask
from dicom_retrieve_tui.engine.missing_instances import MissingInstances
from dicom_retrieve_tui.engine.requests import Requests
from dicom_retrieve_tui.engine.split_study import UIDS_A_REQUEST_MAX, SharedRequests, image_request
from dicom_retrieve_tui.engine.verdicts import Ending
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    Cancelled,
    ContextNotAccepted,
    Interrupted,
    PeerError,
    RequestAborted,
    RetrieveError,
)
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.selection import RetrieveRequest, requests_for
from dicom_retrieve_tui.model.status import (
    SUB_OPERATIONS_FAILED,
    SUCCESS,
    TRY_C_GET,
    Asked,
    describe_status,
)

_LISTS_MAX = 3
"""How often the PACS is asked for its list again, while it has more each time."""

# Which doubts about a complete list each kind of request may settle.
_MORE = frozenset({Doubt.MORE_FAILED, Doubt.MORE_ANNOUNCED})
_UNASKED = _MORE | {Doubt.UNCORROBORATED}
_LIST_AGAIN = _MORE | {Doubt.NO_LONGER_LISTED}
_COUNT = frozenset({Doubt.BROKE_OFF, Doubt.NO_LONGER_LISTED, Doubt.UNCORROBORATED})

_NO_CONTEXT = frozenset({SUCCESS, SUB_OPERATIONS_FAILED, 0x0122, 0xA702})
"""Statuses of archives that have no presentation context for what they hold."""


class Transfer:
    """One attempt at the instances of one study."""

    def __init__(self, requests: Requests, shared: SharedRequests | None) -> None:
        """Send nothing yet.

        Args:
            requests: Makes the requests.
            shared: The study cut into requests that several workers make; None for one worker.
        """
        self._requests = requests
        self._missing = MissingInstances(requests, shared)
        self._run = requests.run
        self._options = requests.run.options
        self._quirks = requests.run.quirks
        self._study = requests.study

    def run(self) -> Ending:
        """Make requests until everything is here or nothing more can be tried.

        Raises:
            Interrupted: The run is held.
        """
        if self._study.inventory.empty or self._study.complete:
            return Ending()
        requests, receiver = self._requests, self._run.receiver
        cancelled, error, started_s = False, None, monotonic()
        for step in (self._retrieve, self._settle_doubts):
            try:
                step()
            except Interrupted:
                raise
            except Cancelled:
                cancelled = True
                break
            except RetrieveError as caught:
                error = error or caught
        return Ending(
            final=requests.final,
            error=error or receiver.disk_failure,
            cancelled=cancelled or requests.cancel.requested,
            refused_callers=receiver.refused_callers_since(started_s),
            starved=requests.starves,
            elsewhere=requests.sees_nothing,
            destination=self._destination if requests.moved else "",
            asked=self._asked,
        )

    @property
    def _destination(self) -> str:
        """Our move destination as a PACS administrator needs to know it; empty without one."""
        if not self._run.listening_at:
            return ""
        return f"AE title {self._options.move_destination} is at {self._run.listening_at}"

    @property
    def _asked(self) -> Asked:
        """The request that was made last, and what there is to try instead."""
        requests, study = self._requests, self._study
        other_way = TRY_C_GET if requests.moved else self._run.instead_of_get
        tried = self._options.method is Method.AUTO and self._may_move
        return Asked(
            operation="C-MOVE" if requests.moved else "C-GET",
            came=study.stored_count > len(study.present),
            other_way="" if tried or requests.sees_nothing else other_way,
        )

    def help(self, busy: Callable[[], bool]) -> bool:
        """Make shared requests for a study that another worker retrieves, while any are left.

        Args:
            busy: True if this worker has other work; called after each request.

        Returns:
            True if it left because of `busy`, so that other workers may go on.

        Raises:
            RetrieveError, Cancelled: A request failed; the other worker handles what is missing.
        """
        requests, ask_shared = self._requests, self._missing.ask_shared
        if self._moves:
            return ask_shared(requests.move, busy)
        try:
            for negotiation in requests.peer.negotiations(self._study.inventory)[:1]:
                return ask_shared(partial(requests.get, negotiation), busy)
        except ContextNotAccepted:
            if not self._may_move:
                raise
            return ask_shared(requests.move, busy)
        return False

    # C-GET and C-MOVE

    def _retrieve(self) -> None:
        if self._study.satisfied:
            return  # only doubts are left
        if self._moves:
            self._by_move()
            return
        try:
            self._by_get()
        except ContextNotAccepted as refusal:
            if not self._may_move:
                raise self._with_advice(refusal, refusal.found) from refusal
            self._by_move()
        except RequestAborted as abort:
            self._after_abort(abort)
        except PeerError as error:
            self._after_break(error)
        else:
            self._after_get()

    def _after_get(self) -> None:
        """Use C-MOVE for what C-GET did not bring."""
        if self._may_move and self._lacks_some:
            self._requests.note("Not everything came by C-GET: asking for the rest by C-MOVE.")
            self._by_move()

    def _after_abort(self, abort: RequestAborted) -> None:
        """Use C-MOVE if the PACS aborts because it does not serve C-GET."""
        if self._quirks.takes_get:
            raise abort  # it serves C-GET, and this is another failure
        found = f"{abort.found} It did so at our C-GET request: some refuse C-GET like that."
        if not self._may_move:
            raise self._with_advice(abort, found) from abort
        self._requests.note(f"{found} Asking by C-MOVE instead, as --method auto says.")
        self._by_move()
        self._quirks.aborts_get = self._requests.reported_success

    def _after_break(self, error: PeerError) -> None:
        """Use C-MOVE if the PACS hangs up or is silent at a C-GET: it may not serve C-GET.

        Raises:
            PeerError: The same error, if it is another failure, or if C-MOVE brings nothing: then
                a single instance may be the cause.
        """
        if not (error.mid_request and self._may_move) or self._quirks.takes_get:
            raise error
        instead = "Asking by C-MOVE instead, as --method auto says."
        self._requests.note(f"{error.found} It did so at our C-GET request. {instead}")
        stored_before = self._study.stored_count
        try:
            self._by_move()
            failure = self._move_failure()
        except PeerError as other:
            failure = str(other)
        if self._study.stored_count == stored_before and failure:
            self._requests.note(f"C-MOVE brought nothing, either. {failure}")
            raise error
        self._quirks.aborts_get = not failure

    def _move_failure(self) -> str:
        """Return how the PACS ended a C-MOVE, in a sentence; empty if it reported no failure."""
        final = self._requests.final
        if final is None or self._requests.reported_success:
            return ""
        described = describe_status(final.status, final.comment, self._asked)
        return f"The PACS ended the retrieval with {described}"

    @property
    def _lacks_some(self) -> bool:
        """True if instances are missing that C-MOVE may bring."""
        study, requests = self._study, self._requests
        if (
            requests.stopped
            or study.satisfied
            or (study.stored_count and not self._options.listening)
        ):
            return False
        return study.inventory.listed or not requests.settled

    @property
    def _moves(self) -> bool:
        """True if C-GET is not to be tried."""
        return self._options.method is Method.C_MOVE or (self._may_move and self._quirks.aborts_get)

    @property
    def _may_move(self) -> bool:
        return (
            self._options.method is not Method.C_GET and self._options.move_destination is not None
        )

    def _with_advice(self, refusal: PeerError, found: str) -> PeerError:
        """Return the refusal of a C-GET with what to try instead."""
        return type(refusal)(found, next_step=refusal.next_step or self._run.instead_of_get)

    def _by_get(self) -> None:
        """Make C-GET requests with each negotiation; more than one is rare."""
        inventory, requests = self._study.inventory, self._requests
        asks = [partial(requests.get, n) for n in requests.peer.negotiations(inventory)]
        for number, ask in enumerate(asks):
            if number == 0 or not inventory.listed:
                self._missing.ask_for_all(ask)
            else:
                self._missing.ask_by_lists(ask)
            if requests.settled:
                return
        for ask in asks[:1]:
            narrow = [
                partial(requests.get, n) for n in requests.peer.narrow_negotiations(inventory)
            ]
            wide = WiderNegotiations(requests, may_move=self._may_move).asks()
            # If C-MOVE follows, it brings what no list brought.
            singly = not (self._may_move and self._options.listening)
            self._missing.ask_for_rest(ask, chain(narrow, wide), singly=singly)

    def _by_move(self) -> None:
        ask = self._requests.move
        if not self._options.listening:  # an SCP that is not ours gets all of it, whatever is here
            self._missing.ask_for_selection(ask)
            return
        self._missing.ask_for_all(ask)
        if not self._requests.settled:
            self._missing.ask_for_rest(ask, (), singly=True)

    # What contradicts a list of which everything is here

    def _settle_doubts(self) -> None:
        """Look into what contradicts a satisfied list, with as few requests as possible."""
        study, requests, quirks = self._study, self._requests, self._quirks
        if requests.sees_nothing or not study.inventory.listed:
            return
        self._ask_for_remembered()
        lists_left, counted, grew = _LISTS_MAX, False, False
        while not requests.stopped and study.satisfied:
            doubt = study.doubt
            if lists_left and (grew or study.grew or self._listing_may_help(doubt)):
                grew = self._list_again()
                lists_left = lists_left - 1 if grew else 0
            elif doubt is Doubt.NO_LONGER_LISTED and study.confirmed:
                study.retire()
            elif doubt in _COUNT and not (counted or quirks.counts_nothing):
                counted = True
                self._count()
                quirks.counts_nothing = study.doubt is doubt is Doubt.UNCORROBORATED
            elif self._repeating_may_help(doubt):
                study.repeats_left -= 1
                self._missing.ask_for_selection(self._usual_way)
            else:
                return

    def _listing_may_help(self, doubt: Doubt | None) -> bool:
        """True if another list may settle a doubt; with it, C-FIND counts the study.

        The first list of a small study has the counts of its series alone.
        """
        counts = self._study.inventory.counted
        return doubt in _LIST_AGAIN or (doubt is Doubt.UNCORROBORATED and counts)

    def _repeating_may_help(self, doubt: Doubt | None) -> bool:
        """True if requesting everything again, also what is here, may settle a doubt."""
        if not self._study.repeats_left:
            return False
        if doubt in _UNASKED:
            return not self._missing.asked_for_all
        return doubt is Doubt.BROKE_OFF

    @property
    def _usual_way(self) -> Ask:
        """Return the method of request that has brought instances already."""
        requests = self._requests
        if not self._moves and not requests.moved:
            for negotiation in requests.peer.negotiations(self._study.inventory):
                return partial(requests.get, negotiation)
        return requests.move

    def _ask_for_remembered(self) -> None:
        """Request what earlier runs had on disk and the PACS does not list."""
        by_series: dict[str, list[str]] = {}
        for uid, series_uid in self._study.remembered.items():
            if series_uid:
                by_series.setdefault(series_uid, []).append(uid)
        for series_uid, uids in by_series.items():
            for at in range(0, len(uids), UIDS_A_REQUEST_MAX):
                if self._requests.stopped:
                    return
                part = uids[at : at + UIDS_A_REQUEST_MAX]
                self._usual_way(image_request(self._study, series_uid, part))

    def _list_again(self) -> bool:
        """Ask for the list again; if it grew, request what is new and return True."""
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
            self._missing.ask_by_lists(self._usual_way)
        return grew

    def _count(self) -> None:
        """Have the PACS count the whole selection without sending it again."""
        for request in requests_for(self._study.selection, UIDS_A_REQUEST_MAX):
            if scope_of(request) is None or self._requests.stopped:
                continue
            try:
                self._requests.count(request)
            except ContextNotAccepted:
                return  # it serves only C-MOVE
            except PeerError as error:
                if not error.mid_request:
                    raise
                self._study.note_break(request, None)


class WiderNegotiations:
    """The wider C-GET negotiations for one study, each tried once."""

    def __init__(self, requests: Requests, *, may_move: bool) -> None:
        """Send nothing yet.

        Args:
            requests: Makes the requests.
            may_move: A C-MOVE can follow, and needs no presentation context of ours.
        """
        self._requests = requests
        self._may_move = may_move
        self._broke_off = False

    def asks(self) -> Iterator[Ask]:
        """Yield ways to request what is missing, until nothing is or no further one may help.

        The caller requests the lists of what is missing with each before it takes the next.
        """
        requests, study, quirks = self._requests, self._requests.study, self._requests.run.quirks
        stored_before, final = study.stored_count, requests.final
        if final is not None and final.status not in _NO_CONTEXT:
            return
        if quirks.rejects_lists:
            return  # what is here already would come again, in other syntaxes
        yield from self._ways(unlisted=False)
        in_vain = self._may_move or quirks.wider_in_vain
        if not (in_vain or self._broke_off or requests.settled):
            yield from self._ways(unlisted=True)
            quirks.wider_in_vain = study.stored_count == stored_before
        if study.stored_count == stored_before:
            requests.final = final  # what the PACS answered before it refused these contexts

    def _ways(self, *, unlisted: bool) -> Iterator["_Way"]:
        requests = self._requests
        for negotiation in requests.peer.wider_negotiations(
            requests.study.inventory, unlisted=unlisted
        ):
            if self._broke_off or requests.settled:
                return
            way = _Way(requests, negotiation, all_lists=not unlisted)
            yield way
            self._broke_off = way.broke_off


class _Way:
    """One negotiation, with which lists are requested one after the other."""

    def __init__(self, requests: Requests, negotiation: Any, *, all_lists: bool) -> None:
        """Send nothing yet.

        Args:
            requests: Makes the requests.
            negotiation: One of `Peer.wider_negotiations`.
            all_lists: Go on after a list that was requested in vain.
        """
        self._requests = requests
        self._negotiation = negotiation
        self._all_lists = all_lists
        self._in_vain = False
        self.broke_off = False
        """The PACS ended the association instead of answering."""

    def __call__(self, request: RetrieveRequest) -> None:
        """Make a request; what did not come is still missing."""
        if self._in_vain:
            return
        stored_before = self._requests.study.stored_count
        try:
            self._requests.get(self._negotiation, request)
        except ContextNotAccepted:
            self._in_vain = True
        except AssociationAborted:
            self.broke_off = True
            raise
        else:
            stored = self._requests.study.stored_count
            self._in_vain = not self._all_lists and stored == stored_before
