"""A yes-or-no question; the safe answer has the focus."""

from collections.abc import Callable
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Static

_PERIOD_S = 0.25


class ConfirmScreen(ModalScreen[bool]):
    """Returns True for yes; escape means no."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)", "Yes", id="confirm.yes"),
        Binding("n,escape", "answer(False)", "No", id="confirm.no"),
        Binding("left,right", "app.focus_next", "Other answer", show=False, id="confirm.other"),
    ]

    DEFAULT_CSS = """
    ConfirmScreen {
        align: center middle;
        & > Vertical {
            width: 60; max-width: 90%; height: auto;
            border: round $warning; padding: 1 2; background: $surface;
        }
        & Horizontal { height: auto; align-horizontal: center; margin-top: 1; }
        & Button { margin: 0 1; }
    }
    """

    def __init__(
        self, question: str | Callable[[], str], *, yes: str, no: str, quits: bool = False
    ) -> None:
        """Keep the question.

        Args:
            question: A text, or what returns it as it is now.
            yes: The word for yes.
            no: The word for no, the safe answer.
            quits: True if yes quits, which `ctrl+c` does, too.
        """
        super().__init__()
        self._quits = quits
        self._yes, self._no = yes, no
        self._question = question if callable(question) else lambda: question

    def compose(self) -> ComposeResult:
        with Vertical():
            yield Static(self._question(), id="question", markup=False)
            with Horizontal():
                yield Button(f"{self._no} (n)", id="no", variant="primary", compact=True)
                keys = "y, ctrl+c" if self._quits else "y"
                yield Button(f"{self._yes} ({keys})", id="yes", variant="error", compact=True)

    def on_mount(self) -> None:
        self.query_one("#no", Button).focus()
        self.set_interval(_PERIOD_S, self._ask)

    def _ask(self) -> None:
        self.query_one("#question", Static).update(self._question())

    @on(Button.Pressed)
    def _pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id == "yes")

    def interrupt(self) -> None:
        """Answer `ctrl+c`: yes if that quits, else a hint."""
        if self._quits:
            self.dismiss(self._quits)
        else:
            self.notify("Press y or n first.")

    def action_answer(self, answer: bool) -> None:  # noqa: FBT001 - an action's argument
        self.dismiss(answer)
