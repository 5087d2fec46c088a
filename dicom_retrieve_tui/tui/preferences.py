"""How the person likes the application, kept from one start to the next. Knows no screen."""

from dataclasses import replace

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.preferences import Preferences
from dicom_retrieve_tui.tui.ports import SettingsStore


class RememberedPreferences:
    """The preferences that hold, and where they are remembered."""

    def __init__(self, store: SettingsStore | None = None) -> None:
        """Look what is remembered.

        Args:
            store: None remembers nothing.
        """
        self._store = store
        self.held = Preferences()
        self.faults: list[str] = []
        """What is wrong with what is remembered, each as a sentence."""
        if store is not None:
            self.held, self.faults = store.load()

    def remember_theme(self, name: str) -> str:
        """Remember a theme; returns why that cannot be, or nothing."""
        return self._remember(replace(self.held, theme=name), "theme")

    def remember_hidden(self, *, hide: bool) -> str:
        """Remember whether patients are masked; returns why that cannot be, or nothing."""
        return self._remember(replace(self.held, hide_patients=hide), "hide_patients")

    def remember_profile(self, name: str) -> str:
        """Remember with which profile to start; returns why that cannot be, or nothing."""
        return self._remember(replace(self.held, profile=name), "profile")

    def _remember(self, wanted: Preferences, name: str) -> str:
        if wanted == self.held:
            return ""
        self.held = wanted
        try:
            if self._store is not None:
                self._store.remember(wanted, name)
        except ConfigError as error:
            return f"This is not remembered. {error}"
        return ""
