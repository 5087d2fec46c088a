"""Lists of Study Instance UIDs as people have them: one a line, or a table with a heading.

A list was made for us, so a bad line in it is a slip, and nothing is retrieved before it is mended.
A table was made for something else: its bad rows are named, and the rest is retrieved.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.uid_table import cells_of, delimiter_of
from dicom_retrieve_tui.model.uids import uid_fault

_BAD_LINES_SHOWN_MAX = 20
_TEXT_SHOWN_MAX = 80
_ENTRY = re.compile(r"\s*(?:#|[0-9.]+\s*(?:[#,;\t]|$))")
"""How a line of a list begins; `0020000D` is the name of a column."""
_LINE_END = re.compile("\r\n|\r|\n")
"""Not `str.splitlines`: its further line ends are none to an editor that jumps to a number."""


@dataclass(frozen=True, slots=True)
class UidList:
    """What a list asks for."""

    uids: tuple[str, ...]
    """Each once, in the order of the list."""
    duplicates: int
    """Lines that named a UID again."""
    bad: tuple[str, ...] = ()
    """Rows of a table that cannot be asked for, each as a sentence with its line."""


def parse_uid_list(text: str, column: str | None = None) -> UidList:
    """Read a list, in which blank lines and everything behind a `#` are skipped, or a table.

    Args:
        column: The column of a table that counts; None for the Study Instance UID's.

    Raises:
        ConfigError: A list has bad lines, all of which the message names by number; a table has no
            such column, or bad rows alone; there is no UID.
    """
    text = text.removeprefix("\ufeff")
    delimiter = delimiter_of(_first_line(text))
    if delimiter is not None:
        uids = _sort_out(cells_of(text, delimiter, column))
        if uids.bad and not uids.uids:
            raise ConfigError(describe(uids.bad))
    elif column is not None:
        raise ConfigError(f"this is no table, and has no column {column!r}")
    else:
        uids = _sort_out(_lines(text))
        if uids.bad:
            raise ConfigError(describe(uids.bad))
    if not uids.uids:
        raise ConfigError("the list names no UID")
    return uids


def _first_line(text: str) -> str:
    """A table begins with its heading, a list with a UID or a comment."""
    first = next((line for line in _LINE_END.split(text) if line.strip()), "")
    return "" if _ENTRY.match(first) else first


def _lines(text: str) -> Iterator[tuple[int, str]]:
    for number, line in enumerate(_LINE_END.split(text), start=1):
        if uid := line.partition("#")[0].strip():
            yield number, uid


def _sort_out(found: Iterable[tuple[int, str]]) -> UidList:
    seen: dict[str, None] = {}
    duplicates = 0
    bad: list[str] = []
    for number, uid in found:
        if fault := uid_fault(uid):
            bad.append(f"line {number}: {uid[:_TEXT_SHOWN_MAX]!r} {fault}")
        elif uid in seen:
            duplicates += 1
        else:
            seen[uid] = None
    return UidList(tuple(seen), duplicates, tuple(bad))


def describe(bad: Sequence[str]) -> str:
    """The first of the bad lines, one below the other, and how many more there are."""
    if len(bad) == 1:
        return bad[0]
    more = len(bad) - _BAD_LINES_SHOWN_MAX
    shown = [*bad[:_BAD_LINES_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
    return f"{len(bad)} bad lines:\n  " + "\n  ".join(shown)
