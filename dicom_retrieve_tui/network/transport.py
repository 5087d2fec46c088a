"""What a connection needs of the thing below it: a TCP socket, plain or under TLS."""

from typing import Protocol


class Transport(Protocol):
    """The methods of `socket.socket` that are used once a connection is there."""

    def settimeout(self, value: float | None, /) -> None:
        """Let every wait end after so many seconds with a `TimeoutError`."""

    def setsockopt(self, level: int, name: int, value: int, /) -> None:
        """Set an option of the TCP socket."""

    def recv_into(self, buffer: memoryview, /) -> int:
        """Receive what has come, at least a byte; 0 if the peer has closed the connection."""

    def send(self, data: memoryview, /) -> int:
        """Send; returns how much of it was taken."""

    def shutdown(self, how: int, /) -> None:
        """End both directions."""

    def close(self) -> None:
        """Give the socket back."""
