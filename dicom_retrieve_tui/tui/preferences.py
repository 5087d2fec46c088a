"""The user's preferences, kept in a file from one start to the next."""

from collections.abc import Collection
from dataclasses import replace

from dicom_retrieve_tui.config.preferences_file import Preferences
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.tui.ports import SettingsStore


class RememberedPreferences:
    """The current preferences, and the file in which they are kept."""

    def __init__(self, store: SettingsStore | None = None) -> None:
        """Load the preferences.

        Args:
            store: The file; None keeps nothing.
        """
        self._store = store
        self.held = Preferences()
        self.faults: list[str] = []
        """Mistakes in the file, a sentence each."""
        if store is not None:
            self.held, self.faults = store.load()

    def remember_theme(self, name: str) -> str:
        """Keep the theme; return why that failed, or an empty text."""
        return self._remember(replace(self.held, theme=name), "theme")

    def remember_hidden(self, *, hide: bool) -> str:
        """Keep whether patients are masked; return why that failed, or an empty text."""
        return self._remember(replace(self.held, hide_patients=hide), "hide_patients")

    def remember_profile(self, name: str) -> str:
        """Keep the profile to start with; return why that failed, or an empty text."""
        return self._remember(replace(self.held, profile=name), "profile")

    def remember_list_folder(self, folder: str) -> str:
        """Keep the folder of the last list; return why that failed, or an empty text."""
        return self._remember(replace(self.held, list_folder=folder), "list_folder")

    def remember_columns(self, *, queue: Collection[str], find: Collection[str]) -> str:
        """Keep the columns that are left out; return why that failed, or an empty text."""
        wanted = replace(
            self.held,
            queue_hidden_columns=tuple(sorted(queue)),
            find_hidden_columns=tuple(sorted(find)),
        )
        return self._remember(wanted, "queue_hidden_columns", "find_hidden_columns")

    def _remember(self, wanted: Preferences, *names: str) -> str:
        if wanted == self.held:
            return ""
        self.held = wanted
        try:
            if self._store is not None:
                self._store.remember(wanted, *names)
        except ConfigError as error:
            return f"This is not remembered. {error}"
        return ""
