"""Parse UIDs from a clipboard: one, many lines, commas, a table or a part of one.

A table with a heading is parsed by `uid_list`. Other text is parsed more tolerantly: cells beside
the UIDs of a part of a table are not a fault.
"""

import re
from collections.abc import Iterable, Iterator

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.list_text import TextLines, readable
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.spreadsheet_cells import is_sheet_error, spoilt_uid, uid_text
from dicom_retrieve_tui.model.uid_list import (
    UidList,
    line_fault,
    notes_on,
    read_table,
    undecorated,
)
from dicom_retrieve_tui.model.uid_table import Column, find_heading, is_comment
from dicom_retrieve_tui.model.uids import stray_fault, uid_fault

_SEPARATORS = re.compile(r"[,;|:=\s]+")
_DIGITS_AND_PERIODS = re.compile(r"[0-9.]+")
_LIKE_A_UID = re.compile(r"[0-9]+(?:\.[0-9]*){3,}")
"""In a table, 1.25 is a thickness and 2026.03.11 a date."""
_SHOWN_MAX = 40


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
    seen: dict[str, None] = {}
    duplicates = 0
    bad: list[str] = []
    for number, line in enumerate(lines, start=1):
        kept = _kept(line)
        for uid in _uids_of(kept) if kept else ():
            if fault := line_fault(uid):
                bad.append(f"line {number}: {fault}")
            elif fault := spoilt_uid(uid) or stray_fault(uid) or uid_fault(uid):
                bad.append(f"line {number}: {(uid or kept)[:_SHOWN_MAX]!r} {fault}")
            elif uid in seen:
                duplicates += 1
            else:
                seen[uid] = None
    selections = tuple(Selection.of(uid) for uid in seen)
    return UidList(
        selections=selections,
        duplicates=duplicates,
        bad=tuple(bad),
        notes=notes_on(selections),
    )


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
