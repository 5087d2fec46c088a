"""What may stand as a UID or an AE title, and what to tell a person who typed something else."""

import re

_UID = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*")
_UID_LENGTH_MAX = 64
_AE_TITLE_LENGTH_MAX = 16
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]+")


def uid_fault(text: str) -> str | None:
    """Say why `text` is no UID, or None if it is one.

    Source: PS3.5 section 9.1: at most 64 characters, digits and periods, no component empty,
    none but "0" itself with a leading zero.
    """
    if not text:
        return "is empty"
    if len(text) > _UID_LENGTH_MAX:
        return f"has {len(text)} characters; a UID has at most {_UID_LENGTH_MAX}"
    if _UID.fullmatch(text):
        return None
    if not re.fullmatch(r"[0-9.]+", text):
        return "has characters other than digits and periods"
    if ".." in text or text.startswith(".") or text.endswith("."):
        return "has an empty component (a period at an end, or two in a row)"
    return "has a component with a leading zero"


def ae_title_fault(text: str) -> str | None:
    r"""Say why `text` is no AE title, or None if it is one.

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
