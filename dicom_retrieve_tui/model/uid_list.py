"""Lists of studies: one a line, or a table with a heading.

A bad line or row is reported and does not affect others. Columns are criteria; those of a row are
combined with AND.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from sys import intern

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.humanize import bad_lines_text
from dicom_retrieve_tui.model.list_text import TextLines, readable
from dicom_retrieve_tui.model.selection import Selection, SelectionUnion, join
from dicom_retrieve_tui.model.spreadsheet_cells import (
    cell_dates,
    cell_text,
    is_sheet_error,
    spoilt_number,
    spoilt_uid,
    uid_text,
)
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, key_fault
from dicom_retrieve_tui.model.uid_table import (
    SHORT_NAMES,
    Column,
    Heading,
    NoSuchColumn,
    TableRow,
    columns_of,
    find_heading,
    is_comment,
    plain,
    rows_of,
)
from dicom_retrieve_tui.model.uids import irregular_uids, stray_fault, uid_fault

_TEXT_SHOWN_MAX = 80
_COLUMNS_SHOWN_MAX = 12
_SEPARATORS = re.compile(r"[,;|\s]+")
_DIGITS_AND_PERIODS = re.compile("[0-9.]{1,1024}")
_DOTTED = re.compile(r"[0-9]+(?:\.[0-9]*)+")
_KEY_SEPARATORS = re.compile(r"[;|\t]")
_TAG = re.compile("</?[A-Za-z][^<>]*>")
_RECORDS = re.compile(r"\[?\s*\{\s*(?:$|[\"'][^\"']*[\"']\s*:)")
_BULLET = re.compile(r"(?:[-*\u2022]|\d{1,6}[.)])\s+(?=\S)")
_LABEL = re.compile(r"([A-Za-z_ ,()0-9]{3,40}?)\s*[:=]\s*(?=\S)")
_DUMP = re.compile(r"\(?0020,\s?000[dD]\)?.*?\bUI\b[:\s]\s*\[?([^\]\s]+)\]?")
"""A line of `dcmdump` or pydicom for an element."""
_DESCRIBING = (Column.DATE, Column.MODALITY, Column.MODALITIES, Column.STUDY_DESCRIPTION)
_MODALITY_SEPARATORS = re.compile(r"[\\\\/,;+ ]+")
_BESIDE_UID = (Column.PATIENT, Column.ACCESSION, *_DESCRIBING)
"""Columns that describe a study whose UID is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UidList:
    """The content of a list."""

    selections: tuple[Selection, ...] = ()
    """One selection for each study, in the order of the list."""
    lookups: tuple[Lookup, ...] = ()
    """Different lines whose studies the PACS has to look up."""
    duplicates: int = 0
    """Number of repeated lines."""
    bad: tuple[str, ...] = ()
    """Faults of bad lines, each as a sentence with the line number."""
    notes: tuple[str, ...] = ()
    """Notes on the list, each as a sentence without a period."""
    identities: Mapping[str, StudyIdentity] = field(default_factory=dict, compare=False)
    """What a table has beside a Study Instance UID, by it; for the screen, never a criterion."""

    @property
    def uids(self) -> tuple[str, ...]:
        """The Study Instance UIDs."""
        return tuple(each.study_instance_uid for each in self.selections)


def parse_uid_list(
    text: str, column: str | None = None, key: Column = Column.STUDY, *, identify: bool = True
) -> UidList:
    """Parse a table, or a list, in which blank lines and comments after `#` are skipped.

    Args:
        text: From `list_text`, or typed.
        column: The name of the column of `key`, if it is not a known one.
        key: The kind of the lines: Study Instance UIDs, accession numbers or patient IDs.
        identify: Keep what a table has beside the UIDs, which takes memory for each row.

    Raises:
        NoSuchColumn: The table does not have the column.
        ConfigError: No line is usable; the message has the numbers of bad lines.
    """
    lines = TextLines(readable(text))
    heading = find_heading(lines, key, column)
    if heading is not None:
        found = read_table(lines, heading, key, identify=identify)
    else:
        _check_columns(lines, column, key)
        found = _sort_out(_list_rows(lines, key))
    if found.bad and not (found.selections or found.lookups):
        raise ConfigError(bad_lines_text(found.bad))
    if not (found.selections or found.lookups):
        raise ConfigError(f"the list names no {'UID' if key is Column.STUDY else key.keyword}")
    return found


