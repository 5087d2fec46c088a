"""Choose the columns of a table."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen

from dicom_retrieve_tui.tui.queue_columns import MARK
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.mark_list import MarkList


@dataclass(frozen=True, slots=True)
class Choice:
    """A column that may be left out."""

    name: str
    title: str


class QueueColumnsChosen(Message):
    """The user has chosen the columns of the queue."""

    def __init__(self, hidden: frozenset[str]) -> None:
        super().__init__()
        self.hidden = hidden


class FindColumnsChosen(Message):
    """The user has chosen the columns of Find."""

    def __init__(self, hidden: frozenset[str]) -> None:
        super().__init__()
        self.hidden = hidden


class ColumnsScreen(ModalScreen[frozenset[str] | None]):
    """Returns the names of the columns that are left out; None if the user leaves."""

    HELP: ClassVar[str] = """\
Columns of the table; `●` marks those that are shown where there is room and something to show."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: in the list, enter toggles as space does.
        Binding("enter", "apply", "Apply", priority=True, id="columns.apply"),
        Binding("space", "toggle_column", "Show or hide", id="columns.toggle"),
        Binding("f1,question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
        Binding("escape", "leave", "Cancel", id="columns.cancel"),
    ]

    DEFAULT_CSS = """
    ColumnsScreen {
        align: center middle;
        & > Vertical {
            width: 44; max-width: 96%; height: auto; max-height: 92%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & MarkList { max-height: 1fr; }
    }
    """

    def __init__(self, choices: Iterable[Choice], hidden: Collection[str]) -> None:
        """Keep the columns.

        Args:
            choices: In the order of the table.
            hidden: Names of those that are left out now.
        """
        super().__init__()
        self._choices, self._hidden = tuple(choices), frozenset(hidden)

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Columns, where they fit"
            frame.border_subtitle = f"{MARK} is shown; space shows or hides"
            titles = {each.name: each.title for each in self._choices}
            yield MarkList(titles, titles.keys() - self._hidden)
        yield KeysLine()

    def action_apply(self) -> None:
        """Leave out what is not selected; names of other tables' columns are kept."""
        shown = set(self._list.marked)
        ours = {each.name for each in self._choices}
        self.dismiss(frozenset((self._hidden - ours) | (ours - shown)))

    @on(MarkList.OptionSelected)
    def action_toggle_column(self) -> None:
        self._list.mark()

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _list(self) -> MarkList:
        return self.query_one(MarkList)
