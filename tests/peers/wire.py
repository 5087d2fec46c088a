"""The wire format once more, written apart from the package, for peers that tests script.

Nothing here is imported from the package under test, so a mistake is not made twice.
"""

import socket
import struct
from collections.abc import Mapping

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"

A_RELEASE_RQ = 5
A_RELEASE_RP = 6
A_ABORT = 7
"""PDU types."""

PENDING = 0xFF00
SUCCESS = 0x0000

Value = int | str | bytes


def element(group: int, number: int, value: bytes) -> bytes:
    """One element in Implicit VR Little Endian."""
    return struct.pack("<HHL", group, number, len(value)) + value


def text(value: str, pad: str = " ") -> bytes:
    return (value + pad * (len(value) % 2)).encode("latin-1")


def uid(value: str) -> bytes:
    return text(value, "\0")


def command(**fields: Value) -> bytes:
    """A command set; fields by the names in `_FIELDS`."""
    encoded = b""
    for number, value in sorted((_FIELDS[name], value) for name, value in fields.items()):
        raw = value if isinstance(value, bytes) else (
            struct.pack("<H", value) if isinstance(value, int) else uid(value)
        )  # fmt: skip
        encoded += element(0, number, raw)
    return element(0, 0, struct.pack("<L", len(encoded))) + encoded


_FIELDS = {
    "sop_class": 0x0002,
    "field": 0x0100,
    "message_id": 0x0110,
    "responding_to": 0x0120,
    "move_destination": 0x0600,
    "priority": 0x0700,
    "data_set_type": 0x0800,
    "status": 0x0900,
    "offending": 0x0901,
    "comment": 0x0902,
    "sop_instance": 0x1000,
    "remaining": 0x1020,
    "completed": 0x1021,
    "failed": 0x1022,
    "warning": 0x1023,
}


def read_elements(data: bytes) -> dict[int, bytes]:
    """The elements of an implicit data set without sequences, by tag."""
    found, at = {}, 0
    while at < len(data):
        group, number, length = struct.unpack_from("<HHL", data, at)
        found[group << 16 | number] = data[at + 8 : at + 8 + length]
        at += 8 + length
    return found


def data_set(values: Mapping[int, str]) -> bytes:
    """An identifier or instance of text elements, in Implicit VR Little Endian."""
    return b"".join(
        element(tag >> 16, tag & 0xFFFF, uid(value) if "UID" in _kind(tag) else text(value))
        for tag, value in sorted(values.items())
    )


def _kind(tag: int) -> str:
    return "UID" if tag in {0x00080016, 0x00080018, 0x0020000D, 0x0020000E} else "text"


def p_data(context_id: int, flags: int, payload: bytes) -> bytes:
    """One P-DATA PDU with one presentation data value; flags 1 command, 2 last."""
    size = len(payload)
    return struct.pack(">BBLLBB", 4, 0, size + 6, size + 2, context_id, flags) + payload


def message(context_id: int, command_set: bytes, data: bytes | None = None) -> bytes:
    """A whole DIMSE message."""
    encoded = p_data(context_id, 3, command_set)
    if data is not None:
        pieces = [data[at : at + 16000] for at in range(0, len(data), 16000)] or [b""]
        for number, piece in enumerate(pieces, start=1):
            encoded += p_data(context_id, 2 if number == len(pieces) else 0, piece)
    return encoded


def pdu(kind: int, body: bytes = b"\0\0\0\0") -> bytes:
    return struct.pack(">BBL", kind, 0, len(body)) + body


def receive_exactly(sock: socket.socket, size: int) -> bytes:
    """Raises EOFError if the other side is gone first."""
    received = b""
    while len(received) < size:
        piece = sock.recv(size - len(received))
        if not piece:
            raise EOFError
        received += piece
    return received


def receive_pdu(sock: socket.socket) -> tuple[int, bytes]:
    kind, _, length = struct.unpack(">BBL", receive_exactly(sock, 6))
    return kind, receive_exactly(sock, length)