def _check_columns(lines: Sequence[str], column: str | None, key: Column) -> None:
    """Refuse text that is not a list.

    Raises:
        NoSuchColumn: It is a table with unknown columns.
        ConfigError: A column was named, but it is a list; or it is JSON.
    """
    first = next((line.strip() for line in lines if not is_comment(line)), "")
    if _RECORDS.match(first):
        raise ConfigError("this is JSON: give the UIDs alone, one a line")
    columns = columns_of(first)
    if column is not None:
        if columns is None:
            raise ConfigError(f"this is not a table, and has no column {column!r}")
        raise NoSuchColumn(f"no column is named {column!r}; there are {columns}")
    is_entry = any(_DOTTED.fullmatch(uid_text(word)) for word in _SEPARATORS.split(first))
    if key is Column.STUDY and columns is not None and not is_entry:
        raise NoSuchColumn(f"no column is named {key.keyword}; there are {columns}")


def read_table(
    lines: Sequence[str],
    heading: Heading,
    key: Column = Column.STUDY,
    *,
    identify: bool = True,
) -> UidList:
    """Parse a table; bad rows do not affect others.

    Args:
        lines: The lines, each with its line end.
        heading: The heading from `find_heading`.
        key: The column that names the studies.
        identify: As for `parse_uid_list`.

    Raises:
        ConfigError: A quote is not closed.
    """
    beside: set[Column] = set()
    rows = _noting_cells(rows_of(lines, heading), key, beside)
    found = _sort_out(chain(_above(heading, key), rows), key, identify=identify)
    notes = [*_unused(heading, beside), *found.notes]
    return replace(found, notes=tuple(notes))


def _noting_cells(rows: Iterable[TableRow], key: Column, beside: set[Column]) -> Iterator[TableRow]:
    """Yield the rows; add the columns that describe studies whose UIDs are known."""
    describing = _BESIDE_UID if key is Column.STUDY else _DESCRIBING
    for row in rows:
        if row[Column.STUDY]:
            beside.update(column for column in describing if row[column])
        yield row


def _above(heading: Heading, key: Column) -> Iterator[TableRow]:
    """Yield lines above the heading that may be more than titles, as bad rows."""
    for number, text in heading.above:
        if key is not Column.STUDY and " " not in text and any(map(str.isdigit, text)):
            # Patient IDs are never shown.
            shown = "this" if key is Column.PATIENT else repr(text[:_TEXT_SHOWN_MAX])
            fault = f"{shown} stands above the heading: put it below"
            yield TableRow(number, {}, fault)


def _unused(heading: Heading, beside: set[Column]) -> Iterator[str]:
    """Yield a note on ignored columns."""
    unused = list(heading.unused)
    if unused:
        more = len(unused) - _COLUMNS_SHOWN_MAX
        shown = [*unused[:_COLUMNS_SHOWN_MAX], *([f"{more} more"] if more > 0 else [])]
        yield f"columns that are not used: {', '.join(shown)}"
    if beside:
        names = ", ".join(column.keyword for column in _BESIDE_UID if column in beside)
        yield f"not used beside a StudyInstanceUID, which names the study: {names}"


def joined(lists: Sequence[UidList]) -> UidList:
    """Return the union of several lists."""
    asked = [each for found in lists for each in found.selections]
    selections = join(asked)
    return UidList(
        selections=selections,
        lookups=tuple(each for found in lists for each in found.lookups),
        duplicates=sum(each.duplicates for each in lists) + len(asked) - len(selections),
        bad=tuple(each for found in lists for each in found.bad),
        notes=tuple(dict.fromkeys(each for found in lists for each in found.notes)),
        identities={uid: each for found in lists for uid, each in found.identities.items()},
    )


def list_of(selections: Sequence[Selection]) -> str:
    """Format selections as a list: UIDs if all are whole studies, else a table."""
    if not any(each.series for each in selections):
        return "\n".join(each.study_instance_uid for each in selections)
    heading = [each.keyword for each in (Column.STUDY, Column.SERIES, Column.INSTANCE)]
    rows = (row for each in selections for row in each.rows())
    return "".join(",".join(row) + "\n" for row in (heading, *rows))


def _list_rows(lines: Sequence[str], key: Column) -> Iterator[TableRow | str]:
    """Yield the entries of a list without a heading; a UID alone is yielded as it is."""
    in_brackets = _is_bracketed(lines)
    for number, line in enumerate(lines, start=1):
        entry = line.strip()
        if key is Column.STUDY and _DIGITS_AND_PERIODS.fullmatch(entry):
            yield entry
            continue
        entry = _entry(entry, key)
        if not entry or is_comment(entry):
            continue
        for text in _elements(entry) if in_brackets else (entry,):
            yield _list_row(number, text, key)


