"""A prompt for a passcode or a passphrase, which is not shown."""

from typing import ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from dicom_retrieve_tui.config.secrets import Question
from dicom_retrieve_tui.model.security import Secret
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine


class _MaskedInput(Input):
    """A password field that cannot be copied."""

    def __init__(self) -> None:
        super().__init__(password=True, compact=True, id="secret")

    def action_copy(self) -> None:
        """Refuse to copy."""
        raise SkipAction

    def action_cut(self) -> None:
        """Refuse to cut."""
        raise SkipAction


class SecretScreen(ModalScreen[Secret | None]):
    """Returns the typed secret; None if the user leaves."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Cancel", id="secret.cancel"),
    ]

    DEFAULT_CSS = """
    SecretScreen {
        align: center middle;
        & > Vertical {
            width: 60; max-width: 96%; height: auto;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & #secret { margin: 1 0; }
        & #secret-fault { color: $text-error; }
        & #secret-hint { color: $text-muted; }
    }
    """

    def __init__(self, question: Question, fault: str = "") -> None:
        """Keep the question.

        Args:
            question: The secret to ask for.
            fault: Why the last answer was wrong.
        """
        super().__init__()
        self._question, self._fault = question, fault

    def compose(self) -> ComposeResult:
        question = self._question
        with Vertical() as frame:
            frame.border_title = _upper(question.what.partition(" ")[0])
            frame.border_subtitle = "enter continues · esc cancels"
            to = f" for {question.peer}" if question.peer else ""
            yield Static(f"{_upper(question.what)}{to}", markup=False)
            yield _MaskedInput()
            if self._fault:
                yield Static(self._fault, markup=False, id="secret-fault")
            hint = f" {_upper(question.hint)}." if question.hint else ""
            yield Static(f"Kept in memory until you quit.{hint}", markup=False, id="secret-hint")
        yield KeysLine()

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value or self._question.hint:
            self.dismiss(Secret(event.value))


def _upper(text: str) -> str:
    """Capitalise the first letter only."""
    return text[:1].upper() + text[1:]
