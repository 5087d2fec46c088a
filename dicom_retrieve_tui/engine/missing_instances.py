"""Request the missing instances of a study: the whole selection, lists of UIDs, one by one.

Every method takes the way to make a request, so that the same order serves C-GET and C-MOVE.
"""

from collections.abc import Callable, Iterable

from dicom_retrieve_tui.engine.isolate import BREAKS_MAX, Ask, Isolation
from dicom_retrieve_tui.engine.requests import Requests
from dicom_retrieve_tui.engine.split_study import (
    UIDS_A_REQUEST_MAX,
    SharedRequests,
    image_request,
    image_requests,
)
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    ContextNotAccepted,
    PeerError,
    RetrieveError,
)
from dicom_retrieve_tui.model.dimse import FinalResponse, combined
from dicom_retrieve_tui.model.selection import RetrieveRequest, requests_for

_BARREN_MAX = 20
"""Instances requested one by one in vain, until the rest is not requested."""
_SHARED_IN_VAIN_MAX = 2
"""Shared requests that break off for one worker and bring nothing, until it makes no more."""
_FIRSTS_MAX = 4
"""How often lists are requested without the instance at which the PACS stopped."""


class MissingInstances:
    """The requests of one worker for what is missing of a study, in one attempt."""

    def __init__(self, requests: Requests, shared: SharedRequests | None) -> None:
        """Send nothing yet.

        Args:
            requests: Makes the requests.
            shared: The study cut into requests that several workers make; None for one worker.
        """
        self._requests = requests
        self._study = requests.study
        self._quirks = requests.run.quirks
        self._shared = shared
        self._breaks_again = bool(requests.study.bad.broke_at)
        """True if a request of an earlier attempt broke off."""
        self.asked_for_all = False
        """True once this attempt has requested the whole selection at once."""

    def ask_for_all(self, ask: Ask) -> None:
        """Request the whole selection, or what is missing of it.

        Lists of UIDs take the place of the one request where some instances are here already, or
        where a request for all broke off before: one instance may be the cause.
        """
        shared = self._shared
        if shared is not None and self._ask_together(shared, ask):
            return
        study = self._study
        stored_before = study.stored_count
        if study.inventory.listed and (stored_before or self._breaks_again):
            self.ask_by_lists(ask)
        else:
            self.ask_for_selection(ask)
            if shared is not None and study.stored_count > stored_before:
                self._quirks.rejects_lists = True

    def ask_for_selection(self, ask: Ask) -> None:
        """Request the whole selection, and combine the final responses if it takes several."""
        finals: list[FinalResponse] = []
        uids_max = 1 if self._quirks.rejects_lists else UIDS_A_REQUEST_MAX
        self.asked_for_all = True
        for request in requests_for(self._study.selection, uids_max):
            if self._requests.stopped:
                break
            stored_before = self._study.stored_count
            try:
                ask(request)
            except AssociationAborted:
                alone = len(request.sop_instance_uids) < 2 or not self._study.inventory.listed
                came = self._study.stored_count > stored_before
                if alone or self._requests.sees_nothing or came:
                    raise
                continue  # the PACS may not take the list, and will be asked one by one
            if (final := self._requests.end()) is not None:
                finals.append(final)
        if finals:
            self._requests.final = combined(finals)

    def ask_shared(self, ask: Ask, busy: Callable[[], bool] = lambda: False) -> bool:
        """Make shared requests until none is left; True if `busy` ended that."""
        shared = self._shared
        if shared is None or not shared.join():
            return False
        in_vain = 0
        try:
            while not self._requests.settled and (request := shared.take()):
                stored_before = self._study.stored_count
                try:
                    ask(request)
                except BaseException as error:
                    if not (isinstance(error, PeerError) and error.mid_request):
                        shared.give_back(request)
                        raise
                    shared.put_off(request)
                    in_vain = in_vain + 1 if self._study.stored_count == stored_before else 0
                    if in_vain == _SHARED_IN_VAIN_MAX:
                        raise
                if busy():
                    return True
        finally:
            shared.leave()
        return False

    def _ask_together(self, shared: SharedRequests, ask: Ask) -> bool:
        """Make shared requests while other workers do; False if that brought nothing.

        Then the PACS may not take lists of UIDs, and may still take the whole study.
        """
        stored_before = self._study.stored_count
        failure: RetrieveError | None = None
        try:
            self.ask_shared(ask)
        except ContextNotAccepted:
            raise  # the same requests are made by the next method
        except RetrieveError as error:
            failure = error
        shared.wait()  # what the others requested still belongs to this attempt
        try:
            for request in shared.take_broken_off():
                self._isolate(request, ask)
        except RetrieveError as error:
            failure = failure or error
        came = self._study.stored_count > stored_before
        if failure is not None and (came or not isinstance(failure, AssociationAborted)):
            raise failure
        return came or self._requests.stopped

    def ask_for_rest(self, ask: Ask, others: Iterable[Ask], *, singly: bool) -> None:
        """Request what is missing by lists of UIDs, in other ways, and then one by one.

        Where nothing came and the PACS reported a failure that may heal, only another attempt
        requests everything again.

        Args:
            ask: Makes a request in the way that was used first.
            others: Further ways, each for the lists of what is missing by then.
            singly: Request instances one by one in the end.
        """
        study, requests = self._study, self._requests
        if not study.inventory.listed:
            return
        stored_before = study.stored_count
        if stored_before or requests.reported_success:
            self.ask_by_lists(ask)
        if study.stored_count == stored_before:
            self._ask_past_the_first(ask)
        lists_failed = study.stored_count == stored_before
        for other in others:
            if requests.settled:
                break
            self.ask_by_lists(other)
        if singly and (study.stored_count or requests.reported_success):
            self._ask_one_by_one(ask, lists_failed=lists_failed)

    def ask_by_lists(self, ask: Ask) -> None:
        """Request what is missing by lists of UIDs, unless the PACS is known to reject them."""
        if self._quirks.rejects_lists:
            return
        stored_before = self._study.stored_count
        try:
            for request in image_requests(self._study, UIDS_A_REQUEST_MAX):
                if self._requests.stopped:
                    return
                if self._breaks_again:
                    self._isolate(request, ask)
                else:
                    ask(request)
        except AssociationAborted:
            # If nothing came, the PACS may have aborted because of the list.
            if self._breaks_again or self._study.stored_count > stored_before:
                raise

    def _isolate(self, request: RetrieveRequest, ask: Ask) -> None:
        Isolation(request, self._study, ask).retrieve(lambda: self._requests.stopped)

    def _ask_past_the_first(self, ask: Ask) -> None:
        """Request lists without their first instance, if the PACS stops at what it cannot send.

        Orthanc does so: its counters show fewer sub-operations than were requested. Where nothing
        has come and the PACS counts nothing, it may refuse every request: that is tried once.
        """
        for _ in range(_FIRSTS_MAX):
            stored_before = self._study.stored_count
            for request in list(image_requests(self._study, UIDS_A_REQUEST_MAX)):
                rest = request.sop_instance_uids[1:]
                stopped_early = self._requests.stopped_early(len(rest) + 1)
                if self._requests.stopped or not rest or not stopped_early:
                    return
                ask(image_request(self._study, request.series_instance_uid or "", rest))
            if self._study.stored_count == stored_before:
                return

    def _ask_one_by_one(self, ask: Ask, *, lists_failed: bool) -> None:
        barren = 0
        for request in image_requests(self._study, 1):
            if self._requests.settled:
                return
            stored_before = self._study.stored_count
            self._ask_for_one(ask, request)
            if self._study.stored_count > stored_before:
                barren = 0
                self._quirks.rejects_lists = self._quirks.rejects_lists or lists_failed
            else:
                barren += 1
            if barren == _BARREN_MAX:
                return

    def _ask_for_one(self, ask: Ask, request: RetrieveRequest) -> None:
        (uid,) = request.sop_instance_uids
        bad = self._study.bad
        try:
            ask(request)
        except PeerError as error:
            if not (error.mid_request and self._breaks_again):
                raise
            if bad.breaks_at(uid) >= BREAKS_MAX:
                bad.given_up[uid] = error.found