def _entry(text: str, key: Column) -> str:
    """Return a line without its comment."""
    if is_sheet_error(text.strip("\"', ")):
        return text
    # A number may contain #, unlike a UID.
    comment = "#" if key is Column.STUDY else r"(^|\s)#"
    return re.split(comment, text, maxsplit=1)[0].strip()


def _is_bracketed(lines: Sequence[str]) -> bool:
    """Return True for a list literal of a program: `['1.2', '1.3']`, on one or more lines."""
    entries = (line for line in lines if not line.lstrip().startswith("#"))
    if next((line.lstrip() for line in entries if line.strip()), "")[:1] not in {"[", "(", "{"}:
        return False
    text = "".join(line for line in lines if not line.lstrip().startswith("#")).strip().rstrip(";,")
    return text[:1] + text[-1:] in {"[]", "()", "{}"}


def _elements(entry: str) -> list[str]:
    texts = (text.strip("[](){}; \t") for text in entry.split(","))
    return [text for text in texts if text]


def _list_row(line: int, text: str, key: Column) -> TableRow:
    if key is not Column.STUDY:
        text = without_label(_TAG.sub(" ", text).strip(), key).strip("| ").rstrip(",; ")
        return TableRow(line, {key: cell_text(text)})
    if dumped := _DUMP.match(text):
        text = dumped[1]
    text = undecorated(text)
    text = without_label(text, key).strip("|,; \t")
    is_quoted = text[:1] in {'"', "'"} and text.count(text[:1]) == 2 and text[-1:] == text[:1]
    return TableRow(line, {key: uid_text(text)}, "" if is_quoted else line_fault(text) or "")


def undecorated(text: str) -> str:
    """Return a line without HTML tags and without a bullet or number."""
    return _BULLET.sub("", _TAG.sub(" ", text).strip(), count=1)


def without_label(text: str, key: Column) -> str:
    """Return a line without the name of its value: `Study Instance UID: 1.2.3`."""
    label = _LABEL.match(text)
    name = plain(label[1]) if label else ""
    is_name = name in key.value or SHORT_NAMES.get(name) is key
    return text[label.end() :] if label and is_name else text


def line_fault(entry: str) -> str | None:
    """Return why a line is not one UID, as a sentence; None if it may be."""
    words = [word for word in map(uid_text, _SEPARATORS.split(entry)) if word]
    if len(words) < 2:
        return None
    if all(map(_DIGITS_AND_PERIODS.fullmatch, words)):
        uids = f"{entry[:_TEXT_SHOWN_MAX]!r} has {len(words)} UIDs"
        return f"{uids}: write one a line, or a heading that names the columns"
    # The words may be the name of a patient.
    return "it has several words: write one UID a line, or a heading that names the columns"


def _sort_out(
    rows: Iterable[TableRow | str], key: Column = Column.STUDY, *, identify: bool = False
) -> UidList:
    studies = SelectionUnion()
    lookups: dict[object, Lookup] = {}
    duplicates = 0
    bad: list[str] = []
    identities: dict[str, StudyIdentity] = {}
    for row in rows:
        if isinstance(row, str):
            duplicates += not studies.add(Selection(study_instance_uid=row))
            continue
        try:
            each = _judged(row, key)
        except _Fault as fault:
            bad.append(f"line {row.line}: {fault}")
            continue
        if isinstance(each, Lookup):
            same = tuple(row.cells.items())
            duplicates += same in lookups
            lookups.setdefault(same, each)
        else:
            if identify and (identity := _described(row)):
                identities.setdefault(each.study_instance_uid, identity)
            duplicates += not studies.add(each)
    selections = studies.selections()
    return UidList(
        selections=selections,
        lookups=tuple(lookups.values()),
        duplicates=duplicates,
        bad=tuple(bad),
        notes=notes_on(selections),
        identities=identities,
    )


def _described(row: TableRow) -> StudyIdentity:
    """Return what a row has beside its UID; a cell that is unclear counts as empty."""
    if not any(row[column] for column in _BESIDE_UID):
        return UNIDENTIFIED
    try:
        day = cell_dates(row[Column.DATE]).key if row[Column.DATE] else ""
    except ConfigError:
        day = ""
    modalities = row[Column.MODALITIES] or row[Column.MODALITY]
    return StudyIdentity(
        patient_id=row[Column.PATIENT],
        # Many rows have the same date: it is kept once.
        study_date="" if "-" in day else intern(day),
        modalities=tuple(each for each in _MODALITY_SEPARATORS.split(modalities.upper()) if each),
        study_description=row[Column.STUDY_DESCRIPTION],
        accession_number=row[Column.ACCESSION],
    )


