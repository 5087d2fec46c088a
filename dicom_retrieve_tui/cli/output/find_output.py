"""The output of find: JSON, UIDs, columns between tabs, or a table.

The columns have the keywords of the standard as headings, so that a spreadsheet opens them and
`--uid-list` reads them as any table of studies.
"""

import shutil
from collections.abc import Callable
from dataclasses import fields
from typing import Protocol

from dicom_retrieve_tui.cli.console import DataStream
from dicom_retrieve_tui.cli.output.json_lines import Output
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.search import ASK_BY_UID, Match, Search
from dicom_retrieve_tui.model.spreadsheet_cells import escaped

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
        from dicom_retrieve_tui.cli.output.find_table import in_order, render_table  # noqa: PLC0415

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
