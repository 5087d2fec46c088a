"""One association on the raw peer's side: accepts, reads requests, sends answers. No services."""

import socket
import struct
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.peers import wire
from tests.peers.wire import EXPLICIT, IMPLICIT

_QUERY_RETRIEVE = "1.2.840.10008.5.1.4.1.2."
_CONTEXT, _MAX_LENGTH, _ROLE, _USER_INFORMATION = 0x20, 0x51, 0x54, 0x50
_ACCEPTED, _NO_SYNTAX = 0, 4
_LAST = 2
_BUFFER_BYTES = 1 << 22


class Released(Exception):
    """The other side released the association, or went away."""


@dataclass
class Request:
    """One message that came."""

    context_id: int
    command: dict[int, bytes]
    identifier: dict[int, bytes] = field(default_factory=dict)

    def number(self, element: int) -> int:
        """The value of a US element of the command set."""
        return int.from_bytes(self.command[element], "little")

    def key(self, tag: int) -> str:
        """The value of a key of the identifier; empty if it is not there."""
        return self.identifier.get(tag, b"").decode().strip("\0 ")


class RawAssociation:
    """Accepts what it can, Explicit VR Little Endian for instances, Implicit for identifiers."""

    def __init__(self, sock: socket.socket) -> None:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _BUFFER_BYTES)
        self._sock = sock
        self.max_pdu_bytes = 16384
        """The largest PDU that the other side takes."""
        self.storage_context: dict[str, int] = {}
        """By SOP Class UID, where Explicit VR Little Endian was accepted."""

    def accept(self) -> None:
        """Read the A-ASSOCIATE-RQ and answer it."""
        kind, body = self._receive()
        if kind != 1:
            raise Released
        results, roles = b"", b""
        for item, value in _items(body, 68):
            if item == _CONTEXT:
                results += self._accept_context(value)
            elif item == _USER_INFORMATION:
                for part, content in _items(value, 0):
                    if part == _MAX_LENGTH:
                        self.max_pdu_bytes = int.from_bytes(content, "big") or 1 << 17
                    elif part == _ROLE:
                        roles += _item(_ROLE, content)
        user = _item(_MAX_LENGTH, struct.pack(">L", 1 << 17)) + _item(0x52, b"1.2.3.4") + roles
        answer = body[:68] + _item(0x10, b"1.2.840.10008.3.1.1.1") + results
        self._sock.sendall(wire.pdu(2, answer + _item(_USER_INFORMATION, user)))

    def _accept_context(self, value: bytes) -> bytes:
        context_id = value[0]
        names = [name.decode() for _, name in _items(value, 4)]
        abstract, syntaxes = names[0], names[1:]
        asks = abstract.startswith(_QUERY_RETRIEVE)
        syntax = IMPLICIT if asks else EXPLICIT
        if syntax not in syntaxes:
            answer = bytes([context_id, 0, _NO_SYNTAX, 0]) + _item(0x40, IMPLICIT.encode())
            return _item(0x21, answer)
        if not asks:
            self.storage_context[abstract] = context_id
        answer = bytes([context_id, 0, _ACCEPTED, 0]) + _item(0x40, syntax.encode())
        return _item(0x21, answer)

    def read(self) -> Request:
        """Wait for the next message, its identifier with it."""
        context_id, command = self._read_part()
        request = Request(context_id, wire.read_elements(command))
        if request.number(0x0800) != 0x0101:
            request.identifier = wire.read_elements(self._read_part()[1])
        return request

    def _read_part(self) -> tuple[int, bytes]:
        whole = b""
        while True:
            kind, body = self._receive()
            if kind == 5:
                self._sock.sendall(wire.pdu(6))
            if kind != 4:
                raise Released
            at = 0
            while at < len(body):
                size, context_id, flags = struct.unpack_from(">LBB", body, at)
                whole += body[at + 6 : at + 4 + size]
                at += 4 + size
            if flags & _LAST:
                return context_id, whole

    def _receive(self) -> tuple[int, bytes]:
        try:
            return wire.receive_pdu(self._sock)
        except (EOFError, ConnectionError) as error:
            raise Released from error

    def send(self, data: bytes) -> None:
        """Send whole messages at once."""
        self._sock.sendall(data)

    def stream(self, context_id: int, pieces: Iterable[bytes], size: int) -> None:
        """Send a data set of `size` bytes, in PDUs as large as the other side takes."""
        for piece in pieces:
            view = memoryview(piece)
            while view:
                part = view[: self.max_pdu_bytes - 6]
                view = view[len(part) :]
                size -= len(part)
                flags = 0 if size else _LAST
                length = len(part)
                head = struct.pack(">BBLLBB", 4, 0, length + 6, length + 2, context_id, flags)
                self._send_both(head, part)

    def _send_both(self, head: bytes, part: memoryview) -> None:
        sent = self._sock.sendmsg([head, part])
        if sent < len(head):
            self._sock.sendall(head[sent:])
            sent = len(head)
        if sent < len(head) + len(part):
            self._sock.sendall(part[sent - len(head) :])


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _items(data: bytes, at: int) -> Iterable[tuple[int, bytes]]:
    while at < len(data):
        kind, length = struct.unpack_from(">BxH", data, at)
        yield kind, data[at + 4 : at + 4 + length]
        at += 4 + length
