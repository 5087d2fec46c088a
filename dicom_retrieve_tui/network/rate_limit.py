"""Receive no faster than a limit: a transport that waits between small pieces.

A connection without a limit has no such transport, and pays nothing for it.
"""

import threading
import weakref
from collections.abc import Callable
from time import sleep

from dicom_retrieve_tui.model.rate_limit import Pacer, Rate
from dicom_retrieve_tui.network.connection import Connection, OwnWait, Transport
from dicom_retrieve_tui.network.timeouts import TICK_S

_SHORTEST_WAIT_S = 0.001
"""Shorter waits are left to the next piece: a sleep takes longer than that."""


class PacedTransport:
    """A transport that receives small pieces, each when those before it are paid for."""

    def __init__(
        self, transport: Transport, pacer: Pacer, wait: Callable[[float], object] = sleep
    ) -> None:
        self._transport = transport
        self._pacer = pacer
        self._wait = wait
        self._due_s = 0.0

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive a piece; see `Transport`.

        Raises:
            OwnWait: It waited a moment for the limit, so that the caller may call its guard.
        """
        wait_s = self._due_s - self._pacer.monotonic_s()
        if wait_s > _SHORTEST_WAIT_S:
            self._wait(min(wait_s, TICK_S))
            raise OwnWait
        got = self._transport.recv_into(buffer[: self._pacer.piece_bytes])
        self._due_s = self._pacer.pay(got)
        return got

    def settimeout(self, value: float | None, /) -> None:
        """See `Transport`."""
        self._transport.settimeout(value)

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """See `Transport`."""
        self._transport.setsockopt(level, name, value)

    def send(self, data: memoryview, /) -> int:
        """See `Transport`."""
        return self._transport.send(data)

    def shutdown(self, how: int, /) -> None:
        """See `Transport`."""
        self._transport.shutdown(how)

    def close(self) -> None:
        """See `Transport`."""
        self._transport.close()


class RateLimiter:
    """The limit of all connections of a run, which may change. Safe from any thread."""

    def __init__(self, rate: Rate | None, *, connections: int) -> None:
        """Begin with a limit; None for none.

        Args:
            connections: About how many connections receive at once.
        """
        self._pacer = Pacer(rate, sharers=connections)
        self._unpaced: weakref.WeakSet[Connection] = weakref.WeakSet()
        """Connections that were made while there was no limit."""
        self._lock = threading.Lock()

    def attach(self, connection: Connection) -> None:
        """Limit a new connection, now or once there is a limit."""
        with self._lock:
            self._unpaced.add(connection)
            self._pace()

    def limit(self, rate: Rate | None) -> None:
        """Use another limit from now on; None for none."""
        with self._lock:
            self._pacer.limit(rate)
            self._pace()

    def _pace(self) -> None:
        """Wrap the transports of all connections if there is a limit."""
        while self._pacer.limits and self._unpaced:
            self._unpaced.pop().wrap(lambda transport: PacedTransport(transport, self._pacer))
