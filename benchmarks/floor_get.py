"""The floor: one C-GET on a bare blocking socket, straight to files, nothing checked.

    python -m benchmarks.floor_get PORT CALLED_AE_TITLE STUDY_UID FOLDER

No deadlines, no errors, no retries, one SOP class, no sync. It shows how fast one association can
go from Python; the engine is held against it. Prints its seconds from connect to final response.
"""

import json
import os
import socket
import struct
import sys
import time

from tests.peers import wire
from tests.peers.wire import CT_IMAGE, EXPLICIT, IMPLICIT

_GET = "1.2.840.10008.5.1.4.1.2.2.3"
_MAX_PDU_BYTES = 1 << 17
_BUFFER_BYTES = 1 << 20
_QUICKACK = getattr(socket, "TCP_QUICKACK", None)
_ELEMENT = struct.Struct("<HHL")
_HEADERS = struct.Struct(">BBLLBB")


def _item(kind: int, value: bytes) -> bytes:
    return struct.pack(">BxH", kind, len(value)) + value


def _associate_request(called: str) -> bytes:
    def context(number: int, abstract: str, *syntaxes: str) -> bytes:
        names = _item(0x30, abstract.encode())
        names += b"".join(_item(0x40, syntax.encode()) for syntax in syntaxes)
        return _item(0x20, bytes([number, 0, 0, 0]) + names)

    uid = CT_IMAGE.encode()
    role = struct.pack(">H", len(uid)) + uid + b"\0\1"
    user = _item(0x51, struct.pack(">L", _MAX_PDU_BYTES)) + _item(0x52, b"1.2.3.4")
    return wire.pdu(
        1,
        struct.pack(">H2x16s16s32x", 1, called.encode().ljust(16), b"FLOOR".ljust(16))
        + _item(0x10, b"1.2.840.10008.3.1.1.1")
        + context(1, _GET, IMPLICIT)
        + context(3, CT_IMAGE, EXPLICIT, IMPLICIT)
        + _item(0x50, user + _item(0x54, role)),
    )


class _Floor:
    def __init__(self, port: int, folder: str) -> None:
        self._folder = folder
        self._sock = socket.create_connection(("127.0.0.1", port))
        self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._view = memoryview(bytearray(_BUFFER_BYTES))
        self._have = self._pos = 0
        self._file = -1
        self.instances = 0

    def _fill(self, need: int) -> None:
        """Have at least `need` unread bytes."""
        if self._have - self._pos >= need:
            return
        left = bytes(self._view[self._pos : self._have])
        self._view[: len(left)] = left
        self._have, self._pos = len(left), 0
        while self._have < need:
            got = self._sock.recv_into(self._view[self._have :])
            if _QUICKACK is not None:
                self._sock.setsockopt(socket.IPPROTO_TCP, _QUICKACK, 1)
            if not got:
                raise EOFError
            self._have += got

    def _take(self, size: int) -> bytes:
        self._fill(size)
        taken = bytes(self._view[self._pos : self._pos + size])
        self._pos += size
        return taken

    def get(self, called: str, study_uid: str) -> None:
        """Associate, ask, and receive until the final response."""
        self._sock.sendall(_associate_request(called))
        kind, _, length = struct.unpack(">BBL", self._take(6))
        self._take(length)
        if kind != 2:
            raise RuntimeError(f"no association, but a PDU of type {kind}")
        command = wire.command(
            sop_class=_GET, field=0x10, message_id=1, priority=0, data_set_type=1
        )
        identifier = wire.data_set({0x00080052: "STUDY", 0x0020000D: study_uid})
        self._sock.sendall(wire.message(1, command, identifier))
        store: dict[int, bytes] = {}
        while True:
            context, flags, left = self._next_value()
            if not flags & 1:
                self._receive_piece(left)
                if flags & 2:
                    self._answer(context, store)
                continue
            message = wire.read_elements(self._take(left))
            if message[0x0100] == b"\1\0":
                store = message
                self._open(message[0x1000].rstrip(b"\0").decode())
            elif message[0x0900] not in {b"\x00\xff", b"\x01\xff"}:
                return

    def _next_value(self) -> tuple[int, int, int]:
        """Context, flags and length of the next fragment; one in each PDU, as all peers here do."""
        kind, _, whole, length, context, flags = _HEADERS.unpack(self._take(12))
        if kind != 4 or whole != length + 4:
            raise RuntimeError(f"a PDU of type {kind} and {whole} bytes")
        return context, flags, length - 2

    def _open(self, sop_uid: str) -> None:
        self._file = os.open(f"{self._folder}/{sop_uid}.dcm", os.O_WRONLY | os.O_CREAT, 0o600)

    def _receive_piece(self, left: int) -> None:
        while left:
            if self._have == self._pos:
                self._fill(1)
            size = min(left, self._have - self._pos)
            os.write(self._file, self._view[self._pos : self._pos + size])
            self._pos += size
            left -= size

    def _answer(self, context: int, store: dict[int, bytes]) -> None:
        os.close(self._file)
        self.instances += 1
        answer = wire.command(
            sop_class=store[0x0002],
            field=0x8001,
            responding_to=store[0x0110],
            data_set_type=0x0101,
            status=0,
            sop_instance=store[0x1000],
        )
        self._sock.sendall(wire.p_data(context, 3, answer))

    def release(self) -> None:
        """Say good-bye."""
        self._sock.sendall(wire.pdu(5))
        self._sock.close()


def main() -> None:
    """Retrieve one study."""
    port, called, study_uid, folder = sys.argv[1:]
    started_s = time.monotonic()
    floor = _Floor(int(port), folder)
    floor.get(called, study_uid)
    get_s = time.monotonic() - started_s
    floor.release()
    sys.stdout.write(json.dumps({"get_s": get_s, "instances": floor.instances}) + "\n")


if __name__ == "__main__":
    main()
