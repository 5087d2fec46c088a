"""Every secret that an order needs, before it is sent: whatever nobody knows yet is asked for."""

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.settings import Settings
from dicom_retrieve_tui.tui.secret_store import SecretStore

if TYPE_CHECKING:
    from dicom_retrieve_tui.config.secrets import Question
    from dicom_retrieve_tui.model.security import Secret


def unlock(
    screen: Screen[Any],
    secrets: SecretStore,
    settings: Settings,
    then: Callable[[], object],
    *,
    otherwise: Callable[[], object] = lambda: None,
    complain: Callable[[ConfigError], object] | None = None,
) -> None:
    """Do `then` once every secret that `settings` need is known; ask for what is not.

    Args:
        screen: From which to ask.
        secrets: Where the answers are kept.
        settings: With whom we are to talk, and how.
        then: Sends.
        otherwise: What to do where nothing may be sent.
        complain: Tells of a file that cannot be used; None puts it into a message.
    """

    def go_on(asked: "Question | None" = None) -> None:
        try:
            question = secrets.question(settings)
        except ConfigError as error:
            if asked is not None:
                secrets.drop(asked)
                ask(asked, str(error))
                return
            (complain or _telling(screen))(error)
            otherwise()
            return
        if question is None:
            then()
        else:
            ask(question)

    def ask(question: "Question", fault: str = "") -> None:
        def answered(secret: "Secret | None") -> None:
            if secret is None:
                otherwise()
                return
            secrets.keep(question, secret)
            go_on(question)

        from dicom_retrieve_tui.tui.screens.secret import SecretScreen  # noqa: PLC0415 - not for the first frame

        screen.app.push_screen(SecretScreen(question, fault), answered)

    go_on()


def unlock_each(
    screen: Screen[Any],
    secrets: SecretStore,
    orders: Sequence[tuple[Settings, Callable[[], int]]],
    done: Callable[[int, int], object],
) -> None:
    """Send one order after the other; one that may not be sent costs no other.

    Args:
        screen: As for `unlock`.
        secrets: Likewise.
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
            secrets,
            settings,
            lambda: go_on(at + 1, asked + send(), left),
            otherwise=lambda: go_on(at + 1, asked, left + 1),
        )

    go_on(0, 0, 0)


def _telling(screen: Screen[Any]) -> Callable[[ConfigError], object]:
    return lambda error: screen.notify(str(error), severity="error", timeout=15, markup=False)
