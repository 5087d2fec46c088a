"""Lists of Study Instance UIDs as people write them: one a line."""

import re
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.uids import uid_fault

_BAD_LINES_SHOWN_MAX = 20
_TEXT_SHOWN_MAX = 80
_LINE_END = re.compile("\r\n|\r|\n")
"""Not `str.splitlines`: its further line ends are none to an editor that jumps to a number."""


@dataclass(frozen=True, slots=True)
class UidList:
    """What a list asks for."""

    uids: tuple[str, ...]
    """Each once, in the order of the list."""
    duplicates: int
    """Lines that named a UID again."""


def parse_uid_list(text: str) -> UidList:
    """Read a list; blank lines and everything behind a `#` are skipped.

    Raises:
        ConfigError: There are bad lines, all of which the message names by number, or no UID.
    """
    seen: dict[str, None] = {}
    duplicates = 0
    bad: list[str] = []
    for number, line in enumerate(_LINE_END.split(text.removeprefix("\ufeff")), start=1):
        uid = line.partition("#")[0].strip()
        if not uid:
            continue
        if fault := uid_fault(uid):
            bad.append(f"line {number}: {uid[:_TEXT_SHOWN_MAX]!r} {fault}")
        elif uid in seen:
            duplicates += 1
        else:
            seen[uid] = None
    if bad:
        raise ConfigError(_describe(bad))
    if not seen:
        raise ConfigError("the list names no UID")
    return UidList(tuple(seen), duplicates)


def _describe(bad: list[str]) -> str:
    if len(bad) == 1:
        return bad[0]
    more = len(bad) - _BAD_LINES_SHOWN_MAX
    shown = bad[:_BAD_LINES_SHOWN_MAX] + ([f"and {more} more"] if more > 0 else [])
    return f"{len(bad)} bad lines:\n  " + "\n  ".join(shown)
