"""What every way of showing a run has in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dicom_retrieve_tui.cli.console import Narration
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.read_options import Options
from dicom_retrieve_tui.model.events import Event

STOPPING = "stopping: finishing what is in flight; press Ctrl-C again to end at once"


@dataclass(frozen=True, slots=True)
class Scene:
    """What a renderer shows, and where to."""

    stderr: Narration
    account: Account
    options: Options
    monotonic_s: Callable[[], float]


class Renderer(Protocol):
    """Shows a run on stderr while it lasts."""

    def show(self, event: Event) -> None:
        """Take note of an event that the account has taken in already."""

    def stopping(self) -> None:
        """Say that the user's wish to stop was heard; called from a signal handler."""

    def close(self) -> None:
        """Leave the terminal as it was; nothing is shown after this."""

    def abandon(self) -> None:
        """Leave the terminal usable at once: the process ends here and now."""
