"""Hours and rate of the studies that run or wait, changed while they do."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from dicom_retrieve_tui.tui.limits import FIELDS, Limits, limits_of, texts_of
from dicom_retrieve_tui.tui.widgets.fields_form import FieldsForm
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine


class LimitsScreen(ModalScreen[Limits | None]):
    """Returns the limits to use from now on; None to leave them."""

    HELP: ClassVar[str] = """\
Hours and rate for all studies that run or wait in the queue. Outside the hours, nothing
is requested, and running studies stop as in a pause. The profile keeps its own hours and rate."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "keep", "Use these", id="limits.keep"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
        Binding("escape", "leave", "Cancel", id="limits.cancel"),
    ]

    DEFAULT_CSS = """
    LimitsScreen {
        align: center middle;
        & > Vertical {
            width: 60; max-width: 96%; height: auto; max-height: 90%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & .about { color: $text-muted; margin-bottom: 1; }
    }
    """

    def __init__(self, limits: Limits) -> None:
        super().__init__()
        self._form = FieldsForm(FIELDS, texts_of(limits))

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Hours and rate, from now on"
            frame.border_subtitle = "enter applies · esc cancels"
            yield Static("For all studies that run or wait.", classes="about", markup=False)
            yield self._form
        yield KeysLine()

    def on_mount(self) -> None:
        self._form.focus_field()

    def action_keep(self) -> None:
        """Use the texts of the form if they are valid."""
        found = self._faults()
        if found:
            self._form.focus_field(next(iter(found)))
        else:
            self.dismiss(limits_of(self._form.texts))

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._form.show_faults(self._faults())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_keep()

    def _faults(self) -> dict[str, str]:
        texts = self._form.texts
        found = {field.name: field.fault(texts[field.name].strip()) for field in FIELDS}
        return {name: fault for name, fault in found.items() if fault is not None}
