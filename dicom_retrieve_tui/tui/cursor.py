"""Which rows somebody means: the one under the cursor, or those that are marked. Pure."""

from collections.abc import Iterable

from dicom_retrieve_tui.tui.queue_view import ShownRows
from dicom_retrieve_tui.tui.snapshot import Row, RowKey


class Cursor:
    """A cursor and marks, which stay on their studies however the rows move."""

    def __init__(self, shown_rows: ShownRows) -> None:
        """Point at nothing yet.

        Args:
            shown_rows: The rows, and where each is shown.
        """
        self._shown_rows = shown_rows
        self.key: RowKey | None = None
        self._marks: set[RowKey] = set()

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._shown_rows.rows.get(self.key) if self.key is not None else None

    @property
    def index(self) -> int | None:
        """Where the cursor is shown; None if it is not."""
        return None if self.key is None else self._shown_rows.index_of(self.key)

    @property
    def marked(self) -> int:
        """How many rows are marked, shown or not."""
        return len(self._marks)

    def marks(self, key: RowKey) -> bool:
        """True if this row is marked."""
        return key in self._marks

    def chosen(self) -> list[Row]:
        """The marked rows in the order in which they came, else the one under the cursor."""
        rows = self._shown_rows.rows
        if self._marks:
            return sorted((rows[key] for key in self._marks), key=lambda row: row.number)
        row = self.row
        return [] if row is None else [row]

    def go(self, index: int) -> bool:
        """Put the cursor there, or to the nearest end; False if no row is shown."""
        last = len(self._shown_rows) - 1
        if last >= 0:
            self.key = self._shown_rows.at(min(max(index, 0), last)).key
        return last >= 0

    def settle(self, index: int | None) -> bool:
        """Find the cursor's row again after a change; False if it is shown no more.

        Args:
            index: Where it was shown. What came into its place has the cursor then.
        """
        if self.index is not None:
            return True
        if not self.go(index or 0):
            self.key = None
        return False

    def mark(self, key: RowKey) -> None:
        """Mark a row, or unmark it."""
        self._marks ^= {key}

    def mark_all(self) -> None:
        """Mark every row that is shown; none, if all of them are marked."""
        shown = {row.key for row in self._shown_rows.shown()}
        self._marks = self._marks - shown if shown <= self._marks else self._marks | shown

    def unmark(self, keys: Iterable[RowKey]) -> None:
        """Mark these no more."""
        self._marks.difference_update(keys)

    def unmark_all(self) -> None:
        """Mark nothing."""
        self._marks.clear()
