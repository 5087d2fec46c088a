"""A question for a passcode or a passphrase: what is typed is shown nowhere."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from textual import on
from textual.actions import SkipAction
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.screen import ModalScreen, Screen
from textual.widgets import Footer, Input, Static

from dicom_retrieve_tui.config.secrets import Question
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.secret import Secret
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.tui.keyring import Keyring


class _MaskedInput(Input):
    """Dots for characters, and no copy of them on any clipboard."""

    def __init__(self) -> None:
        super().__init__(password=True, compact=True, id="secret")

    def action_copy(self) -> None:
        """Do nothing."""
        raise SkipAction

    def action_cut(self) -> None:
        """Do nothing."""
        raise SkipAction


class SecretScreen(ModalScreen[Secret | None]):
    """Ends with what was typed; with None if somebody would rather not."""

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
        """Prepare.

        Args:
            question: What to ask for.
            fault: What was wrong with the answer before.
        """
        super().__init__()
        self._question, self._fault = question, fault

    def compose(self) -> ComposeResult:
        """The question, and a place for the answer."""
        question = self._question
        with Vertical() as frame:
            frame.border_title = _upper(question.what.partition(" ")[0])
            frame.border_subtitle = "enter goes on · esc sends nothing"
            to = f" for {question.peer}" if question.peer else ""
            yield Static(f"{_upper(question.what)}{to}", markup=False)
            yield _MaskedInput()
            if self._fault:
                yield Static(self._fault, markup=False, id="secret-fault")
            hint = f" {_upper(question.hint)}." if question.hint else ""
            yield Static(f"Kept in memory until you quit.{hint}", markup=False, id="secret-hint")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Wait for the answer."""
        self.query_one(Input).focus()

    def action_leave(self) -> None:
        """Rather not."""
        self.dismiss(None)

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if event.value or self._question.hint:
            self.dismiss(Secret(event.value))


def unlock(
    screen: Screen[Any],
    keyring: Keyring,
    settings: Settings,
    then: Callable[[], object],
    *,
    otherwise: Callable[[], object] = lambda: None,
    complain: Callable[[ConfigError], object] | None = None,
) -> None:
    """Do `then` once every secret that `settings` need is known; ask for what is not.

    Args:
        screen: From which to ask.
        keyring: Where the answers are kept.
        settings: With whom we are to talk, and how.
        then: Sends.
        otherwise: What to do where nothing may be sent.
        complain: Tells of a file that cannot be used; None puts it into a message.
    """

    def go_on(asked: Question | None = None) -> None:
        try:
            question = keyring.question(settings)
        except ConfigError as error:
            if asked is not None:
                keyring.drop(asked)
                ask(asked, str(error))
                return
            (complain or _telling(screen))(error)
            otherwise()
            return
        if question is None:
            then()
        else:
            ask(question)

    def ask(question: Question, fault: str = "") -> None:
        def answered(secret: Secret | None) -> None:
            if secret is None:
                otherwise()
                return
            keyring.keep(question, secret)
            go_on(question)

        screen.app.push_screen(SecretScreen(question, fault), answered)

    go_on()


def unlock_each(
    screen: Screen[Any],
    keyring: Keyring,
    orders: Sequence[tuple[Settings, Callable[[], int]]],
    done: Callable[[int, int], object],
) -> None:
    """Send one order after the other; one that may not be sent costs no other.

    Args:
        screen: As for `unlock`.
        keyring: Likewise.
        orders: With whom to talk, and what sends and returns how much was asked for.
        done: Told how much was asked for, and how many orders were not sent.
    """

    def go_on(at: int, asked: int, left: int) -> None:
        if at == len(orders):
            done(asked, left)
            return
        settings, send = orders[at]
        unlock(
            screen,
            keyring,
            settings,
            lambda: go_on(at + 1, asked + send(), left),
            otherwise=lambda: go_on(at + 1, asked, left + 1),
        )

    go_on(0, 0, 0)


def _upper(text: str) -> str:
    """With a capital letter, and the names in it as they are."""
    return text[:1].upper() + text[1:]


def _telling(screen: Screen[Any]) -> Callable[[ConfigError], object]:
    return lambda error: screen.notify(str(error), severity="error", timeout=15, markup=False)
