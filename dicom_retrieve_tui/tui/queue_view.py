"""The rows of the queue in display order: sorted, filtered, updated incrementally. Pure.

A changed row costs one binary search, however many rows there are. Only many changes at once, and a
new order or filter, look at all of them.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from operator import attrgetter
from typing import Any

from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.snapshot import ACTIVE, BAD, Row, RowKey, State

_Rank = tuple[Any, int]


class Tab(Enum):
    """Which rows are shown, by state."""

    ALL = "all"
    ACTIVE = "active"
    FAILED = "failed"
    DONE = "done"


_STATES = {
    Tab.ALL: frozenset(State),
    Tab.ACTIVE: ACTIVE,
    Tab.FAILED: BAD,
    Tab.DONE: frozenset({State.DONE}),
}
_STATE_RANK = {state: rank for rank, state in enumerate(State)}


@lru_cache(maxsize=1 << 17)
def _folded(name: str, patient_id: str) -> str:
    return StudyIdentity(patient_name=name, patient_id=patient_id).patient.casefold()


SORTS: dict[str, Callable[[Row], Any]] = {
    "added": lambda row: row.number,
    "state": lambda row: _STATE_RANK[row.state],
    "uid": lambda row: row.label,
    "instances": lambda row: row.expected or row.done,
    "rate": lambda row: row.instances_per_s or 0.0,
    "eta": lambda row: row.eta_s if row.eta_s is not None else float("inf"),
    "size": lambda row: row.earlier_bytes + row.received_bytes,
    "patient": lambda row: _folded(row.identity.patient_name, row.identity.patient_id),
    "date": lambda row: row.identity.study_date,
    "modality": lambda row: row.identity.modality,
    "description": lambda row: row.identity.study_description.casefold(),
    "accession": lambda row: row.identity.accession_number,
    "id": lambda row: row.identity.patient_id,
    "pacs": lambda row: row.pacs,
}
"""Sort keys by name; equal rows stay in the order in which they were added."""
CYCLE = ("added", "state", "patient", "date", "instances", "uid")
"""The orders that the key `s` cycles through."""
_DESCENDING = frozenset({"instances", "rate", "size", "date"})
_ONE_BY_ONE_MAX = 200
"""Above this number of changed rows, a new order is cheaper than a place for each."""


@dataclass(frozen=True, slots=True)
class View:
    """The filter and the order that the user has chosen."""

    tab: Tab = Tab.ALL
    needle: str = ""
    """Show rows with this in their UID, patient, study or reason."""
    sort: str = "added"
    descending: bool = False

    def sorted_by(self, sort: str) -> "View":
        """Return another order; the same one again is reversed."""
        usual = sort in _DESCENDING
        descending = not self.descending if sort == self.sort else usual
        return View(self.tab, self.needle, sort, descending)

    def in_next_order(self) -> "View":
        """Return the next order of the cycle."""
        at = CYCLE.index(self.sort) if self.sort in CYCLE else -1
        return self.sorted_by(CYCLE[(at + 1) % len(CYCLE)])


class ShownRows:
    """All rows, and those that the view shows, in its order."""

    def __init__(self) -> None:
        self.view = View()
        self._rows: dict[RowKey, Row] = {}
        self._order: list[RowKey] = []
        """The rows that are shown, by rank."""
        self._haystacks: dict[RowKey, tuple[StudyIdentity, str]] = {}
        """What a filter searches, by row, with the identity that it is made of."""

    def __len__(self) -> int:
        """The number of shown rows."""
        return len(self._order)

    @property
    def rows(self) -> Mapping[RowKey, Row]:
        """Every row, shown or not."""
        return self._rows

    def at(self, index: int) -> Row:
        """Return the row at a position, from 0."""
        if self.view.descending:
            index = len(self._order) - 1 - index
        return self._rows[self._order[index]]

    def keys(self, top: int, count: int) -> list[RowKey]:
        """Return the keys of at most `count` rows from a position on."""
        return [self.at(index).key for index in range(top, min(top + count, len(self)))]

    def index_of(self, key: RowKey) -> int | None:
        """Return the position of a row; None if it is not shown."""
        row = self._rows.get(key)
        if row is None or not self._shows(row):
            return None
        index = self._place_of(row)
        return len(self._order) - 1 - index if self.view.descending else index

    def position_for(self, row: Row) -> int:
        """Return the position that a row has, or had, among the shown rows."""
        index = self._place_of(row)
        return len(self._order) - index if self.view.descending else index

    def shown(self) -> Iterator[Row]:
        """Yield shown rows, unordered."""
        return (self._rows[key] for key in self._order)

    def show(self, view: View) -> None:
        """Change the filter or the order."""
        self.view = view
        self._rebuild()

    def update(self, changed: Iterable[Row], removed: Iterable[RowKey] = ()) -> None:
        """Apply the changes of a snapshot."""
        rows, gone = list(changed), list(removed)
        if len(rows) + len(gone) > _ONE_BY_ONE_MAX:
            self._rows.update((row.key, row) for row in rows)
            for key in gone:
                self._rows.pop(key, None)
                self._haystacks.pop(key, None)
            self._rebuild()
            return
        for key in gone:
            if (old := self._rows.get(key)) is not None:
                self._take_out(old)
                del self._rows[key]
                self._haystacks.pop(key, None)
        for row in rows:
            self._replace(row)

    def _replace(self, row: Row) -> None:
        old, shows = self._rows.get(row.key), self._shows(row)
        if old is not None and self._shows(old):
            if shows and self._rank(old) == self._rank(row):
                self._rows[row.key] = row
                return
            self._take_out(old)
        self._rows[row.key] = row
        if shows:
            self._order.insert(self._place_of(row), row.key)

    def _rebuild(self) -> None:
        view, rows = self.view, iter(self._rows.values())
        if view.needle or view.tab is not Tab.ALL:
            rows = filter(self._shows, rows)
        # Equal rows stay in the order in which they were added, in both directions.
        ordered = sorted(rows, key=attrgetter("number"), reverse=view.descending)
        ordered.sort(key=SORTS[view.sort])
        self._order = [row.key for row in ordered]

    def _take_out(self, row: Row) -> None:
        """Show a row no longer; it is still among the rows as it was shown."""
        if self._shows(row):
            del self._order[self._place_of(row)]

    def _place_of(self, row: Row) -> int:
        """Return where a row is, or has to be, in the order."""
        return bisect_left(self._order, self._rank(row), key=self._rank_of)

    def _rank_of(self, key: RowKey) -> _Rank:
        return self._rank(self._rows[key])

    def _rank(self, row: Row) -> _Rank:
        """Return its sort key."""
        return SORTS[self.view.sort](row), -row.number if self.view.descending else row.number

    def _shows(self, row: Row) -> bool:
        """True if the filter of the view shows it."""
        view = self.view
        if row.state not in _STATES[view.tab]:
            return False
        return not view.needle or view.needle.lower() in self._haystack(row)

    def _haystack(self, row: Row) -> str:
        """Return what the filter searches; made once, as one types in a queue of thousands."""
        identity, text = self._haystacks.get(row.key, (None, ""))
        if identity is not row.identity:
            text = _texts(row)
            self._haystacks[row.key] = (row.identity, text)
        return f"{text}\n{row.reason.lower()}" if row.reason else text


def _texts(row: Row) -> str:
    who = row.identity
    texts = (
        row.label,
        who.patient,
        who.patient_id,
        who.title,
        who.accession_number,
        row.pacs,
    )
    return "\n".join(texts).lower()


_ROWS_ABOVE = 3


class FollowedRun:
    """The first running row: followed from when studies are queued until the user scrolls."""

    def __init__(self, shown_rows: ShownRows) -> None:
        """Follow nothing yet.

        Args:
            shown_rows: The rows and their positions.
        """
        self._shown_rows = shown_rows
        self._running: set[RowKey] = set()
        self._follows = False

    def note(self, changed: Sequence[Row], removed: Iterable[RowKey]) -> None:
        """Note what runs; called before the rows are updated."""
        rows = self._shown_rows.rows
        self._follows |= any(row.key not in rows and row.state in ACTIVE for row in changed)
        self._running.difference_update(removed, (row.key for row in changed))
        self._running.update(row.key for row in changed if row.state is State.RUNNING)

    def end(self) -> None:
        """Follow no longer, until studies are queued again."""
        self._follows = False

    @property
    def first(self) -> int | None:
        """The position of the topmost running row; None if the view does not follow it."""
        if not self._follows:
            return None
        indexes = map(self._shown_rows.index_of, self._running)
        return min((index for index in indexes if index is not None), default=None)

    def top(self, top: int, visible: int) -> int:
        """Return the position of the first row to show; that of now if the view is to stay.

        The view stays while the row is in its upper half, so that it does not move with each study.

        Args:
            top: The position of the first visible row.
            visible: The number of visible rows.
        """
        first = self.first
        if first is None or top <= first <= top + visible // 2:
            return top
        return max(first - min(_ROWS_ABOVE, visible // 2), 0)
