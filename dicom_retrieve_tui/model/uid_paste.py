"""UIDs as they come from a clipboard: one, many lines, commas, a piece of a table.

Laxer than `uid_list`, which reads files that were made to be lists: what stands beside the UIDs of
a table is not a fault here. Pure.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from dicom_retrieve_tui.model.uid_table import STUDY_COLUMNS, plain
from dicom_retrieve_tui.model.uids import uid_fault

_LINE_END = re.compile("\r\n|\r|\n")
_SEPARATORS = re.compile(r"[,;|\s]+")
_CELLS = re.compile(r"[,;|\t]")
_QUOTES = "\"'`<>()[]"
_DIGITS_AND_PERIODS = re.compile(r"[0-9.]+")
_LIKE_A_UID = re.compile(r"[0-9]+(?:\.[0-9]*){3,}")
"""In a table, 1.25 is a thickness and 2026.03.11 a date."""
_SHOWN_MAX = 40


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that names no UID, or a broken one."""

    number: int
    """From 1, as editors count."""
    text: str
    fault: str
    """What `uid_fault` says of it."""

    def __str__(self) -> str:
        return f"line {self.number}: {self.text[:_SHOWN_MAX]!r} {self.fault}"


@dataclass(frozen=True, slots=True)
class PastedUids:
    """What a paste asks for."""

    uids: tuple[str, ...] = ()
    """Each once, in the order in which they came."""
    duplicates: int = 0
    bad: tuple[BadLine, ...] = ()


def read_pasted_uids(text: str) -> PastedUids:
    """Find the Study Instance UIDs of a paste; what is bad is named by its line, and never raises.

    Where the first line names a column `StudyInstanceUID`, only that column counts: a table has the
    UIDs of series and instances, too.
    """
    seen: dict[str, None] = {}
    duplicates = 0
    bad: list[BadLine] = []
    column: int | None = None
    first = True
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        kept = line.partition("#")[0].strip()
        if not kept:
            continue
        if first:
            first = False
            column = _column_of(kept)
            if column is not None:
                continue
        for uid in _uids_of(kept, column):
            if fault := uid_fault(uid):
                bad.append(BadLine(number, uid or kept, fault))
            elif uid in seen:
                duplicates += 1
            else:
                seen[uid] = None
    return PastedUids(tuple(seen), duplicates, tuple(bad))


def _column_of(line: str) -> int | None:
    """Which cell of a heading names the Study Instance UID; None if this is no heading."""
    for index, cell in enumerate(_CELLS.split(line)):
        if plain(cell) in STUDY_COLUMNS:
            return index
    return None


def _uids_of(line: str, column: int | None) -> Iterator[str]:
    if column is not None:
        cells = _CELLS.split(line)
        yield cells[column].strip().strip(_QUOTES) if column < len(cells) else ""
        return
    words = [word.strip(_QUOTES) for word in _SEPARATORS.split(line)]
    words = [word for word in words if word]
    if all(_DIGITS_AND_PERIODS.fullmatch(word) for word in words):
        yield from words
        return
    alike = [word for word in words if _LIKE_A_UID.fullmatch(word)]
    # Where nothing is of the kind, the line as it stands is what the person takes for a UID.
    yield from alike or [words[0] if len(words) == 1 else line]
