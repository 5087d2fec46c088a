"""Make foreign text safe for a terminal, a log and a one-line message.

A peer chooses its error comments, AE title and UIDs. Unchanged, they could move the cursor, change
colours, or reverse the reading direction of the surrounding text.
"""

import re
import unicodedata
from collections.abc import Mapping

from dicom_retrieve_tui.errors import ConfigError

_LINE_BREAKS = re.compile("[\t\n\v\f\r\x1c-\x1e\x85\u2028\u2029]+")
_NEVER_SHOWN = frozenset({"Cc", "Cf"})
"""Control characters (C0, DEL, C1, hence ESC and CSI), and format characters (bidi, zero width)."""
_NO_CHARACTERS = frozenset({"Cs", "Cn", "Co"})
"""Surrogates, which no stream can encode, and unassigned or private characters."""
_ELLIPSIS = "..."
_TEXT_CHARACTERS_MAX = 2000
"""Far longer than any of our sentences."""


def clean_text(text: str, limit: int | None = None) -> str:
    """Return the text on one line, without control characters.

    Tabs and line breaks become a space, unassigned characters a question mark.

    Args:
        limit: Longest result in characters; three periods mark a cut.
    """
    if not (text.isascii() and text.isprintable()):
        text = "".join(map(_clean_character, _LINE_BREAKS.sub(" ", text)))
    if limit is not None and len(text) > limit:
        return text[: max(limit - len(_ELLIPSIS), 0)] + _ELLIPSIS[:limit]
    return text


def check_text(where: str, text: str) -> None:
    """Refuse an argument with bytes that are invalid in the encoding of the terminal.

    Python keeps such bytes as lone surrogates, which only file names may have.

    Args:
        where: Names the place in messages.

    Raises:
        ConfigError: There are such bytes.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise ConfigError(f"{where} {text!r} has bytes that are not UTF-8 text.") from error


def clean_values(value: object) -> object:
    """Return a value with every text in it, at any depth, cleaned and limited."""
    match value:
        case str():
            return clean_text(value, _TEXT_CHARACTERS_MAX)
        case Mapping():
            return {key: clean_values(each) for key, each in value.items()}
        case tuple():
            return tuple(map(clean_values, value))
        case list():
            return list(map(clean_values, value))
        case _:
            return value


def parts_of(text: str) -> tuple[str, ...]:
    """Return the values of a text that may have several."""
    return tuple(part.strip() for part in text.split("\\") if part.strip())


def quoted(text: str, limit: int = 64) -> str:
    """Return the text in quotes, as a Python literal with escaped control characters.

    Args:
        limit: Most characters of the text; the longest UID has 64.
    """
    return repr(text) if len(text) <= limit else repr(text[:limit]) + _ELLIPSIS


def _clean_character(character: str) -> str:
    category = unicodedata.category(character)
    if category in _NEVER_SHOWN:
        return ""
    return "?" if category in _NO_CHARACTERS else character
