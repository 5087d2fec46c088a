"""The form as a window, where the main screen has no room for it."""

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


class OptionsScreen(ModalScreen[tuple[str, dict[str, str]] | None]):
    """Ends with the profile and what stands in the fields; with None if it is to stay as it was."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="options.cancel"),
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
    }
    """

    def __init__(
        self, presets: Sequence[Preset], draft: Draft, preset: str, field: str = ""
    ) -> None:
        super().__init__()
        self._form = OptionsForm(presets, draft=draft, preset=preset)
        self._field = field

    def compose(self) -> ComposeResult:
        """The form in a frame."""
        with Vertical() as frame:
            frame.border_title = "Options of what is added next"
            frame.border_subtitle = "enter uses them · esc leaves them as they were"
            yield self._form
        yield KeysLine()

    def on_mount(self) -> None:
        """Go to the field that needs it, or to the first."""
        self._form.focus_field(self._field)

    def action_keep(self) -> None:
        """Use what stands here, unless it cannot be meant."""
        found = faults(self._form.draft)
        if found:
            self._form.focus_field(next(iter(found)))
        else:
            self.dismiss((self._form.preset, self._form.draft))

    def action_leave(self) -> None:
        """Leave everything as it was."""
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()
