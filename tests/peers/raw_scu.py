"""A Storage SCU on a raw socket: what a PACS does when it is asked for a C-MOVE."""

import socket
import ssl
import struct
from collections.abc import Iterable
from types import TracebackType
from typing import Self

from tests.peers import wire
from tests.peers.raw_pacs import Instance
from tests.peers.wire import IMPLICIT

_PATIENCE_S = 20.0


class RawScu:
    """One association with the Storage SCP under test."""

    def __init__(
        self,
        port: int,
        classes: Iterable[str],
        *,
        called: str = "DRTUI",
        calling: str = "RAW",
        host: str = "127.0.0.1",
        source: str = "",
        tls: ssl.SSLContext | None = None,
        items: bytes = b"",
    ) -> None:
        """Call.

        Args:
            items: To send in the A-ASSOCIATE-RQ behind the contexts for `classes`.
            source: Which address of this machine to call from; 127.0.0.2 is as good as another.
            tls: None calls without TLS.
        """
        self.sock = socket.create_connection(
            (host, port), timeout=_PATIENCE_S, source_address=(source, 0) if source else None
        )
        self._contexts = {uid: 2 * n + 1 for n, uid in enumerate(dict.fromkeys(classes))}
        try:
            if tls is not None:
                self.sock = tls.wrap_socket(self.sock, server_hostname=host)
            self.send(associate_request(self._contexts, called, calling, items))
            kind, self.answer = wire.receive_pdu(self.sock)
        except (EOFError, ConnectionError):
            kind, self.answer = 0, b""
        except BaseException:
            self.sock.close()
            raise
        self.accepted = kind == 2
        self.rejection = tuple(self.answer[1:4]) if kind == 3 else None
        """Result, source and reason; None if it said nothing or accepted."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.sock.close()

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def store(self, instance: Instance, data: bytes | None = None) -> int:
        """Send an instance, with no Move Originator fields; returns the status of the answer."""
        self.send(self.store_message(instance, data))
        return self.read_status()

    def store_message(self, instance: Instance, data: bytes | None = None) -> bytes:
        """A whole C-STORE for `instance`, as `store` sends it."""
        command = wire.command(
            sop_class=instance.sop_class, field=1, message_id=9, priority=0, data_set_type=1,
            sop_instance=instance.sop,
        )  # fmt: skip
        context_id = self._contexts[instance.sop_class]
        return wire.message(context_id, command, instance.data if data is None else data)

    def echo(self, context_id: int = 1) -> int:
        verification = "1.2.840.10008.1.1"
        command = wire.command(
            sop_class=verification, field=0x30, message_id=3, data_set_type=0x0101
        )
        self.send(wire.message(context_id, command))
        return self.read_status()

    def read_status(self) -> int:
        """The status of the next answer; an A-ABORT in its place is a lost connection."""
        kind, body = wire.receive_pdu(self.sock)
        if kind == 7:
            raise ConnectionAbortedError
        assert kind == 4, f"PDU type {kind}"
        status: int = struct.unpack("<H", wire.read_elements(body[6:])[0x0900])[0]
        return status

    def release(self) -> None:
        self.send(wire.pdu(5))
        kind, _ = wire.receive_pdu(self.sock)
        assert kind == 6
        self.sock.close()


def associate_request(
    contexts: dict[str, int], called: str, calling: str, items: bytes = b""
) -> bytes:
    def item(kind: int, value: bytes) -> bytes:
        return struct.pack(">BxH", kind, len(value)) + value

    proposals = b"".join(
        item(0x20, bytes([number, 0, 0, 0]) + item(0x30, uid.encode())
             + item(0x40, IMPLICIT.encode()))
        for uid, number in contexts.items()
    )  # fmt: skip
    user = item(0x51, struct.pack(">L", 16384)) + item(0x52, b"1.2.3.4")
    body = (
        struct.pack(">H2x16s16s32x", 1, called.encode().ljust(16), calling.encode().ljust(16))
        + item(0x10, b"1.2.840.10008.3.1.1.1")
        + proposals
        + items
        + item(0x50, user)
    )
    return wire.pdu(1, body)
