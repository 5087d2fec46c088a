"""The errors of this package, in one tree.

::

    Cancelled                      the user stopped; not an error
    └── Interrupted                the run is held; the request is made again later
    RetrieveError                  .retryable: may the same request succeed later?
    ├── ConfigError                .option .problem: an invalid request; nothing was sent
    │   ├── WrongPassphrase        of the private key; the prompt may be repeated
    │   └── FolderInUse            another run has the output folder
    ├── PeerError                  the peer, or the way to it
    │   ├── PeerUnreachable        no TCP or TLS connection
    │   ├── AssociationRejected    .result .source .reason
    │   ├── AssociationAborted     A-ABORT, or the connection was lost
    │   ├── ContextNotAccepted     no presentation context for what we need
    │   ├── PeerTimeout            .waiting_for .waited_s
    │   ├── ProtocolError          bytes that the standard does not allow here
    │   └── OperationFailed        .operation .status (a DIMSE failure)
    └── StoreError                 our disk, or an instance that cannot be kept
        ├── InstanceUnfit          .status: this instance; the next one may be kept
        └── DiskFailed             .path .no_room: the disk; further instances will fail, too

A class exists only if a caller branches on it. A message says what was done, with which peer, what
came back and what to try next.
"""

import errno
import os
from typing import Self


class Cancelled(BaseException):
    """The user asked to stop.

    Not an `Exception`, so that no handler of failures swallows it.
    """


class Interrupted(Cancelled):
    """The run is held, by a pause or outside its hours; the same request is made again later."""

    def __init__(self, *, mid_request: bool = True) -> None:
        super().__init__()
        self.mid_request = mid_request
        """True if a request was sent and got no final response."""


class RetrieveError(Exception):
    """A retrieval, or a part of one, failed."""

    retryable = False
    """May the same request succeed later, with nothing changed but the time?"""

    def __init__(self, found: str, *, next_step: str = "") -> None:
        """Take what came back and what to try next; `str()` is both."""
        super().__init__(f"{found} {next_step}".rstrip())
        self.found = found
        self.next_step = next_step

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way to another process: several classes require keywords."""
        return _restored, (type(self), self.args, self.__dict__)


def _restored(
    kind: type[RetrieveError], args: tuple[object, ...], state: dict[str, object]
) -> RetrieveError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(state)
    return error


class ConfigError(RetrieveError):
    """The request is invalid or contradictory. Nothing was sent or written."""

    def __init__(
        self, found: str, *, next_step: str = "", option: str = "", problem: str = ""
    ) -> None:
        """Take the whole message, and its parts for a form that shows it beside the option.

        Args:
            found: The message; it names the option, and the value if that helps.
            next_step: As for every `RetrieveError`.
            option: The flag or the place in a file that is to blame; empty if there is none.
            problem: What is wrong with it, without name, value and period.
        """
        super().__init__(found, next_step=next_step)
        self.option = option
        self.problem = problem or found.removesuffix(".")

    @classmethod
    def of_value(cls, option: str, text: str, problem: str) -> Self:
        """Return the error of an option whose value is invalid: `--port '0': PROBLEM.`."""
        return cls(f"{option} {text!r}: {problem}.", option=option, problem=problem)


class WrongPassphrase(ConfigError):
    """The passphrase does not open the private key."""


class FolderInUse(ConfigError):
    """Another run has the output folder, and what belongs to it, such as its report."""


class PeerError(RetrieveError):
    """The peer, or the way to it, failed."""

    mid_request = False
    """True if a C-GET or C-MOVE was sent and got no final response."""
    unassociated = False
    """True if no association was established."""


class PeerUnreachable(PeerError):
    """There is no TCP connection to the peer, or no TLS on it."""

    def __init__(
        self, found: str, *, next_step: str = "", retryable: bool = True, reason: str = ""
    ) -> None:
        super().__init__(found, next_step=next_step)
        self.retryable = retryable
        self.reason = reason or found.removesuffix(".")
        """The cause, as the end of a sentence that names the peer."""


class AssociationRejected(PeerError):
    """The peer answered A-ASSOCIATE-RJ.

    Source: PS3.8 section 9.3.4, Table 9-21 gives the numbers.
    """

    def __init__(
        self, found: str, *, next_step: str = "", result: int, source: int, reason: int
    ) -> None:
        super().__init__(found, next_step=next_step)
        self.result = result
        self.source = source
        self.reason = reason
        self.retryable = result == 2  # rejected-transient

    @property
    def no_association_left(self) -> bool:
        """True if the service provider (3), which counts associations, had none left for us."""
        return self.retryable and self.source == 3

    @property
    def names_a_cause(self) -> bool:
        """True if the rejection is transient, or its reason is an AE title or the like."""
        return self.retryable or self.reason > 1


class AssociationAborted(PeerError):
    """The association ended too early: A-ABORT, a lost connection, an early release."""

    retryable = True


class RequestAborted(AssociationAborted):
    """A request was answered by A-ABORT, as some PACS refuse a service that they accepted."""


class ContextNotAccepted(PeerError):
    """The peer accepted no presentation context for what we need."""


class PeerTimeout(PeerError):
    """A wait ended at one of its timeouts."""

    retryable = True

    def __init__(
        self, found: str, *, next_step: str = "", waiting_for: str, waited_s: float
    ) -> None:
        super().__init__(found, next_step=next_step)
        self.waiting_for = waiting_for
        self.waited_s = waited_s


class ProtocolError(PeerError):
    """The peer sent bytes that the standard does not allow where they came."""

    retryable = True


class OperationFailed(PeerError):
    """A DIMSE operation ended with a status of category Failure."""

    def __init__(self, found: str, *, next_step: str = "", operation: str, status: int) -> None:
        super().__init__(found, next_step=next_step)
        self.operation = operation
        self.status = status


class StoreError(RetrieveError):
    """An instance could not be kept."""


class InstanceUnfit(StoreError):
    """One instance is damaged or was not requested; `status` is our C-STORE response."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class DiskFailed(StoreError):
    """The output folder cannot take any instance: full, read-only, or gone."""

    def __init__(self, message: str, *, path: str, no_room: bool = False) -> None:
        super().__init__(message)
        self.path = path
        self.no_room = no_room
        """True if it takes instances again once there is room."""


_OF_WINDOWS_SOCKETS = {
    "ECONNREFUSED": "connection refused",
    "ECONNRESET": "connection reset by peer",
    "ECONNABORTED": "software caused connection abort",
    "ETIMEDOUT": "connection timed out",
    "EHOSTUNREACH": "no route to host",
    "ENETUNREACH": "network is unreachable",
    "EADDRINUSE": "address already in use",
    "EADDRNOTAVAIL": "cannot assign requested address",
    "EACCES": "permission denied",
}
"""The words of POSIX, which our documents quote; Windows has long ones in the user's language."""
_SOCKET_ERROR_MIN = 10000
"""Source: winsock2.h, WSABASEERR."""


def _socket_reason(number: int | None) -> str:
    """Return the words for an error number of Windows' sockets; empty for any other number."""
    if number is None or number < _SOCKET_ERROR_MIN:
        return ""
    name = errno.errorcode.get(number, "").removeprefix("WSA")
    return _OF_WINDOWS_SOCKETS.get(name, "")


def reason_of(error: BaseException) -> str:
    """Return the reason that the system or SQLite gives, without error number and file name."""
    number = getattr(error, "errno", None)
    if words := _socket_reason(getattr(error, "winerror", None) or number):
        return words
    reason = getattr(error, "strerror", None) or (os.strerror(number) if number else str(error))
    return str(reason).lower()
