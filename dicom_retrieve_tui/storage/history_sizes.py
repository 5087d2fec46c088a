"""The sizes in the history, opened once and only if a run needs them."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from dicom_retrieve_tui.model.forecast import Kind, Sizes

if TYPE_CHECKING:
    from dicom_retrieve_tui.storage.history import History


class HistorySizes:
    """The sizes of instances in the history. Not safe for several threads."""

    def __init__(self, open_history: Callable[[], "History"]) -> None:
        """Keep the opener, which may raise `ConfigError`."""
        self._open_history = open_history
        self._history: History | None = None

    def sizes(self) -> Mapping[Kind, Sizes]:
        """Return what is known.

        Raises:
            ConfigError, DiskFailed: The history cannot be read.
        """
        return self._opened().sizes()

    def add_sizes(self, news: Mapping[Kind, Sizes]) -> None:
        """Add what complete studies took.

        Raises:
            ConfigError, DiskFailed: The history cannot be written.
        """
        self._opened().add_sizes(news)

    def close(self) -> None:
        """Close the history."""
        if self._history is not None:
            self._history.close()
            self._history = None

    def _opened(self) -> "History":
        if self._history is None:
            self._history = self._open_history()
        return self._history
