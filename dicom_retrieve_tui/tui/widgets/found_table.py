"""The matches of a search, with marks; a DataTable is fast enough for them."""

from collections.abc import Sequence
from typing import ClassVar

from rich.text import Text
from textual import on
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import DataTable

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.tui.found_columns import (
    DATE,
    MARK,
    NUMBER,
    PADDING,
    FoundColumn,
    found_columns,
    found_text,
)
from dicom_retrieve_tui.tui.found_match import FoundMatch
from dicom_retrieve_tui.tui.queue_columns import MARK as MARKED


class FoundTable(DataTable[Text]):
    """A line for each study, or for each series of one."""

    HELP = """\
Studies of the PACS. `space` marks; `r` retrieves marked studies, else the one under the cursor,
from its own PACS, with the options of the main screen or of its profile. `enter` opens a study's
series, which are marked and retrieved likewise. `s` sorts, as a click on a title does. F2 chooses
the PACS to search, one or several."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "select_cursor", "Series", id="found.open"),
        Binding("space", "mark", "Mark", id="found.mark"),
        Binding("r", "screen.retrieve", "Retrieve", id="found.retrieve"),
        Binding("n", "screen.new", "New", id="found.new"),
        Binding("a", "mark_all", "Mark all, or none", show=False, id="found.mark_all"),
        Binding("s", "sort", "Sort by the next column", show=False, id="found.sort"),
        Binding("S", "turn", "Reverse the order", show=False, id="found.turn"),
        Binding("P", "screen.priors", "Priors: all of this patient", show=False, id="found.priors"),
        Binding("c", "screen.columns", "Choose the columns", show=False, id="found.columns"),
        Binding("y", "screen.copy_uids", "Copy the UID", show=False, id="found.copy"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="found.mask"),
        Binding("j", "cursor_down", "Down", show=False, id="found.down"),
        Binding("k", "cursor_up", "Up", show=False, id="found.up"),
        Binding("question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
    ]

    class Opened(Message):
        """The user wants to look into a study or a series."""

        def __init__(self, found: FoundMatch) -> None:
            super().__init__()
            self.found = found

    class ViewChanged(Message):
        """Other rows are marked than before, or the order is another."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, cursor_type="row", cell_padding=PADDING)
        self.hide_patients = False
        """True to mask patients; takes effect with `lay_out`."""
        self.hidden_columns: frozenset[str] = frozenset()
        """Columns that the user leaves out; takes effect with `lay_out`."""
        self.several = False
        """True if the matches are of several PACS; takes effect with `begin`."""
        self._matches: dict[str, FoundMatch] = {}
        self._marks: set[str] = set()
        self._columns_shown: tuple[FoundColumn, ...] = ()
        self._level = Level.STUDY
        self._sorted_by, self._descending = "", False

    @property
    def count(self) -> int:
        """The number of matches."""
        return len(self._matches)

    @property
    def level(self) -> Level:
        """The level of the shown matches: studies or series."""
        return self._level

    @property
    def order(self) -> str:
        """The order in words, `by date ↓`; empty for the order of the PACS."""
        title = next(
            (each.title for each in self._columns_shown if each.name == self._sorted_by), ""
        )
        return f"by {title.lower()} {'↓' if self._descending else '↑'}" if title else ""

    @property
    def marked(self) -> int:
        """The number of marked matches."""
        return len(self._marks)

    def chosen(self) -> list[FoundMatch]:
        """Return marked matches in the order of the table, else the one under the cursor."""
        if self._marks:
            keys = [row.key.value for row in self.ordered_rows]
            return [self._matches[key] for key in keys if key in self._marks]
        found = self.under_cursor
        return [] if found is None else [found]

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer the keys of a match where there is one."""
        if action in {"select_cursor", "mark"} and not self.count:
            return False
        return super().check_action(action, parameters)

    def begin(self, level: Level) -> None:
        """Start an empty table."""
        self._level = level
        self._matches, self._marks = {}, set()
        self._sorted_by = ""
        self.lay_out()

    def add(self, news: Sequence[FoundMatch]) -> None:
        for found in news:
            self._matches[found.key] = found
            self.add_row(*self._cells(found), key=found.key)

    def settle(self) -> None:
        """Sort once all matches are there, unless the user has sorted or moved.

        Studies are sorted by date, the latest first, and series by number.
        """
        if not self._sorted_by and self.cursor_row == 0:
            studies = self._level is Level.STUDY
            self._sort_by(DATE if studies else NUMBER, descending=studies)

    def lay_out(self) -> None:
        """Choose columns and fill them; cursor and order stay."""
        under = self.under_cursor
        keys = [row.key.value for row in self.ordered_rows]
        order = {key: rank for rank, key in enumerate(keys)}
        self.clear(columns=True)
        # Room for the scrollbar, which appears without an event once there are many rows.
        width = self.size.width - self.styles.scrollbar_size_vertical
        self._columns_shown = found_columns(
            self._level, width, self.hidden_columns, several=self.several
        )
        for column in self._columns_shown:
            title = column.title.rjust(column.width) if column.right else column.title
            self.add_column(title, width=column.width, key=column.name)
        last = len(order)
        for found in sorted(self._matches.values(), key=lambda each: order.get(each.key, last)):
            self.add_row(*self._cells(found), key=found.key)
        if under is not None and under.key in self._matches:
            self.move_cursor(row=self.get_row_index(under.key), animate=False)

    def action_mark(self) -> None:
        found = self.under_cursor
        if found is not None:
            self._mark({found.key} ^ self._marks)
            self.action_cursor_down()

    def action_mark_all(self) -> None:
        everything = set(self._matches)
        self._mark(set() if everything == self._marks else everything)

    def action_sort(self) -> None:
        """Sort by the next column; after the last, by the first."""
        names = [each.name for each in self._columns_shown if each.name != MARK]
        at = names.index(self._sorted_by) if self._sorted_by in names else -1
        name = names[(at + 1) % len(names)]
        self._sort_by(name, descending=name == DATE)

    def action_turn(self) -> None:
        if self._sorted_by:
            self._sort_by(self._sorted_by, descending=not self._descending)

    def on_resize(self) -> None:
        self.lay_out()

    @on(DataTable.RowSelected)
    def _opened(self, event: DataTable.RowSelected) -> None:
        event.stop()
        found = self.under_cursor
        if found is not None:
            self.post_message(self.Opened(found))

    @on(DataTable.HeaderSelected)
    def _title_clicked(self, event: DataTable.HeaderSelected) -> None:
        event.stop()
        name = str(event.column_key.value)
        if name != MARK:
            again = name == self._sorted_by
            self._sort_by(name, descending=not self._descending if again else name == DATE)

    def _sort_by(self, name: str, *, descending: bool) -> None:
        self._sorted_by, self._descending = name, descending
        if name in self.columns:
            self.sort(name, key=lambda cell: cell.plain.casefold(), reverse=descending)
        self.post_message(self.ViewChanged())

    def _mark(self, marks: set[str]) -> None:
        for key in marks ^ self._marks:
            self.update_cell(key, MARK, Text(MARKED if key in marks else ""))
        self._marks = marks
        self.post_message(self.ViewChanged())

    @property
    def under_cursor(self) -> FoundMatch | None:
        """The match under the cursor."""
        if not self.is_valid_row_index(self.cursor_row):
            return None
        key = self.ordered_rows[self.cursor_row].key.value
        return self._matches.get(str(key))

    def _cells(self, found: FoundMatch) -> list[Text]:
        return [
            Text(MARKED if found.key in self._marks else "")
            if column.name == MARK
            else Text(found_text(column, found, hide_patients=self.hide_patients))
            for column in self._columns_shown
        ]
