"""What the application needs from the engine: a session that can be added to and steered.

`wiring` satisfies it by shape, and so does the script of a test.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.settings import Settings


class Session(Protocol):
    """A run that takes further studies until it is told that no more come.

    Every method but `events` returns at once and may be called from any thread.
    """

    def events(self) -> Iterator[Event]:
        """Tell the story, from `RetrieveStarted` to `RetrieveFinished`; called once."""

    def add(self, selections: Sequence[Selection]) -> object:
        """Put studies to the end of the queue."""

    def pause(self) -> object:
        """Begin no further study or request."""

    def resume(self) -> object:
        """Go on."""

    def stop(self, study_instance_uid: str) -> object:
        """Cancel one study and no other; one that nobody has taken up leaves the queue."""

    def promote(self, study_instance_uid: str) -> object:
        """Let a study that waits be the next."""

    def remove(self, study_instance_uid: str) -> object:
        """Take a study that waits out of the queue."""

    def finish(self) -> object:
        """No more studies come: end when the queue is empty."""

    def cancel(self) -> object:
        """Stop everything; `events` ends soon after."""


OpenSession = Callable[[Plan, Settings], Session]
"""Nothing is sent before `events` is iterated. Raises `ConfigError` where the folder or the port
cannot be used."""
