"""The queue, drawn line by line: a frame costs what is visible, however many rows there are.

Textual's DataTable (8.2) draws every visible cell again if one changes, which costs a retrieval a
quarter of its speed (`docs/decisions/0014`). Replace this widget by it once
`test_a_data_table_still_draws_every_cell` fails.
"""

from collections.abc import Collection, Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from dicom_retrieve_tui.tui.cursor import Cursor
from dicom_retrieve_tui.tui.cut_text import fit
from dicom_retrieve_tui.tui.queue_columns import Column, QueueColumns
from dicom_retrieve_tui.tui.queue_view import FollowedRun, ShownRows, Tab, View
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State
from dicom_retrieve_tui.tui.study_names import study_name
from dicom_retrieve_tui.tui.widgets.growing_lines import GrowingLines

NO_STUDY = "No study is selected."
"""The answer of a key that needs a study."""
_OUT_OF_VIEW = "The selected study was out of view. Press the key again."
_HEADER = 1
"""Lines above the rows."""
_CLASSES = {
    State.RUNNING: "running",
    State.RETRYING: "retrying",
    State.QUEUED: "queued",
    State.FAILED: "failed",
    State.STOPPED: "stopped",
    State.DONE: "done",
}

_EMPTY = (
    "The queue is empty.",
    "",
    "Paste a Study Instance UID above and press enter.",
    "ctrl+o loads a list, f3 searches the PACS, f2 edits profiles.",
)


_NONE = {
    Tab.ACTIVE: "Nothing is running or waiting.",
    Tab.FAILED: "No study has failed or was stopped.",
    Tab.DONE: "No study is complete yet.",
}
"""The text of an empty tab, if there are studies in others."""


def hint(offer: str, view: View, *, queued: bool, focused: bool = True) -> tuple[str, ...]:
    """Return the lines of an empty queue.

    Args:
        offer: Unfinished studies of earlier runs; empty if there are none.
        view: The tab and the filter.
        queued: True if there are rows, but the view shows none.
        focused: True if keys go to the queue.
    """
    if queued and view.needle:
        return ("No match. Press esc to clear the filter.",)
    if queued:
        return (_NONE.get(view.tab, ""), "Press 1 to show all studies.")
    if offer:
        in_queue = "u resumes (missing instances only) · U forgets"
        return (f"{offer}.", in_queue if focused else "enter resumes · esc, then U forgets")
    return _EMPTY


_LEFT = {
    State.RUNNING: "is running",
    State.RETRYING: "waits for a retry",
    State.QUEUED: "is queued",
    State.FAILED: "has just failed",
    State.STOPPED: "is stopped",
    State.DONE: "has just finished",
}


def left_text(row: Row, *, hide_patients: bool) -> str:
    """Return why a key does nothing after the study under the cursor has left the list."""
    name = study_name(row.identity, hide_patients=hide_patients, part=row.part) or "The study"
    return f"{name} {_LEFT[row.state]}. Press the key again for the next study."


