"""The verdict on a study, and on a whole run."""

from collections.abc import Iterable
from enum import StrEnum


class Verdict(StrEnum):
    """The verdict on a study. The words are in the summary, the report and the events."""

    COMPLETE = "complete"
    """Every instance that the PACS lists is on disk and whole."""
    PARTIAL = "partial"
    """Some of the instances that the PACS lists are missing."""
    NOT_FOUND = "not found"
    """The PACS has nothing that matches."""
    UNVERIFIED = "unverified"
    """Instances came, but the PACS did not list what it has, so there may be more."""
    DELIVERED = "delivered"
    """The PACS reports that it sent everything to an SCP that is not ours; we saw no file."""
    FAILED = "failed"
    """Nothing that was requested came, and the reason is known."""
    NOT_TRIED = "not tried"
    """The run gave up before it was its turn, and the reason is known."""
    CANCELLED = "cancelled"
    """The user stopped before the end."""


GOOD = frozenset({Verdict.COMPLETE, Verdict.DELIVERED})
"""The verdicts for which the command exits with 0."""

_GRAVEST_FIRST = (
    Verdict.CANCELLED,
    Verdict.PARTIAL,
    Verdict.FAILED,
    Verdict.NOT_TRIED,
    Verdict.NOT_FOUND,
    Verdict.UNVERIFIED,
    Verdict.DELIVERED,
    Verdict.COMPLETE,
)


def total_verdict(verdicts: Iterable[Verdict]) -> Verdict:
    """Return the verdict on a whole run.

    If all studies have the same verdict, it is that one. If some are good and some are not, it is
    `PARTIAL`, unless the user cancelled. Without a study it is `NOT_FOUND`: nothing was retrieved,
    so nothing is complete.
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
