"""The events: the last lines only, so that a night needs no more memory than a minute."""

from collections import deque
from collections.abc import Iterable
from typing import ClassVar

from rich.segment import Segment
from textual.binding import Binding, BindingType
from textual.strip import Strip
from textual.widgets import Log

from dicom_retrieve_tui.tui.cut_text import ELLIPSIS
from dicom_retrieve_tui.tui.snapshot import Line
from dicom_retrieve_tui.tui.widgets.growing_lines import GrowingLines

_LINES_MAX = 2000


class EventsPane(Log, GrowingLines):
    """A line for each event, with its time."""

    HELP: ClassVar[str] = """\
Events: studies, faults, notes. Drag with the mouse to select text; `ctrl+c` copies it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end", "follow", "Follow", id="events.follow"),
        Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="events.mask"),
        Binding("f6", "screen.events", "Queue", id="main.events"),
        Binding("escape", "screen.events", "Queue", show=False, id="events.leave"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, max_lines=_LINES_MAX, auto_scroll=False)
        self._hide_patients = False
        self._shown: deque[Line] = deque(maxlen=_LINES_MAX)
        self._scrolled = False
        """True from when the user scrolls until the end is reached again. The position alone does
        not tell: a pane that gets shorter is not at its end either."""

    def on_mount(self) -> None:
        self.border_title = "Events"

    def show_lines(self, lines: Iterable[Line]) -> None:
        lines = list(lines)
        self._shown += lines
        if lines:
            at_end = self.is_vertical_scroll_end
            self.write_lines([self._text(line) for line in lines])
            self._follow(at_end=at_end)
            # Textual does not redraw a full Log at its end.
            self.refresh()

    def on_resize(self) -> None:
        self._follow(at_end=self.is_vertical_scroll_end)

    def watch_show_horizontal_scrollbar(self) -> None:
        """Keep the last line visible above a scrollbar that has appeared."""
        self.call_after_refresh(self.on_resize)

    def release_anchor(self) -> None:
        """Note that the user scrolls: Textual calls this for every way but to the end."""
        super().release_anchor()
        self._scrolled = True

    def mask_patients(self, *, hide: bool) -> None:
        """Write all lines again, without or with patients."""
        if hide != self._hide_patients:
            self._hide_patients = hide
            self.clear()
            self.write_lines([self._text(line) for line in self._shown])
            self._follow(at_end=False)
            self.refresh()

    def render_line(self, y: int) -> Strip:
        """Draw a line, with an ellipsis if it is longer than the pane."""
        strip = super().render_line(y)
        index, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if index >= len(self.lines) or self._render_line_strip(
            index, self.rich_style
        ).cell_length <= (self.scroll_offset.x + width):
            return strip
        return Strip.join([strip.crop(0, width - 1), Strip([Segment(ELLIPSIS, self.rich_style)])])

    def action_follow(self) -> None:
        self._follow(at_end=True)

    def _follow(self, *, at_end: bool) -> None:
        """Scroll to the end, unless the user has scrolled away from it."""
        self._scrolled = self._scrolled and not at_end
        if not self._scrolled:
            self.scroll_end(animate=False, immediate=True, x_axis=False)

    def _text(self, line: Line) -> str:
        text = (self._hide_patients and line.masked) or line.text
        return f"{line.at:%H:%M:%S} {'!' if line.grave else ' '} {text}"
