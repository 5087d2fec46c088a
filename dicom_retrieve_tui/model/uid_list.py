"""Lists of studies as people have them: one a line, or a table with a heading.

A list was made for us, so a bad line in it is a slip, and nothing is retrieved before it is mended.
A table was made for something else: its bad rows are named, and the rest is retrieved. Pure.
"""

import codecs
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.lookup import Lookup, key_fault
from dicom_retrieve_tui.model.selection import Owner, Selection, join
from dicom_retrieve_tui.model.text import parts_of
from dicom_retrieve_tui.model.uid_table import Column, TableRow, delimiter_of, rows_of
from dicom_retrieve_tui.model.uids import irregular_uids, uid_fault

_BAD_LINES_SHOWN_MAX = 20
_TEXT_SHOWN_MAX = 80
_ENTRY = re.compile(r"\s*(?:#|[0-9.]+\s*(?:[#,;\t]|$))")
"""How a line of a list begins; `0020000D` is the name of a column."""
_LINE_END = re.compile("\r\n|\r|\n")
"""Not `str.splitlines`: its further line ends are none to an editor that jumps to a number."""
_SEPARATORS = re.compile(r"[,;|\s]+")
_DIGITS_AND_PERIODS = re.compile("[0-9.]+")
_KEYS = frozenset({Column.ACCESSION, Column.PATIENT})
"""What may stand for a study in a row that has no UID of one."""

_Wanted = Selection | Lookup


@dataclass(frozen=True, slots=True, kw_only=True)
class UidList:
    """What a list asks for."""

    selections: tuple[Selection, ...] = ()
    """One for each study, in the order of the list."""
    lookups: tuple[Lookup, ...] = ()
    """Lines whose study only the PACS can name; each asks for something else."""
    duplicates: int = 0
    """Lines that asked for the same again."""
    bad: tuple[str, ...] = ()
    """Rows of a table that cannot be asked for, each as a sentence with its line."""

    notes: tuple[str, ...] = ()
    """What to know of what is asked for, each as a sentence without a period."""

    @property
    def uids(self) -> tuple[str, ...]:
        """The Study Instance UIDs."""
        return tuple(each.study_instance_uid for each in self.selections)


def parse_uid_list(text: str, column: str | None = None, key: Column = Column.STUDY) -> UidList:
    """Read a list, in which blank lines and everything behind a `#` are skipped, or a table.

    Args:
        column: What the column of `key` is called, if it has none of the names that we know.
        key: What the lines are: Study Instance UIDs, accession numbers or patient IDs.

    Raises:
        ConfigError: A list has bad lines, all of which the message names by number; a table has no
            such column, or bad rows alone; there is nothing in it.
    """
    text = text.removeprefix("\ufeff")
    first = next((line for line in _LINE_END.split(text) if line.strip()), "")
    delimiter = delimiter_of(first, column)
    if delimiter is None or (key is Column.STUDY and _ENTRY.match(first)):
        if column is not None:
            raise ConfigError(f"this is no table, and has no column {column!r}")
        found = _sort_out(_lines(text, key), _from_line)
    else:
        found = read_table(text, delimiter, column, key)
    if found.bad and not (found.selections or found.lookups):
        raise ConfigError(describe(found.bad))
    if not (found.selections or found.lookups):
        raise ConfigError(f"the list names no {'UID' if key is Column.STUDY else key.keyword}")
    return found


def read_table(
    text: str, delimiter: str, column: str | None = None, key: Column = Column.STUDY
) -> UidList:
    """Read a table; its bad rows cost no other.

    Args:
        text: The table, its heading first.
        delimiter: What `delimiter_of` says of the heading.
        column: As for `parse_uid_list`.
        key: Likewise.

    Raises:
        ConfigError: There is no such column, or a quote is left open.
    """
    others = _KEYS if key is Column.STUDY else frozenset()
    rows = rows_of(text, delimiter, key, column, others)
    return _sort_out(rows, _from_row if key is Column.STUDY else _from_keys)


def joined(lists: Sequence[UidList]) -> UidList:
    """What several lists ask for together."""
    asked = [each for found in lists for each in found.selections]
    selections = join(asked)
    return UidList(
        selections=selections,
        lookups=tuple(each for found in lists for each in found.lookups),
        duplicates=sum(each.duplicates for each in lists) + len(asked) - len(selections),
        bad=tuple(each for found in lists for each in found.bad),
        notes=tuple(dict.fromkeys(each for found in lists for each in found.notes)),
    )


def list_of(selections: Sequence[Selection]) -> str:
    """The list that asks for these: UIDs where all are whole studies, else a table."""
    if not any(each.series for each in selections):
        return "\n".join(each.study_instance_uid for each in selections)
    heading = [each.keyword for each in (Column.STUDY, Column.SERIES, Column.INSTANCE)]
    rows = (row for each in selections for row in each.rows())
    return "".join(",".join(row) + "\n" for row in (heading, *rows))


