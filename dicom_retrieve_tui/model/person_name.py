"""Person names (VR PN): matching keys from what users type, and names for the screen."""

import re


def name_key(text: str) -> str:
    """Return the matching key for a patient name as typed.

    `Doe, John` becomes `Doe^John`. A name without components and wildcards gets a `*`: a
    family name alone would match only patients without a given name.
    """
    family, comma, given = text.strip().partition(",")
    if comma and "^" not in text and "=" not in text:
        return f"{family.strip()}^{given.strip()}"
    return text.strip() if not text.strip() or re.search(r"[*?^=]", text) else f"{text.strip()}*"


def name_text(name: str) -> str:
    """Format a person name for the screen: `Doe, John`, `Yamada, Tarou (山田 太郎)`.

    Source: PS3.5 section 6.2.1: component groups, alphabetic, ideographic and phonetic, of family
    name, given name, middle name, prefix and suffix.
    """
    groups = [_group_text(group) for group in name.split("=")[:2]]
    first, *others = [group for group in groups if group] or [""]
    return f"{first} ({others[0]})" if others else first


def _group_text(group: str) -> str:
    family, *given = [part.strip() for part in group.split("^")]
    rest = " ".join(part for part in given if part)
    if not (family and rest):
        return family or rest
    return f"{family}, {rest}" if group.isascii() or "," in group else _joined(family, rest)


def _joined(family: str, rest: str) -> str:
    """Join family and given name; scripts without capitals need no comma."""
    return f"{family} {rest}" if family.upper() == family.lower() else f"{family}, {rest}"
