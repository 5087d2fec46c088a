"""Choose the PACS to search, one or several."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen

from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.mark_list import MarkList


class ChoosePacsScreen(ModalScreen[tuple[str, ...] | None]):
    """Returns the names of the chosen PACS; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the list has enter and space, too.
        Binding("enter", "apply", "Search these", priority=True, id="pacs.apply"),
        Binding("space", "toggle_pacs", "Choose", priority=True, id="pacs.toggle"),
        Binding("a", "toggle_all", "All, or none", id="pacs.all"),
        Binding("escape", "leave", "Cancel", id="pacs.cancel"),
    ]

    DEFAULT_CSS = """
    ChoosePacsScreen {
        align: center middle;
        & > Vertical {
            width: 72; max-width: 96%; height: auto; max-height: 92%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & MarkList { max-height: 1fr; }
    }
    """

    def __init__(self, offered: Mapping[str, RetrieveOptions], chosen: Collection[str]) -> None:
        """Keep the PACS.

        Args:
            offered: All of them, by name.
            chosen: The names of those that are searched now.
        """
        super().__init__()
        self._offered, self._chosen = offered, chosen

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "PACS to search"
            frame.border_subtitle = "space chooses, a chooses all"
            width = max(map(len, self._offered))
            texts = {
                name: f"{name:<{width}}  {options.peer}" for name, options in self._offered.items()
            }
            yield MarkList(texts, self._chosen)
        yield KeysLine()

    def action_apply(self) -> None:
        if chosen := self._list.marked:
            self.dismiss(tuple(chosen))
        else:
            self.notify("Choose a PACS with space.")

    def action_toggle_pacs(self) -> None:
        self._list.mark()

    def action_toggle_all(self) -> None:
        """Choose all PACS; if all are chosen, none."""
        self._list.mark_all()

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _list(self) -> MarkList:
        return self.query_one(MarkList)
