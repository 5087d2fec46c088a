"""Files with lists: their paths as terminals write them, their lines, and their columns."""

import csv
import shlex
import stat
from pathlib import Path
from urllib.parse import unquote, urlsplit

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.limited_read import read_at_most
from dicom_retrieve_tui.model.list_text import list_text, readable
from dicom_retrieve_tui.model.uid_list import UidList, parse_uid_list
from dicom_retrieve_tui.model.uid_paste import read_paste
from dicom_retrieve_tui.model.uid_table import Column, delimiter_of, is_comment
from dicom_retrieve_tui.platform_files import WINDOWS

SIZE_MAX_BYTES = 20_000_000
"""Far above 200,000 UIDs; a huge file chosen by mistake does not fill the memory."""
_PATH_MAX = 4096
"""Characters; a longer text is a list."""


def dropped_path(text: str) -> Path | None:
    """Return the file whose path was dropped or pasted; None if the text is not one.

    Terminals quote a path, escape its blanks, or write a `file:` URL.
    """
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
        is_path = path.is_absolute() or text.startswith(".")
        return path if is_path and path.is_file() else None
    except (OSError, RuntimeError, ValueError):
        # A RuntimeError means that `~user` has no home.
        return None


def read_file(text: str) -> str:
    """Return the text of the list at a path.

    Raises:
        ConfigError: It cannot be read, or is not text.
    """
    try:
        path = Path(text).expanduser()
        mode = path.stat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            # Opening a pipe may block for ever, and the application with it.
            raise ConfigError("not a file, but a device or a pipe")
        with path.open("rb") as file:
            content = read_at_most(file, SIZE_MAX_BYTES)
    except (OSError, RuntimeError) as error:
        raise ConfigError(reason_of(error)) from error
    return list_text(content)


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


def columns_in(lines: str) -> tuple[str, ...]:
    """Return the names in the first line of a table; none if it has one column."""
    rows = (line for line in readable(lines).splitlines() if not is_comment(line))
    first = next((line for line in rows if not line.lstrip().startswith("#")), "")
    delimiter = delimiter_of(first)
    if delimiter is None:
        return ()
    names = next(csv.reader([first], delimiter=delimiter), [])
    return tuple(name.strip() for name in names if name.strip())
