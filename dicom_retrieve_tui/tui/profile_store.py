"""The file of profiles as the application uses it.

The file is read before every operation, because other programs may write it, too.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.config.precedence import resolve
from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import KEYS, RetrieveOptions
from dicom_retrieve_tui.tui.profile_form import NAME, field_faults, keys_said, new_profile
from dicom_retrieve_tui.tui.retrieve_form import draft_of_texts, read_draft
from dicom_retrieve_tui.tui.retrieve_form import faults as draft_faults
from dicom_retrieve_tui.tui.widgets.options_form import Preset


def preset_of(book: ProfileBook, name: str) -> Preset:
    """Return the form that a profile makes.

    Raises:
        ConfigError: The profile does not exist or has mistakes.
    """
    held = resolve(book, name, {})
    texts = {key: value.text for key, value in held.items() if value.text != KEYS[key].default}
    return Preset(name, draft_of_texts(texts))


def presets_of(book: ProfileBook) -> tuple[list[Preset], list[str]]:
    """Return every valid profile, and what is wrong with the others."""
    presets, faults = [], []
    for name in book.names:
        try:
            presets.append(preset_of(book, name))
        except ConfigError as error:
            faults.append(str(error))
    return presets, faults


@dataclass(frozen=True, slots=True)
class SavedProfile:
    """One profile of the file."""

    name: str
    said: Mapping[str, str]
    """Its values as texts, valid or not."""
    options: RetrieveOptions | None
    """None if the profile is invalid."""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A profile that is being edited."""

    was: str = ""
    """Its name in the file; empty for a new one."""
    texts: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)
    """Its table in the file when editing began."""


class Changed(ConfigError):
    """Another program has changed the profile since editing began."""


class ProfileStore:
    """The file of profiles."""

    def __init__(self, path: Path, machine: Callable[[], tuple[str, int]]) -> None:
        """Keep the path; nothing is read yet.

        Args:
            path: The file.
            machine: Returns this machine's name, and a free port.
        """
        self.path = path
        self._machine = machine

    def profiles(self) -> tuple[list[SavedProfile], list[str]]:
        """Return all profiles, and other mistakes in the file. Never raises."""
        try:
            book = ProfileBook.load(self.path)
        except ConfigError as error:
            return [], [str(error)]
        saved = [_saved(book, name) for name in book.names]
        own = {fault for each in saved for fault in each.faults}
        return saved, [f"{self.path}: {fault}" for fault in book.faults() if fault not in own]

    def presets(self) -> tuple[list[Preset], list[str]]:
        """Return valid profiles, and mistakes in others. Never raises."""
        try:
            return presets_of(ProfileBook.load(self.path))
        except ConfigError as error:
            return [], [str(error)]

    def new(self) -> Draft:
        """Begin a profile with the suggested values that `[defaults]` does not set."""
        texts, said = new_profile(*self._machine()), self._defaults()
        return Draft(texts={key: text for key, text in texts.items() if key not in said})

    def usual(self) -> dict[str, str]:
        """Return the values that hold where a profile has none."""
        return {name: option.default for name, option in KEYS.items()} | self._defaults()

    def _defaults(self) -> dict[str, str]:
        """Return `[defaults]`; empty if the file has mistakes."""
        try:
            return ProfileBook.load(self.path).defaults()
        except ConfigError:
            return {}

    def edit(self, name: str) -> Draft:
        """Begin to change a profile.

        Raises:
            ConfigError: The file cannot be read, or the profile no longer exists.
        """
        book = self._with(name)
        return Draft(was=name, texts={**book.said(name), NAME: name}, seen=book.table(name))

    def duplicate(self, name: str) -> Draft:
        """Begin a profile with the values of another one.

        Raises:
            ConfigError: As for `edit`.
        """
        return Draft(texts=self._with(name).said(name))

    def taken(self, draft: Draft) -> list[str]:
        """Return the names of other profiles."""
        try:
            return [name for name in ProfileBook.load(self.path).names if name != draft.was]
        except ConfigError:
            return []

    def faults(self, draft: Draft, texts: Mapping[str, str]) -> dict[str, str]:
        """Return what is wrong with each field."""
        faults = field_faults(texts, self.taken(draft))
        if faults:
            return faults
        try:
            found = draft_faults(self._unsaved(draft, texts).draft)
        except ConfigError:
            # A value without a field is invalid; that does not prevent saving the others.
            return {}
        return {("host" if name == "pacs" else name): f"{fault}." for name, fault in found.items()}

    def save(self, draft: Draft, texts: Mapping[str, str], *, force: bool = False) -> Draft:
        """Write a profile; return the draft for further editing.

        Args:
            draft: As it was begun.
            texts: The texts of the form, tidied and valid.
            force: Overwrite changes of another program.

        Raises:
            Changed: Another program has changed the profile; nothing is written.
            ConfigError: The file cannot be written, and is unchanged.
        """
        book, name = ProfileBook.load(self.path), texts[NAME]
        if book.table(draft.was) != draft.seen and not force:
            raise Changed(
                f"Another program has changed @{draft.was}. Press enter again to overwrite that, "
                "or esc to keep it."
            )
        book.rewrite(name, keys_said(texts), was=draft.was)
        book.save()
        return Draft(was=name, texts=texts, seen=book.table(name))

    def remove(self, name: str) -> None:
        """Remove a profile.

        Raises:
            ConfigError: The profile no longer exists, or the file cannot be written.
        """
        book = ProfileBook.load(self.path)
        book.remove(name)
        book.save()

    def options(self, name: str) -> RetrieveOptions:
        """Return the options of a profile.

        Raises:
            ConfigError: It is invalid.
        """
        return read_draft(preset_of(ProfileBook.load(self.path), name).draft, name)

    def options_of(self, draft: Draft, texts: Mapping[str, str]) -> RetrieveOptions:
        """Return the options of an unsaved profile.

        Args:
            draft: As it was begun.
            texts: The texts of the form, tidied and valid.

        Raises:
            ConfigError: It is invalid.
        """
        return read_draft(self._unsaved(draft, texts).draft, texts[NAME])

    def _unsaved(self, draft: Draft, texts: Mapping[str, str]) -> Preset:
        book = ProfileBook.load(self.path)
        if draft.was:
            # Else unknown keys of the old table would be reported as mistakes.
            book.remove(draft.was)
        book.rewrite(texts[NAME], keys_said(texts))
        return preset_of(book, texts[NAME])

    def _with(self, name: str) -> ProfileBook:
        book = ProfileBook.load(self.path)
        if name not in book.names:
            raise ConfigError(f"The profile {name!r} no longer exists in {self.path}.")
        return book


def _saved(book: ProfileBook, name: str) -> SavedProfile:
    faults = tuple(book.faults_of(name))
    try:
        options = read_draft(preset_of(book, name).draft, name)
    except ConfigError as error:
        # Mistakes in [defaults] are reported once, for the file.
        return SavedProfile(name, book.said(name), None, faults or (str(error).split("\n", 1)[0],))
    return SavedProfile(name, book.said(name), options, faults)
