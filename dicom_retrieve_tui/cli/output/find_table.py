"""The matches of a search as a table that fits a terminal. Pure.

Columns are as wide as what they hold. Where that is too wide, the least telling columns go and the
widest shrink; texts are cut at their end and UIDs in their middle. Chinese, Japanese and Korean
characters take two cells each.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rich.cells import cell_len, set_cell_size

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.humanize import shortened
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Match

_GAP = "  "
_ELLIPSIS = "…"


@dataclass(frozen=True, slots=True)
class _Column:
    title: str
    text: Callable[[Match], str]
    least: int
    """Cells that it does not go below; a number is not cut at all."""
    order_to_go: int = 0
    """The highest goes first where there is too little room; 0 stays."""
    right: bool = False
    is_uid: bool = False

    def cell(self, match: Match, width: int) -> str:
        return self.fit(clean_text(self.text(match)), width)

    def fit(self, text: str, width: int) -> str:
        if self.is_uid:
            text = shortened(text, width, _ELLIPSIS)
        elif cell_len(text) > width:
            text = set_cell_size(text, width - 1).rstrip() + _ELLIPSIS
        padding = " " * (width - cell_len(text))
        return padding + text if self.right else text + padding


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
    """A heading and a line for each match, none of them wider than `width` cells."""
    told = [c for c in _COLUMNS[level] if any(c.text(match) for match in matches)]
    natural = {c.title: _natural(c, matches) for c in told}
    columns, widths = _fit(told, natural, width)
    yield _GAP.join(c.fit(c.title, widths[c.title]) for c in columns).rstrip()
    for match in matches:
        yield _GAP.join(c.cell(match, widths[c.title]) for c in columns).rstrip()


def _natural(column: _Column, matches: Sequence[Match]) -> int:
    return max(cell_len(column.title), *(cell_len(column.text(match)) for match in matches))


def _fit(
    columns: list[_Column], natural: dict[str, int], room: int
) -> tuple[list[_Column], dict[str, int]]:
    """The columns that stay, and their widths by title."""
    least = {
        c.title: natural[c.title] if c.right else min(c.least, natural[c.title]) for c in columns
    }
    while _total(columns, least) > room and any(c.order_to_go for c in columns):
        columns = [c for c in columns if c is not max(columns, key=lambda each: each.order_to_go)]
    widths = {c.title: natural[c.title] for c in columns}
    while _total(columns, widths) > room:
        shrinkable = [c for c in columns if widths[c.title] > least[c.title]]
        if not shrinkable:
            break
        widest = max(shrinkable, key=lambda c: widths[c.title])
        widths[widest.title] -= 1
    return columns, widths


def _total(columns: list[_Column], widths: dict[str, int]) -> int:
    return sum(widths[c.title] for c in columns) + len(_GAP) * (len(columns) - 1)


def in_order(matches: Sequence[Match]) -> list[Match]:
    """The newest study first, and what belongs to it by its numbers."""
    by_number = sorted(matches, key=lambda m: (_rank(m.series_number), _rank(m.instance_number)))
    return sorted(
        by_number, key=lambda m: (m.study_date, m.study_time, m.study_instance_uid), reverse=True
    )


def _rank(number: str) -> tuple[int, str]:
    return (int(number), "") if number.isdecimal() and len(number) < 13 else (1 << 60, number)
