"""The engine's `Peer`: the PACS as one worker uses it, over at most one association at a time.

An association is opened when needed and kept for the next request. It proposes C-FIND, C-GET and
C-MOVE, and the storage classes of the current C-GET, so that the next study can often use it, too.
A PACS that refuses an association with so many contexts gets fewer.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from typing import TypeVar

from dicom_retrieve_tui.errors import (
    AssociationAborted,
    AssociationRejected,
    ContextNotAccepted,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import QueryModel
from dicom_retrieve_tui.model.dimse import FinalResponse, Receiver, RetrieveOperation
from dicom_retrieve_tui.model.events import AssociationClosed, AssociationOpened, Event
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.model.sop_classes import (
    FIND_CLASSES,
    GET_CLASSES,
    IMPLICIT_VR_LITTLE_ENDIAN,
    MOVE_CLASSES,
    NATIVE_SYNTAXES,
    classes_of,
    in_model,
)
from dicom_retrieve_tui.network.association import Association, AssociationParameters
from dicom_retrieve_tui.network.c_retrieve import REFUSES_ALL, c_get, c_move
from dicom_retrieve_tui.network.negotiation import (
    CONTEXTS_MAX,
    Proposal,
    all_contexts,
    all_syntaxes,
    guessed_contexts,
    known_contexts,
)
from dicom_retrieve_tui.network.query_models import QueryModels
from dicom_retrieve_tui.network.study_inventory import take_inventory

_SERVICE_CLASSES = (*FIND_CLASSES, *GET_CLASSES, *MOVE_CLASSES)

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Negotiation:
    """The storage contexts that a C-GET needs."""

    proposals: tuple[Proposal, ...] = ()
    exact: bool = False
    """True if an association with further contexts must not be used."""
    wider: bool = False
    """True for contexts beyond the inventory: if none is accepted, no request is made."""

    def cut_to(self, limit: int) -> "Negotiation":
        """Return the negotiation with its first `limit` contexts."""
        return (
            self
            if len(self.proposals) <= limit
            else replace(self, proposals=self.proposals[:limit])
        )

    def met_by(self, proposed: frozenset[Proposal]) -> bool:
        """Return True if an association that proposed `proposed` can be used."""
        if self.exact:
            return frozenset(each for each in proposed if each.as_scp) == frozenset(self.proposals)
        return proposed.issuperset(self.proposals)


def query_retrieve(model: QueryModel) -> tuple[Proposal, ...]:
    """Return the service contexts that every association proposes."""
    return tuple(
        Proposal(uid, IMPLICIT_VR_LITTLE_ENDIAN) for uid in in_model(_SERVICE_CLASSES, model)
    )


def probe(parameters: AssociationParameters) -> None:
    """Ask the PACS for a sign of life: an association of its own, like those of the workers.

    No C-ECHO is sent: some PACS accept associations and refuse that service.

    Raises:
        PeerError: It accepts no association.
        Cancelled: The user stopped.
    """
    with Association.request(parameters, query_retrieve(parameters.query_model)):
        pass


_NO_STORAGE = Negotiation()
_NO_CONTEXT_FOR_STORAGE = Negotiation(exact=True)
_CONTEXTS_FEW = 16
"""No PACS refuses an association because of so few contexts."""


class PacsPeer:
    """Makes requests to one PACS. Not thread-safe: each worker has its own."""

    def __init__(
        self,
        parameters: AssociationParameters,
        worker: int,
        emit: Callable[[Event], None],
        series_filter: SeriesFilter = NO_FILTER,
        *,
        identify: bool = False,
    ) -> None:
        """Open no association yet.

        Args:
            identify: Inventories have the identity of their study.
        """
        self._series_filter = series_filter
        self._identify = identify
        self._parameters = parameters
        self._worker = worker
        self._emit = emit
        self._association: Association | None = None
        self._proposed: frozenset[Proposal] = frozenset()
        self._contexts_max = CONTEXTS_MAX - len(_SERVICE_CLASSES)
        """Most storage contexts of an association; lowered if the PACS refuses so many."""
        self._was_accepted = False
        """True once the PACS accepted an association: a later refusal is not for our AE title."""
        self._unanswered: set[Proposal] = set()
        """Contexts without an answer: not proposed because of the limit, or not answered."""
        self._refused: set[Proposal] = set()
        self._models = QueryModels()

    def take_inventory(
        self, selection: Selection, cancel: CancelToken, *, count_study: bool = False
    ) -> Inventory:
        """See `engine.ports.Peer`."""
        return self._use(
            _NO_STORAGE,
            cancel,
            lambda association: take_inventory(
                association,
                selection,
                self._series_filter,
                count_study=count_study,
                identify=self._identify,
            ),
        )

    def negotiations(self, inventory: Inventory) -> tuple[Negotiation, ...]:
        """Return the storage contexts for an inventory, in parts that fit one association each.

        They are for the listed classes, or for the likeliest classes of the modalities if the PACS
        does not return SOP Class UIDs.
        """
        return tuple(self._cut(_contexts(inventory)))

    def narrow_negotiations(self, inventory: Inventory) -> tuple[Negotiation, ...]:
        """Return negotiations without the uncompressed syntaxes, and with Implicit VR alone.

        dcmqrscp sends every instance of a class in the first context that it accepted for the
        class, and fails for instances in another syntax.
        """
        contexts = _contexts(inventory)
        compressed = [cx for cx in contexts if cx[1] not in NATIVE_SYNTAXES]
        implicit = [cx for cx in contexts if cx[1] == IMPLICIT_VR_LITTLE_ENDIAN]
        narrow = (*self._cut(compressed, exact=True)[:1], *self._cut(implicit, exact=True)[:1])
        # The classes that the PACS lists for a whole study may be incomplete.
        guessed = guessed_contexts(inventory.modalities) if inventory.study_classes else []
        return (*narrow, *self._cut([cx for cx in guessed if cx not in contexts])[:1])

    def wider_negotiations(self, inventory: Inventory, *, unlisted: bool) -> Iterator[Negotiation]:
        """See `engine.ports.Peer`: all other contexts of the standard, the likeliest first.

        Contexts without an answer come first; refused ones are not proposed again.
        """
        usual = _proposals(_contexts(inventory))
        for negotiation in self.narrow_negotiations(inventory):
            usual += negotiation.proposals
        classes = sorted(inventory.sop_class_uids)
        if not inventory.classes_known:
            classes += classes_of(inventory.modalities)
        listed = _proposals(all_syntaxes(dict.fromkeys(classes)))
        seen = self._refused.union(usual)
        if unlisted:
            return self._in_batches(iter(_proposals(all_contexts())), seen.union(listed))
        unanswered = [each for each in usual if each in self._unanswered]
        return self._in_batches(chain(unanswered, listed), seen.difference(unanswered))

    def _in_batches(
        self, proposals: Iterator[Proposal], seen: set[Proposal]
    ) -> Iterator[Negotiation]:
        """Yield negotiations for proposals not in `seen`; repeat unanswered ones once."""
        pending: deque[Proposal] = deque()
        repeated: set[Proposal] = set()
        while True:
            while len(pending) < self._contexts_max and (proposal := next(proposals, None)):
                if proposal not in seen:
                    seen.add(proposal)
                    pending.append(proposal)
            batch = [pending.popleft() for _ in range(min(len(pending), self._contexts_max))]
            if not batch:
                return
            yield Negotiation(tuple(batch), wider=True)
            again = [each for each in batch if each in self._unanswered - repeated]
            repeated.update(again)
            pending.extendleft(reversed(again))

    def c_get(
        self, operation: RetrieveOperation, negotiation: Negotiation, receiver: Receiver
    ) -> FinalResponse:
        """See `engine.ports.Peer`."""

        def ask(association: Association) -> FinalResponse:
            if negotiation.wider and not association.offers_storage:
                raise ContextNotAccepted(f"{association.peer} accepts none of the wider contexts.")
            return self._c_get(association, operation, receiver)

        return self._use(negotiation, operation.cancel, ask)

    def c_get_nothing(self, operation: RetrieveOperation) -> FinalResponse:
        """See `engine.ports.Peer`."""
        return self._use(
            _NO_CONTEXT_FOR_STORAGE,
            operation.cancel,
            lambda association: self._c_get(association, operation, REFUSES_ALL),
        )

    def _c_get(
        self, association: Association, operation: RetrieveOperation, receiver: Receiver
    ) -> FinalResponse:
        return self._models.ask(
            association,
            operation,
            GET_CLASSES,
            "C-GET",
            lambda context, patient_id: c_get(
                association, context, operation, receiver, patient_id=patient_id
            ),
        )

    def c_move(self, operation: RetrieveOperation, move_destination: str) -> FinalResponse:
        """See `engine.ports.Peer`."""
        return self._use(
            _NO_STORAGE,
            operation.cancel,
            lambda association: self._models.ask(
                association,
                operation,
                MOVE_CLASSES,
                "C-MOVE",
                lambda context, patient_id: c_move(
                    association, context, operation, move_destination, patient_id=patient_id
                ),
            ),
        )

    @property
    def last_heard_s(self) -> float | None:
        """See `engine.ports.Peer`."""
        if (association := self._association) is None:
            return None
        connection = association.connection
        return max(connection.last_byte_s, connection.activity.last_byte_s)

    def close(self) -> None:
        """Release the association, if one is open. Never raises."""
        if self._association is not None:
            self._association.release()
            self._forget()

    def _cut(self, contexts: list[tuple[str, str]], *, exact: bool = False) -> list[Negotiation]:
        """Return negotiations for all of `contexts`, each within the limit."""
        step = self._contexts_max
        proposals = _proposals(contexts)
        cuts = range(0, len(proposals), step)
        return [Negotiation(proposals[at : at + step], exact) for at in cuts]

    def _use(
        self, needed: Negotiation, cancel: CancelToken, ask: Callable[[Association], _T]
    ) -> _T:
        """Make a request on the open association if it has the contexts, or on a new one.

        A request that is cancelled before its answer costs the association.

        The peer may have closed an idle association. That shows before any response, and the
        request is then repeated on a new one.
        """
        if len(needed.proposals) > self._contexts_max:
            self._unanswered.update(needed.proposals[self._contexts_max :])
            needed = needed.cut_to(self._contexts_max)
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
        services = query_retrieve(self._parameters.query_model)
        parameters = replace(self._parameters, cancel=cancel)
        while True:
            proposals = services + needed.proposals
            try:
                association = Association.request(parameters, proposals)
                break
            except (AssociationAborted, AssociationRejected) as refusal:
                if not self._are_too_many(needed, refusal):
                    raise
            self._contexts_max = len(needed.proposals) // 2
            self._unanswered.update(needed.proposals[self._contexts_max :])
            needed = needed.cut_to(self._contexts_max)
        self._association = association
        self._proposed = frozenset(proposals)
        self._note_answers(association, needed)
        self._emit(
            AssociationOpened(
                worker=self._worker,
                accepted_contexts=len(association.contexts),
                proposed_contexts=association.proposed_count,
                peer_max_pdu_bytes=association.peer_max_pdu_bytes,
            )
        )
        return association

    def _are_too_many(
        self, needed: Negotiation, refusal: AssociationAborted | AssociationRejected
    ) -> bool:
        """Return True if a refusal may be for the number of contexts."""
        if not self._was_accepted or len(needed.proposals) < _CONTEXTS_FEW:
            return False
        return isinstance(refusal, AssociationAborted) or not refusal.names_a_cause

    def _note_answers(self, association: Association, needed: Negotiation) -> None:
        """Remember refused and unanswered contexts: some PACS answer only so many."""
        self._was_accepted = True
        answered = association.acceptance.answered
        first_id = 2 * (association.proposed_count - len(needed.proposals)) + 1
        ids = dict(zip(needed.proposals, range(first_id, 256, 2), strict=False))
        unanswered = {each for each, number in ids.items() if number not in answered}
        self._refused.update(
            each for each, number in ids.items()
            if each not in unanswered and number not in association.contexts
        )  # fmt: skip
        self._unanswered = self._unanswered.difference(ids).union(unanswered)
        if unanswered and len(ids) - len(unanswered) >= _CONTEXTS_FEW:
            self._contexts_max = len(ids) - len(unanswered)

    def _forget(self) -> None:
        self._association = None
        self._proposed = frozenset()
        self._emit(AssociationClosed(worker=self._worker))


def _contexts(inventory: Inventory) -> list[tuple[str, str]]:
    contexts = known_contexts(sorted(inventory.sop_class_uids))
    if not inventory.classes_known:
        # Instances missing from a short list have other modalities, or the listed classes.
        short = inventory.is_short and contexts
        guessed = guessed_contexts(frozenset() if short else inventory.modalities)
        contexts = list(dict.fromkeys(contexts + guessed))
    return contexts


def _proposals(contexts: Iterable[tuple[str, str]]) -> tuple[Proposal, ...]:
    return tuple(Proposal(uid, syntax, as_scp=True) for uid, syntax in contexts)
