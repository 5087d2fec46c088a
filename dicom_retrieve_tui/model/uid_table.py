"""Tables of studies as other programs export them: CSV with a heading, and similar formats.

Titles above the heading, `sep=;` and borders are skipped. A row with more cells than the heading is
bad, because its cells cannot be assigned.
"""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import islice, pairwise
from typing import TYPE_CHECKING

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.spreadsheet_cells import cell_text, is_sheet_error, spoilt, uid_text

if TYPE_CHECKING:
    import _csv

_DELIMITERS = "\t;,|"
"""Of two separators that are equally frequent the first is used: `(0020,000D)` is a name, too."""
_COLUMNS_SHOWN_MAX = 12
_HEADING_WITHIN = 20
"""A heading is only searched for among so many lines that are not blank."""
_SEPARATOR = re.compile(r'"?sep=(.)"?', re.IGNORECASE)
_RULE = re.compile(r"[-+=|:\s\u2500-\u257f]*-{2,}[-+=|:\s\u2500-\u257f]*|[\u2500-\u257f\s]{3,}")
"""A rule of a table: `+----+----+`, `|---|:---|`, `---- ----`."""
_FOOTER = re.compile(
    r"\(?\d+ (?:row|record)(?:s|\(s\))?(?: affected| in set| selected| returned)?\.?\)?"
    r"(?: \([\d.]+ sec\))?",
    re.IGNORECASE,
)
_LIKE_A_UID = re.compile(r"[0-9]+(?:\.[0-9]+){3,}")
_DIGITS_AND_PERIODS = re.compile("[0-9.]+")
_DIGITS = re.compile(r"\d+(?:E[+-]?\d+)?", re.IGNORECASE)


class Column(Enum):
    """A known column; the value is its usual name, made `plain`."""

    STUDY = frozenset(
        {
            "studyinstanceuid", "studyinstanceuids", "studyuid", "studyuids", "studyiuid", "suid",
            "dicomstudyuid", "0020000d",
        }
    )  # fmt: skip
    SERIES = frozenset(
        {"seriesinstanceuid", "seriesinstanceuids", "seriesuid", "seriesuids", "seriesiuid",
         "0020000e"}
    )  # fmt: skip
    INSTANCE = frozenset(
        {"sopinstanceuid", "sopinstanceuids", "sopuid", "instanceuid", "sopiuid", "00080018"}
    )
    ACCESSION = frozenset(
        {
            "accessionnumber", "accessionnumbers", "accession", "accessions", "accessionno",
            "accessionnr", "accessionnum", "accessionid", "accno", "accnr", "accnum", "accnumber",
            "acc", "00080050",
        }
    )  # fmt: skip
    PATIENT = frozenset(
        {
            "patientid", "patientids", "patid", "patientno", "patientnr", "patientnumber", "mrn",
            "mrns", "patientmrn", "medicalrecordnumber", "00100020",
        }
    )  # fmt: skip
    DATE = frozenset(
        {"studydate", "dateofstudy", "examdate", "dateofexam", "examinationdate", "00080020"}
    )
    MODALITY = frozenset({"modality", "mod", "00080060"})
    MODALITIES = frozenset({"modalitiesinstudy", "modalities", "modsinstudy", "00080061"})
    STUDY_DESCRIPTION = frozenset({"studydescription", "studydesc", "00081030"})
    SERIES_DESCRIPTION = frozenset({"seriesdescription", "seriesdesc", "0008103e"})

    @property
    def keyword(self) -> str:
        """Its name in the standard."""
        return _KEYWORDS[self]

    @property
    def holds_uids(self) -> bool:
        """True if its cells contain UIDs."""
        return self is Column.STUDY or self is Column.SERIES or self is Column.INSTANCE


_KEYWORDS = {
    Column.STUDY: "StudyInstanceUID",
    Column.SERIES: "SeriesInstanceUID",
    Column.INSTANCE: "SOPInstanceUID",
    Column.ACCESSION: "AccessionNumber",
    Column.PATIENT: "PatientID",
    Column.DATE: "StudyDate",
    Column.MODALITY: "Modality",
    Column.MODALITIES: "ModalitiesInStudy",
    Column.STUDY_DESCRIPTION: "StudyDescription",
    Column.SERIES_DESCRIPTION: "SeriesDescription",
}
SHORT_NAMES = {"uid": Column.STUDY, "uids": Column.STUDY}
"""Names that mean these columns where a table has no column with a longer name of it. A `Date` may
be any: as the study date, it would exclude studies."""
_OF_UIDS = frozenset({Column.STUDY, Column.SERIES, Column.INSTANCE})
NAMING = frozenset({Column.STUDY, Column.ACCESSION, Column.PATIENT})
"""Columns that name the study of a row."""


class NoSuchColumn(ConfigError):
    """A table has no column of the expected name."""


