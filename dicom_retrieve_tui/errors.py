"""Everything that can go wrong, in one tree.

::

    Cancelled                      the user stopped; not an error
    RetrieveError                  .retryable: may the same request succeed later?
    ├── ConfigError                .option .problem: an invalid request; nothing was sent
    │   └── WrongPassphrase        of the private key; whoever typed it may try again
    ├── PeerError                  the peer, or the way to it
    │   ├── PeerUnreachable        no TCP or TLS connection
    │   ├── AssociationRejected    .result .source .reason
    │   ├── AssociationAborted     A-ABORT, or the connection was lost
    │   ├── ContextNotAccepted     no presentation context for what we need
    │   ├── PeerTimeout            .waiting_for .waited_s
    │   ├── ProtocolError          bytes that the standard does not allow here
    │   └── OperationFailed        .operation .status (a DIMSE failure)
    └── StoreError                 our disk, or an instance that cannot be kept
        ├── InstanceUnfit          .status: this instance; the next may be welcome
        └── DiskFailed             .path: the disk; no further instance will fare better

A class exists only if some caller branches on it. A message says what we were doing, with whom,
what came back and what to try next.
"""

import os
from typing import Self


class Cancelled(BaseException):
    """The user asked to stop.

    Not a `RetrieveError`, nor even an `Exception`, so that no handler of failures swallows it.
    """


class RetrieveError(Exception):
    """A retrieval, or a part of one, did not work out."""

    retryable = False
    """May the same request succeed later, with nothing changed but the time?"""

    def __init__(self, found: str, *, next_step: str = "") -> None:
        """Say what came back, and apart from that what to try next; `str()` is both."""
        super().__init__(f"{found} {next_step}".rstrip())
        self.found = found
        self.next_step = next_step


class ConfigError(RetrieveError):
    """The request is invalid or contradictory. Nothing was sent or written."""

    def __init__(
        self, found: str, *, next_step: str = "", option: str = "", problem: str = ""
    ) -> None:
        """Take the whole message, and its parts for those who show it beside the option.

        Args:
            found: The message; it names the option, and the value if that helps.
            next_step: As for every `RetrieveError`.
            option: What is to blame: a flag, or the place in a file; empty if nothing is.
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
    """The private key does not open with it."""


class PeerError(RetrieveError):
    """The peer, or the way to it, failed."""

    mid_request = False
    """True if it ended a C-GET or C-MOVE that had been sent, before its final response."""


class PeerUnreachable(PeerError):
    """There is no TCP connection to the peer, or no TLS on it."""

    def __init__(
        self, found: str, *, next_step: str = "", retryable: bool = True, reason: str = ""
    ) -> None:
        super().__init__(found, next_step=next_step)
        self.retryable = retryable
        self.reason = reason or found.removesuffix(".")
        """Why, as the end of a sentence that names the peer."""


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
    def names_a_cause(self) -> bool:
        """True if time may heal it, or its reason is an AE title or the like."""
        return self.retryable or self.reason > 1


class AssociationAborted(PeerError):
    """The association ended before its work did: A-ABORT, a lost connection, an early release."""

    retryable = True


class RequestAborted(AssociationAborted):
    """The only answer to a request was an A-ABORT: how some refuse a service that they accepted."""


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
    """This one instance is damaged, or nobody asked for it; `status` is our C-STORE answer."""

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class DiskFailed(StoreError):
    """The output folder cannot take any instance: full, read-only, or gone."""

    def __init__(self, message: str, *, path: str) -> None:
        super().__init__(message)
        self.path = path


def reason_of(error: BaseException) -> str:
    """Return the reason that the system or SQLite gives, without error number and file name."""
    number = getattr(error, "errno", None)
    reason = getattr(error, "strerror", None) or (os.strerror(number) if number else str(error))
    return str(reason).lower()
