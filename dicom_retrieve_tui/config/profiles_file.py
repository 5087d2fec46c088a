"""`profiles.toml`: a `[profiles.NAME]` table for each PACS, and `[defaults]` for all of them.

A write changes the table of one profile; comments, unknown keys and all other tables stay.
"""

import contextlib
import copy
import tomllib
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.config.toml_edit import NotEditable, edit_table
from dicom_retrieve_tui.config.toml_file import (
    read_text_and_document,
    unknown_key,
    write_document,
    write_text,
)
from dicom_retrieve_tui.config.user_folders import config_folder
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.option_values import YES
from dicom_retrieve_tui.model.options import (
    KEYS,
    MAY_BE_EMPTY,
    NOT_IN_DEFAULTS,
    REFUSED,
    Kind,
    profile_name_fault,
)

ENVIRONMENT = "DICOM_RETRIEVE_CONFIG"
_PROFILES, _DEFAULTS = "profiles", "defaults"


def profiles_path(flag: str | None, environ: Mapping[str, str]) -> Path:
    """Return the path from the flag, else from the environment, else in the user's folder.

    Raises:
        ConfigError: The user has no home folder.
    """
    if flag is not None or environ.get(ENVIRONMENT):
        return Path(flag if flag is not None else environ[ENVIRONMENT])
    return config_folder() / "profiles.toml"


class ProfileBook:
    """The profiles of one file. Values are texts, as the flags take them."""

    def __init__(self, path: Path, text: str, document: dict[str, Any]) -> None:
        self.path = path
        self._text = text
        self._document = document
        self._changes: list[tuple[str, str]] = []
        """Names of profiles before and after each change since the file was read; the name after
        is empty if the profile was removed."""

    @classmethod
    def load(cls, path: Path) -> "ProfileBook":
        """Read the file; if it does not exist, there are no profiles.

        Raises:
            ConfigError: It cannot be read, or is not TOML.
        """
        return cls(path, *read_text_and_document(path))

    @property
    def names(self) -> list[str]:
        """Return the names of the profiles, in the order of the file."""
        profiles = self._document.get(_PROFILES)
        return list(profiles) if isinstance(profiles, dict) else []

    def profile(self, name: str) -> dict[str, str]:
        """Return the values of a profile.

        Raises:
            ConfigError: The profile does not exist or has mistakes; the message lists all.
        """
        if name not in self.names:
            raise ConfigError(self._unknown(name))
        return self._sound(f"{_PROFILES}.{name}", self._document[_PROFILES][name])

    def defaults(self) -> dict[str, str]:
        """Return the values of `[defaults]`, which hold for every profile without its own.

        Raises:
            ConfigError: It has mistakes; the message lists all.
        """
        return self._sound(_DEFAULTS, self._document.get(_DEFAULTS, {}))

    def faults(self) -> list[str]:
        """Return every mistake in the file, each as a sentence."""
        found = list(self._faults_of(_DEFAULTS, self._document.get(_DEFAULTS, {})))
        profiles = self._document.get(_PROFILES, {})
        if not isinstance(profiles, dict):
            return [*found, f"[{_PROFILES}]: expected a table for each PACS, [{_PROFILES}.NAME]."]
        for name, table in profiles.items():
            if fault := profile_name_fault(name):
                found.append(f"[{_PROFILES}.{name!r}] {fault}.")
            found += self._faults_of(f"{_PROFILES}.{name}", table)
        return found

    def put(self, name: str, texts: Mapping[str, str]) -> None:
        """Set values of a profile, which may be new; its other values stay.

        Raises:
            ConfigError: The name is invalid.
        """
        if fault := profile_name_fault(name):
            raise ConfigError(f"{name!r} {fault}.")
        profiles = self._document.setdefault(_PROFILES, {})
        if not isinstance(profiles, dict):
            raise ConfigError(f"{self.path}: {self.faults()[-1]}")
        profiles.setdefault(name, {}).update(
            {key: _typed(key, text) for key, text in texts.items()}
        )
        self._changes.append((name, name))

    def said(self, name: str) -> dict[str, str]:
        """Return the values of a profile as texts to edit, valid or not."""
        table = self.table(name)
        return {key: _text(key, table[key]) or str(table[key]) for key in KEYS if key in table}

    def table(self, name: str) -> dict[str, Any]:
        """Return every value of a profile, also under unknown keys; empty if there is none."""
        profiles = self._document.get(_PROFILES)
        table = profiles.get(name) if isinstance(profiles, dict) else None
        return copy.deepcopy(table) if isinstance(table, dict) else {}

    def faults_of(self, name: str) -> list[str]:
        """Return every mistake in a profile, each as a sentence."""
        return list(self._faults_of(f"{_PROFILES}.{name}", self._document[_PROFILES][name]))

    def rewrite(self, name: str, texts: Mapping[str, str], *, was: str = "") -> None:
        """Set all values of a profile; only unknown keys stay.

        Args:
            was: The former name, if it had another; its place in the file stays.

        Raises:
            ConfigError: The name is invalid, or another profile has it.
        """
        was = was or name
        if name != was and name in self.names:
            raise ConfigError(f"There is a profile {name!r} already.")
        unknown = {key: value for key, value in self.table(was).items() if key not in KEYS}
        if was in self.names:
            self._changes.append((was, name))
            profiles = self._document[_PROFILES]
            self._document[_PROFILES] = {
                (name if each == was else each): ({} if each == was else table)
                for each, table in profiles.items()
            }
        self.put(name, texts)
        self._document[_PROFILES][name] |= unknown

    def remove(self, name: str) -> None:
        """Remove a profile.

        Raises:
            ConfigError: The profile does not exist.
        """
        if name not in self.names:
            raise ConfigError(self._unknown(name))
        del self._document[_PROFILES][name]
        self._changes.append((name, ""))

    def save(self) -> None:
        """Write the file, readable by its owner alone. A link to it stays a link.

        Raises:
            ConfigError: The file cannot be written; it is unchanged.
        """
        with contextlib.suppress(NotEditable, tomllib.TOMLDecodeError):
            text = self._edited()
            if tomllib.loads(text) == self._document:
                write_text(self.path, text)
                return
        # Written in a way that cannot be edited in place, such as inline tables.
        write_document(self.path, self._document)

    def _edited(self) -> str:
        text = self._text
        for was, name in self._changes:
            table = self.table(name) if name in self.names else None
            renamed = (_PROFILES, name) if table is not None and name != was else ()
            text = edit_table(text, (_PROFILES, was), table, renamed)
        return text

    def _sound(self, table_name: str, table: Any) -> dict[str, str]:
        if faults := list(self._faults_of(table_name, table)):
            raise ConfigError("\n  ".join([f"{self.path} has mistakes:", *faults]))
        return _texts(table)

    def _unknown(self, name: str) -> str:
        import difflib  # noqa: PLC0415 - only for a mistake

        near = difflib.get_close_matches(name, self.names, n=3, cutoff=0.5)
        known = near or self.names
        hint = "did you mean " if near else "there are "
        names = ", ".join(f"@{each}" for each in known[:10])
        found = f"{hint}{names}" if known else "there are no profiles in it"
        return f"Unknown profile {name!r} in {self.path}; {found}{'?' if near else '.'}"

    def _faults_of(self, table_name: str, table: object) -> Iterator[str]:
        if not isinstance(table, dict):
            yield f"[{table_name}]: expected a table, found {table!r}."
            return
        known = KEYS.keys() - (NOT_IN_DEFAULTS if table_name == _DEFAULTS else set())
        for key, value in table.items():
            if fault := _fault(f"[{table_name}] {key}", key, value, known):
                yield fault
        if table_name != _DEFAULTS and "host" not in table:
            yield f"[{table_name}]: host is missing."


