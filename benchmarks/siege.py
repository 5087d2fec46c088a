"""Besieges our Storage SCP as long as it listens: `python -m benchmarks.siege PORT AE_TITLE [...]`.

Twelve callers stall inside their A-ASSOCIATE-RQ and five say nothing, as a TLS client would that
never begins; one announces a PDU of 1 GiB instead of an A-ASSOCIATE-RQ, and one after its
association; one sends a byte a second. A caller that is refused comes again half a second later. On
SIGTERM it says how many connections that were.

With the names of an authority's certificate, a certificate and a key, those who announce too much
do so over TLS; the others get no further than TCP anyway.
"""

import contextlib
import json
import signal
import socket
import ssl
import struct
import sys
import threading
from collections.abc import Callable
from types import FrameType

from tests.peers.raw_scu import associate_request
from tests.peers.wire import CT_IMAGE

_STALLED, _SILENT = 12, 5
_BEGUN = b"\1\0\0\0"
_GIB = struct.pack(">BBL", 4, 0, 1 << 30)
_LOOK_S, _AGAIN_S = 0.01, 0.5
_PATIENCE_S = 60.0
READY = "ready"
"""What it says once its own start no longer disturbs the transfer."""

Act = Callable[[socket.socket], object]


class Siege:
    """All who besiege one port."""

    def __init__(self, port: int, ae_title: str, tls: ssl.SSLContext | None) -> None:
        """Prepare.

        Args:
            ae_title: Of the Storage SCP, without which there is no association to abuse.
            tls: For those who get as far; None: without.
        """
        self._where = ("127.0.0.1", port)
        self._tls = tls
        self._hello = associate_request({CT_IMAGE: 1}, ae_title, "STRANGER")
        self._listens = threading.Event()
        self.connections = 0

    def run(self) -> None:
        """Besiege for ever."""
        acts: list[Act] = [self._announce, self._announce_associated, self._drip]
        acts += [self._stall] * _STALLED + [self._say_nothing] * _SILENT
        for act in acts:
            threading.Thread(target=self._call_again, args=(act,), daemon=True).start()
        pause = threading.Event()
        while True:
            with socket.socket() as probe:
                if probe.connect_ex(self._where):
                    self._listens.clear()
                else:
                    self._listens.set()
            pause.wait(_AGAIN_S if self._listens.is_set() else _LOOK_S)

    def _call_again(self, act: Act) -> None:
        pause = threading.Event()
        while True:
            self._listens.wait()
            with contextlib.suppress(OSError), socket.create_connection(self._where) as sock:
                sock.settimeout(_PATIENCE_S)
                self.connections += 1
                act(sock)
            pause.wait(_AGAIN_S)

    def _stall(self, sock: socket.socket) -> None:
        sock.sendall(_BEGUN)
        sock.recv(1)

    def _say_nothing(self, sock: socket.socket) -> None:
        sock.recv(1)

    def _announce(self, sock: socket.socket) -> None:
        with self._secured(sock) as secured:
            secured.sendall(_GIB)
            secured.recv(1)

    def _announce_associated(self, sock: socket.socket) -> None:
        with self._secured(sock) as secured:
            secured.sendall(self._hello)
            secured.recv(1 << 16)
            secured.sendall(_GIB)
            while secured.recv(1 << 16):
                """The A-ABORT, and the end."""

    def _drip(self, sock: socket.socket) -> None:
        pause = threading.Event()
        for byte in self._hello:
            sock.sendall(bytes([byte]))
            pause.wait(1.0)

    def _secured(self, sock: socket.socket) -> contextlib.AbstractContextManager[socket.socket]:
        if self._tls is None:
            return contextlib.nullcontext(sock)
        return self._tls.wrap_socket(sock, server_hostname="127.0.0.1")


def _leave(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit


def main() -> None:
    """Do what the command line says."""
    port, ae_title, *files = sys.argv[1:]
    tls = None
    if files:
        authority, certificate, key = files
        tls = ssl.create_default_context(cafile=authority)
        # Whom it besieges does not matter to a stranger.
        tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        tls.load_cert_chain(certificate, key)
    siege = Siege(int(port), ae_title, tls)
    signal.signal(signal.SIGTERM, _leave)
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    try:
        siege.run()
    finally:
        sys.stdout.write(json.dumps({"strangers": siege.connections}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
