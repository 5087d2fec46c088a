"""Fit the columns of a table into a number of terminal cells. Pure arithmetic; draws nothing."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnSize:
    """The width that a column needs, and its importance."""

    name: str
    least: int
    """Cells; the column is never narrower."""
    rank: int = 0
    """0 for a column that is always there; of the others, the lowest rank is taken first. Ranks
    above 0 differ."""
    reserve: int = 0
    """Cells that must remain for others to grow, or this column is left out."""


def fit_columns(
    columns: Sequence[ColumnSize], room: int, *, gap: int, growth: Sequence[Mapping[str, int]]
) -> dict[str, int]:
    """Return the width of every column that fits, by name, in the given order.

    Where even the columns of rank 0 do not fit, they keep their least width. A wider table always
    has the columns of a narrower one: none is taken in place of one that matters more.

    Args:
        columns: In the order of the table.
        room: Cells of a line.
        gap: Cells between two columns.
        growth: Steps in which the remaining cells are shared: the columns that grow in a step,
            and the width up to which they do. Within a step, the narrowest column grows first.
    """
    spare = room + gap
    taken = set[str]()
    for column in sorted(columns, key=lambda each: each.rank):
        needed = column.least + gap
        if column.rank and spare - column.reserve < needed:
            break
        taken.add(column.name)
        spare -= needed
    widths = {each.name: each.least for each in columns if each.name in taken}
    for step in growth:
        spare = _grow(widths, step, spare)
    return widths


def _grow(widths: dict[str, int], most: Mapping[str, int], spare: int) -> int:
    """Widen columns in place; return the cells that are left."""
    while spare > 0:
        growing = [name for name in widths if widths[name] < most.get(name, 0)]
        if not growing:
            break
        widths[min(growing, key=widths.__getitem__)] += 1
        spare -= 1
    return spare
