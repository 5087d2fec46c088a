"""Values by precedence: flag, profile, `[defaults]`, built-in; and where each came from."""

from collections.abc import Mapping
from dataclasses import dataclass

from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.model.options import KEYS

FLAG, DEFAULTS, BUILT_IN = "flag", "[defaults]", "built-in"


@dataclass(frozen=True, slots=True)
class Value:
    """The value of one key, and its origin."""

    text: str
    origin: str
    """`FLAG`, `@NAME`, `DEFAULTS` or `BUILT_IN`."""


def resolve(book: ProfileBook, name: str, flags: Mapping[str, str | None]) -> dict[str, Value]:
    """Return the values for a retrieval by a profile; a key without a value is left out.

    Args:
        flags: Texts by key; None where the flag was not given.

    Raises:
        ConfigError: The profile does not exist, or its section of the file has mistakes.
    """
    profile, defaults = book.profile(name), book.defaults()
    layers = (
        (FLAG, flags),
        (f"@{name}", profile),
        (DEFAULTS, defaults),
        (BUILT_IN, {key.name: key.default or None for key in KEYS.values()}),
    )
    held = {}
    for key in KEYS:
        for origin, texts in layers:
            if (text := texts.get(key)) is not None:
                held[key] = Value(text, origin)
                break
    return held
