"""Connections that receive no faster than a limit, on a clock that the tests move."""

import socket
from collections.abc import Iterator

import pytest

from dicom_retrieve_tui.errors import PeerTimeout
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.rate_limit import Pacer, Rate
from dicom_retrieve_tui.network.connection import Connection
from dicom_retrieve_tui.network.rate_limit import PacedTransport, RateLimiter
from dicom_retrieve_tui.network.timeouts import TICK_S, within

_SLOW = Rate(10_000, "10kB/s")
_MANY_BYTES = 100_000


class _Endless:
    """A transport that has always something, and counts how it is asked."""

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def recv_into(self, buffer: memoryview, /) -> int:
        self.sizes.append(len(buffer))
        return len(buffer)

    def send(self, data: memoryview, /) -> int:
        return len(data)

    def settimeout(self, value: float | None, /) -> None:
        """Nothing blocks."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """There is no socket."""

    def shutdown(self, how: int, /) -> None:
        """There is no socket."""

    def close(self) -> None:
        """There is no socket."""


class _Clock:
    def __init__(self) -> None:
        self.now_s = 100.0
        self.longest_s = 0.0

    def __call__(self) -> float:
        return self.now_s

    def wait(self, seconds: float) -> None:
        self.now_s += seconds
        self.longest_s = max(self.longest_s, seconds)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, theirs


def _fill(connection: Connection, size: int) -> None:
    taken = 0
    while taken < size:
        connection.fill(1)
        taken += connection.have - connection.pos
        connection.pos = connection.have


def test_pieces_are_small_and_waits_short() -> None:
    clock, endless = _Clock(), _Endless()
    pacer = Pacer(_SLOW, sharers=8, monotonic_s=clock)
    connection = Connection(PacedTransport(endless, pacer, clock.wait), "PEER")

    _fill(connection, _MANY_BYTES)

    assert set(endless.sizes) == {512}
    assert clock.longest_s <= TICK_S
    assert clock.now_s - 100.0 == pytest.approx(_MANY_BYTES / _SLOW.bytes_s, rel=0.05)


def test_our_own_waiting_counts_for_no_timeout() -> None:
    clock, endless = _Clock(), _Endless()
    pacer = Pacer(_SLOW, monotonic_s=clock)
    connection = Connection(PacedTransport(endless, pacer, clock.wait), "PEER")
    heard: list[float] = []
    connection.guard = lambda now_s: heard.append(
        now_s - max(connection.last_byte_s, connection.activity.last_byte_s)
    )

    _fill(connection, 10_000)

    assert len(heard) > 10
    assert max(heard) == 0.0


def test_a_peer_that_is_silent_still_times_out(pair: tuple[socket.socket, socket.socket]) -> None:
    connection = Connection(pair[0], "PEER")
    RateLimiter(_SLOW, connections=1).attach(connection)
    connection.guard = within(0.3, "a byte", CancelToken())

    with pytest.raises(PeerTimeout, match="for a byte"):
        connection.fill(1)


def test_a_connection_without_a_limit_has_the_bare_transport() -> None:
    endless = _Endless()
    connection = Connection(endless, "PEER")
    limiter = RateLimiter(None, connections=1)
    limiter.attach(connection)

    assert connection._sock is endless
    limiter.limit(_SLOW)
    assert isinstance(connection._sock, PacedTransport)
    limiter.limit(_SLOW)
    limiter.limit(None)
    _fill(connection, 1 << 21)
    assert endless.sizes[0] == len(connection.view)


def test_a_limiter_keeps_no_connection_alive() -> None:
    limiter = RateLimiter(None, connections=1)
    limiter.attach(Connection(_Endless(), "PEER"))

    assert not limiter._unpaced
