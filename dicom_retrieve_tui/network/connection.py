"""One TCP connection: a socket, a buffer and a guard, without knowledge of DICOM.

The socket blocks for at most `TICK_S`, so that every wait calls its guard several times a second.
There is no reactor and no queue: the code that needs bytes receives them.
"""

import contextlib
import mmap
import selectors
import socket
from contextlib import ExitStack
from math import inf
from time import monotonic
from typing import Protocol

from dicom_retrieve_tui.errors import AssociationAborted, PeerUnreachable, reason_of
from dicom_retrieve_tui.model.address import Endpoint
from dicom_retrieve_tui.model.dimse import Activity
from dicom_retrieve_tui.network.dns import SocketAddress, resolve
from dicom_retrieve_tui.network.timeouts import TICK_S, Guard, Limit

BUFFER_BYTES = 1 << 19
"""Room for several of the largest PDUs that a peer may send."""

QUICKACK: int | None = getattr(socket, "TCP_QUICKACK", None)


def untouched(size: int) -> memoryview:
    """Return a buffer of zeros that takes memory only as it is overwritten."""
    return memoryview(mmap.mmap(-1, size))


def _no_guard(_now_s: float) -> None:
    """The guard of a connection on which no wait has started."""


class Transport(Protocol):
    """The methods of `socket.socket` that a connection uses, plain or under TLS."""

    def settimeout(self, value: float | None, /) -> None:
        """Raise `TimeoutError` from waits of more than `value` seconds."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """Set an option of the TCP socket."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive at least one byte; return 0 if the peer has closed the connection."""

    def send(self, data: memoryview, /) -> int:
        """Send; return the number of bytes taken."""

    def shutdown(self, how: int, /) -> None:
        """Shut both directions down."""

    def close(self) -> None:
        """Close the socket."""


class Connection:
    """A connected socket, plain or under TLS, with a receive buffer.

    `view[pos:have]` is what was received and not yet consumed. Consumers advance `pos` themselves:
    this is the hot path, and a method call for each header would show.
    """

    def __init__(self, sock: Transport, peer: str) -> None:
        self.peer = peer
        """Names the peer in messages."""
        self.view = untouched(BUFFER_BYTES)
        self.pos = 0
        self.have = 0
        self.guard: Guard = _no_guard
        self.activity = Activity(last_byte_s=monotonic(), last_instance_s=monotonic())
        """Where received bytes are noted; the current request sets its own."""
        self.last_byte_s = monotonic()
        self._next_check_s = 0.0
        self._sock = sock
        sock.settimeout(TICK_S)
        _tune(sock)

    def fill(self, need: int) -> None:
        """Have at least `need` unread bytes in the buffer.

        Raises:
            AssociationAborted: The connection is lost.
            PeerTimeout, Cancelled: The guard ends the wait.
        """
        have, pos = self.have, self.pos
        if have - pos >= need:
            return
        if pos == have:
            self.have = self.pos = 0
        elif pos + need > len(self.view):
            left = bytes(self.view[pos:have])
            self.view[: len(left)] = left
            self.have, self.pos = len(left), 0
        while self.have - self.pos < need:
            self._receive()

    def _receive(self) -> None:
        """Wait for bytes, calling the guard, and append them to the buffer."""
        sock, view = self._sock, self.view[self.have :]
        while True:
            try:
                got = sock.recv_into(view)
                break
            except TimeoutError:
                self.guard(monotonic())
            except OSError as error:
                raise self._lost(error) from error
        if QUICKACK is not None:
            # Linux clears the flag after each receive. Without it, a peer that writes a command
            # and its data set separately, with Nagle on, waits 40 ms for our delayed ACK, twice
            # an instance.
            try:  # noqa: SIM105 - `suppress` costs as much as the call
                sock.setsockopt(socket.IPPROTO_TCP, QUICKACK, 1)
            except OSError:
                pass
        if not got:
            raise AssociationAborted(f"{self.peer} closed the connection without an A-RELEASE.")
        self.have += got
        now_s = monotonic()
        self.last_byte_s = self.activity.last_byte_s = now_s
        if now_s >= self._next_check_s:
            # Notice a cancel even if the peer never pauses.
            self._next_check_s = now_s + TICK_S
            self.guard(now_s)

    def send(self, data: bytes) -> None:
        """Send all of `data`, calling the guard while the peer does not take it.

        Raises:
            AssociationAborted: The connection is lost.
            PeerTimeout, Cancelled: The guard ends the wait.
        """
        unsent = memoryview(data)
        while unsent:
            try:
                unsent = unsent[self._sock.send(unsent) :]
            except TimeoutError:
                self.guard(monotonic())
            except OSError as error:
                raise self._lost(error) from error

    def close(self) -> None:
        """Close the socket; a thread that is blocked on it wakes with an error."""
        with contextlib.suppress(OSError):
            self._sock.shutdown(socket.SHUT_RDWR)
        self._sock.close()

    def _lost(self, error: OSError) -> AssociationAborted:
        return AssociationAborted(f"Lost the connection to {self.peer}: {reason_of(error)}.")