def _fault(where: str, key: str, value: object, known: Collection[str]) -> str | None:
    """Return what is wrong with one key of a table, as a sentence, or None."""
    if key in REFUSED:
        return f"{where}: {REFUSED[key]}"
    if key not in known:
        return unknown_key(where, key, known)
    if (text := _text(key, value)) is None:
        return f"{where} = {value!r}: expected {KEYS[key].kind}."
    if not text and key in MAY_BE_EMPTY:
        return None  # none, whatever [defaults] hold
    try:
        KEYS[key].parse(where, text)
    except ConfigError as error:
        return str(error)
    return None


def _text(key: str, value: object) -> str | None:
    """Return the value as its flag would take it; None if it is of another kind."""
    kind = KEYS[key].kind
    if kind is Kind.TEXT:
        return value if isinstance(value, str) else None
    if kind is Kind.FLAG:
        return str(value).lower() if isinstance(value, bool) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if kind is Kind.WHOLE and not isinstance(value, int):
        return None
    return str(value)


def _texts(table: Mapping[str, object]) -> dict[str, str]:
    return {key: text for key, value in table.items() if (text := _text(key, value)) is not None}


def _typed(key: str, text: str) -> str | int | float:
    kind = KEYS[key].kind
    if kind is Kind.WHOLE:
        return int(text)
    if kind is Kind.FLAG:
        return text == YES
    return float(text) if kind is Kind.NUMBER else text
