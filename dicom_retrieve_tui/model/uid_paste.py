"""Parse UIDs from a clipboard: one, many lines, commas, a table or a part of one.

A table with a heading is parsed by `uid_list`. Other text is parsed more tolerantly: cells beside
the UIDs of a part of a table are not a fault. Only below a heading a UID may have other characters
than digits and periods: elsewhere, such a word is an accession number or a fault.
"""

import re
from collections.abc import Iterable, Iterator

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.list_text import TextLines, readable
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.spreadsheet_cells import (
    is_sheet_error,
    spoilt_number,
    spoilt_uid,
    uid_text,
)
from dicom_retrieve_tui.model.study_lookup import Lookup, key_fault
from dicom_retrieve_tui.model.uid_list import (
    UidList,
    line_fault,
    notes_on,
    read_table,
    undecorated,
)
from dicom_retrieve_tui.model.uid_table import Column, find_heading, is_comment
from dicom_retrieve_tui.model.uids import NOT_A_UID, uid_fault

_SEPARATORS = re.compile(r"[,;|:=\s]+")
_DIGITS_AND_PERIODS = re.compile(r"[0-9.]+")
_LIKE_A_UID = re.compile(r"[0-9]+(?:\.[0-9]*){3,}")
"""In a table, 1.25 is a thickness and 2026.03.11 a date."""
_SHOWN_MAX = 40
_ACCESSION_LENGTH_MAX = 16
"""Of the VR SH. Source: PS3.5 section 6.2."""
_ACCESSION = re.compile(r"(?=.*[0-9])[^/~.][^.]*")
"""A word with a digit and without a period; not a path."""


def read_paste(text: str) -> UidList:
    """Return the content of a paste, with the faults of bad lines. Never raises."""
    lines = TextLines(readable(text))
    heading = find_heading(lines, Column.STUDY, None)
    if heading is None:
        return _read_lines(line.rstrip("\r\n") for line in lines)
    try:
        return read_table(lines, heading)
    except ConfigError as error:
        return UidList(bad=(str(error),))


def _read_lines(lines: Iterable[str]) -> UidList:
    words = [
        (number, word)
        for number, line in enumerate(lines, start=1)
        if (kept := _kept(line))
        for word in _uids_of(kept)
    ]
    # Of accession numbers, some may have digits alone.
    numbers = any(map(_is_number, (word for _, word in words)))
    seen: dict[str, Lookup | None] = {}
    duplicates = 0
    bad: list[str] = []
    for number, word in words:
        is_number = numbers and (_is_number(word) or word.isdecimal())
        if not is_number and (fault := _fault(word)):
            bad.append(f"line {number}: {fault}")
        elif word in seen:
            duplicates += 1
        else:
            seen[word] = Lookup(line=number, accession_number=word) if is_number else None
    selections = tuple(Selection.of(word) for word, lookup in seen.items() if lookup is None)
    return UidList(
        selections=selections,
        lookups=tuple(filter(None, seen.values())),
        duplicates=duplicates,
        bad=tuple(bad),
        notes=(*_number_notes(selections, numbers=numbers), *notes_on(selections)),
    )


def _is_number(word: str) -> bool:
    """Return True for what may be an accession number, and is not a UID."""
    return (
        len(word) <= _ACCESSION_LENGTH_MAX
        and not word.isdecimal()
        and _ACCESSION.fullmatch(word) is not None
        and not (spoilt_uid(word) or spoilt_number(word) or key_fault(word))
    )


def _fault(word: str) -> str | None:
    """Return why an entry is not a UID, as a sentence; None if it is."""
    if fault := line_fault(word):
        return fault
    fault = spoilt_uid(word) or uid_fault(word)
    if fault is None and not _DIGITS_AND_PERIODS.fullmatch(word):
        fault = NOT_A_UID
    return f"{word[:_SHOWN_MAX]!r} {fault}" if fault else None


def _number_notes(selections: Iterable[Selection], *, numbers: bool) -> Iterator[str]:
    """Yield a note on entries that are, or may be, accession numbers."""
    if numbers:
        yield "not UIDs: taken as accession numbers"
    if short := sum("." not in each.study_instance_uid for each in selections):
        yield f"{short:,} without a period; ^o and F5 load accession numbers"


def _kept(line: str) -> str:
    text = line.strip()
    if is_sheet_error(text):
        return text
    return "" if is_comment(text) else text.partition("#")[0].strip()


def _uids_of(line: str) -> Iterator[str]:
    words = [word for word in map(uid_text, _SEPARATORS.split(undecorated(line))) if word]
    if all(_DIGITS_AND_PERIODS.fullmatch(word) for word in words):
        yield from words
        return
    alike = [word for word in words if _LIKE_A_UID.fullmatch(word)]
    # Without anything like a UID, report the whole line.
    yield from alike or [words[0] if len(words) == 1 else line]
