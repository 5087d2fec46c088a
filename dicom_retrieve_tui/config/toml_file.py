"""A TOML file that people edit, too: read with mistakes in words, written so that none is lost.

A write goes to a file beside it that takes its place at once, so a crash never costs the file.
"""

import tomllib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.limited_read import SETTINGS_MAX_BYTES, read_at_most


def read_document(path: Path) -> dict[str, Any]:
    """What the file says; one that is not there says nothing.

    Raises:
        ConfigError: It cannot be read, or is no TOML.
    """
    try:
        with path.open(encoding="utf-8") as file:
            return tomllib.loads(read_at_most(file, SETTINGS_MAX_BYTES))
    except FileNotFoundError:
        return {}
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}.") from error
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"{path}: cannot be read: {reason}.") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: this is no text in UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: this is no TOML: {error}.") from error
    except RecursionError as error:
        raise ConfigError(f"{path}: its values are nested too deep.") from error


def write_document(named: Path, document: dict[str, Any]) -> None:
    """Write the file, readable by its owner alone. A link to it stays a link.

    Raises:
        ConfigError: The disk refuses; the file is as it was.
    """
    import tomli_w  # noqa: PLC0415 - only whoever writes needs it

    try:
        named.resolve().parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(named, [tomli_w.dumps(document)])
    except OSError as error:
        raise _unwritable(named, error) from error


def unknown_key(where: str, key: str, known: Iterable[str]) -> str:
    """The sentence about a key that there is not, with the nearest that there is."""
    import difflib  # noqa: PLC0415 - only for a mistake

    near = difflib.get_close_matches(key, sorted(known), n=1)
    return f"{where}: no such key" + (f"; did you mean {near[0]}?" if near else ".")


def _unwritable(path: Path, error: OSError) -> ConfigError:
    reason = reason_of(error)
    return ConfigError(f"{path}: cannot be written: {reason}; it is as it was.")
