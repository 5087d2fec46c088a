"""pynetdicom's own SCU and Storage SCP, for tests of peers that are ours."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any

from pydicom.dataset import Dataset
from pynetdicom import AE, build_context, build_role, evt
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from dicom_retrieve_tui.demo.instances import DemoInstance, DemoStudy
from dicom_retrieve_tui.demo.pacs import DemoPacs

ECHO = "1.2.840.10008.1.1"
PATIENT_ROOT = "1.2.840.10008.5.1.4.1.2.1."
STUDY_ROOT = "1.2.840.10008.5.1.4.1.2.2."
FIND, MOVE, GET = "1", "2", "3"
WAIT_S = 30.0


@dataclass
class Store:
    """What arrived by C-STORE: syntax and bytes by SOP Instance UID."""

    received: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    status: int = 0x0000

    def handler(self, event: evt.Event) -> int:
        request = event.request
        assert isinstance(request, C_STORE)
        assert isinstance(request.DataSet, BytesIO)
        uid, syntax = str(request.AffectedSOPInstanceUID), str(event.context.transfer_syntax)
        self.received[uid] = (syntax, request.DataSet.getvalue())
        return self.status


def bounded_ae(title: str) -> AE:
    ae = AE(ae_title=title)
    ae.connection_timeout = ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = WAIT_S
    return ae


def bounded_socket(event: evt.Event) -> None:
    transport = event.assoc.dul.socket
    assert transport
    assert transport.socket
    transport.socket.settimeout(WAIT_S)


@contextmanager
def associated(
    pacs: DemoPacs,
    *sop_classes: str,
    storage: tuple[tuple[str, list[str]], ...] = (),
    store: Callable[[evt.Event], int] | None = None,
) -> Iterator[Association]:
    """An association for these services, and for storage as SCP in a context per pair."""
    contexts = [build_context(uid) for uid in sop_classes]
    contexts += [build_context(uid, syntaxes) for uid, syntaxes in storage]
    roles: list[Any] = [build_role(uid, scp_role=True) for uid in {uid for uid, _ in storage}]
    handlers: list[Any] = [(evt.EVT_CONN_OPEN, bounded_socket)]
    if store:
        handlers.append((evt.EVT_C_STORE, store))
    association = bounded_ae("SCU").associate(
        pacs.host, pacs.port, contexts=contexts, ext_neg=roles, evt_handlers=handlers
    )
    assert association.is_established
    try:
        yield association
    finally:
        if association.is_established:
            association.release()
        join(association)


def join(*threads: threading.Thread) -> None:
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()


def make_identifier(level: str, **keys: object) -> Dataset:
    identifier = Dataset()
    identifier.QueryRetrieveLevel = level
    for keyword, value in keys.items():
        setattr(identifier, keyword, value)
    return identifier


def find(pacs: DemoPacs, identifier: Dataset, *, root: str = STUDY_ROOT) -> list[Dataset]:
    with associated(pacs, root + FIND) as association:
        responses = list(association.send_c_find(identifier, root + FIND))
    assert responses[-1][0].Status == 0x0000
    return [answer for _, answer in responses if answer is not None]


def storage_for(instances: tuple[DemoInstance, ...]) -> tuple[tuple[str, list[str]], ...]:
    """A context of its own for each class and syntax."""
    pairs = dict.fromkeys((i.sop_class_uid, i.transfer_syntax_uid) for i in instances)
    return tuple((uid, [syntax]) for uid, syntax in pairs)


def get(
    pacs: DemoPacs,
    identifier: Dataset,
    storage: tuple[tuple[str, list[str]], ...],
    *,
    root: str = STUDY_ROOT,
) -> tuple[Dataset, Store]:
    """The final response, and what arrived."""
    store = Store()
    with associated(pacs, root + GET, storage=storage, store=store.handler) as association:
        (*_, (final, _)) = association.send_c_get(identifier, root + GET)
    return final, store


def move(pacs: DemoPacs, identifier: Dataset, destination: str) -> Dataset:
    with associated(pacs, STUDY_ROOT + MOVE) as association:
        (*_, (final, _)) = association.send_c_move(identifier, destination, STUDY_ROOT + MOVE)
    return final


@contextmanager
def storage_scp(store: Store, studies: tuple[DemoStudy, ...]) -> Iterator[int]:
    """The port of a Storage SCP that takes whatever the PACS holds."""
    ae = bounded_ae("DEST")
    for instance in (i for study in studies for i in study.instances):
        ae.add_supported_context(instance.sop_class_uid, instance.transfer_syntax_uid)
    before = set(threading.enumerate())
    server = ae.start_server(
        ("127.0.0.1", 0),
        block=False,
        evt_handlers=[(evt.EVT_CONN_OPEN, bounded_socket), (evt.EVT_C_STORE, store.handler)],
    )
    assert server is not None
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        join(*(t for t in set(threading.enumerate()) - before if t.name.startswith("Accept")))


def as_stored(instances: tuple[DemoInstance, ...]) -> dict[str, tuple[str, bytes]]:
    return {i.sop_instance_uid: (i.transfer_syntax_uid, i.encode()) for i in instances}
