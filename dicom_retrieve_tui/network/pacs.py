"""One worker's way to the PACS: at most one association, opened when needed and kept for the next.

The engine's `Peer` port. Every association proposes C-FIND, C-GET and C-MOVE, and beside them the
storage classes of the C-GET at hand, so that the next study can often use it, too.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from dicom_retrieve_tui.errors import AssociationAborted
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.events import AssociationClosed, AssociationOpened, Event
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.offer import FinalResponse
from dicom_retrieve_tui.model.order import Order
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.model.sop_classes import (
    IMPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_SYNTAXES,
    guessed_contexts,
    known_contexts,
)
from dicom_retrieve_tui.network.association import Association, Caller
from dicom_retrieve_tui.network.inventory import take_inventory
from dicom_retrieve_tui.network.negotiation import CONTEXTS_MAX, Proposal
from dicom_retrieve_tui.network.receiving import InstanceReceiver
from dicom_retrieve_tui.network.retrieval import c_get, c_move
from dicom_retrieve_tui.network.services import FIND, GET, MOVE, in_model

_SERVICES = (*FIND, *GET, *MOVE)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The storage contexts that a C-GET needs."""

    proposals: tuple[Proposal, ...] = ()
    exact: bool = False
    """These and no others: an association that has more will not do."""

    def met_by(self, proposed: frozenset[Proposal]) -> bool:
        """True if an association on which `proposed` was proposed will do."""
        if self.exact:
            return frozenset(each for each in proposed if each.as_scp) == frozenset(self.proposals)
        return proposed.issuperset(self.proposals)


def query_retrieve(model: QueryModel) -> tuple[Proposal, ...]:
    """What every association proposes."""
    return tuple(Proposal(uid, IMPLICIT_VR_LITTLE_ENDIAN) for uid in in_model(_SERVICES, model))


_NO_STORAGE = Negotiation()


class PacsPeer:
    """Asks one PACS, from one thread."""

    def __init__(
        self,
        caller: Caller,
        worker: int,
        emit: Callable[[Event], None],
        series_filter: SeriesFilter = NO_FILTER,
    ) -> None:
        self._series_filter = series_filter
        self._caller = caller
        self._worker = worker
        self._emit = emit
        self._association: Association | None = None
        self._proposed: frozenset[Proposal] = frozenset()

    def take_inventory(self, selection: Selection, cancel: CancelToken) -> Inventory:
        """See `engine.ports.Peer`."""
        return self._use(
            _NO_STORAGE,
            cancel,
            lambda association: take_inventory(association, selection, self._series_filter),
        )

    def negotiations(self, inventory: Inventory) -> tuple[Negotiation, ...]:
        """The storage contexts for an inventory, cut to what fits beside C-FIND, C-GET and C-MOVE.

        Exactly the classes that were listed, or the likeliest for the modalities where the PACS
        does not return SOP Class UIDs.
        """
        return tuple(_cut(_contexts(inventory)))

    def narrow_negotiations(self, inventory: Inventory) -> tuple[Negotiation, ...]:
        """The same without the uncompressed syntaxes, and with Implicit VR alone.

        dcmqrscp sends every instance of a class in the first context that it accepted for the
        class, and fails those that are stored otherwise.
        """
        contexts = _contexts(inventory)
        compressed = [cx for cx in contexts if cx[1] not in NATIVE_SYNTAXES]
        implicit = [cx for cx in contexts if cx[1] == IMPLICIT_VR_LITTLE_ENDIAN]
        narrow = (*_cut(compressed, exact=True)[:1], *_cut(implicit, exact=True)[:1])
        # What the PACS says of a whole study may leave a class out, and nobody would know.
        guessed = guessed_contexts(inventory.modalities) if inventory.study_classes else []
        return (*narrow, *_cut([cx for cx in guessed if cx not in contexts])[:1])

    def c_get(
        self, order: Order, negotiation: Negotiation, receiver: InstanceReceiver
    ) -> FinalResponse:
        """See `engine.ports.Peer`."""
        return self._use(
            negotiation, order.cancel, lambda association: c_get(association, order, receiver)
        )

    def c_move(self, order: Order, move_destination: str) -> FinalResponse:
        """See `engine.ports.Peer`."""
        return self._use(
            _NO_STORAGE,
            order.cancel,
            lambda association: c_move(association, order, move_destination),
        )

    def close(self) -> None:
        """Release the association, if one is open. Never raises."""
        if self._association is not None:
            self._association.release()
            self._forget()

    def _use(
        self, needed: Negotiation, cancel: CancelToken, ask: Callable[[Association], _T]
    ) -> _T:
        """Ask on an association that has the contexts needed: the open one, or else a new one.

        A request that `cancel` ends before its answer costs the association, and nothing else.

        A kept association may have died of boredom. That shows before any answer, and then the
        question is put again on a new one.
        """
        kept = self._association
        if kept is not None and needed.met_by(self._proposed):
            kept.cancel = cancel
            answered_before = kept.stream.received_commands
            try:
                return self._ask(kept, ask)
            except AssociationAborted:
                if kept.stream.received_commands > answered_before:
                    raise
        self.close()
        return self._ask(self._open(needed, cancel), ask)

    def _ask(self, association: Association, ask: Callable[[Association], _T]) -> _T:
        try:
            return ask(association)
        except BaseException as error:
            if not association.usable_after(error):
                association.abort()
                self._forget()
            raise

    def _open(self, needed: Negotiation, cancel: CancelToken) -> Association:
        proposals = query_retrieve(self._caller.query_model) + needed.proposals
        caller = replace(self._caller, cancel=cancel)
        self._association = association = Association.request(caller, proposals)
        self._proposed = frozenset(proposals)
        self._emit(
            AssociationOpened(
                worker=self._worker,
                accepted_contexts=len(association.contexts),
                proposed_contexts=association.proposed_count,
                peer_max_pdu_bytes=association.peer_max_pdu_bytes,
            )
        )
        return association

    def _forget(self) -> None:
        self._association = None
        self._proposed = frozenset()
        self._emit(AssociationClosed(worker=self._worker))


def _contexts(inventory: Inventory) -> list[tuple[str, str]]:
    contexts = known_contexts(sorted(inventory.sop_class_uids))
    if not inventory.classes_known:
        contexts = list(dict.fromkeys(contexts + guessed_contexts(inventory.modalities)))
    return contexts


def _cut(contexts: list[tuple[str, str]], *, exact: bool = False) -> list[Negotiation]:
    """As many negotiations as it takes for all of `contexts`."""
    step = CONTEXTS_MAX - len(_SERVICES)
    proposals = [Proposal(uid, syntax, as_scp=True) for uid, syntax in contexts]
    cuts = range(0, len(proposals), step)
    return [Negotiation(tuple(proposals[at : at + step]), exact) for at in cuts]
