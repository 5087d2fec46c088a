"""The events: the last lines only, so that a night needs no more memory than a minute."""

from collections.abc import Iterable
from typing import ClassVar

from textual.binding import Binding, BindingType
from textual.widgets import Log

from dicom_retrieve_tui.tui.snapshot import Line
from dicom_retrieve_tui.tui.widgets.growing_lines import GrowingLines

_LINES_MAX = 2000


class EventsPane(Log, GrowingLines):
    """A line for each event, with its time."""

    HELP: ClassVar[str] = """\
Events: associations, studies, faults. Drag with the mouse to select text; `ctrl+c` copies it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("end", "follow", "Follow", id="events.follow"),
        Binding("f6", "screen.events", "Queue", id="main.events"),
        Binding("escape", "screen.events", "Queue", show=False, id="events.leave"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, max_lines=_LINES_MAX, auto_scroll=True)

    def on_mount(self) -> None:
        self.border_title = "Events"

    def show_lines(self, lines: Iterable[Line]) -> None:
        texts = [f"{line.at:%H:%M:%S} {'!' if line.grave else ' '} {line.text}" for line in lines]
        if texts:
            self.write_lines(texts)
            # Textual does not redraw a full Log at its end.
            self.refresh()

    def action_follow(self) -> None:
        self.scroll_end(animate=False)
