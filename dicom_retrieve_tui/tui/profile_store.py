"""The saved profiles as the application uses them. Knows no screen.

The file is read anew for whatever is done: other programs write it, too, and nothing of theirs is
lost or written over unasked.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.config.profiles_file import ProfileBook
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.options import KEYS, RetrieveOptions
from dicom_retrieve_tui.tui.presets import preset_of, presets_of
from dicom_retrieve_tui.tui.profile_form import NAME, field_faults, keys_said, new_profile
from dicom_retrieve_tui.tui.retrieve_form import faults as draft_faults
from dicom_retrieve_tui.tui.retrieve_form import read_draft
from dicom_retrieve_tui.tui.widgets.options_form import Preset


@dataclass(frozen=True, slots=True)
class SavedProfile:
    """One profile of the file."""

    name: str
    said: Mapping[str, str]
    """What it says, as texts, sound or not."""
    options: RetrieveOptions | None
    """None if it cannot be used."""
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Draft:
    """A profile while somebody edits it."""

    was: str = ""
    """Its name in the file; empty for a new one."""
    texts: Mapping[str, str] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)
    """What stood in the file when the editing began."""


class Changed(ConfigError):
    """Somebody else has changed the profile since the editing began."""


class ProfileStore:
    """The file of profiles."""

    def __init__(self, path: Path, machine: Callable[[], tuple[str, int]]) -> None:
        """Nothing is read yet.

        Args:
            path: The file.
            machine: This machine's name, and a port on which it may listen.
        """
        self.path = path
        self._machine = machine

    def profiles(self) -> tuple[list[SavedProfile], list[str]]:
        """Everything that is saved, and what is wrong with the file besides. Never raises."""
        try:
            book = ProfileBook.load(self.path)
        except ConfigError as error:
            return [], [str(error)]
        saved = [_saved(book, name) for name in book.names]
        own = {fault for each in saved for fault in each.faults}
        return saved, [f"{self.path}: {fault}" for fault in book.faults() if fault not in own]

    def presets(self) -> tuple[list[Preset], list[str]]:
        """What can be used, and what is wrong with the rest. Never raises."""
        try:
            return presets_of(ProfileBook.load(self.path))
        except ConfigError as error:
            return [], [str(error)]

    def new(self) -> Draft:
        """Begin a profile: with what is usual, but for what `[defaults]` say."""
        texts, said = new_profile(*self._machine()), self._defaults()
        return Draft(texts={key: text for key, text in texts.items() if key not in said})

    def usual(self) -> dict[str, str]:
        """What holds in this application where a profile says nothing."""
        return {name: option.default for name, option in KEYS.items()} | self._defaults()

    def _defaults(self) -> dict[str, str]:
        """What the file says for every profile; nothing, where that has mistakes."""
        try:
            return ProfileBook.load(self.path).defaults()
        except ConfigError:
            return {}

    def edit(self, name: str) -> Draft:
        """Begin to change a profile.

        Raises:
            ConfigError: The file cannot be read, or has no such profile any more.
        """
        book = self._with(name)
        return Draft(was=name, texts={**book.said(name), NAME: name}, seen=book.table(name))

    def duplicate(self, name: str) -> Draft:
        """Begin a profile that says the same under another name.

        Raises:
            ConfigError: As for `edit`.
        """
        return Draft(texts=self._with(name).said(name))

    def taken(self, draft: Draft) -> list[str]:
        """The names that are other profiles'."""
        try:
            return [name for name in ProfileBook.load(self.path).names if name != draft.was]
        except ConfigError:
            return []

    def faults(self, draft: Draft, texts: Mapping[str, str]) -> dict[str, str]:
        """What is wrong with each field, beside the others as they are."""
        faults = field_faults(texts, self.taken(draft))
        if faults:
            return faults
        try:
            found = draft_faults(self._unsaved(draft, texts).draft)
        except ConfigError:  # in what is no field here, and no reason not to save the rest
            return {}
        return {("host" if name == "pacs" else name): f"{fault}." for name, fault in found.items()}

    def save(self, draft: Draft, texts: Mapping[str, str], *, force: bool = False) -> Draft:
        """Write a profile; returns the draft with which the editing may go on.

        Args:
            draft: As it was begun.
            texts: What the form says now, tidied and without faults.
            force: Write over what somebody else has written meanwhile.

        Raises:
            Changed: Somebody else has; nothing is written.
            ConfigError: It cannot be written; the file is as it was.
        """
        book, name = ProfileBook.load(self.path), texts[NAME]
        if book.table(draft.was) != draft.seen and not force:
            raise Changed(
                f"Another program has changed @{draft.was} meanwhile: enter again writes over "
                "that, esc leaves it."
            )
        book.rewrite(name, keys_said(texts), was=draft.was)
        book.save()
        return Draft(was=name, texts=texts, seen=book.table(name))

    def remove(self, name: str) -> None:
        """Forget a profile.

        Raises:
            ConfigError: There is none any more, or the file cannot be written.
        """
        book = ProfileBook.load(self.path)
        book.remove(name)
        book.save()

    def options(self, name: str) -> RetrieveOptions:
        """How a profile retrieves.

        Raises:
            ConfigError: It cannot be used.
        """
        return read_draft(preset_of(ProfileBook.load(self.path), name).draft, name)

    def options_of(self, draft: Draft, texts: Mapping[str, str]) -> RetrieveOptions:
        """How a profile would retrieve that is not saved yet.

        Args:
            draft: As it was begun.
            texts: What the form says now, tidied and without faults.

        Raises:
            ConfigError: It cannot be used.
        """
        return read_draft(self._unsaved(draft, texts).draft, texts[NAME])

    def _unsaved(self, draft: Draft, texts: Mapping[str, str]) -> Preset:
        book = ProfileBook.load(self.path)
        if draft.was:
            book.remove(draft.was)  # else what we do not know in it would be a mistake
        book.rewrite(texts[NAME], keys_said(texts))
        return preset_of(book, texts[NAME])

    def _with(self, name: str) -> ProfileBook:
        book = ProfileBook.load(self.path)
        if name not in book.names:
            raise ConfigError(f"There is no profile {name!r} in {self.path} any more.")
        return book


def _saved(book: ProfileBook, name: str) -> SavedProfile:
    faults = tuple(book.faults_of(name))
    try:
        options = read_draft(preset_of(book, name).draft, name)
    except ConfigError as error:
        # Mistakes in [defaults] are told once, for the file.
        return SavedProfile(name, book.said(name), None, faults or (str(error).split("\n", 1)[0],))
    return SavedProfile(name, book.said(name), options, faults)
