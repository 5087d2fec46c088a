"""Evidence about a study beside its list: how the requests ended, and what their counters show.

A satisfied list proves little by itself. Some archives cap their lists, hide a series, or report
failures of instances that they do not list. So the total of a request for the whole selection is
compared with what is known, an association that broke off counts until a request has ended in good
order, and an instance that the PACS reports as failed is missing until it is on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dimse import FinalResponse
from dicom_retrieve_tui.model.selection import RetrieveRequest
from dicom_retrieve_tui.model.status import SUCCESS

_COUNTER_MAX = 0x8000
"""A counter has 16 bits. From here on it is a negative number that wrapped if the list is shorter
than that; if the list is longer, the counter shows nothing."""

STUDY = ""
"""The scope of a request for a whole study; that of a series is its Series Instance UID."""


class Doubt(Enum):
    """A reason not to trust a satisfied list."""

    STILL_ARRIVING = "the PACS lists more each time"
    MORE_FAILED = "the PACS says that more failed than is missing"
    MORE_ANNOUNCED = "the PACS counts more than is known"
    BROKE_OFF = "a request for all of it never ended in good order"
    NO_LONGER_LISTED = "earlier runs knew instances that are not listed"
    UNCORROBORATED = "nothing else says that the list is whole"


REPEATABLE = frozenset({Doubt.MORE_FAILED, Doubt.BROKE_OFF})
"""Doubts that may be settled if everything is requested again."""


def scope_of(request: RetrieveRequest) -> str | None:
    """Return what a request asks for as a whole; None if it names instances."""
    if request.level is Level.IMAGE:
        return None
    return request.series_instance_uid or STUDY


@dataclass(frozen=True, slots=True)
class Arrived:
    """The instances that came during a request."""

    instances: int
    """Instances received whole; one that came twice counts twice."""
    repeated: int
    """How many of them had come for the same request already."""
    foreign: tuple[str, ...] = ()
    """SOP Instance UIDs of those that were refused because they were not requested."""


@dataclass(slots=True)
class Evidence:
    """The results of the latest request for each scope. The study's lock guards it."""

    totals: dict[str, int] = field(default_factory=dict)
    """Sub-operations that it announced, by scope; only plausible totals."""
    failures: dict[str, int] = field(default_factory=dict)
    """How many of them failed, by the counters of the PACS."""
    named: dict[str, frozenset[str]] = field(default_factory=dict)
    """SOP Instance UIDs that it reported as failed (0008,0058)."""
    ended_well: set[str] = field(default_factory=set)
    """Scopes whose request ended with Success."""
    broke_off: set[str] = field(default_factory=set)
    """Scopes whose request ended without a final response."""
    answered: bool = True
    """True if the last request of any kind had a final response."""

    def note_end(self, scope: str, final: FinalResponse, came: Arrived, *, counted: bool) -> None:
        """Record the final response to a request for all of a scope.

        Args:
            scope: See `scope_of`.
            final: The final response.
            came: What was received for the study during the request.
            counted: C-FIND's own counts agree with the list. Then a PACS that claims to have sent
                more than came has miscounted.
        """
        self.named[scope] = frozenset(final.failed_sop_instance_uids) - frozenset(came.foreign)
        self.broke_off.discard(scope)
        if final.status == SUCCESS:
            self.ended_well.add(scope)
        miscounted = counted and _claimed(final) > came.instances
        needless = came.repeated + len(came.foreign)
        self._note_total(scope, None if miscounted else final, needless)

    def note_count(self, scope: str, final: FinalResponse, known: int) -> None:
        """Record the final response to a request for all of a scope that could bring nothing.

        Some archives stop at the first instance that they cannot send, so a count below `known`
        instances shows nothing.
        """
        named = frozenset(final.failed_sop_instance_uids)
        counters = (final.completed, final.failed, final.warning, final.remaining)
        if max(sum(map(_sane, counters)), len(named)) >= known:
            self.named[scope] = named
            self._note_total(scope, final)

    def note_break(self, scope: str, last: FinalResponse | None) -> None:
        """Record that a request for all of a scope broke off.

        Args:
            scope: See `scope_of`.
            last: The last pending response, if one came.
        """
        self.ended_well.discard(scope)
        self.broke_off.add(scope)
        self.answered = False
        if last is not None:
            self._note_total(scope, last)

    def note_interruption(self, scope: str, last: FinalResponse | None) -> None:
        """Record that we ended a request for all of a scope, which casts no doubt on the PACS.

        Args:
            scope: See `scope_of`.
            last: The last pending response, if one came: the PACS announced a total in it.
        """
        self.ended_well.discard(scope)
        if last is not None:
            self._note_total(scope, last)

    def _note_total(self, scope: str, response: FinalResponse | None, needless: int = 0) -> None:
        self.totals.pop(scope, None)
        self.failures.pop(scope, None)
        if response is None:
            return
        named = len(response.failed_sop_instance_uids)
        failed = max(_sane(response.failed), named)
        total = (
            _sane(response.completed) + _sane(response.warning) + _sane(response.remaining) + failed
        )
        total -= needless
        if total > 0:
            self.totals[scope] = total
            self.failures[scope] = failed

    def excess(self, known: Mapping[str, int]) -> int:
        """Return how many instances were announced beyond those that are known.

        Args:
            known: Instances that are known, by scope.
        """
        return max([0, *(total - known[scope] for scope, total in self._totals(known))])

    def failures_in_excess(self, known: Mapping[str, int]) -> bool:
        """True if some of what the PACS announced beyond the known instances has failed."""
        return any(total > known[s] and self.failures[s] for s, total in self._totals(known))

    def _totals(self, known: Mapping[str, int]) -> list[tuple[str, int]]:
        # With more instances than a counter can count, it has wrapped.
        return [(s, n) for s, n in self.totals.items() if known.get(s, _COUNTER_MAX) < _COUNTER_MAX]

    def confirms(self, known: Mapping[str, int]) -> bool:
        """True if the totals confirm for every scope that nothing else is there."""
        totals = dict(self._totals(known))
        return all(totals.get(scope) == count for scope, count in known.items())


def _claimed(final: FinalResponse) -> int:
    """Return the number of sub-operations that the PACS claims to have completed."""
    return (final.completed or 0) + (final.warning or 0)


def _sane(counter: int | None) -> int:
    return counter if counter is not None and counter < _COUNTER_MAX else 0
