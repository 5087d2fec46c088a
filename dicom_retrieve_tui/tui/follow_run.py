"""The rows of the queue that its view follows while a run goes on. Pure."""

from collections.abc import Iterable, Sequence

from dicom_retrieve_tui.tui.queue_view import ShownRows
from dicom_retrieve_tui.tui.snapshot import ACTIVE, Row, RowKey, State

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

    def top(self, top: int, visible: int) -> int | None:
        """Return the position to scroll to; None if the view is to stay.

        The view stays while the row is in its upper half, so that it does not move with each study.

        Args:
            top: The position of the first visible row.
            visible: The number of visible rows.
        """
        if not self._follows:
            return None
        indexes = map(self._shown_rows.index_of, self._running)
        first = min((index for index in indexes if index is not None), default=None)
        if first is None or top <= first <= top + visible // 2:
            return None
        return max(first - min(_ROWS_ABOVE, visible // 2), 0)
