"""Draw the live display with rich.

It fits 80 columns: UIDs are shortened first, and a narrow terminal gets no bars.
"""

import math

from rich.console import Group, RenderableType
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from dicom_retrieve_tui.cli.output.live import Picture, Row
from dicom_retrieve_tui.model.humanize import (
    byte_rate_text,
    clock_text,
    count,
    rate_text,
    shortened,
    size_text,
)
from dicom_retrieve_tui.model.narration import space_text

_LABEL, _COUNTS, _RATE, _BYTES = 5, 13, 8, 10
_FIXED = _LABEL + _COUNTS + _RATE + _BYTES + 5
_BAR_MIN, _BAR_MAX = 8, 32
_UID_MIN, _UID_MAX = 14, 64


def draw(picture: Picture, *, width: int, footer: str) -> RenderableType:
    """Return the rows of the workers, the total and the status line."""
    uid_width, bar_width = _split(width - _FIXED)
    table = Table.grid(padding=(0, 1, 0, 0))
    table.add_column(width=_LABEL, justify="right")
    table.add_column(width=uid_width, no_wrap=True)
    table.add_column(width=_COUNTS, justify="right", no_wrap=True)
    if bar_width:
        table.add_column(width=bar_width)
    table.add_column(width=_RATE, justify="right", no_wrap=True)
    table.add_column(width=_BYTES, justify="right", no_wrap=True)
    for row in picture.rows:
        uid = shortened(row.study_instance_uid, uid_width)
        table.add_row(*_cells(row, uid, bar_width, approximate=False))
    if picture.hidden:
        table.add_row("", f"and {picture.hidden} more")
    if picture.studies_total > 1:
        studies = f"{picture.finished:,}/{picture.studies_total:,} studies"
        table.add_row(*_cells(picture.total, studies, bar_width, approximate=not picture.exact))
    lines = [Text(_status(picture), no_wrap=True, overflow="ellipsis")]
    if footer:
        lines.append(Text(footer, style="yellow"))
    return Group(table, *lines)


def _split(room: int) -> tuple[int, int]:
    """Divide the remaining cells between UID and bar; omit the bar if they are too few."""
    if room < _UID_MIN + _BAR_MIN:
        return max(room, 1), 0
    bar = min(max(room * 2 // 5, _BAR_MIN), _BAR_MAX)
    return min(room - bar, _UID_MAX), bar


def _cells(row: Row, name: str, bar_width: int, *, approximate: bool) -> list[RenderableType]:
    if row.retry_in_s is not None:
        counts = f"retry in {math.ceil(row.retry_in_s)} s" if row.retry_in_s else "retry due"
    elif row.helping:
        counts = "helping"
    elif row.expected is None:
        counts = f"{row.done:,}/?" if row.done else "asking"
    else:
        counts = f"{row.done:,}/{'~' if approximate else ''}{row.expected:,}"
    cells: list[RenderableType] = [row.label, Text(name), counts]
    if bar_width:
        bar = ProgressBar(total=row.expected or 1, completed=row.done, width=bar_width)
        cells.append("" if row.helping else bar)
    return [*cells, rate_text(row.instances_per_s), byte_rate_text(row.bytes_per_s)]


def _status(picture: Picture) -> str:
    parts = [
        size_text(picture.received_bytes),
        f"elapsed {clock_text(picture.elapsed_s)}",
        f"ETA {'' if picture.exact or picture.eta_s is None else '~'}{clock_text(picture.eta_s)}",
    ]
    if picture.space is not None and picture.space.fits is not True:
        parts.append(space_text(picture.space))
    if picture.bad:
        parts.append(f"{count(picture.bad, 'study')} not complete")
    if picture.waiting and picture.studies_total > 1:
        parts.append(f"{picture.waiting:,} waiting")
    return " " * (_LABEL + 1) + "   ".join(parts)
