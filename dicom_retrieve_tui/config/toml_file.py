"""Read and write a TOML file that users edit, too.

A write goes to a new file that replaces the old one in one step, so that a crash loses nothing.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.limited_read import SETTINGS_MAX_BYTES, read_at_most


def read_document(path: Path) -> dict[str, Any]:
    """Return what the file holds; nothing if it does not exist.

    Raises:
        ConfigError: It cannot be read, or is not TOML.
    """
    return read_text_and_document(path)[1]


def read_text_and_document(path: Path) -> tuple[str, dict[str, Any]]:
    """Return the text of the file with its line ends, without a byte-order mark, and what it holds.

    Raises:
        ConfigError: As for `read_document`.
    """
    try:
        # Notepad and PowerShell 5 begin a file with a byte-order mark.
        with path.open(encoding="utf-8-sig", newline="") as file:
            text = read_at_most(file, SETTINGS_MAX_BYTES)
        return text, tomllib.loads(text)
    except FileNotFoundError:
        return "", {}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}.") from error
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"{path}: cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is not text in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is not TOML: {error}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: its values are nested too deeply.") from error


def write_document(named: Path, document: dict[str, Any]) -> None:
    """Write the file, as `write_text` does. Comments in it are lost.

    Raises:
        ConfigError: The file cannot be written; it is unchanged.
    """
    import tomli_w  # noqa: PLC0415 - only a write needs it

    write_text(named, tomli_w.dumps(document))


def write_text(named: Path, text: str) -> None:
    """Write the file, readable by its owner alone. A link to it stays a link.

    Raises:
        ConfigError: The file cannot be written; it is unchanged.
    """
    try:
        named.resolve().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(named, [text])
    except OSError as error:
        raise _unwritable(named, error) from error


def unknown_key(where: str, key: str, known: Iterable[str]) -> str:
    """Return the message about an unknown key, with the nearest known one."""
    import difflib  # noqa: PLC0415 - only for a mistake

    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"{where}: no such key" + (f"; did you mean {near[0]}?" if near else ".")


def _unwritable(path: Path, error: OSError) -> ConfigError:
    reason = reason_of(error)
    return ConfigError(f"{path}: cannot be written: {reason}; it is unchanged.")