def notes_on(selections: Iterable[Selection]) -> tuple[str, ...]:
    """Return a note on invalid UIDs, if there are any."""
    note = irregular_uids(uid for each in selections for uid in each.uids)
    return (note,) if note else ()


class _Fault(Exception):
    """The fault of a line."""


def _judged(row: TableRow, key: Column) -> Selection | Lookup:
    """Return the study of a row by its UID, or a lookup.

    Raises:
        _Fault: The row is bad.
    """
    if row.fault:
        raise _Fault(row.fault)
    if row[Column.STUDY] and key is Column.STUDY:
        return _by_uid(row)
    if row[Column.ACCESSION] or row[Column.PATIENT]:
        return _by_keys(row)
    if (
        key is Column.STUDY
        and Column.ACCESSION not in row.cells
        and Column.PATIENT not in row.cells
    ):
        raise _Fault("'' is empty")
    wanted = "a StudyInstanceUID, " if key is Column.STUDY else ""
    raise _Fault(f"the row has neither {wanted}an accession number nor a patient ID")


def _by_uid(row: TableRow) -> Selection | Lookup:
    study = _uid(row, Column.STUDY)
    series, instance = _narrowed(row)
    if row[Column.SERIES_DESCRIPTION] and series is None:
        return _lookup(replace(row, cells=_without(row.cells, _BESIDE_UID)), study)
    return Selection.of(study, series, instance)


def _without(cells: Mapping[Column, str], columns: Sequence[Column]) -> dict[Column, str]:
    return {column: text for column, text in cells.items() if column not in columns}


def _by_keys(row: TableRow) -> Lookup:
    """Return a lookup by accession number or patient ID."""
    if not row[Column.STUDY]:
        return _lookup(row, "")
    # A UID identifies a study better than its date.
    return _lookup(replace(row, cells=_without(row.cells, _DESCRIBING)), _uid(row, Column.STUDY))


def _lookup(row: TableRow, study: str) -> Lookup:
    series, instance = _narrowed(row)
    try:
        return Lookup.of(
            line=row.line,
            study_instance_uid=study,
            accession_number=_number(row, Column.ACCESSION),
            patient_id=_number(row, Column.PATIENT),
            study_date=row[Column.DATE],
            modality=row[Column.MODALITY],
            modalities_in_study=row[Column.MODALITIES],
            study_description=row[Column.STUDY_DESCRIPTION],
            series_description="" if series else row[Column.SERIES_DESCRIPTION],
            series_instance_uid=series,
            sop_instance_uid=instance,
        )
    except ConfigError as error:
        raise _Fault(str(error).rstrip(".")) from error


def _number(row: TableRow, column: Column) -> str:
    text = row[column]
    several = "has several values: write one a line" if _KEY_SEPARATORS.search(text) else None
    if fault := spoilt_number(text) or key_fault(text) or several:
        shown = f"accession number {text[:_TEXT_SHOWN_MAX]!r}"
        # Patient IDs are never shown.
        raise _Fault(f"the {shown if column is Column.ACCESSION else 'patient ID'} {fault}")
    return text


def _uid(row: TableRow, column: Column) -> str:
    text = row[column]
    if _DIGITS_AND_PERIODS.fullmatch(text):
        return text
    if fault := line_fault(text) if _SEPARATORS.search(text) and _are_uids(text) else None:
        raise _Fault(fault)
    if fault := spoilt_uid(text) or stray_fault(text) or uid_fault(text):
        name = "" if column is Column.STUDY else f"its {column.keyword} "
        raise _Fault(f"{name}{text[:_TEXT_SHOWN_MAX]!r} {fault}")
    return text


def _are_uids(text: str) -> bool:
    return all(_DIGITS_AND_PERIODS.fullmatch(word) for word in _SEPARATORS.split(text) if word)


def _narrowed(row: TableRow) -> tuple[str | None, str | None]:
    """Return the Series and SOP Instance UID of a row."""
    series, instance = (
        _uid(row, column) if row[column] else None for column in (Column.SERIES, Column.INSTANCE)
    )
    if instance and not series:
        raise _Fault(f"its SOPInstanceUID {instance!r} needs the SeriesInstanceUID")
    return series, instance
