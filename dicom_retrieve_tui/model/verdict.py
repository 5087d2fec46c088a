"""The one word that a study, and a whole run, ends with."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """How a study ended; the words stand in the summary, the report and the events."""

    COMPLETE = "complete"
    """Every instance that the PACS lists is on disk and whole."""
    PARTIAL = "partial"
    """Some of the instances that the PACS lists are missing."""
    NOT_FOUND = "not found"
    """The PACS has nothing that matches."""
    UNVERIFIED = "unverified"
    """Instances came, but the PACS would not list what there is: nobody can say if that is all."""
    DELIVERED = "delivered"
    """The PACS says that it sent everything to somebody else's SCP; we have seen no file."""
    FAILED = "failed"
    """Nothing that was asked for came, and the reason is known."""
    CANCELLED = "cancelled"
    """The user stopped before the end."""


GOOD = frozenset({Verdict.COMPLETE, Verdict.DELIVERED})
"""The verdicts that let the command exit with 0."""

_GRAVEST_FIRST = (
    Verdict.CANCELLED,
    Verdict.PARTIAL,
    Verdict.FAILED,
    Verdict.NOT_FOUND,
    Verdict.UNVERIFIED,
    Verdict.DELIVERED,
    Verdict.COMPLETE,
)


def total_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """One word for a whole run.

    If all studies ended alike, that word. If some are good and some are not, `PARTIAL`, unless the
    user cancelled. No study at all is `NOT_FOUND`: nothing was retrieved, so nothing is complete.
    """
    seen = set(verdicts)
    if not seen:
        return Verdict.NOT_FOUND
    if len(seen) == 1:
        return seen.pop()
    if Verdict.CANCELLED in seen:
        return Verdict.CANCELLED
    if seen & GOOD and not seen <= GOOD:
        return Verdict.PARTIAL
    return next(verdict for verdict in _GRAVEST_FIRST if verdict in seen)