class QueueTable(GrowingLines, can_focus=True, inherit_bindings=False):
    """A line for each study, below a fixed header."""

    HELP = """\
The queue: one line for each study. `space` marks; keys act on marked studies, else on the one
under the cursor."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "details", "Details", id="queue.details"),
        Binding("up,k", "move(-1)", "Up", show=False, id="queue.up"),
        Binding("down,j", "move(1)", "Down", show=False, id="queue.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="queue.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="queue.page_down"),
        Binding("home,g", "edge(-1)", "First", show=False, id="queue.first"),
        Binding("end,G", "edge(1)", "Last", show=False, id="queue.last"),
        Binding("space", "mark", "Mark", show=False, id="queue.mark"),
        Binding("a", "mark_all", "Mark all shown, or none", show=False, id="queue.mark_all"),
        Binding("s", "sort", "Sort by the next column", show=False, id="queue.sort"),
        Binding("S", "turn", "Reverse the order", show=False, id="queue.turn"),
        # With priority, so that keys typed right after it go to the UID line.
        Binding(
            "n", "screen.new", "New: to the UID line", show=False, priority=True, id="queue.new"
        ),
    ]

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "queue-table--header",
        "queue-table--cursor",
        "queue-table--hint",
        *(f"queue-table--{name}" for name in _CLASSES.values()),
    }

    DEFAULT_CSS = """
    QueueTable {
        height: 1fr;
        overflow-x: hidden;
        scrollbar-size-vertical: 1;
        & > .queue-table--header { color: $text-muted; text-style: bold; }
        & > .queue-table--hint { color: $text-muted; }
        & > .queue-table--cursor { background: $panel; }
        &:focus > .queue-table--cursor { background: $primary 40%; text-style: bold; }
        & > .queue-table--running { color: $text; }
        & > .queue-table--retrying { color: $text-warning; }
        & > .queue-table--queued { color: $text-muted; }
        & > .queue-table--failed { color: $text-error; }
        & > .queue-table--stopped { color: $text-warning; }
        & > .queue-table--done { color: $text-success; }
    }
    """

    class Opened(Message):
        """The user wants to see the details of a study."""

        def __init__(self, key: RowKey) -> None:
            super().__init__()
            self.key = key

    class ViewChanged(Message):
        """The order, the filter or the marks have changed."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._shown_rows = ShownRows()
        self._cursor = Cursor(self._shown_rows)
        self._run = FollowedRun(self._shown_rows)
        self._columns = QueueColumns()
        self._hide_patients = False
        self._offer = ""

    @property
    def view(self) -> View:
        """The filter and the order."""
        return self._shown_rows.view

    @property
    def shown(self) -> int:
        """The number of rows that the view shows."""
        return len(self._shown_rows)

    @property
    def rows(self) -> list[Row]:
        """Every row, shown or not, in the order in which they were added."""
        return sorted(self._shown_rows.rows.values(), key=lambda row: row.number)

    @property
    def marked(self) -> int:
        """The number of marked rows."""
        return self._cursor.marked

    @property
    def hide_patients(self) -> bool:
        """True if patients are masked."""
        return self._hide_patients

    @property
    def hidden_columns(self) -> Collection[str]:
        """The names of the columns that the user leaves out."""
        return self._columns.hidden

    @property
    def shown_columns(self) -> Sequence[Column]:
        """The columns that fit and are not left out."""
        return self._columns.shown

    @property
    def exported_columns(self) -> Sequence[Column]:
        """The columns that have a text and are not left out, also those that do not fit."""
        return self._columns.exported

    @property
    def shown_rows(self) -> list[Row]:
        """The rows that the view shows, in its order."""
        return [self._shown_rows.at(index) for index in range(len(self._shown_rows))]

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._cursor.row

    def chosen(self) -> list[Row]:
        """Return marked rows as they were added, else the one under the cursor."""
        return self._cursor.chosen()

    def update_rows(self, changed: Sequence[Row], removed: Iterable[RowKey] = ()) -> None:
        """Apply the changes of a snapshot; the cursor stays on its study."""
        removed = tuple(removed)
        if not changed and not removed:
            return
        cursor_row, before = self.cursor_row, self._visible()
        self._cursor.unmark(removed)
        self._run.note(changed, removed)
        self._shown_rows.update(changed, removed)
        # One that has gone may have been the last of its PACS.
        fewer = removed and self._columns.forget_pacs(self._shown_rows.rows.values())
        if self._columns.extend_for(changed) or fewer:
            before = []
        self._settle(cursor_row)
        self._cursor.note_left(cursor_row)
        self._redraw(before, changed)
        self._follow()

    def show_view(self, view: View) -> None:
        """Show other rows, or another order."""
        cursor_row = self.cursor_row
        self._cursor.left = None
        self._shown_rows.show(view)
        self._settle(cursor_row)
        self.refresh()
        self._reveal()
        self.post_message(self.ViewChanged())

    def hide_columns(self, names: Collection[str]) -> None:
        """Leave out the columns of these names, and no others."""
        self._columns.hide(names)
        self.refresh()

    def show_live(self, *, live: bool) -> None:
        """Show the columns of what runs while studies run or wait."""
        if self._columns.show_live(live=live):
            self.refresh()

    def mask_patients(self, *, hide: bool) -> None:
        self._hide_patients = hide
        self.refresh()

    def show_offer(self, offer: str) -> None:
        """Offer unfinished studies while the queue is empty; an empty text offers none."""
        self._offer = offer
        self.refresh()

    def clear_marks(self) -> None:
        self._cursor.unmark_all()
        self.post_message(self.ViewChanged())
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the header, a row, or a line of the empty queue."""
        width = self.scrollable_content_region.width
        if not len(self._shown_rows):
            return self._hint(y, width)
        # No event reports that a scrollbar has appeared or disappeared.
        self._columns.fit(width)
        if y == 0:
            style = self._style("header")
            titles = self._columns.titles(self.view)
            return Strip([Segment(fit(titles, width), style)], width)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._shown_rows):
            return Strip.blank(width, self.rich_style)
        return self._row_strip(self._shown_rows.at(index), width)

    def report_left(self) -> bool:
        """Report once that the study under the cursor has left the list or the view.

        A key that was meant for it must not act on the study that is under the cursor now. A cursor
        out of view, after the mouse has scrolled, is brought back.

        Returns:
            False if the cursor is where the user last saw it: the key may act.
        """
        index = self._cursor.index
        if index is not None and not self._is_visible(index):
            self._reveal()
            self.notify(_OUT_OF_VIEW)
            return True
        key, self._cursor.left = self._cursor.left, None
        row = None if key is None else self._shown_rows.rows.get(key)
        if row is None:
            return False
        self.notify(left_text(row, hide_patients=self._hide_patients), markup=False)
        return True

    def forget_left(self, keys: Collection[RowKey]) -> None:
        """Do not report that these studies have left the list: a key of the user did that."""
        if self._cursor.left in keys:
            self._cursor.left = None

    def action_details(self) -> None:
        if self.report_left():
            return
        if (row := self.cursor_row) is not None:
            self.post_message(self.Opened(row.key))
        else:
            self.notify(NO_STUDY)

    def action_move(self, step: int) -> None:
        index = self._cursor.index
        self._go(0 if index is None else index + step)

    def action_page(self, step: int) -> None:
        self.action_move(step * max(self.scrollable_content_region.height - 2, 1))

    def action_edge(self, step: int) -> None:
        self._go(0 if step < 0 else len(self._shown_rows) - 1)

    def action_mark(self) -> None:
        """Toggle the mark of the row under the cursor, and move to the next."""
        if self.report_left():
            return
        if (row := self.cursor_row) is not None:
            self._cursor.mark(row.key)
            self.action_move(1)
            self.refresh()
            self.post_message(self.ViewChanged())

    def action_mark_all(self) -> None:
        """Mark every shown row; unmark them if all are marked."""
        self._cursor.mark_all()
        self.refresh()
        self.post_message(self.ViewChanged())

    def action_sort(self) -> None:
        self.show_view(self.view.in_next_order())

    def action_turn(self) -> None:
        self.show_view(self.view.sorted_by(self.view.sort))

    def on_resize(self) -> None:
        self._columns.fit(self.scrollable_content_region.width)
        self._measure()
        self.refresh()

    def on_mouse_scroll_up(self) -> None:
        self._run.end()

    def on_mouse_scroll_down(self) -> None:
        self._run.end()

    def on_scroll_to(self) -> None:
        """Follow the run no longer: the user drags the scrollbar."""
        self._run.end()

    def on_click(self, event: events.Click) -> None:
        """Sort by a title, move to a row, or open it by a double click."""
        offset = event.get_content_offset(self)
        if offset is None or not len(self._shown_rows):
            return
        column = self._columns.at(offset.x)
        if offset.y == 0:
            if column is not None and column.sort:
                self.show_view(self.view.sorted_by(column.sort))
            return
        index = self.scroll_offset.y + offset.y - 1
        if index >= len(self._shown_rows):
            return
        self._go(index)
        if column is not None and column.name == "mark":
            self._cursor.mark(self._shown_rows.at(index).key)
            self.post_message(self.ViewChanged())
        elif event.chain == 2:
            self.action_details()

    def _row_strip(self, row: Row, width: int) -> Strip:
        style = self._style(_CLASSES[row.state])
        if row.key == self._cursor.key:
            style += self._style("cursor")
        marked = self._cursor.marks(row.key)
        text = self._columns.text(row, marked=marked, hide_patients=self._hide_patients)
        return Strip([Segment(fit(text, width), style)], width)

    def _hint(self, y: int, width: int) -> Strip:
        queued = bool(self._shown_rows.rows)
        lines = hint(self._offer, self.view, queued=queued, focused=self.has_focus)
        top = max((self.scrollable_content_region.height - len(lines)) // 3, 0)
        text = lines[y - top] if top <= y < top + len(lines) else ""
        return Strip([Segment(fit(text.center(width), width), self._style("hint"))], width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"queue-table--{name}")

    def _measure(self) -> None:
        # No width: lines are cut.
        self.virtual_size = Size(0, len(self._shown_rows) + _HEADER)

    def _visible(self) -> list[RowKey]:
        """Return the keys of the visible rows, from the top."""
        return self._shown_rows.keys(
            self.scroll_offset.y, self.scrollable_content_region.height - _HEADER
        )

    def _redraw(self, before: list[RowKey], changed: Sequence[Row]) -> None:
        """Draw the changed rows; all rows if others are visible than before."""
        visible = self._visible()
        if visible != before or not visible:
            self.refresh()
            return
        lines = {key: line for line, key in enumerate(visible, start=_HEADER)}
        for row in changed:
            if row.key in lines:
                self.refresh(Region(0, lines[row.key], self.size.width, 1))

    def _settle(self, before: Row | None) -> None:
        """Keep the cursor on its row, or on the one that followed it."""
        if not self._cursor.settle(before):
            self.refresh()
        self._measure()

    def _go(self, index: int) -> None:
        self._run.end()
        if self._cursor.go(index):
            self._reveal()
            self.refresh()

    def _follow(self) -> None:
        """Scroll to what runs, unless the user has moved since studies were queued.

        A cursor that would be out of view goes to the topmost running study.
        """
        first, before = self._run.first, self.scroll_offset.y
        if first is None:
            return
        top = self._run.top(before, self._height)
        if top != before:
            self.scroll_to(y=top, animate=False)
        index = self._cursor.index
        if index is not None and not top <= index < top + self._height:
            self._cursor.follow(first)
            self.refresh()

    @property
    def _height(self) -> int:
        """The number of rows that have room."""
        return max(self.scrollable_content_region.height - _HEADER, 1)

    def _is_visible(self, index: int) -> bool:
        top = self.scroll_offset.y
        return top <= index < top + self._height

    def _reveal(self) -> None:
        """Scroll until the cursor is visible, at once: the next key acts on a visible row only."""
        index = self._cursor.index
        if index is None or self._is_visible(index):
            return
        above = index < self.scroll_offset.y
        top = index if above else index - self._height + 1
        self.scroll_to(y=top, animate=False, immediate=True)
