"""Read the list of a command line: UIDs, accession numbers or patient IDs."""

from collections.abc import Callable
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.limited_read import LIST_MAX_BYTES, read_at_most
from dicom_retrieve_tui.model.list_text import list_text
from dicom_retrieve_tui.model.uid_list import UidList, parse_uid_list
from dicom_retrieve_tui.model.uid_table import Column, NoSuchColumn

_COLUMNS = {
    "--uid-list": Column.STUDY,
    "--accession-list": Column.ACCESSION,
    "--patient-list": Column.PATIENT,
}
_STDIN = "-"


def read_list(flag: str, name: str, column: str | None, read_stdin: Callable[[], str]) -> UidList:
    """Read the list that a flag names; `-` is the standard input.

    Raises:
        ConfigError: It cannot be read, or selects nothing.
    """
    try:
        text = read_stdin() if name == _STDIN else _read(Path(name))
        return parse_uid_list(text, column, _COLUMNS[flag], identify=False)
    except NoSuchColumn as error:
        advice = "" if column else "; name one of them by --column"
        raise ConfigError(f"{flag} {name}: {error}{advice}.") from error
    except ConfigError as error:
        message = str(error)
        ending = "" if "\n" in message or message.endswith(".") else "."
        raise ConfigError(f"{flag} {name}: {message}{ending}") from error


def _read(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return list_text(read_at_most(file, LIST_MAX_BYTES))
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"cannot be read: {reason}") from error
