"""Live progress at a terminal: a row for each association, and one for the whole run.

Events only update numbers. A thread of rich's draws them a few times a second, so that 2,000
instances a second cost nothing, and the clock goes on while nothing comes. rich is imported when
the first event arrives: nothing else in the headless command needs it.
"""

import contextlib
import os
from typing import TYPE_CHECKING, Any, TextIO, cast

from dicom_retrieve_tui.cli.output.live_numbers import Board
from dicom_retrieve_tui.cli.output.renderer import STOPPING, Scene
from dicom_retrieve_tui.cli.output.run_log import log_line
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.sanitize import clean_text

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.live import Live

_REFRESH_PER_S = 5
_SHOW_CURSOR = b"\x1b[?25h\r\n"


class _Unfailing:
    """A terminal for rich that may go away: the retrieval goes on, and so does its account."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with contextlib.suppress(OSError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class LiveRenderer:
    """Rows that are redrawn in place, below the lines that stay."""

    def __init__(self, scene: Scene) -> None:
        self._stderr = scene.stderr
        self._account = scene.account
        self._options = scene.options
        self._board = Board(scene.account.progress, scene.monotonic_s)
        self._stopping = False
        self._live: Live | None = None

    def show(self, event: Event) -> None:
        """Keep the event's line, if it has one, above the rows."""
        self._board.follow(event)
        live = self._live or self._start()
        line = log_line(event, self._account, self._options, width=live.console.width)
        if line is not None:
            live.console.print(
                clean_text(line), markup=False, emoji=False, highlight=False, overflow="fold"
            )

    def stopping(self) -> None:
        """Let the next drawing say that the user was heard.

        A signal handler must not print here: its thread may hold the console's lock halfway
        through a line.
        """
        self._stopping = True

    def close(self) -> None:
        """Take the rows away; the lines stay."""
        if self._live is not None:
            self._live.stop()

    def abandon(self) -> None:
        """Give the cursor back past rich, whose lock may be held."""
        with contextlib.suppress(OSError, ValueError):
            os.write(self._stderr.stream.fileno(), _SHOW_CURSOR)

    def _start(self) -> "Live":
        from rich.console import Console  # noqa: PLC0415 - a piped run never needs it
        from rich.live import Live  # noqa: PLC0415

        self._live = Live(
            console=Console(file=cast("TextIO", _Unfailing(self._stderr.stream))),
            get_renderable=self._draw,
            refresh_per_second=_REFRESH_PER_S,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
            vertical_overflow="crop",
        )
        self._live.start()
        return self._live

    def _draw(self) -> "RenderableType":
        from dicom_retrieve_tui.cli.output.live_table import draw  # noqa: PLC0415 - it imports rich

        if self._live is None:
            return ""
        console = self._live.console
        picture = self._board.picture(rows_max=max(console.height - 4, 1))
        return draw(picture, width=console.width, footer=STOPPING if self._stopping else "")
