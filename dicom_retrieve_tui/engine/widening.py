"""Asks by C-GET for what did not come, with wider and wider negotiations."""

from collections.abc import Callable, Iterator
from typing import Any

from dicom_retrieve_tui.engine.requests import Requests
from dicom_retrieve_tui.errors import AssociationAborted, ContextNotAccepted
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.selection import RetrieveRequest
from dicom_retrieve_tui.model.status import SUB_OPERATIONS_FAILED, SUCCESS

_FOR_WANT_OF_A_CONTEXT = frozenset({SUCCESS, SUB_OPERATIONS_FAILED, 0x0122, 0xA702})
"""What archives answer that have no presentation context for what they hold."""


class Widening:
    """The wider negotiations of one study, each tried once."""

    def __init__(self, requests: Requests) -> None:
        """Prepare; nothing is sent yet."""
        self._requests = requests
        self._broke_off = False

    def asks(self) -> Iterator[Callable[[RetrieveRequest], None]]:
        """Ways to ask for what is missing, until nothing is or no further one may help.

        Each is to be used for the lists of what is missing before the next is taken.
        """
        requests, study = self._requests, self._requests.study
        before, final = study.stored_count, requests.final
        if final is not None and final.status not in _FOR_WANT_OF_A_CONTEXT:
            return
        if requests.quirks.rejects_lists:
            return  # what is here already would come again, in other syntaxes
        yield from self._ways(unlisted=False)
        if self._others_may_help:
            yield from self._ways(unlisted=True)
            requests.quirks.wider_in_vain = study.stored_count == before
        if study.stored_count == before:
            requests.final = final  # what the PACS says without all the contexts that it refuses

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

    @property
    def _others_may_help(self) -> bool:
        """True unless a C-MOVE can bring all, or the same was in vain for another study."""
        plan = self._requests.plan
        may_move = plan.method is Method.AUTO and plan.move_destination is not None
        in_vain = may_move or self._requests.quirks.wider_in_vain
        return not (in_vain or self._broke_off or self._requests.settled)


class _Way:
    """One negotiation, with which lists are asked for one after the other."""

    def __init__(self, requests: Requests, negotiation: Any, *, all_lists: bool) -> None:
        """Prepare; nothing is sent yet.

        Args:
            all_lists: Go on where the first list was asked for in vain.
        """
        self._requests = requests
        self._negotiation = negotiation
        self._all_lists = all_lists
        self._in_vain = False
        self.broke_off = False
        """The PACS ended the association instead of answering."""

    def __call__(self, request: RetrieveRequest) -> None:
        """Ask; what did not come is still missing."""
        if self._in_vain:
            return
        before = self._requests.study.stored_count
        try:
            self._requests.get(self._negotiation, request)
        except ContextNotAccepted:
            self._in_vain = True
        except AssociationAborted:
            self.broke_off = True
            raise
        else:
            self._in_vain = not self._all_lists and self._requests.study.stored_count == before
