"""The queue, drawn line by line: a frame costs what is visible, however many rows there are.

Textual's DataTable draws every visible cell again for one that changed, and costs a retrieval a
quarter of its speed (`docs/decisions/0014`).
"""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.strip import Strip

from dicom_retrieve_tui.tui.cells import fit
from dicom_retrieve_tui.tui.cursor import Cursor
from dicom_retrieve_tui.tui.queue_columns import QueueColumns
from dicom_retrieve_tui.tui.queue_view import ShownRows, View
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State
from dicom_retrieve_tui.tui.widgets.growing_lines import GrowingLines

NO_STUDY = "No study is under the cursor."
"""What a key answers that needs one."""
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
    "Nothing is queued yet.",
    "",
    "Paste a Study Instance UID above and press enter;",
    "ctrl+o loads a list from a file, f3 finds studies in the PACS,",
    "f2 saves your PACS.",
)


def hint(offer: str, *, queued: bool) -> tuple[str, ...]:
    """What to do, line by line.

    Args:
        offer: What an earlier run left; empty if there is nothing.
        queued: There are rows, and the filter lets none of them through.
    """
    if queued:
        return ("No match; esc clears the filter.",)
    if offer:
        return (f"{offer}.", "u takes up again what is missing; U forgets it.")
    return _EMPTY


