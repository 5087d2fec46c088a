"""Tables of studies as other programs export them: CSV with a heading, or its relatives.

Only the columns below count; UIDs that stand elsewhere in a row are left alone. Pure.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.formulas import as_said

_DELIMITERS = "\t;,|"
"""Of two that come equally often the first one counts: `(0020,000D)` is a name, too."""
_COLUMNS_SHOWN_MAX = 12


class Column(Enum):
    """A column that counts; the value is what people call it, made `plain`."""

    STUDY = frozenset({"studyinstanceuid", "studyuid", "0020000d"})
    SERIES = frozenset({"seriesinstanceuid", "seriesuid", "0020000e"})
    INSTANCE = frozenset({"sopinstanceuid", "sopuid", "instanceuid", "00080018"})
    ACCESSION = frozenset({"accessionnumber", "accession", "00080050"})
    PATIENT = frozenset({"patientid", "00100020"})

    @property
    def keyword(self) -> str:
        """What the standard calls it."""
        return _KEYWORDS[self]


_KEYWORDS = {
    Column.STUDY: "StudyInstanceUID",
    Column.SERIES: "SeriesInstanceUID",
    Column.INSTANCE: "SOPInstanceUID",
    Column.ACCESSION: "AccessionNumber",
    Column.PATIENT: "PatientID",
}


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of one row that count; a column that the table has not is an empty cell."""

    line: int
    """On which the row ends, from 1, as editors count."""
    cells: Mapping[Column, str]

    def __getitem__(self, column: Column) -> str:
        return self.cells.get(column, "")


def delimiter_of(line: str, column: str | None = None) -> str | None:
    """What parts the columns of a heading; None if this is none.

    Args:
        column: What a column is called, if it has none of the names that we know.
    """
    found = max(_DELIMITERS, key=line.count)
    if found in line:
        return found
    # A table of one column has nothing to part, but its heading has a name.
    names = {name for each in Column for name in each.value} | {plain(column or "")} - {""}
    return "," if plain(line) in names else None


def names_studies(heading: str, delimiter: str) -> bool:
    """True if a column of this heading tells which study a row is about."""
    names = Column.STUDY.value | Column.ACCESSION.value | Column.PATIENT.value
    return any(plain(cell) in names for cell in heading.split(delimiter))


def rows_of(
    text: str, delimiter: str, key: Column, column: str | None, others: frozenset[Column]
) -> Iterator[TableRow]:
    """The rows of a table; those that are empty altogether are passed over.

    Args:
        text: The table, its heading first.
        key: The column that the table is about.
        column: What it is called; None for one of the names that people give it.
        others: Columns that will do where there is no such column.

    Raises:
        ConfigError: There is no such column, or a quote is left open.
    """
    # Universal line ends are left to the reader: a quoted cell may hold some.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        heading: list[str] = next((row for row in rows if any(cell.strip() for cell in row)), [])
        places = _places(heading, key, column, others)
        for row in rows:
            if any(cell.strip() for cell in row):
                cells = {c: as_said(row[n].strip()) for c, n in places.items() if n < len(row)}
                yield TableRow(rows.line_num, cells)
    except csv.Error as error:  # a cell of 128 KiB: the rest of the table, for want of a quote
        raise ConfigError(
            f"line {rows.line_num}: the table cannot be read here: {error}; is a quote left open?"
        ) from error


def _places(
    heading: list[str], key: Column, column: str | None, others: frozenset[Column]
) -> dict[Column, int]:
    """Where the columns that count are."""
    names = [plain(name) for name in heading]
    places: dict[Column, int] = {}
    for number, name in enumerate(names):
        for each in Column:
            if name in each.value:
                places.setdefault(each, number)
    if column is not None:
        places.pop(key, None)
        if plain(column) in names:
            places[key] = names.index(plain(column))
    if key in places or (column is None and others & set(places)):
        return places
    shown = ", ".join(repr(name.strip()) for name in heading[:_COLUMNS_SHOWN_MAX])
    if column is not None:
        raise ConfigError(f"no column is named {column!r}; there are {shown}")
    raise ConfigError(f"no column is named {key.keyword}; name one of {shown} by --column")


def plain(name: str) -> str:
    """`Study Instance UID`, `(0020,000D)` and `study_instance_uid` without what people vary."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