@dataclass(frozen=True, slots=True)
class TableRow:
    """The cells of known columns of one row; a missing column is an empty cell."""

    line: int
    """The last line of the row, from 1, as editors count."""
    cells: Mapping[Column, str]
    fault: str = ""
    """Why the row is bad; empty if it is not."""

    def __getitem__(self, column: Column) -> str:
        return self.cells.get(column, "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heading:
    """The heading of a table."""

    index: int
    """The index of its line, from 0."""
    delimiter: str
    names: tuple[str, ...]
    """The names of its columns, unchanged."""
    places: Mapping[Column, int]
    """The indices of known columns."""
    above: tuple[tuple[int, str], ...] = ()
    """Lines above it that are not blank, by their number, from 1."""

    @property
    def unused(self) -> tuple[str, ...]:
        """The names of unknown columns."""
        used = set(self.places.values())
        return tuple(
            name if name.isprintable() else f"column {at + 1}"
            for at, name in enumerate(self.names)
            if at not in used and name.strip("- ")
        )


def is_comment(line: str) -> bool:
    """Return True for a line without content: a comment, a rule, a blank."""
    line = line.strip()
    return not line or bool(_RULE.fullmatch(line)) or bool(_FOOTER.fullmatch(line))


def find_heading(lines: Sequence[str], key: Column, column: str | None) -> Heading | None:
    """Return the heading, or None if this is a list without one.

    Args:
        lines: The text.
        key: The column that names the studies.
        column: Its name; None: one of the known names.
    """
    above: list[tuple[int, str]] = []
    delimiter: str | None = None
    for index, line in enumerate(lines):
        text = line.strip()
        if is_comment(line) or text.startswith("#"):
            continue
        if separator := _SEPARATOR.fullmatch(text.rstrip(",;\t")):
            delimiter = separator[1]
            continue
        heading = _heading(index, line.strip("\r\n "), delimiter, key, column)
        if heading is not None:
            below = lines[index + 1 : index + 1 + _HEADING_WITHIN]
            places = _places_of_uids(heading, below)
            return replace(heading, places=places, above=tuple(above))
        above.append((index + 1, text))
        if len(above) >= _HEADING_WITHIN or (key is Column.STUDY and _LIKE_A_UID.search(text)):
            return None
    return None


def _heading(
    index: int, line: str, delimiter: str | None, key: Column, column: str | None
) -> Heading | None:
    wanted = {key} if column is not None or key is not Column.STUDY else NAMING
    # A quoted name may contain another separator more often.
    found = [each for each in sorted(_DELIMITERS, key=line.count, reverse=True) if each in line]
    for each in [delimiter] if delimiter else found or [","]:
        names = tuple(cell_text(name) for name in _cells(line, each))
        places = _places([plain(name) for name in names], key, column)
        if wanted & places.keys():
            return Heading(index=index, delimiter=each, names=names, places=places)
    return None


def _places_of_uids(heading: Heading, below: Sequence[str]) -> Mapping[Column, int]:
    """Return the known columns, without a column `UID` that numbers its rows or subjects."""
    places = heading.places
    at = places.get(Column.STUDY)
    looked_up = NAMING & places.keys() - {Column.STUDY}
    if at is None or not looked_up or plain(heading.names[at]) not in SHORT_NAMES:
        return places
    rows = (_cells(line.strip("\r\n "), heading.delimiter) for line in below)
    cells = (uid_text(row[at]) for row in rows if at < len(row))
    first = next(filter(None, cells), "")
    if not first or _LIKE_A_UID.fullmatch(first):
        return places
    return {column: place for column, place in places.items() if column is not Column.STUDY}


def _places(names: list[str], key: Column, column: str | None) -> dict[Column, int]:
    places: dict[Column, int] = {}
    for number, name in enumerate(names):
        for each in Column:
            if name in each.value:
                places.setdefault(each, number)
    for number, name in enumerate(names):
        known = SHORT_NAMES.get(name)
        # Beside a Series Instance UID, it may be that of anything.
        if known is not None and not _OF_UIDS & places.keys():
            places.setdefault(known, number)
    if column is not None:
        places.pop(key, None)
        if plain(column) in names:
            places[key] = names.index(plain(column))
    return places


def delimiter_of(line: str) -> str | None:
    """Return the separator of the columns of a line, or None."""
    found = max(_DELIMITERS, key=line.count)
    return found if found in line else None


def columns_of(line: str) -> str | None:
    """Return the names in a possible heading, for a message; None if there is only one."""
    delimiter = delimiter_of(line)
    if delimiter is None:
        return None
    names = [cell_text(name) for name in line.strip().strip("|").split(delimiter)]
    return ", ".join(repr(name) for name in names[:_COLUMNS_SHOWN_MAX])


def _cells(line: str, delimiter: str) -> list[str]:
    """Return the cells of one line; none if it is too long for a heading."""
    try:
        return next(_reader([line], delimiter), [])
    except csv.Error:
        return []


def _reader(lines: Iterable[str], delimiter: str, *, strict: bool = False) -> "_csv.Reader":
    # The lines have their ends: a quoted cell may contain some.
    blanks = delimiter != "\t"
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=blanks, strict=strict)


