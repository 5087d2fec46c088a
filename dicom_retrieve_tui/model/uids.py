"""Rules for UIDs and AE titles, and our own implementation UID.

Source: PS3.5 sections 6.2 and 9.1, PS3.7 annex D.3.3.2, PS3.10 section 7.1.
"""

import re
from collections.abc import Iterable

from dicom_retrieve_tui import __version__

IMPLEMENTATION_CLASS_UID = "2.25.63277772598277503229622060361475029434"
"""Derived from a UUID (PS3.5 annex B.2), the same for every version."""

IMPLEMENTATION_VERSION_NAME = f"DCMRETRIEVE_{'.'.join(__version__.split('.')[:2])}"
"""16 characters at most."""

_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_UID_LENGTH_MAX = 64
NOT_A_UID = "is not a UID: a UID has digits and periods"
_STRAY = re.compile("[A-Za-z]{1,3}")
_DIGITS_AND_PERIODS = re.compile("[0-9.]{1,1024}")
UID_LENGTH_SENT_MAX = 1024
"""More than any archive stores; an identifier could carry more."""
_WILDCARD = "has a wildcard, and would match more than one"
_SEVERAL = {
    "*": _WILDCARD,
    "?": _WILDCARD,
    "\\": "has a backslash, which separates several UIDs",
}
_AE_TITLE_LENGTH_MAX = 16
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]+")


def uid_fault(text: str) -> str | None:
    """Return why `text` cannot be requested as a UID, or None if it can.

    Archives have UIDs that break the rules of the standard (see `uid_note`), and they can be
    retrieved. Only text that would match several entities, or cannot be sent unchanged, is refused.
    """
    if not text.strip():
        return "is empty"
    for character, fault in _SEVERAL.items():
        if character in text:
            return fault
    if len(text) > UID_LENGTH_SENT_MAX:
        return f"has {len(text)} characters, more than can be asked for"
    if any(character > "\xff" for character in text):
        return "has characters beyond Latin-1, which a UID cannot carry"
    if not text.isprintable() or text != text.strip():
        return "has a control character, or a blank at an end"
    return None


def stray_fault(text: str) -> str | None:
    """Return why `text`, typed or in a list, is not a UID at all: one to three letters alone.

    They are a key meant for another pane, or the rest of a cut line.
    """
    return NOT_A_UID if _STRAY.fullmatch(text) else None


def uid_note(text: str) -> str | None:
    """Return how `text` breaks the rules for a UID, or None if it is valid.

    Source: PS3.5 section 9.1: at most 64 characters, digits and periods, no component empty,
    none but "0" itself with a leading zero.
    """
    if len(text) > _UID_LENGTH_MAX:
        return f"has {len(text)} characters; a UID has at most {_UID_LENGTH_MAX}"
    if _UID.fullmatch(text):
        return None
    if not _DIGITS_AND_PERIODS.fullmatch(text):
        return "has characters other than digits and periods"
    if ".." in text or text.startswith(".") or text.endswith("."):
        return "has an empty component (a period at an end, or two in a row)"
    return "has a component with a leading zero"


def irregular_uids(uids: Iterable[str]) -> str | None:
    """Return one sentence on the invalid ones of `uids`, or None if all are valid."""
    first: tuple[str, str] | None = None
    irregular = 0
    for uid in uids:
        if found := uid_note(uid):
            irregular += 1
            first = first or (uid, found)
    if first is None:
        return None
    uid, note = first
    if irregular == 1:
        return f"{uid!r} {note}; it is asked for as it is"
    return (
        f"{irregular:,} UIDs break the rules and are asked for as they are; "
        f"the first, {uid!r}, {note}"
    )


def ae_title_fault(text: str) -> str | None:
    r"""Return why `text` is not a valid AE title, or None if it is.

    Source: PS3.5 section 6.2, VR AE: at most 16 characters of the default repertoire, no
    backslash, no control characters, not blank.
    """
    if not text.strip(" "):
        return "is empty"
    if len(text) > _AE_TITLE_LENGTH_MAX:
        return f"has {len(text)} characters; an AE title has at most {_AE_TITLE_LENGTH_MAX}"
    if not _AE_TITLE.fullmatch(text):
        return "has a backslash, a control character or a character outside ASCII"
    return None
