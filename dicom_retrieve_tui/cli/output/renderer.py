"""What the live display and plain lines have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dicom_retrieve_tui.cli.console import MessageStream
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model.events import Event

STOPPING = "stopping: waiting for running requests; press Ctrl-C again to end at once"


@dataclass(frozen=True, slots=True)
class Scene:
    """The input of a renderer, and the stream for its output."""

    stderr: MessageStream
    account: Account
    options: RetrieveCommand
    monotonic_s: Callable[[], float]
    time_text: Callable[[], str] = lambda: ""
    """Returns the time of day."""


class Renderer(Protocol):
    """Shows a run on stderr while it lasts."""

    def show(self, event: Event) -> None:
        """Show an event; the account has it already."""

    def stopping(self) -> None:
        """Show that the run stops; called from a signal handler."""

    def close(self) -> None:
        """Restore the terminal; nothing is shown after this."""

    def abandon(self) -> None:
        """Restore the terminal at once, before the process ends."""