def rows_of(lines: Sequence[str], heading: Heading) -> Iterator[TableRow]:
    """Yield the rows of a table, without empty ones.

    Args:
        lines: The lines with the heading, each with its line end.
        heading: The heading from `find_heading`.

    Raises:
        ConfigError: A quote is not closed.
    """
    at = heading.index + 1
    names = [name.strip() for name in heading.names]
    while at < len(lines):
        began = at
        for row, end in _parsed(lines, at, heading.delimiter):
            if end - at > 1 and _is_quote_open(lines[at:end], row, heading):
                yield TableRow(at + 1, {}, "a quote is left open in it")
                at += 1
                break
            at = end
            cells = [cell_text(cell) for cell in row]
            if not any(cells) or cells == names or _is_beside_the_point(row, heading):
                continue
            yield _row(end, row, cells, heading)
        if at == began:
            return


def _parsed(lines: Sequence[str], first: int, delimiter: str) -> Iterator[tuple[list[str], int]]:
    """Yield the rows from a line on, each with the number of its last line.

    Raises:
        ConfigError: A quote is not closed.
    """
    rows = _reader(islice(lines, first, None), delimiter)
    try:
        for row in rows:
            yield row, first + rows.line_num
    except csv.Error as error:
        # A cell of 128 KiB: the rest of the table, because a quote is missing.
        raise ConfigError(
            f"line {first + rows.line_num}: the table cannot be read here: {error}; "
            "is a quote left open?"
        ) from error


def _is_quote_open(lines: Sequence[str], row: list[str], heading: Heading) -> bool:
    """Return True if a cell of several lines contains other rows."""
    of_uids = {at for column, at in heading.places.items() if column.holds_uids}
    others = (cell for at, cell in enumerate(row) if at not in of_uids)
    below = (line for cell in others for line in cell.splitlines()[1:])
    if of_uids and any(map(_LIKE_A_UID.search, below)):
        return True
    try:
        list(_reader(lines, heading.delimiter, strict=True))
    except csv.Error:
        return True
    return False


def _is_beside_the_point(row: list[str], heading: Heading) -> bool:
    """Return True for a rule, a row count or a comment between the rows of a table."""
    first = row[0].strip()
    if first.startswith("#") and not is_sheet_error(first):
        # A number may begin with this sign, unlike a UID.
        study_first = heading.places.get(Column.STUDY) == 0
        return study_first or first.startswith("# ")
    # A rule begins with a sign, a row count with a bracket or a digit.
    return not first[:1].isalpha() and is_comment(heading.delimiter.join(row))


def _row(line: int, row: list[str], cells: list[str], heading: Heading) -> TableRow:
    if any(cells[len(heading.names) :]):
        return TableRow(line, {}, _too_many(cells, heading))
    found = {
        column: uid_text(row[at]) if column.holds_uids else cells[at]
        for column, at in heading.places.items()
        if at < len(cells)
    }
    return TableRow(line, found, _shifted(found, cells, heading))


def _too_many(cells: list[str], heading: Heading) -> str:
    """Return the likely reason for a row with more cells than the heading."""
    number = len(cells)
    uid_columns = sum(column.holds_uids for column in heading.places)
    text = f"the row has {number} cells, and the heading {len(heading.names)}: "
    if sum(map(is_like_a_uid, cells)) > max(uid_columns, 1):
        return text + "are there two UIDs in it? Write one row for each"
    if any(spoilt(f"{one},{two}") for one, two in pairwise(cells) if one.isdecimal()):
        return text + (
            "a number that a spreadsheet rounded (1,6E+15) is split at its decimal comma, and its "
            "last digits are lost. Format the column as text, and export it again"
        )
    if any(_DIGITS.fullmatch(one) and _DIGITS.fullmatch(two) for one, two in pairwise(cells)):
        return text + (
            f"is a {heading.delimiter!r} part of a number (a decimal comma)? "
            "Export the column as text, in quotes"
        )
    return text + f"a cell that has a {heading.delimiter!r} in it needs quotes around it"


def _shifted(found: Mapping[Column, str], cells: list[str], heading: Heading) -> str:
    """Return a fault if a UID is in another column than that of UIDs, which is empty."""
    study = found.get(Column.STUDY, "")
    if not study or _DIGITS_AND_PERIODS.fullmatch(study):
        return ""
    used = {at for column, at in heading.places.items() if column.holds_uids}
    for at, (name, cell) in enumerate(zip(heading.names, cells, strict=False)):
        if at not in used and is_like_a_uid(cell) and "uid" not in name.lower():
            return (
                f"the column StudyInstanceUID has no UID, but {name!r} has one: "
                f"a cell that has a {heading.delimiter!r} in it needs quotes around it"
            )
    return ""


def is_like_a_uid(text: str) -> bool:
    """Return True for a text that a UID may be, as spreadsheets write it."""
    return _LIKE_A_UID.fullmatch(uid_text(text)) is not None


def plain(name: str) -> str:
    """Normalize a name: `Study Instance UID`, `(0020,000D)` and `study_instance_uid`."""
    return re.sub(r"[\W_]", "", name.lower())
