"""A connection: the options of its socket."""

import socket

import pytest

from dicom_retrieve_tui.network.connection import Connection

_QUICKACK = (socket.IPPROTO_TCP, getattr(socket, "TCP_QUICKACK", -1), 1)


class Transport:
    """A socket that receives one byte at a time, and records the options that are set."""

    def __init__(self) -> None:
        self.options: list[tuple[int, int, int]] = []

    def settimeout(self, value: float | None, /) -> None:
        """Nothing here waits."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        self.options.append((level, name, value))

    def recv_into(self, buffer: memoryview, /) -> int:
        buffer[0] = 1
        return 1

    def send(self, data: memoryview, /) -> int:
        return len(data)

    def shutdown(self, how: int, /) -> None:
        """There is nothing to shut down."""

    def close(self) -> None:
        """There is nothing to close."""


@pytest.mark.skipif(not hasattr(socket, "TCP_QUICKACK"), reason="only Linux has TCP_QUICKACK")
def test_acknowledgements_are_not_delayed_after_any_receive() -> None:
    transport = Transport()

    Connection(transport, "peer").fill(3)

    assert transport.options.count(_QUICKACK) == 3


def test_small_messages_are_sent_at_once() -> None:
    transport = Transport()

    Connection(transport, "peer")

    assert (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1) in transport.options
