"""The services of the demonstration PACS: C-FIND, C-GET and C-MOVE, and their contexts.

It never transcodes: a compressed instance goes as it is or not at all, an uncompressed one in
either native syntax, the stored one first.

The handlers speak pynetdicom's dialect: generators of status and data set, which it turns into
responses and C-STORE sub-operations.
"""

import threading
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import evt
from pynetdicom.presentation import PresentationContext, build_context

from dicom_retrieve_tui.demo.catalogue import Catalogue, InvalidIdentifier
from dicom_retrieve_tui.demo.instances import DemoInstance
from dicom_retrieve_tui.model.sop_classes import NATIVE_SYNTAXES

_VERIFICATION = "1.2.840.10008.1.1"
_PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1."
_STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."
_FIND, _MOVE, _GET = "1", "2", "3"  # the last component of both roots' SOP Classes


def supported_contexts(instances: Iterable[DemoInstance]) -> list[PresentationContext]:
    """Return what to accept: the services, and each class we hold in the role that C-GET needs.

    Only syntaxes that we can send are accepted, so that a context with a choice of several comes
    out right. Source: PS3.4 section C.4.3.2 for the roles: the requestor is SCP of storage.
    """
    contexts = [build_context(uid, list(NATIVE_SYNTAXES)) for uid in _services()]
    for sop_class_uid, syntaxes in _sendable(instances).items():
        context = build_context(sop_class_uid, list(syntaxes))
        context.scu_role = False
        context.scp_role = True
        contexts.append(context)
    return contexts


def requested_contexts(instances: Iterable[DemoInstance]) -> list[PresentationContext]:
    """Return what to propose to a move destination: a context for each class and syntax.

    Of several syntaxes in one context the destination would pick one for all instances.
    """
    return [
        build_context(sop_class_uid, syntax)
        for sop_class_uid, syntaxes in _sendable(instances).items()
        for syntax in syntaxes
    ]


def query_root(abstract_syntax: str) -> str:
    """Return the highest level of the query model that a SOP class belongs to."""
    return "PATIENT" if abstract_syntax.startswith(_PATIENT_ROOT) else "STUDY"


def _services() -> list[str]:
    roots = (_PATIENT_ROOT, _STUDY_ROOT)
    models = [f"{root}{service}" for root in roots for service in (_FIND, _MOVE, _GET)]
    return [_VERIFICATION, *models]


def _sendable(instances: Iterable[DemoInstance]) -> dict[str, dict[str, None]]:
    """Return syntaxes by SOP class, in order, the stored ones first."""
    sendable: dict[str, dict[str, None]] = {}
    for instance in instances:
        sendable.setdefault(instance.sop_class_uid, {})[instance.transfer_syntax_uid] = None
    for syntaxes in sendable.values():
        if not syntaxes.keys().isdisjoint(NATIVE_SYNTAXES):
            syntaxes.update(dict.fromkeys(NATIVE_SYNTAXES))
    return sendable


Handler = tuple[evt.EventType, Callable[..., Any]]

_PENDING = 0xFF00
_CANCELLED = 0xFE00
_IDENTIFIER_DOES_NOT_MATCH = 0xA900
_OUT_OF_RESOURCES = 0xA701


class QueryRetrieveService:
    """Answers from one catalogue, and sends to the destinations that were registered."""

    def __init__(
        self,
        instances: Iterable[DemoInstance],
        *,
        ae_title: str,
        stop: threading.Event,
        busy_once: Iterable[str] = (),
        pace_s: float = 0.0,
    ) -> None:
        """Take the instances and how to send them.

        Args:
            instances: All of the PACS.
            ae_title: Its AE title in answers.
            stop: Set when everything must end.
            busy_once: Study Instance UIDs that are refused until a client lists them again.
            pace_s: Seconds before each instance.
        """
        self._catalogue = Catalogue(instances, ae_title=ae_title)
        self._stop = stop
        self._destinations: dict[str, tuple[str, int]] = {}
        self._busy = dict.fromkeys(busy_once, 2)
        self._pace_s = pace_s

    def register_destination(self, ae_title: str, host: str, port: int) -> None:
        """Allow C-MOVE to send to this AE."""
        self._destinations[ae_title.strip()] = (host, port)

    def handlers(self, store_handlers: list[Handler]) -> list[Handler]:
        """Return the handlers to bind to the server.

        Args:
            store_handlers: What to bind to the associations that C-MOVE opens.
        """

        def on_move(event: evt.Event) -> Iterator[object]:
            return self._on_move(event, store_handlers)

        return [
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_GET, self._on_get),
            (evt.EVT_C_MOVE, on_move),
        ]

    def _on_find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        """Answer a C-FIND. Source: PS3.4 section C.4.1."""
        self._note_listing(event.identifier)
        try:
            answers = self._catalogue.find(event.identifier, root=_root(event))
        except InvalidIdentifier:
            yield _IDENTIFIER_DOES_NOT_MATCH, None
            return
        for answer in answers:
            if self._stop.is_set() or event.is_cancelled:
                yield _CANCELLED, None
                return
            yield _PENDING, answer

    def _on_get(self, event: evt.Event) -> Iterator[object]:
        """Answer a C-GET. Source: PS3.4 section C.4.3."""
        try:
            selected = self._catalogue.select(event.identifier, root=_root(event))
        except InvalidIdentifier:
            yield 1  # pynetdicom ignores the status if no sub-operation follows
            yield _IDENTIFIER_DOES_NOT_MATCH, None
            return
        if self._is_busy(event):
            yield 1
            yield _OUT_OF_RESOURCES, None
            return
        yield from self._sub_operations(event, selected)

    def _on_move(self, event: evt.Event, store_handlers: list[Handler]) -> Iterator[object]:
        """Answer a C-MOVE. Source: PS3.4 section C.4.2.

        pynetdicom connects to the destination before it looks at a status, so an identifier that
        does not match is left to it: it answers 0xC514, unable to process.
        """
        address = self._destinations.get((event.move_destination or "").strip())
        if address is None:
            yield None, None  # which pynetdicom answers with 0xA801
            return
        selected = self._catalogue.select(event.identifier, root=_root(event))
        contexts = requested_contexts(selected)
        yield *address, {"contexts": contexts, "evt_handlers": store_handlers}
        if self._is_busy(event):
            yield 1
            yield _OUT_OF_RESOURCES, None
            return
        yield from self._sub_operations(event, selected)

    def _sub_operations(
        self, event: evt.Event, selected: list[DemoInstance]
    ) -> Iterator[int | tuple[int, Dataset | None]]:
        yield len(selected)
        for instance in selected:
            if self._stop.wait(self._pace_s) or event.is_cancelled:
                yield _CANCELLED, None
                return
            yield _PENDING, instance.dataset

    def _note_listing(self, identifier: Dataset) -> None:
        """Stop refusing a study once a client has listed its series twice."""
        uid = str(identifier.get("StudyInstanceUID", ""))
        if uid in self._busy and identifier.get("QueryRetrieveLevel") == "SERIES":
            self._busy[uid] -= 1
            if not self._busy[uid]:
                del self._busy[uid]

    def _is_busy(self, event: evt.Event) -> bool:
        """Return True if this study is still refused."""
        return str(event.identifier.get("StudyInstanceUID", "")) in self._busy


def _root(event: evt.Event) -> str:
    return query_root(str(event.context.abstract_syntax))
