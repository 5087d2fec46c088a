"""What a host name stands for, and which address of ours leads there.

`getaddrinfo` has no timeout and no cancel: each question is put in a thread of its own, which is
left behind where nobody answers, and its asker waits under a guard.
"""

import queue
import socket
import threading
from time import monotonic
from typing import NamedTuple

from dicom_retrieve_tui.errors import ConfigError, PeerTimeout, PeerUnreachable, reason_of
from dicom_retrieve_tui.model.address import Endpoint
from dicom_retrieve_tui.network.timeouts import TICK_S, Guard

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""Of a socket, by its family."""


class Found(NamedTuple):
    """One address that a name stands for."""

    family: int
    address: SocketAddress


def look_up(host: str, port: int | None, guard: Guard) -> list[Found]:
    """Everything that a host name stands for, the system's first choice first.

    Raises:
        OSError, UnicodeError: There is no such name, or it cannot be one.
        PeerTimeout, Cancelled: The guard says that waiting is over.
    """
    answers: queue.SimpleQueue[list[Found] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([Found(family, address) for family, _, _, _, address in found])
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, name="resolve", daemon=True).start()
    while True:
        try:
            answer = answers.get(timeout=TICK_S)
            break
        except queue.Empty:
            guard(monotonic())
    if isinstance(answer, Exception):
        raise answer
    return answer


def resolve(endpoint: Endpoint, guard: Guard) -> list[Found]:
    """Everything that the host of a PACS stands for.

    Raises:
        PeerUnreachable: There is no such name.
        PeerTimeout, Cancelled: The guard says that waiting is over.
    """
    try:
        return look_up(endpoint.host, endpoint.port, guard)
    except (OSError, UnicodeError) as error:
        raise PeerUnreachable(
            f"Cannot find the host {endpoint.host!r}: {_reason(error)}.",
            next_step="Check its spelling.",
            retryable=False,
        ) from error


def address_towards(endpoint: Endpoint, guard: Guard) -> str:
    """Our own address on the interface that leads to `endpoint`.

    Raises:
        ConfigError: The host is unknown, or nobody tells of it, or no interface leads there.
        Cancelled: The guard says so.
    """
    try:
        return _own_address(look_up(endpoint.host, endpoint.port, guard))
    except PeerTimeout as error:
        reason = f"nobody told within {error.waited_s:.0f} s what that name stands for"
        raise _unknown(endpoint, reason) from error
    except (OSError, UnicodeError) as error:
        raise _unknown(endpoint, _reason(error)) from error


def _unknown(endpoint: Endpoint, reason: str) -> ConfigError:
    return ConfigError(
        f"Cannot tell on which address to listen for {endpoint}: {reason}.",
        next_step="Name one with --listen HOST:PORT.",
    )


def _own_address(towards: list[Found]) -> str:
    """Raises `OSError` if we have none that leads to any of these."""
    failure = OSError("it stands for nothing")
    for family, address in towards:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect(address)  # a datagram socket only picks its route: nothing is sent
                return str(probe.getsockname()[0])
        except OSError as error:
            failure = error
    raise failure


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "a part of it is empty or too long"
    return reason_of(error)
