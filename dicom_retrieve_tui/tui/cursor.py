"""The cursor and the marks of the queue. Pure."""

from collections.abc import Iterable
from operator import attrgetter

from dicom_retrieve_tui.tui.queue_view import ShownRows
from dicom_retrieve_tui.tui.snapshot import Row, RowKey


class Cursor:
    """A cursor and marks that follow their studies when rows move."""

    def __init__(self, shown_rows: ShownRows) -> None:
        """Start without a cursor.

        Args:
            shown_rows: The rows and their positions.
        """
        self._shown_rows = shown_rows
        self.key: RowKey | None = None
        self.left: RowKey | None = None
        """The study that was under the cursor and has left it, until the user sees that."""
        self._marks: set[RowKey] = set()

    @property
    def row(self) -> Row | None:
        """The row under the cursor."""
        return self._shown_rows.rows.get(self.key) if self.key is not None else None

    @property
    def index(self) -> int | None:
        """The position of the cursor; None if its row is not shown."""
        return None if self.key is None else self._shown_rows.index_of(self.key)

    @property
    def marked(self) -> int:
        """The number of marked rows, shown or not."""
        return len(self._marks)

    def marks(self, key: RowKey) -> bool:
        """True if this row is marked."""
        return key in self._marks

    def chosen(self) -> list[Row]:
        """Return marked rows as they were added, else the one under the cursor."""
        rows = self._shown_rows.rows
        if self._marks:
            return sorted((rows[key] for key in self._marks), key=attrgetter("number"))
        row = self.row
        return [] if row is None else [row]

    def go(self, index: int) -> bool:
        """Move the cursor to a position, or the nearest end; False if no row is shown."""
        self.left = None
        last = len(self._shown_rows) - 1
        if last >= 0:
            self.key = self._shown_rows.at(min(max(index, 0), last)).key
        return last >= 0

    def follow(self, index: int) -> None:
        """Move the cursor with the view, not by a key; the row that it leaves is noted."""
        left = self.key
        self.go(index)
        self.left = left

    def settle(self, before: Row | None) -> bool:
        """Keep the cursor on its row after a change; False if that row is no longer shown.

        Args:
            before: The row of the cursor before the change; the one that followed it is next.
        """
        if self.index is not None:
            return True
        if not self.go(0 if before is None else self._shown_rows.position_for(before)):
            self.key = None
        return False

    def note_left(self, before: Row | None) -> None:
        """Note that a study has left the cursor by itself: it is still in the queue."""
        if before is not None and before.key in self._shown_rows.rows and self.key != before.key:
            self.left = before.key

    def mark(self, key: RowKey) -> None:
        """Toggle the mark of a row."""
        self._marks ^= {key}

    def mark_all(self) -> None:
        """Mark every shown row; unmark them if all are marked."""
        shown = {row.key for row in self._shown_rows.shown()}
        self._marks = self._marks - shown if shown <= self._marks else self._marks | shown

    def unmark(self, keys: Iterable[RowKey]) -> None:
        self._marks.difference_update(keys)

    def unmark_all(self) -> None:
        self._marks.clear()
