"""Tables of studies as other programs export them: CSV with a heading, or its relatives.

Only one column counts; UIDs that stand elsewhere in a row are left alone. Pure.
"""

import csv
import io
import re
from collections.abc import Iterator

from dicom_retrieve_tui.errors import ConfigError

_DELIMITERS = "\t;,"
"""Of two that come equally often the first one counts: `(0020,000D)` is a name, too."""
STUDY_COLUMNS = frozenset({"studyinstanceuid", "studyuid", "0020000d"})
"""What people call the column of the Study Instance UID, made `plain`."""
_COLUMNS_SHOWN_MAX = 12


def delimiter_of(line: str) -> str | None:
    """What parts the columns of a heading; None if this is none."""
    found = max(_DELIMITERS, key=line.count)
    return found if found in line else None


def cells_of(text: str, delimiter: str, column: str | None) -> Iterator[tuple[int, str]]:
    """The cells of the column that counts, each with the number of the line that its row ends on.

    Rows that are empty altogether are passed over.

    Args:
        text: The table, its heading first.
        column: The column's name; None for the one that names the Study Instance UID.

    Raises:
        ConfigError: There is no such column, or a quote is left open.
    """
    # Universal line ends are left to the reader: a quoted cell may hold some.
    rows = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        index = _index(next(rows), column)
        for row in rows:
            if any(cell.strip() for cell in row):
                yield rows.line_num, row[index].strip() if index < len(row) else ""
    except csv.Error as error:  # a cell of 128 KiB: the rest of the table, for want of a quote
        raise ConfigError(
            f"line {rows.line_num}: the table cannot be read here: {error}; is a quote left open?"
        ) from error


def _index(heading: list[str], column: str | None) -> int:
    wanted = STUDY_COLUMNS if column is None else {plain(column)}
    for index, name in enumerate(heading):
        if plain(name) in wanted:
            return index
    names = ", ".join(repr(name.strip()) for name in heading[:_COLUMNS_SHOWN_MAX])
    if column is None:
        raise ConfigError(f"no column is named StudyInstanceUID; name one of {names} by --column")
    raise ConfigError(f"no column is named {column!r}; there are {names}")


def plain(name: str) -> str:
    """`Study Instance UID`, `(0020,000D)` and `study_instance_uid` without what people vary."""
    return re.sub(r"[^a-z0-9]", "", name.lower())
