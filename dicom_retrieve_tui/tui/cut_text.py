"""Cut text, and bars, to terminal cells; a wide character takes two and is never halved. Pure."""

import re

from rich.cells import cell_len, set_cell_size

from dicom_retrieve_tui.model.sanitize import clean_text

ELLIPSIS = "…"
MASKED = "•••"
_LITERAL = r"""(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")"""
_NO_UID_OR_PATH = r"""(?!['"](?:[/~.]|[A-Za-z]:[/\\]|[0-9]+(?:\.[0-9]+){3}))"""
_QUOTED = re.compile(
    rf"(?:(?<=accession number )|(?<=patient ID )|(?<=patient name )){_LITERAL}"
    rf"|{_NO_UID_OR_PATH}{_LITERAL}(?= (?:is|has|was|stands|contains|ends|begins) )"
)
"""What a sentence quotes of a patient, or of a line that may name one."""
_UIDS_OR_PATH = re.compile(
    r"|[0-9.,;\s]*[0-9]\.[0-9.,;\s]*|(?:file:/|[\"']?(?:[/~.]|[A-Za-z]:[/\\])).*"
)


def shown_patient(text: str, *, hide: bool) -> str:
    """Return what leads to a patient for the screen, masked or sanitised; empty stays empty."""
    return MASKED if hide and text else clean_text(text)


def without_accession(text: str, accession_number: str, *, hide: bool) -> str:
    """Return a label or a reason for the screen, with its accession number masked."""
    if not (hide and accession_number):
        return text
    place = f"accession {accession_number},"
    return text.replace(repr(accession_number), MASKED).replace(place, f"accession {MASKED},")


def without_patients(text: str, *, hide: bool) -> str:
    """Return a sentence for the screen, with the values masked that lead to a patient."""
    return _QUOTED.sub(MASKED, text) if hide else text


def may_name_patient(text: str) -> bool:
    """Return False for UIDs, a path and an empty text, True for any other."""
    return _UIDS_OR_PATH.fullmatch(text.strip()) is None


def fit(text: str, width: int, *, right: bool = False) -> str:
    """Return the text in exactly `width` cells, with an ellipsis if it was cut."""
    if width <= 0:
        return ""
    length = cell_len(text)
    if length > width:
        # A halved wide character is replaced by a space.
        return set_cell_size(text, width - 1) + ELLIPSIS
    padding = " " * (width - length)
    return padding + text if right else text + padding


def cut(text: str, width: int) -> str:
    """Return the text in at most `width` cells."""
    return text if cell_len(text) <= width else fit(text, width)


_EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(done: int, total: int, width: int) -> str:
    """Return a bar of block characters; full only at the end, empty only at the start."""
    if width <= 0:
        return ""
    steps = width * 8
    filled = steps * min(done, total) // total if total > 0 else 0
    if done > 0 and filled == 0:
        filled = 1
    whole, rest = divmod(filled, 8)
    drawn = "█" * whole + (_EIGHTHS[rest] if rest else "")
    return drawn + "·" * (width - len(drawn))