class QueueTable(GrowingLines, can_focus=True, inherit_bindings=False):
    """One line for each study, below a header that stays."""

    HELP = """\
The queue: one line for each study. `space` marks; keys that act on studies act on the marked ones,
else on the one under the cursor."""

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
        Binding("S", "turn", "Turn the order round", show=False, id="queue.turn"),
        # With priority, so that what is typed right after it goes to the UID line already.
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
        """Somebody wants to see a study's details."""

        def __init__(self, key: RowKey) -> None:
            super().__init__()
            self.key = key

    class ViewChanged(Message):
        """Another order, another filter, or other marks."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._shown_rows = ShownRows()
        self._cursor = Cursor(self._shown_rows)
        self._columns = QueueColumns()
        self._hide_patients = False
        self._offer = ""

    @property
    def view(self) -> View:
        """What is shown, and in which order."""
        return self._shown_rows.view

    @property
    def shown(self) -> int:
        """How many rows the view lets through."""
        return len(self._shown_rows)

    @property
    def rows(self) -> list[Row]:
        """Every row, shown or not, in the order in which they came."""
        return sorted(self._shown_rows.rows.values(), key=lambda row: row.number)

    @property
    def marked(self) -> int:
        """How many rows are marked."""
        return self._cursor.marked

    @property
    def hide_patients(self) -> bool:
        """True if patients are masked."""
        return self._hide_patients

    @property
    def cursor_row(self) -> Row | None:
        """The row under the cursor."""
        return self._cursor.row

    def chosen(self) -> list[Row]:
        """The marked rows in the order in which they came, else the one under the cursor."""
        return self._cursor.chosen()

    def update_rows(self, changed: Sequence[Row], removed: Iterable[RowKey] = ()) -> None:
        """Take in what a snapshot says; the cursor stays on its study."""
        removed = tuple(removed)
        if not changed and not removed:
            return
        index, before = self._cursor.index, self._visible()
        self._cursor.unmark(removed)
        self._shown_rows.update(changed, removed)
        if self._columns.heed(changed):
            before = []
        self._settle(index)
        self._redraw(before, changed)

    def show_view(self, view: View) -> None:
        """Show other rows, or the same in another order."""
        index = self._cursor.index
        self._shown_rows.show(view)
        self._settle(index)
        self.refresh()
        self._reveal()
        self.post_message(self.ViewChanged())

    def mask_patients(self, *, hide: bool) -> None:
        """Show patients, or masks."""
        self._hide_patients = hide
        self.refresh()

    def show_offer(self, offer: str) -> None:
        """Offer what an earlier run left while nothing is queued; empty if there is nothing."""
        self._offer = offer
        self.refresh()

    def clear_marks(self) -> None:
        """Mark nothing."""
        self._cursor.unmark_all()
        self.post_message(self.ViewChanged())
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw the header, a row, or what to do where there is none."""
        width = self.scrollable_content_region.width
        if not len(self._shown_rows):
            return self._hint(y, width)
        self._columns.fit(width)  # a scrollbar may have come or gone, of which there is no event
        if y == 0:
            style = self._style("header")
            titles = self._columns.titles(self.view)
            return Strip([Segment(fit(titles, width), style)], width)
        index = self.scroll_offset.y + y - 1
        if index >= len(self._shown_rows):
            return Strip.blank(width, self.rich_style)
        return self._row_strip(self._shown_rows.at(index), width)

    def action_details(self) -> None:
        """Open what is known of the study."""
        if (row := self.cursor_row) is not None:
            self.post_message(self.Opened(row.key))
        else:
            self.notify(NO_STUDY)

    def action_move(self, step: int) -> None:
        """Move the cursor by rows."""
        index = self._cursor.index
        self._go(0 if index is None else index + step)

    def action_page(self, step: int) -> None:
        """Move the cursor by what is visible."""
        self.action_move(step * max(self.scrollable_content_region.height - 2, 1))

    def action_edge(self, step: int) -> None:
        """Move the cursor to the first or the last row."""
        self._go(0 if step < 0 else len(self._shown_rows) - 1)

    def action_mark(self) -> None:
        """Mark the row under the cursor or unmark it, and go on to the next."""
        if (row := self.cursor_row) is not None:
            self._cursor.mark(row.key)
            self.action_move(1)
            self.refresh()
            self.post_message(self.ViewChanged())

    def action_mark_all(self) -> None:
        """Mark every row that is shown; none, if all of them are marked."""
        self._cursor.mark_all()
        self.refresh()
        self.post_message(self.ViewChanged())

    def action_sort(self) -> None:
        """Go on to the next order."""
        self.show_view(self.view.in_next_order())

    def action_turn(self) -> None:
        """Turn the order round."""
        self.show_view(self.view.sorted_by(self.view.sort))

    def on_resize(self) -> None:
        """Choose the columns anew."""
        self._columns.fit(self.scrollable_content_region.width)
        self._measure()
        self.refresh()

    def on_click(self, event: events.Click) -> None:
        """Sort by a title, move to a row, open it with a second click."""
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
        lines = hint(self._offer, queued=bool(self._shown_rows.rows))
        top = max((self.scrollable_content_region.height - len(lines)) // 3, 0)
        text = lines[y - top] if top <= y < top + len(lines) else ""
        return Strip([Segment(fit(text.center(width), width), self._style("hint"))], width)

    def _style(self, name: str) -> Style:
        return self.get_component_rich_style(f"queue-table--{name}")

    def _measure(self) -> None:
        self.virtual_size = Size(0, len(self._shown_rows) + _HEADER)  # what is too wide is cut

    def _visible(self) -> list[RowKey]:
        """Whose rows can be seen, from the top."""
        return self._shown_rows.keys(
            self.scroll_offset.y, self.scrollable_content_region.height - _HEADER
        )

    def _redraw(self, before: list[RowKey], changed: Sequence[Row]) -> None:
        """Draw the rows that changed; all of them where others can be seen than before."""
        visible = self._visible()
        if visible != before or not visible:
            self.refresh()
            return
        lines = {key: line for line, key in enumerate(visible, start=_HEADER)}
        for row in changed:
            if row.key in lines:
                self.refresh(Region(0, lines[row.key], self.size.width, 1))

    def _settle(self, index: int | None) -> None:
        """Find the cursor's row again, or take the one that came into its place."""
        if not self._cursor.settle(index):
            self.refresh()
        self._measure()

    def _go(self, index: int) -> None:
        if self._cursor.go(index):
            self._reveal()
            self.refresh()

    def _reveal(self) -> None:
        """Scroll as far as it takes to see the cursor."""
        index = self._cursor.index
        if index is None:
            return
        visible = max(self.scrollable_content_region.height - 1, 1)
        top = self.scroll_offset.y
        if index < top:
            self.scroll_to(y=index, animate=False)
        elif index >= top + visible:
            self.scroll_to(y=index - visible + 1, animate=False)
