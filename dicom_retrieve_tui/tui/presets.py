"""Saved profiles as the form of an order needs them."""

from dicom_retrieve_tui.config.precedence import resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import KEYS
from dicom_retrieve_tui.tui.retrieve_form import draft_of_texts
from dicom_retrieve_tui.tui.widgets.options_form import Preset


def preset_of(book: ProfileBook, name: str) -> Preset:
    """Return the form that a profile makes.

    Raises:
        ConfigError: The profile does not exist or has mistakes.
    """
    held = resolve(book, name, {})
    texts = {key: value.text for key, value in held.items() if value.text != KEYS[key].default}
    return Preset(name, draft_of_texts(texts))


def presets_of(book: ProfileBook) -> tuple[list[Preset], list[str]]:
    """Return every valid profile, and what is wrong with the others."""
    presets, faults = [], []
    for name in book.names:
        try:
            presets.append(preset_of(book, name))
        except ConfigError as error:
            faults.append(str(error))
    return presets, faults
