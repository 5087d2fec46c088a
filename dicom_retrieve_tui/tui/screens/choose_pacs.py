"""Choose the PACS to search, one or several."""

from collections.abc import Collection, Mapping
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import SelectionList
from textual.widgets.selection_list import Selection

from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine


class ChoosePacsScreen(ModalScreen[tuple[str, ...] | None]):
    """Returns the names of the chosen PACS; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # With priority: the list has these keys, too, and does not show them.
        Binding("enter", "apply", "Search these", priority=True, id="pacs.apply"),
        Binding("space", "toggle_pacs", "Choose", priority=True, id="pacs.toggle"),
        Binding("a", "toggle_all", "All, or one", id="pacs.all"),
        Binding("escape", "leave", "Cancel", id="pacs.cancel"),
    ]

    DEFAULT_CSS = """
    ChoosePacsScreen {
        align: center middle;
        & > Vertical {
            width: 72; max-width: 96%; height: auto; max-height: 92%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & SelectionList, & SelectionList:focus {
            height: auto; max-height: 1fr; border: none; background: transparent;
        }
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
            yield SelectionList[str](
                *(
                    Selection(f"{name:<{width}}  {options.peer}", name, name in self._chosen)
                    for name, options in self._offered.items()
                )
            )
        yield KeysLine()

    def action_apply(self) -> None:
        chosen = set(self._list.selected)
        if chosen:
            self.dismiss(tuple(name for name in self._offered if name in chosen))
        else:
            self.notify("Choose a PACS with space.")

    def action_toggle_pacs(self) -> None:
        self._list.action_select()

    def action_toggle_all(self) -> None:
        """Choose all PACS; if all are chosen, the one under the cursor."""
        if len(self._list.selected) < len(self._offered):
            self._list.select_all()
        else:
            self._list.deselect_all()
            self._list.action_select()

    def action_leave(self) -> None:
        self.dismiss(None)

    @property
    def _list(self) -> "SelectionList[str]":
        return self.query_one(SelectionList)