def _tune(sock: Transport) -> None:
    """Send small answers at once, and notice a peer that vanished while a C-MOVE is silent."""
    options = [
        (socket.IPPROTO_TCP, "TCP_NODELAY", 1),
        (socket.SOL_SOCKET, "SO_KEEPALIVE", 1),
        (socket.IPPROTO_TCP, "TCP_KEEPIDLE", 30),
        (socket.IPPROTO_TCP, "TCP_KEEPINTVL", 10),
        (socket.IPPROTO_TCP, "TCP_KEEPCNT", 6),
    ]
    for level, name, value in options:
        if (option := getattr(socket, name, None)) is not None:
            # A socket that is already closed raises when it is used.
            with contextlib.suppress(OSError):
                sock.setsockopt(level, option, value)


def connect(endpoint: Endpoint, guard: Limit) -> socket.socket:
    """Open a TCP connection to the first address of `endpoint` that answers.

    The remaining time is shared equally among the addresses that are left.

    Raises:
        PeerUnreachable: The name does not resolve, or no address answers.
        PeerTimeout, Cancelled: The guard ends the wait.
    """
    failures: list[str] = []
    addresses = resolve(endpoint, guard)
    for left, (family, address) in zip(range(len(addresses), 0, -1), addresses, strict=True):
        # The last address has all the time that is left; the guard ends it.
        share_s = (guard.until_s - monotonic()) / left if left > 1 else inf
        found = _call(family, address, guard, share_s)
        if not isinstance(found, str):
            return found
        failures.append(found)
    reasons = "; ".join(dict.fromkeys(failures))
    raise PeerUnreachable(
        f"Cannot reach {endpoint}: {reasons}.",
        next_step="Is the PACS running, is the port right, and does a firewall stand between?",
    )


def _call(family: int, address: SocketAddress, guard: Guard, limit_s: float) -> socket.socket | str:
    """Return a socket that connected within `limit_s` seconds, or why it did not."""
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        # This machine does not have the address family.
        return reason_of(error)
    with ExitStack() as closing:
        closing.callback(sock.close)
        try:
            sock.setblocking(False)  # noqa: FBT003 - the socket module's own signature
            sock.connect_ex(address)
            if not _answered(sock, guard, limit_s):
                return f"no answer within {limit_s:.1f} s"
            code = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        except OSError as error:
            return reason_of(error)
        if code:
            return reason_of(OSError(code, ""))
        closing.pop_all()
    return sock


def _answered(sock: socket.socket, guard: Guard, limit_s: float) -> bool:
    """Wait for the connection; return False if there was no answer within `limit_s` seconds."""
    until_s = monotonic() + limit_s
    with selectors.DefaultSelector() as selector:
        selector.register(sock, selectors.EVENT_WRITE)
        while not selector.select(min(TICK_S, max(until_s - monotonic(), 0))):
            guard(monotonic())
            if monotonic() >= until_s:
                return False
    return True
