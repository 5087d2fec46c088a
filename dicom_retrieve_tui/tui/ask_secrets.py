"""Prompts for the passcodes and passphrases that a PACS or a key file needs."""

from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.secret_store import SecretStore

if TYPE_CHECKING:
    from dicom_retrieve_tui.config.secrets import Question


async def unlock(screen: Screen[Any], secrets: SecretStore, settings: RetrieveOptions) -> bool:
    """Prompt until every secret of these settings is known; False if the user declines.

    Call it from a worker of `screen`.

    Raises:
        ConfigError: A file of TLS or of the passcode cannot be used.
    """
    from dicom_retrieve_tui.tui.screens.secret import SecretScreen  # noqa: PLC0415 - not for the first frame

    asked: Question | None = None
    while True:
        fault = ""
        try:
            question = secrets.question(settings)
        except ConfigError as error:
            if asked is None:
                raise
            # The answer was wrong, as the key file has shown.
            secrets.drop(asked)
            question, fault = asked, in_fields(str(error))
        if question is None:
            return True
        secret = await screen.app.push_screen_wait(SecretScreen(question, fault))
        if secret is None:
            return False
        secrets.keep(question, secret)
        asked = question


async def unlock_or_notify(
    screen: Screen[Any], secrets: SecretStore, settings: RetrieveOptions
) -> bool:
    """Do as `unlock`, but report a file that cannot be used in a toast, and return False."""
    try:
        return await unlock(screen, secrets, settings)
    except ConfigError as error:
        screen.notify(str(error), severity="error", timeout=15, markup=False)
        return False