def list_text(content: bytes) -> str:
    """The text of a file that is a list; a byte order mark says which UTF it is.

    Raises:
        ConfigError: It is no text.
    """
    # Windows programs put a byte order mark first; line ends count, and are left alone.
    utf_16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    try:
        return content.decode("utf-16" if utf_16 else "utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError("this is no text in UTF-8 or UTF-16") from error


def _lines(text: str, key: Column) -> Iterator[TableRow]:
    for number, line in enumerate(_LINE_END.split(text), start=1):
        # A number may well have a # in it, which no UID has.
        comment = "#" if key is Column.STUDY else r"(^|\s)#"
        if entry := re.split(comment, line, maxsplit=1)[0].strip():
            yield TableRow(number, {key: entry})


def _sort_out(rows: Iterable[TableRow], judge: Callable[[TableRow], _Wanted]) -> UidList:
    wanted: dict[object, _Wanted] = {}
    duplicates = 0
    bad: list[str] = []
    for row in rows:
        try:
            each = judge(row)
        except _Fault as fault:
            bad.append(f"line {row.line}: {fault}")
            continue
        same = tuple(row.cells.items()) if isinstance(each, Lookup) else each
        duplicates += same in wanted
        wanted.setdefault(same, each)
    selections = join(each for each in wanted.values() if isinstance(each, Selection))
    return UidList(
        selections=selections,
        lookups=tuple(each for each in wanted.values() if isinstance(each, Lookup)),
        duplicates=duplicates,
        bad=tuple(bad),
        notes=notes_on(selections),
    )


def notes_on(selections: Iterable[Selection]) -> tuple[str, ...]:
    """Return a note on UIDs that break the rules of the standard, if there are any."""
    note = irregular_uids(uid for each in selections for uid in each.uids)
    return (note,) if note else ()


class _Fault(Exception):
    """Why a line cannot be asked for."""


def _from_line(row: TableRow) -> _Wanted:
    if Column.STUDY not in row.cells:
        return _from_keys(row)
    if fault := line_fault(row[Column.STUDY]):
        raise _Fault(f"{row[Column.STUDY][:_TEXT_SHOWN_MAX]!r} {fault}")
    return _from_row(row)


def line_fault(entry: str) -> str | None:
    """Return why a line of a list is not one UID, or None if it may be."""
    words = [word for word in _SEPARATORS.split(entry) if word]
    if len(words) < 2:
        return None
    if all(_DIGITS_AND_PERIODS.fullmatch(word) for word in words):
        return f"has {len(words)} UIDs; write one a line, or a heading that names the columns"
    return "has several words; write one UID a line, or a heading that names the columns"


def _from_row(row: TableRow) -> _Wanted:
    """A study by its UID, or by what stands for it where there is none."""
    study = row[Column.STUDY]
    if not study and (row[Column.ACCESSION] or row[Column.PATIENT]):
        return _from_keys(row)
    if fault := uid_fault(study):
        raise _Fault(f"{study[:_TEXT_SHOWN_MAX]!r} {fault}")
    owner = Owner(
        patient_ids=frozenset({row[Column.PATIENT]} - {""}),
        accession_numbers=frozenset(parts_of(row[Column.ACCESSION])),
    )
    return replace(Selection.of(study, *_narrowed(row)), owner=owner)


def _from_keys(row: TableRow) -> Lookup:
    """A study by its accession number, or all that there are of a patient."""
    accession, patient = row[Column.ACCESSION], row[Column.PATIENT]
    if not (accession or patient):
        raise _Fault("nothing stands there")
    if fault := key_fault(accession):
        raise _Fault(f"the accession number {accession[:_TEXT_SHOWN_MAX]!r} {fault}")
    if fault := key_fault(patient):
        raise _Fault(f"the patient ID {fault}")
    series, instance = _narrowed(row)
    return Lookup(
        line=row.line,
        accession_number=accession,
        patient_id=patient,
        series_instance_uid=series,
        sop_instance_uid=instance,
    )


def _narrowed(row: TableRow) -> tuple[str | None, str | None]:
    """The series, and the instance of it, that a row is about."""
    for column in (Column.SERIES, Column.INSTANCE):
        if (uid := row[column]) and (fault := uid_fault(uid)):
            raise _Fault(f"its {column.keyword} {uid[:_TEXT_SHOWN_MAX]!r} {fault}")
    if row[Column.INSTANCE] and not row[Column.SERIES]:
        raise _Fault(f"its SOPInstanceUID {row[Column.INSTANCE]!r} needs the SeriesInstanceUID")
    return row[Column.SERIES] or None, row[Column.INSTANCE] or None


def describe(bad: Sequence[str]) -> str:
    """The first of the bad lines, one below the other, and how many more there are."""
    if len(bad) == 1:
        return bad[0]
    more = len(bad) - _BAD_LINES_SHOWN_MAX
    shown = [*bad[:_BAD_LINES_SHOWN_MAX], *([f"and {more} more"] if more > 0 else [])]
    return f"{len(bad)} bad lines:\n  " + "\n  ".join(shown)
