"""The matches of find as a table that fits the terminal. Pure.

Columns are as wide as their content. Where that is too wide, the least important columns are left
out and the widest are cut. Chinese, Japanese and Korean characters take two cells each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns
from dicom_retrieve_tui.model.humanize import shortened
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.tui.cut_text import fit

_GAP = "  "


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    text: Callable[[Match], str]
    least: int
    """Cells below which the column is not cut; numbers are never cut."""
    rank: int = 0
    """0 for a column that is always there; of the others, the lowest is taken first."""
    right: bool = False
    is_uid: bool = False

    def cell(self, match: Match, width: int) -> str:
        return self.fit(clean_text(self.text(match)), width)

    def fit(self, text: str, width: int) -> str:
        return fit(shortened(text, width) if self.is_uid else text, width, right=self.right)


def _date(match: Match) -> str:
    text = match.study_date.replace(".", "")
    is_date = len(text) == 8 and text.isdecimal()
    return f"{text[:4]}-{text[4:6]}-{text[6:]}" if is_date else match.study_date


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


_DATE = _Column("DATE", _date, 10)
_PATIENT = _Column("PATIENT", lambda m: name_text(m.patient_name), 14)
_PATIENT_ID = _Column("ID", lambda m: m.patient_id, 12)
_MODALITIES = _Column("MOD", lambda m: ",".join(m.modalities), 3)
_INSTANCES = _Column("INST", lambda m: _number(m.number_of_instances), 4, right=True)
_SERIES_NUMBER = _Column("SER", lambda m: m.series_number, 3, right=True)

_COLUMNS: dict[Level, tuple[_Column, ...]] = {
    Level.STUDY: (
        _DATE,
        _PATIENT,
        _PATIENT_ID,
        _Column("ACCESSION", lambda m: m.accession_number, 10, 2),
        _MODALITIES,
        _Column("DESCRIPTION", lambda m: m.study_description, 12, 1),
        _Column("SERIES", lambda m: _number(m.number_of_series), 6, 3, right=True),
        _INSTANCES,
        _Column("STUDY INSTANCE UID", lambda m: m.study_instance_uid, 24, 9, is_uid=True),
    ),
    Level.SERIES: (
        _DATE,
        _PATIENT,
        _Column("ID", lambda m: m.patient_id, 12, 2),
        _SERIES_NUMBER,
        _MODALITIES,
        _Column("DESCRIPTION", lambda m: m.series_description, 12, 1),
        _INSTANCES,
        _Column("SERIES INSTANCE UID", lambda m: m.series_instance_uid, 24, 9, is_uid=True),
    ),
    Level.IMAGE: (
        _Column("PATIENT", lambda m: name_text(m.patient_name), 12, 1),
        _SERIES_NUMBER,
        _MODALITIES,
        _Column("NO", lambda m: m.instance_number, 3, right=True),
        _Column("SOP CLASS UID", lambda m: m.sop_class_uid, 24, 9, is_uid=True),
        _Column("SOP INSTANCE UID", lambda m: m.sop_instance_uid, 24, is_uid=True),
    ),
}


def render_table(level: Level, matches: Sequence[Match], width: int) -> Iterator[str]:
    """Yield a heading and a line for each match, none of them wider than `width` cells."""
    columns = [c for c in _COLUMNS[level] if any(c.text(match) for match in matches)]
    natural = {c.title: _natural(c, matches) for c in columns}
    sizes = [
        ColumnSize(
            name=c.title,
            least=natural[c.title] if c.right else min(c.least, natural[c.title]),
            rank=c.rank,
        )
        for c in columns
    ]
    widths = fit_columns(sizes, width, gap=len(_GAP), growth=[natural])
    columns = [c for c in columns if c.title in widths]
    yield _GAP.join(c.fit(c.title, widths[c.title]) for c in columns).rstrip()
    for match in matches:
        yield _GAP.join(c.cell(match, widths[c.title]) for c in columns).rstrip()


def _natural(column: _Column, matches: Sequence[Match]) -> int:
    return max(cell_len(column.title), *(cell_len(column.text(match)) for match in matches))


def in_order(matches: Sequence[Match]) -> list[Match]:
    """Return the newest study first, its series and instances by number."""
    by_number = sorted(matches, key=lambda m: (_rank(m.series_number), _rank(m.instance_number)))
    return sorted(
        by_number, key=lambda m: (m.study_date, m.study_time, m.study_instance_uid), reverse=True
    )


def _rank(number: str) -> tuple[int, str]:
    return (int(number), "") if number.isdecimal() and len(number) < 13 else (1 << 60, number)
