"""Files with lists: their paths as terminals write them, their lines, and their columns."""

import csv
import shlex
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.limited_read import read_at_most
from dicom_retrieve_tui.model.list_text import TextLines, list_text, readable
from dicom_retrieve_tui.model.uid_list import UidList, parse_uid_list
from dicom_retrieve_tui.model.uid_paste import read_paste
from dicom_retrieve_tui.model.uid_table import (
    NAMING,
    Column,
    Heading,
    delimiter_of,
    find_heading,
    is_comment,
    is_like_a_uid,
)
from dicom_retrieve_tui.platform_files import WINDOWS

SIZE_MAX_BYTES = 20_000_000
"""Far above 200,000 UIDs; a huge file chosen by mistake does not fill the memory."""
_PATH_MAX = 4096
"""Characters; a longer text is a list."""
_LINES = {
    Column.STUDY: "Study Instance UIDs",
    Column.ACCESSION: "accession numbers",
    Column.PATIENT: "patient IDs",
}
_MATCHED = {
    Column.DATE: "study date",
    Column.MODALITY: "modality",
    Column.MODALITIES: "modalities",
    Column.STUDY_DESCRIPTION: "study description",
    Column.SERIES_DESCRIPTION: "series description",
}
"""Columns that a study has to match if it is looked up."""
_WORDS = {
    Column.STUDY: "UID",
    Column.ACCESSION: "accession number",
    Column.PATIENT: "patient ID",
    **_MATCHED,
}


@dataclass(slots=True)
class ListChoice:
    """The list that the window was left with, for the next time that it opens."""

    path: str = ""
    kind: Column = Column.STUDY
    column: str | None = None
    """The column of the table with what `kind` names; None: one of the known names."""

    @property
    def folder(self) -> str:
        """The folder of the path, independent of the current one."""
        return Path(self.path).expanduser().absolute().parent.as_posix()


def dropped_path(text: str) -> Path | None:
    """Return the file whose path was dropped or pasted; None if the text is not one.

    Terminals quote a path, escape its blanks, or write a `file:` URL.
    """
    path = _path_of(text)
    try:
        return path if path is not None and path.is_file() else None
    except (OSError, ValueError):
        return None


def path_fault(text: str) -> str | None:
    """Return why a text that is a path does not name a list; None for a file and other texts."""
    path = _path_of(text)
    # A UID that breaks the rules may begin with a period.
    if path is None or not (path.is_absolute() or text.startswith(("./", "../"))):
        return None
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return "no such file"
    except (OSError, ValueError) as error:
        return reason_of(error) if isinstance(error, OSError) else None
    return "this is a folder" if stat.S_ISDIR(mode) else _mode_fault(mode)


def _mode_fault(mode: int) -> str | None:
    """Return the fault of what is neither a file nor a folder."""
    # Opening a pipe may block for ever, and the application with it.
    is_plain = stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    return None if is_plain else "not a file, but a device or a pipe"


def _path_of(text: str) -> Path | None:
    """Return the path that a text is, whether a file has it or not; None for other texts."""
    text = text.strip()
    if len(text) > _PATH_MAX or "\n" in text:
        return None
    if text.startswith("file://"):
        text = unquote(urlsplit(text).path)
        text = text.lstrip("/") if WINDOWS else text
    elif not WINDOWS:
        try:
            words = shlex.split(text)
        except ValueError:
            words = [text]
        text = words[0] if len(words) == 1 else text
    text = text.strip("'\"")
    try:
        path = Path(text).expanduser()
    except (RuntimeError, ValueError):
        # A RuntimeError means that `~user` has no home.
        return None
    return path if path.is_absolute() or text.startswith(".") else None


def read_file(text: str) -> str:
    """Return the text of the list at a path.

    Raises:
        ConfigError: It cannot be read, or is not text.
    """
    try:
        path = Path(text).expanduser()
        mode = path.stat().st_mode
        if fault := _mode_fault(mode):
            raise ConfigError(fault)
        with path.open("rb") as file:
            content = read_at_most(file, SIZE_MAX_BYTES)
    except (OSError, RuntimeError) as error:
        raise ConfigError(reason_of(error)) from error
    return list_text(content)


def size_bytes(path: str) -> int:
    """Return the size of a file; 0 if it cannot be known."""
    try:
        return Path(path).expanduser().stat().st_size
    except (OSError, RuntimeError, ValueError):
        return 0


def parse_file(lines: str, key: Column, column: str | None = None) -> UidList:
    """Parse the text of a file.

    Args:
        lines: From `read_file`.
        key: What its lines are.
        column: The column with them; None: one of the known names.

    Raises:
        ConfigError: It is not such a list.
    """
    if key is Column.STUDY and column is None:
        return read_paste(lines)
    return parse_uid_list(lines, column, key)


def list_source(lines: str, key: Column, column: str | None = None) -> str:
    """Return where a list has what names its studies, as a sentence.

    Args:
        lines: From `read_file`.
        key: The kind of its lines.
        column: The column with them; None: one of the known names.
    """
    heading = find_heading(TextLines(readable(lines)), key, column)
    if heading is not None:
        return _table_source(heading, key)
    if column is None and not columns_in(lines):
        return f"No heading: {_LINES[key]}, one a line."
    return f"No column of {_LINES[key]} is known by its heading. Press F6 to choose one."


def _table_source(heading: Heading, key: Column) -> str:
    def names(columns: Iterable[Column]) -> str:
        named = {each: heading.names[places[each]] for each in columns if each in places}
        return ", ".join(f"{_WORDS[each]} {name!r}" for each, name in named.items())

    places = heading.places
    keys = names((Column.ACCESSION, Column.PATIENT, *_MATCHED))
    if Column.STUDY not in places:
        return f"Each row is looked up by: {keys}."
    if key is Column.STUDY:
        others = NAMING & places.keys() - {Column.STUDY}
        without = f"; a row without one is looked up by: {keys}" if others else ""
        name = heading.names[places[Column.STUDY]]
        return f"Study Instance UIDs from the column {name!r}{without}."
    matched = names(_MATCHED)
    without = f"; a row without a UID also by: {matched}" if matched else ""
    return (
        f"Each row is looked up by: {names((Column.ACCESSION, Column.PATIENT, Column.STUDY))}"
        f"{without}."
    )


def columns_in(lines: str) -> tuple[str, ...]:
    """Return the names in the heading of a table; none if it has one column, or a UID there."""
    rows = (line for line in readable(lines).splitlines() if not is_comment(line))
    first = next((line for line in rows if not line.lstrip().startswith("#")), "")
    delimiter = delimiter_of(first)
    if delimiter is None:
        return ()
    try:
        names = next(csv.reader([first], delimiter=delimiter), [])
    except csv.Error:  # a cell of 128 KiB
        return ()
    if any(map(is_like_a_uid, names)):
        return ()
    return tuple(name.strip() for name in names if name.strip())
