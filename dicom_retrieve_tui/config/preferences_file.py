"""`settings.toml`, beside the profiles: how a person likes the application.

Mistakes in it cost what they are in and no more; what we do not know in it is kept.
"""

from pathlib import Path
from typing import Any

from dicom_retrieve_tui.config.toml_file import read_document, unknown_key, write_document
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.preferences import Preferences

Keys = dict[str, str]

_KEYS = "keys"
_TEXT, _SWITCH = "a text in quotes", "true or false"
_EXPECTED = {
    "theme": _TEXT,
    "hide_patients": _SWITCH,
    "profile": _TEXT,
    _KEYS: f"a [{_KEYS}] table",
}
_TYPES = {_TEXT: str, _SWITCH: bool}


def settings_path(profiles: Path) -> Path:
    """Where the settings are that go with a file of profiles."""
    return profiles.with_name("settings.toml")


class SettingsFile:
    """The file, read and written anew each time: two programs at once lose nothing."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> tuple[Preferences, list[str]]:
        """What holds, and every mistake in the file as a sentence. Never raises."""
        try:
            document = read_document(self.path)
        except ConfigError as error:
            return Preferences(), [str(error)]
        faults: list[str] = []
        said: dict[str, Any] = {}
        for key, value in document.items():
            if key not in _EXPECTED:
                faults.append(unknown_key(f"{self.path}: {key}", key, _EXPECTED))
            elif key == _KEYS and isinstance(value, dict):
                said[key] = self._bindings(value, faults)
            elif isinstance(value, _TYPES.get(_EXPECTED[key], ())):
                said[key] = value
            else:
                faults.append(f"{self.path}: {key} = {value!r}: expected {_EXPECTED[key]}.")
        return Preferences(**said), faults

    def remember(self, preferences: Preferences, *names: str) -> None:
        """Write these of the preferences; what else the file says is kept.

        Raises:
            ConfigError: The file cannot be read or written; it is as it was.
        """
        document = read_document(self.path)
        usual = Preferences()
        for name in names:
            value = getattr(preferences, name)
            if value == getattr(usual, name):
                document.pop(name, None)
            else:
                document[name] = value
        write_document(self.path, document)

    def _bindings(self, table: dict[str, object], faults: list[str], above: str = "") -> Keys:
        """By whole ids: `queue.retry = "R"` without quotes around the id is a table in a table."""
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
