"""Format counts, sizes, durations, rates and UIDs, the same in every output.

This module does no I/O.
"""

from collections.abc import Sequence
from pathlib import Path

_KB, _MB, _GB = 10**3, 10**6, 10**9
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
_MINUTE_S, _HOUR_S = 60, 3600
_BAD_LINES_SHOWN_MAX = 20
_ROOT_FROM = 24
"""From this width on, a shortened UID shows its root, too."""


def count(number: int, noun: str) -> str:
    """Format a count: `1 instance`, `1,234 instances`, `2 studies`, `3 series`."""
    return f"{number:,} {noun if number == 1 else plural(noun)}"


def plural(noun: str) -> str:
    """Return the plural: `studies`, `instances`, `series`, `days`."""
    if noun == "series":
        return noun
    if noun.endswith("y") and noun[-2] not in "aeo":
        return f"{noun[:-1]}ies"
    return f"{noun}s"


def size_text(size_bytes: float) -> str:
    """Format bytes in decimal units: `512 B`, `33.1 kB`, `63.1 MB`, `1.27 GB`."""
    if size_bytes < _KB:
        return f"{size_bytes:.0f} B"
    if size_bytes < _MB - _KB / 20:
        return f"{size_bytes / _KB:.1f} kB"
    if size_bytes < _GB - _MB / 20:
        return f"{size_bytes / _MB:.1f} MB"
    return f"{size_bytes / _GB:,.2f} GB"


def rounded_size_text(size_bytes: float) -> str:
    """Format an estimate with two or three digits: `540 kB`, `29 MB`, `1.2 TB`."""
    size, unit = float(f"{size_bytes:.2g}"), 0
    while size >= _KB and unit < len(_UNITS) - 1:
        size, unit = size / _KB, unit + 1
    return f"{size:.1f} {_UNITS[unit]}" if unit and size < 9.95 else f"{size:,.0f} {_UNITS[unit]}"


def duration_text(seconds: float) -> str:
    """Format a duration: `0.8 s`, `12 min 03 s`, `3 h 07 min`."""
    if seconds < _MINUTE_S - 0.05:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S} min {whole % _MINUTE_S:02} s"
    return f"{whole // _HOUR_S} h {whole % _HOUR_S // _MINUTE_S:02} min"


def clock_text(seconds: float | None) -> str:
    """Format a remaining time: `0:13`, `12:03`, `3:07:00`; `--:--` if unknown."""
    if seconds is None:
        return "--:--"
    whole = round(seconds)
    minutes = f"{whole // _MINUTE_S}:{whole % _MINUTE_S:02}"
    if whole < _HOUR_S:
        return minutes
    return f"{whole // _HOUR_S}:{whole % _HOUR_S // _MINUTE_S:02}:{whole % _MINUTE_S:02}"


def rate_text(per_s: float | None) -> str:
    """Format instances a second: `98/s`, `3.1/s`; `-/s` if unknown."""
    if per_s is None:
        return "-/s"
    return f"{per_s:,.0f}/s" if per_s >= 9.95 or not per_s else f"{per_s:.1f}/s"


def byte_rate_text(per_s: float | None) -> str:
    """Format bytes a second: `12.3 MB/s`, `8.1 kB/s`; `- MB/s` if unknown."""
    if per_s is None:
        return "- MB/s"
    if 0 < per_s < _MB / 20:  # else it would be 0.0 MB/s
        return f"{per_s / 1000:.1f} kB/s"
    return f"{per_s / _MB:,.1f} MB/s"


def shortened(uid: str, width: int) -> str:
    """Return a UID in at most `width` characters.

    The tail, which differs most between UIDs, stays; if there is room, so does the root.
    """
    if len(uid) <= width:
        return uid
    if width < 1:
        return ""
    head = (width - 1) * 2 // 5 if width >= _ROOT_FROM else 0
    tail = width - 1 - head
    return f"{uid[:head]}…{uid[len(uid) - tail :]}"


def folder_text(folder: Path) -> str:
    """Format a folder: `study_dir/`."""
    text = str(folder)
    if text == ".":
        return "the current folder"
    return text if text.endswith("/") else f"{text}/"


def bad_lines_text(bad: Sequence[str]) -> str:
    """Format the first bad lines of a list, and the number of the others."""
    if len(bad) == 1:
        return bad[0]
    more = len(bad) - _BAD_LINES_SHOWN_MAX
    shown = [*bad[:_BAD_LINES_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
    return f"{len(bad)} bad lines:\n  " + "\n  ".join(shown)
