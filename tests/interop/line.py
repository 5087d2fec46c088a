"""A line between us and a real peer, on which a test holds up one connection in mid-transfer."""

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

_PIECE_BYTES = 1 << 14
_PATIENCE_S = 20.0


class Line:
    """Carries connections from a port of its own to a target; the first long one is held up.

    Nothing more goes either way on that connection, and nothing tells either side.
    """

    def __init__(self, target_port: int, *, hold_after_bytes: int, port: int = 0) -> None:
        self._target_port = target_port
        self._hold_after_bytes = hold_after_bytes
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self._listener.getsockname()[1]
        self.held = threading.Event()
        """Set once a connection is held up."""
        self._let_go = threading.Event()
        self._choosing = threading.Lock()
        self._threads: list[threading.Thread] = []
        self._socks: list[socket.socket] = []

    def __enter__(self) -> Self:
        self._begin(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._let_go.set()
        for sock in (self._listener, *self._socks):
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(_PATIENCE_S)
            assert not thread.is_alive()
        for sock in (self._listener, *self._socks):
            sock.close()

    def _begin(self, work: object, *args: object) -> None:
        thread = threading.Thread(target=work, args=args, name="line")  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
                far = socket.create_connection(("127.0.0.1", self._target_port))
            except OSError:
                return
            self._socks += [near, far]
            free = threading.Event()
            free.set()
            self._begin(self._carry, near, far, free)
            self._begin(self._carry, far, near, free)

    def _carry(self, source: socket.socket, target: socket.socket, free: threading.Event) -> None:
        carried = 0
        with contextlib.suppress(OSError):
            while piece := source.recv(_PIECE_BYTES):
                carried += len(piece)
                if carried > self._hold_after_bytes:
                    self._choose(free)
                if not free.is_set():
                    self._let_go.wait(_PATIENCE_S)
                    return
                target.sendall(piece)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_WR)

    def _choose(self, free: threading.Event) -> None:
        """Hold up this connection, if it is the first that was long enough."""
        with self._choosing:
            if not self.held.is_set():
                free.clear()
                self.held.set()
