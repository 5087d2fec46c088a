"""The rows of the queue in display order: sorted, filtered, updated incrementally. Pure.

A changed row costs one binary search, however many rows there are. Only a new order or filter looks
at all of them.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache

from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.snapshot import ACTIVE, BAD, Row, RowKey, State

_Rank = tuple[object, int]


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


SORTS: dict[str, Callable[[Row], object]] = {
    "added": lambda row: row.number,
    "state": lambda row: _STATE_RANK[row.state],
    "uid": lambda row: row.label,
    "instances": lambda row: row.expected or row.done,
    "rate": lambda row: row.instances_per_s or 0.0,
    "eta": lambda row: row.eta_s if row.eta_s is not None else float("inf"),
    "size": lambda row: row.received_bytes,
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
_REBUILD_SHARE = 8


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
        self._ranks: dict[RowKey, _Rank] = {}
        self._order: list[tuple[_Rank, RowKey]] = []
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
        return self._rows[self._order[index][1]]

    def keys(self, top: int, count: int) -> list[RowKey]:
        """Return the keys of at most `count` rows from a position on."""
        return [self.at(index).key for index in range(top, min(top + count, len(self)))]

    def index_of(self, key: RowKey) -> int | None:
        """Return the position of a row; None if it is not shown."""
        rank = self._ranks.get(key)
        if rank is None:
            return None
        index = bisect_left(self._order, (rank, key))
        return len(self._order) - 1 - index if self.view.descending else index

    def shown(self) -> Iterator[Row]:
        """Yield shown rows, unordered."""
        return (self._rows[key] for key in self._ranks)

    def show(self, view: View) -> None:
        """Change the filter or the order."""
        self.view = view
        self._rebuild()

    def update(self, changed: Iterable[Row], removed: Iterable[RowKey] = ()) -> None:
        """Apply the changes of a snapshot."""
        rows = list(changed)
        for key in removed:
            self._take_out(key)
            self._rows.pop(key, None)
            self._haystacks.pop(key, None)
        for row in rows:
            self._rows[row.key] = row
        if len(rows) * _REBUILD_SHARE > len(self._rows):
            self._rebuild()
            return
        for row in rows:
            rank = self._rank(row)
            if rank == self._ranks.get(row.key):
                continue
            self._take_out(row.key)
            if rank is not None:
                self._ranks[row.key] = rank
                insort(self._order, (rank, row.key))

    def _rebuild(self) -> None:
        ranked = ((self._rank(row), row.key) for row in self._rows.values())
        self._order = sorted((rank, key) for rank, key in ranked if rank is not None)
        self._ranks = {key: rank for rank, key in self._order}

    def _take_out(self, key: RowKey) -> None:
        rank = self._ranks.pop(key, None)
        if rank is not None:
            del self._order[bisect_left(self._order, (rank, key))]

    def _rank(self, row: Row) -> _Rank | None:
        """Return its sort key; None if it is not shown."""
        view = self.view
        if row.state not in _STATES[view.tab]:
            return None
        if view.needle and view.needle.lower() not in self._haystack(row):
            return None
        # Equal rows stay in the order in which they were added, in both directions.
        return SORTS[view.sort](row), -row.number if view.descending else row.number

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
