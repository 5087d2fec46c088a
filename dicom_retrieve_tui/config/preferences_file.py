"""`settings.toml`, beside the profiles: the user's preferences for the application.

A mistake affects only its own key; unknown keys are kept.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.config.toml_file import read_document, unknown_key, write_document
from dicom_retrieve_tui.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class Preferences:
    """The preferences that are kept from one start to the next."""

    theme: str = ""
    """A theme's name; empty for ours."""
    hide_patients: bool = False
    """Patients' names and IDs are masked wherever they would be shown."""
    profile: str = ""
    """The profile to start with; empty for the first."""
    queue_hidden_columns: Sequence[str] = ()
    """Columns of the queue that the user leaves out."""
    find_hidden_columns: Sequence[str] = ()
    """Columns of Find that the user leaves out."""
    list_folder: str = ""
    """The folder of the list that was loaded last; empty if none was."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """The keys, separated by commas, of a binding by its id."""


Keys = dict[str, str]

_KEYS = "keys"
_TEXT, _SWITCH, _NAMES = "a text in quotes", "true or false", 'a list such as ["id", "rate"]'
_EXPECTED = {
    "theme": _TEXT,
    "hide_patients": _SWITCH,
    "profile": _TEXT,
    "queue_hidden_columns": _NAMES,
    "find_hidden_columns": _NAMES,
    "list_folder": _TEXT,
    _KEYS: f"a [{_KEYS}] table",
}
_TYPES = {_TEXT: str, _SWITCH: bool}


def _is_value(value: object, expected: str) -> bool:
    if expected == _NAMES:
        return isinstance(value, list) and all(isinstance(each, str) for each in value)
    return isinstance(value, _TYPES.get(expected, ()))


def settings_path(profiles: Path) -> Path:
    """Return the path of the settings beside a file of profiles."""
    return profiles.with_name("settings.toml")


class SettingsFile:
    """The file, read again before each write, so that two programs do not lose settings."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Preferences, list[str]]:
        """Return the preferences, and every mistake in the file as a sentence. Never raises."""
        try:
            document = read_document(self.path)
        except ConfigError as error:
            return Preferences(), [str(error)]
        faults: list[str] = []
        found: dict[str, Any] = {}
        for key, value in document.items():
            if key not in _EXPECTED:
                faults.append(unknown_key(f"{self.path}: {key}", key, _EXPECTED))
            elif key == _KEYS and isinstance(value, dict):
                found[key] = self._bindings(value, faults)
            elif _is_value(value, _EXPECTED[key]):
                found[key] = tuple(value) if isinstance(value, list) else value
            else:
                faults.append(f"{self.path}: {key} = {value!r}: expected {_EXPECTED[key]}.")
        return Preferences(**found), faults

    def remember(self, preferences: Preferences, *names: str) -> None:
        """Write the named preferences; everything else in the file is kept.

        Raises:
            ConfigError: The file cannot be read or written; it is unchanged.
        """
        document = read_document(self.path)
        usual = Preferences()
        for name in names:
            value = getattr(preferences, name)
            if value == getattr(usual, name):
                document.pop(name, None)
            else:
                document[name] = list(value) if isinstance(value, tuple) else value
        write_document(self.path, document)

    def _bindings(self, table: dict[str, object], faults: list[str], above: str = "") -> Keys:
        """Return keys by binding id: `queue.retry = "R"` without quotes is a table in a table."""
        keys: Keys = {}
        for name, value in table.items():
            binding = above + name
            if isinstance(value, dict):
                keys |= self._bindings(value, faults, f"{binding}.")
            elif isinstance(value, str):
                keys[binding] = value
            else:
                faults.append(f"{self.path}: [{_KEYS}] {binding} = {value!r}: expected {_TEXT}.")
        return keys
