"""The output of find: JSON, UIDs, columns between tabs, or a table.

The columns have the keywords of the standard as headings, so that a spreadsheet opens them and
`--uid-list` reads them as any table of studies. Those of the table for a terminal are as wide as
their content; where that is too wide, the least important ones are left out and the widest are cut.
"""

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Protocol

from rich.cells import cell_len

from dicom_retrieve_tui.cli.console import DataStream
from dicom_retrieve_tui.cli.output.json_lines import Output
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns
from dicom_retrieve_tui.model.humanize import shortened
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import ASK_BY_UID, Match, Search
from dicom_retrieve_tui.model.spreadsheet_cells import escaped
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


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


_DATE = _Column("DATE", _date, 10)
_PATIENT = _Column("PATIENT", lambda m: name_text(m.patient_name), 14)
_PATIENT_ID = _Column("ID", lambda m: m.patient_id, 12)
_MODALITIES = _Column("MOD", lambda m: ",".join(m.modalities), 3)
_INSTANCES = _Column("INST", lambda m: _count(m.number_of_instances), 4, right=True)
_SERIES_NUMBER = _Column("SER", lambda m: m.series_number, 3, right=True)

_COLUMNS: dict[Level, tuple[_Column, ...]] = {
    Level.STUDY: (
        _DATE,
        _PATIENT,
        _PATIENT_ID,
        _Column("ACCESSION", lambda m: m.accession_number, 10, 2),
        _MODALITIES,
        _Column("DESCRIPTION", lambda m: m.study_description, 12, 1),
        _Column("SERIES", lambda m: _count(m.number_of_series), 6, 3, right=True),
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


Column = tuple[str, Callable[[Match], str]]


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


_STUDY: tuple[Column, ...] = (
    ("StudyDate", lambda m: m.study_date),
    ("StudyTime", lambda m: m.study_time),
    ("PatientName", lambda m: m.patient_name),
    ("PatientID", lambda m: m.patient_id),
    ("PatientBirthDate", lambda m: m.patient_birth_date),
    ("AccessionNumber", lambda m: m.accession_number),
    ("StudyDescription", lambda m: m.study_description),
)
_STUDY_UID: Column = ("StudyInstanceUID", lambda m: m.study_instance_uid)
_SERIES: tuple[Column, ...] = (
    ("Modality", lambda m: ",".join(m.modalities)),
    ("SeriesNumber", lambda m: m.series_number),
    ("SeriesDescription", lambda m: m.series_description),
)
_SERIES_UID: Column = ("SeriesInstanceUID", lambda m: m.series_instance_uid)
_SOP_UID: Column = ("SOPInstanceUID", lambda m: m.sop_instance_uid)

COLUMNS: dict[Level, tuple[Column, ...]] = {
    Level.STUDY: (
        *_STUDY,
        ("ModalitiesInStudy", lambda m: ",".join(m.modalities)),
        ("NumberOfStudyRelatedSeries", lambda m: _number(m.number_of_series)),
        ("NumberOfStudyRelatedInstances", lambda m: _number(m.number_of_instances)),
        _STUDY_UID,
    ),
    Level.SERIES: (
        *_STUDY,
        *_SERIES,
        ("NumberOfSeriesRelatedInstances", lambda m: _number(m.number_of_instances)),
        _STUDY_UID,
        _SERIES_UID,
    ),
    Level.IMAGE: (
        *_STUDY,
        *_SERIES,
        ("InstanceNumber", lambda m: m.instance_number),
        ("SOPClassUID", lambda m: m.sop_class_uid),
        _STUDY_UID,
        _SERIES_UID,
        _SOP_UID,
    ),
}
UID_COLUMNS: dict[Level, tuple[Column, ...]] = {
    Level.STUDY: (_STUDY_UID,),
    Level.SERIES: (_STUDY_UID, _SERIES_UID),
    Level.IMAGE: (_STUDY_UID, _SERIES_UID, _SOP_UID),
}

_OF_A_SERIES = frozenset({"series_instance_uid", "series_number", "series_description"})
_OF_AN_INSTANCE = frozenset({"sop_instance_uid", "sop_class_uid", "instance_number"})
_LEFT_OUT = {
    Level.STUDY: _OF_A_SERIES | _OF_AN_INSTANCE,
    Level.SERIES: _OF_AN_INSTANCE,
    Level.IMAGE: frozenset[str](),
}


def heading(columns: tuple[Column, ...]) -> list[str]:
    """Return the cells of the first line."""
    return [title for title, _ in columns]


def cells(columns: tuple[Column, ...], match: Match) -> list[str]:
    """Return the cells of one line, escaped for spreadsheets and quoted where they hold quotes."""
    return [_quoted(escaped(text(match))) for _, text in columns]


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if '"' in cell else cell


def match_record(match: Match) -> dict[str, object]:
    """Return a match for JSON, without the keys that its level does not have."""
    left_out = _LEFT_OUT[match.level] | {"level"}
    return {f.name: getattr(match, f.name) for f in fields(match) if f.name not in left_out}


def with_flag(text: str) -> str:
    """Return advice to ask by UID, with the flag for it."""
    return text.replace(ASK_BY_UID, f"{ASK_BY_UID} (--study-uid)")


def keys_text(search: Search) -> str:
    """Return the keys of a search in words."""
    keys = {
        "patient ID": search.patient_id,
        "patient name": search.patient_name,
        "accession number": search.accession_number,
        "date": str(search.study_date or ""),
        "modality": search.modality,
        "description": search.study_description,
        "study": search.study_instance_uid,
        "series": search.series_instance_uid,
    }
    return ", ".join(f"{name} {key}" for name, key in keys.items() if key) or "everything"


class Writer(Protocol):
    """Writes matches; errors are noted by the stream."""

    def write(self, match: Match) -> None:
        """Write one match, or keep it until `finish`."""
        ...

    def finish(self) -> None:
        """Write the matches that were kept."""
        ...


class JsonWriter:
    """Writes one JSON object a line."""

    def __init__(self, out: Output, noun: str) -> None:
        self._out = out
        self._event = f"{noun}_found"

    def write(self, match: Match) -> None:
        """Write one match."""
        self._out.record(self._event, match_record(match))

    def finish(self) -> None:
        """Do nothing."""


class RowsWriter:
    """Writes columns between tabs; the heading comes with the first match."""

    def __init__(self, stdout: DataStream, columns: tuple[Column, ...], *, headed: bool) -> None:
        self._stdout = stdout
        self._columns = columns
        self._headed = headed

    def write(self, match: Match) -> None:
        """Write one match."""
        if self._headed:
            self._stdout.write_rows([heading(self._columns)])
            self._headed = False
        self._stdout.write_rows([cells(self._columns, match)])

    def finish(self) -> None:
        """Do nothing."""


class TableWriter:
    """Writes a table for a terminal when all matches are known."""

    def __init__(self, stdout: DataStream, level: Level) -> None:
        self._stdout = stdout
        self._level = level
        self._matches: list[Match] = []

    def write(self, match: Match) -> None:
        """Keep one match."""
        self._matches.append(match)

    def finish(self) -> None:
        """Draw the table."""
        if not self._matches:
            return
        from dicom_retrieve_tui.cli.output.find_output import in_order, render_table  # noqa: PLC0415

        width = shutil.get_terminal_size().columns
        self._stdout.write_lines(render_table(self._level, in_order(self._matches), width))


def uids_writer(stdout: DataStream, level: Level) -> Writer:
    """Return a writer of Study Instance UIDs, one a line; for other levels, of a table of UIDs.

    `--uid-list` would take the UID of a series alone for that of a study.
    """
    return RowsWriter(stdout, UID_COLUMNS[level], headed=level is not Level.STUDY)


def rows_writer(stdout: DataStream, level: Level) -> Writer:
    """Return a writer of all columns, for programs."""
    return RowsWriter(stdout, COLUMNS[level], headed=True)
