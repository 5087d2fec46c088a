"""The columns of a dry run: what would come of each study. Pure."""

from dataclasses import dataclass

from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns
from dicom_retrieve_tui.model.forecast import forecast_text, short_forecast_text
from dicom_retrieve_tui.model.humanize import shortened
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cut_text import fit, without_accession
from dicom_retrieve_tui.tui.dry_run_job import PlannedRow
from dicom_retrieve_tui.tui.study_names import screen_verdict, study_name

_GAP = 2
_LONG_SIZE = 30
"""Cells for `about 29 MB (20 MB to 41 MB)`."""
_FOR_NAMES = 22
"""Cells by which the name of a study can grow."""
_GROWTH = ({"study": 36}, {"size": _LONG_SIZE}, {"study": 200})
_UNKNOWN = "?"
_LISTED = frozenset({Verdict.COMPLETE, Verdict.PARTIAL, Verdict.UNVERIFIED})
"""Verdicts on studies of which something would come."""


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    size: ColumnSize
    right: bool = True


_COLUMNS = (
    _Column("", ColumnSize(name="state", least=1), right=False),
    _Column("STUDY", ColumnSize(name="study", least=18), right=False),
    _Column("INSTANCES", ColumnSize(name="instances", least=9, rank=2, reserve=_FOR_NAMES)),
    _Column("ON DISK", ColumnSize(name="here", least=7, rank=1)),
    _Column("TO COME", ColumnSize(name="needed", least=7)),
    _Column("SIZE", ColumnSize(name="size", least=9), right=False),
)


def planned_widths(width: int) -> dict[str, int]:
    """Return the width of each column that fits, by name."""
    return fit_columns([each.size for each in _COLUMNS], width, gap=_GAP, growth=_GROWTH)


def planned_titles(widths: dict[str, int]) -> str:
    """Return the header line."""
    return _line(widths, {each.size.name: each.title for each in _COLUMNS})


def planned_line(widths: dict[str, int], row: PlannedRow, *, hide_patients: bool) -> str:
    """Return the line of a study."""
    name = study_name(row.identity, hide_patients=hide_patients)
    uid = shortened(row.study_instance_uid, widths["study"])
    sought = without_accession(row.sought, row.identity.accession_number, hide=hide_patients)
    texts = {"state": glyph(row), "study": sought or name or uid}
    if row.verdict is not None and row.verdict not in _LISTED:
        texts["size"] = screen_verdict(row.verdict)
    elif row.expected is None:
        texts["needed"] = _UNKNOWN if row.verdict else "..." if row.asked else ""
        texts["size"] = "unknown" if row.verdict else ""
    else:
        needed = row.expected if row.needed is None else row.needed
        texts |= {
            "instances": f"{row.expected:,}",
            "here": f"{row.expected - needed:,}",
            "needed": f"{needed:,}",
            "size": size_of(row, widths["size"]),
        }
    return _line(widths, texts)


def glyph(row: PlannedRow) -> str:
    """Return the sign of a study: asked, listed, not as it should be."""
    if row.verdict is None:
        return "▶" if row.asked else "·"
    return "✓" if row.verdict is Verdict.COMPLETE else "!"


def size_of(row: PlannedRow, width: int) -> str:
    """Return the forecast of a study, with its range where that fits."""
    if row.forecast is None:
        return ""
    if not row.needed:
        return "nothing"
    long = forecast_text(row.forecast)
    return long if len(long) <= width else short_forecast_text(row.forecast)


def _line(widths: dict[str, int], texts: dict[str, str]) -> str:
    cells = [
        fit(texts.get(each.size.name, ""), widths[each.size.name], right=each.right)
        for each in _COLUMNS
        if each.size.name in widths
    ]
    return (" " * _GAP).join(cells)
