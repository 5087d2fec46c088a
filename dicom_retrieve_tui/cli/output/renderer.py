"""Renderers show a run on stderr; here is the one for pipes, log files and dumb terminals."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dicom_retrieve_tui.cli.console import MessageStream
from dicom_retrieve_tui.cli.output.account import Account
from dicom_retrieve_tui.cli.output.run_log import log_line
from dicom_retrieve_tui.cli.read_options import RetrieveCommand
from dicom_retrieve_tui.model.eta import Throughput
from dicom_retrieve_tui.model.events import Event, RetrieveFinished
from dicom_retrieve_tui.model.humanize import byte_rate_text, rate_text, size_text

PROGRESS_EVERY_S = 5.0
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


class PlainRenderer:
    """Prints a line for each finished study; with `--verbose`, progress every few seconds, too."""

    def __init__(self, scene: Scene) -> None:
        self._stderr = scene.stderr
        self._account = scene.account
        self._options = scene.options
        self._time_text = scene.time_text
        self._monotonic_s = scene.monotonic_s
        self._printed_s = scene.monotonic_s()
        self._instances = Throughput()
        self._bytes = Throughput()
        self._sample(self._printed_s)

    def show(self, event: Event) -> None:
        """Print the event's line, if it has one."""
        line = log_line(event, self._account, self._options, time_text=self._time_text)
        if line is not None:
            self._stderr.write_line(line)
        if self._options.verbose and not isinstance(event, RetrieveFinished):
            self._print_progress()

    def stopping(self) -> None:
        """Print that the run stops."""
        self._stderr.write_line(STOPPING)

    def close(self) -> None:
        """Do nothing: printed lines stay."""

    def abandon(self) -> None:
        """Do nothing: printed lines stay."""

    def _print_progress(self) -> None:
        now_s = self._monotonic_s()
        if now_s - self._printed_s < PROGRESS_EVERY_S:
            return
        self._printed_s = now_s
        self._sample(now_s)
        progress = self._account.progress
        studies = f"{progress.finished:,}/{progress.studies_total:,} studies, "
        self._stderr.write_line(
            f"{studies if progress.studies_total > 1 else ''}"
            f"{progress.stored:,}/{progress.expected_in_all:,} instances, "
            f"{size_text(progress.received_bytes)} received, "
            f"{rate_text(self._instances.rate)}, {byte_rate_text(self._bytes.rate)}"
        )

    def _sample(self, now_s: float) -> None:
        progress = self._account.progress
        self._instances.add(now_s, progress.came)
        self._bytes.add(now_s, progress.received_bytes)
