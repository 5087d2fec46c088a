"""Rules for retries: which failures are worth another attempt, and the wait before it.

The texts for the user are in `status` (for DIMSE statuses) and in the errors.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from dicom_retrieve_tui.errors import AssociationRejected, RetrieveError


class Cure(Enum):
    """The attempts that a failure is worth."""

    TIME = "time"
    """The same request may succeed later."""
    ONCE = "once"
    """It may, but a second failure of the same kind is final."""
    NONE = "none"
    """It will not succeed, however often it is made."""


_STATUSES = {
    0x0000: Cure.TIME,  # reports success, yet instances are missing: some archives fetch late
    0x0110: Cure.ONCE,  # processing failure
    0x0120: Cure.NONE,  # missing attribute
    0x0122: Cure.NONE,  # SOP class not supported
    0x0124: Cure.NONE,  # not authorised
    0x0210: Cure.NONE,  # duplicate invocation
    0x0211: Cure.NONE,  # unrecognised operation
    0x0212: Cure.NONE,  # mistyped argument
    0xA801: Cure.NONE,  # move destination unknown
    0xA900: Cure.NONE,  # identifier does not match the SOP class
    0xB000: Cure.TIME,  # sub-operations failed
    0xC801: Cure.NONE,  # move destination not allowed
    0xFE00: Cure.TIME,  # cancelled, and not by us
}


_OUT_OF_RESOURCES = 0xA7
_NO_REASON_GIVEN = 1


def status_cure(status: int) -> Cure:
    """Return what may help against a final status.

    Source: PS3.4 sections C.4.2.1.5 and C.4.3.1.4.
    """
    if status >> 8 == _OUT_OF_RESOURCES:
        return Cure.TIME
    return _STATUSES.get(status, Cure.ONCE)


def error_cure(error: RetrieveError) -> Cure:
    """Return what may help against an error."""
    if isinstance(error, AssociationRejected) and error.reason == _NO_REASON_GIVEN:
        return Cure.TIME if error.retryable else Cure.ONCE
    return Cure.TIME if error.retryable else Cure.NONE


def _by_chance() -> float:
    from random import random  # noqa: PLC0415 - hardly any run waits

    return random()  # noqa: S311 - not a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """Exponential waiting times with jitter, so that many clients do not retry at once."""

    first_s: float = 1.0
    longest_s: float = 60.0
    jitter: float = 0.5
    """The part of each waiting time that is drawn, from 0 to 1."""
    draw: Callable[[], float] = _by_chance
    """A number from 0 to 1."""

    def wait_s(self, attempt: int) -> float:
        """Return the seconds to wait after failed attempt number `attempt`, counted from 1.

        `first_s`, doubled with each attempt, up to `longest_s`, less up to `jitter` of that.
        """
        full_s = min(self.longest_s, self.first_s * 2.0 ** min(attempt - 1, 30))
        return full_s * (1.0 - self.jitter + self.jitter * self.draw())
