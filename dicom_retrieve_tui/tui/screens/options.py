"""The form of options: a window, or a sheet at the side of a wide terminal."""

from collections.abc import Sequence
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input

from dicom_retrieve_tui.tui.retrieve_form import Draft, faults
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.options_form import OptionsForm, Preset

_SHEET_FROM = 100
"""Columns from which on the queue is useful beside the form."""


class OptionsScreen(ModalScreen[tuple[str, dict[str, str]] | None]):
    """Returns the profile and the texts of the form; None to leave both unchanged."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="options.cancel"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
        Binding("f4", "keep", "Use these", show=False, id="options.keep"),
    ]

    DEFAULT_CSS = """
    OptionsScreen {
        align: center middle;
        & > Vertical {
            width: 76; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & OptionsForm { max-height: 100%; scrollbar-gutter: stable; }
        &.-wide { align: right top; background: transparent; }
        &.-wide > Vertical { width: 60; max-width: 50%; height: 1fr; max-height: 100%; }
    }
    """

    def __init__(
        self, presets: Sequence[Preset], draft: Draft, preset: str, field: str = ""
    ) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (_SHEET_FROM, "-wide")]
        self._form = OptionsForm(presets, draft=draft, preset=preset)
        self._field = field

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Options for the next studies"
            frame.border_subtitle = "enter applies · esc cancels"
            yield self._form
        yield KeysLine()

    def on_mount(self) -> None:
        self._form.focus_field(self._field)

    def action_keep(self) -> None:
        """Use the texts of the form if they are valid."""
        found = faults(self._form.draft)
        if found:
            self._form.focus_field(next(iter(found)))
        else:
            self.dismiss((self._form.preset, self._form.draft))

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()
