"""Sends the corpus to a peer by C-STORE, and sees that all of it arrived unchanged.

pynetdicom sends, because it can propose exactly a file's own transfer syntax and send the file's
bytes; DCMTK's storescu encodes anew what it sends.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import IPPROTO_TCP, TCP_NODELAY

from pynetdicom import AE, _config, build_context, evt

from tests.interop.association_profile import syntaxes_by_class
from tests.interop.comparison import assert_same_as_peer
from tests.interop.peers import Peer, instances_of

_TIMEOUT_S = 120.0


def load(peer: Peer, folder: Path) -> None:
    """Send the studies of `peer` to it.

    Args:
        peer: It runs already.
        folder: For the files, while they are sent.

    Raises:
        RuntimeError: It refused the association or an instance.
        LookupError: It does not hold what it took.
        AssertionError: It holds something else than it was sent.
    """
    contexts = [
        build_context(sop_class_uid, transfer_syntax_uid)
        for sop_class_uid, syntaxes in syntaxes_by_class(peer.studies).items()
        for transfer_syntax_uid in syntaxes
    ]
    ae = AE(ae_title="LOADER")
    ae.acse_timeout = ae.dimse_timeout = ae.network_timeout = _TIMEOUT_S
    association = ae.associate(
        "127.0.0.1",
        peer.port,
        contexts,
        ae_title=peer.ae_title,
        evt_handlers=[(evt.EVT_CONN_OPEN, _send_at_once)],
    )
    if not association.is_established:
        raise RuntimeError(f"{peer.ae_title} refused the association to load it")
    try:
        with _files_sent_as_they_are():
            for instance in instances_of(peer).values():
                path = folder / f"{instance.sop_instance_uid}.dcm"
                path.write_bytes(instance.file)
                status = association.send_c_store(path)
                if status.get("Status") != 0x0000:
                    answer = status or "no answer"
                    raise RuntimeError(f"{peer.ae_title} refused {path.stem}: {answer}")
    finally:
        association.release()
    _verify(peer)


@contextmanager
def _files_sent_as_they_are() -> Iterator[None]:
    """Let pynetdicom send the bytes of a file without decoding it."""
    before = _config.STORE_SEND_CHUNKED_DATASET
    _config.STORE_SEND_CHUNKED_DATASET = True
    try:
        yield
    finally:
        _config.STORE_SEND_CHUNKED_DATASET = before


def _send_at_once(event: evt.Event) -> None:
    """Turn off Nagle's algorithm, which costs 40 ms an instance."""
    socket = event.assoc.dul.socket
    if socket is not None and socket.socket is not None:
        socket.socket.setsockopt(IPPROTO_TCP, TCP_NODELAY, 1)


def _verify(peer: Peer) -> None:
    sent = {uid: instance.stored for uid, instance in instances_of(peer).items()}
    assert_same_as_peer(sent.values(), peer, sent)
