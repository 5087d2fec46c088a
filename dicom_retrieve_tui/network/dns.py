"""Resolve host names, and find our own host name and addresses.

`getaddrinfo` has no timeout and cannot be cancelled, so each call runs in a daemon thread that is
abandoned if it does not return in time.
"""

import contextlib
import queue
import socket
import sys
import threading
from time import monotonic
from typing import NamedTuple

from dicom_retrieve_tui.errors import ConfigError, PeerTimeout, PeerUnreachable, reason_of
from dicom_retrieve_tui.model.address import Endpoint
from dicom_retrieve_tui.network.timeouts import TICK_S, Guard

_DICOM_PORT = 11112
"""Registered by IANA. Source: PS3.8 section 9.1.1."""
_PORTS_TRIED = 20

SocketAddress = tuple[str, int] | tuple[str, int, int, int] | tuple[int, bytes]
"""A socket address; its form depends on the address family."""


class HostAddress(NamedTuple):
    """One address of a host."""

    family: int
    address: SocketAddress


def look_up(host: str, port: int | None, guard: Guard) -> list[HostAddress]:
    """Return all addresses of a host, in the order that the system prefers.

    Raises:
        OSError, UnicodeError: The name is unknown or invalid.
        PeerTimeout, Cancelled: The guard ends the wait.
    """
    answers: queue.SimpleQueue[list[HostAddress] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put([HostAddress(family, address) for family, _, _, _, address in found])
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


def claim_port(sock: socket.socket) -> None:
    """Set the option of a listening socket before it is bound: a port in TIME_WAIT is free.

    On Windows it is free anyway; SO_REUSEADDR would share the port with other programs there, and
    its opposite keeps them off.
    """
    if sys.platform == "win32":
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
    else:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)


def local_host_and_port() -> tuple[str, int]:
    """Return our host name and a free port for a Storage SCP: 11112, or one shortly after it."""
    for port in range(_DICOM_PORT, _DICOM_PORT + _PORTS_TRIED):
        with contextlib.suppress(OSError), socket.socket() as probe:
            claim_port(probe)
            probe.bind(("", port))
            return socket.gethostname(), port
    return socket.gethostname(), _DICOM_PORT


def resolve(endpoint: Endpoint, guard: Guard) -> list[HostAddress]:
    """Return all addresses of the host of a PACS.

    Raises:
        PeerUnreachable: The host is unknown.
        PeerTimeout, Cancelled: The guard ends the wait.
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
    """Return our own address on the interface that leads to `endpoint`.

    Raises:
        ConfigError: The host is unknown or was not resolved in time, or no interface leads there.
        Cancelled: The guard ends the wait.
    """
    try:
        return _own_address(look_up(endpoint.host, endpoint.port, guard))
    except PeerTimeout as error:
        reason = f"the name was not resolved within {error.waited_s:.0f} s"
        raise _unknown(endpoint, reason) from error
    except (OSError, UnicodeError) as error:
        raise _unknown(endpoint, _reason(error)) from error


def _unknown(endpoint: Endpoint, reason: str) -> ConfigError:
    return ConfigError(
        f"Cannot tell on which address to listen for {endpoint}: {reason}.",
        next_step="Name one with --listen HOST:PORT.",
    )


def _own_address(towards: list[HostAddress]) -> str:
    """Return our address towards the first that has a route; raise `OSError` without any."""
    failure = OSError("the name has no address")
    for family, address in towards:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                # A datagram socket only picks its route: nothing is sent.
                probe.connect(address)
                return str(probe.getsockname()[0])
        except OSError as error:
            failure = error
    raise failure


def _reason(error: OSError | UnicodeError) -> str:
    if isinstance(error, UnicodeError):
        return "a part of it is empty or too long"
    return reason_of(error)
