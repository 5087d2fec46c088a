"""The streams, the environment and the clocks of the command; tests replace them.

stdout is for data and stderr for messages. Every line passes `clean_text`, so that no text of a
peer can control the terminal.
"""

import contextlib
import sys
import time
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import TextIO

from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.exit_codes import NOT_OK
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.security import Secret

COLOURS = {"red": 31, "green": 32, "yellow": 33}
"""Colours of ECMA-48 that can be read on a light and on a dark background."""
_ERASE_LINE = "\r\x1b[K"
_ERASE_SCREEN = "\x1b[H\x1b[J"
READER_GONE = "its reader closed the pipe"
"""Why stdout was lost, where its reader may have seen enough."""


class DataStream:
    """stdout. A reader that closes the pipe is noted in `lost`; no write raises."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = ""
        """Why data could not be written; empty if all was written."""
        self._passing = False

    @property
    def is_terminal(self) -> bool:
        """True if this is a terminal."""
        return self._stream.isatty()

    def takes(self, text: str) -> bool:
        """Return True if the stream's encoding has every character of `text`."""
        try:
            text.encode(self._stream.encoding or "ascii")
        except UnicodeEncodeError:
            return False
        return True

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write lines and flush, unless an earlier write failed."""
        self._write(clean_text(line) + "\n" for line in lines)

    def write_rows(self, rows: Iterable[Iterable[str]]) -> None:
        """Write cells with tabs between them; tabs within a cell are removed."""
        self._write("\t".join(map(clean_text, cells)) + "\n" for cells in rows)

    def write_marked(self, mark: str, colour: str, line: str) -> None:
        """Write a coloured mark and a line; neither may be empty.

        Args:
            colour: One of `COLOURS`, or empty for no colour.
        """
        painted = f"\x1b[{COLOURS[colour]}m{mark}\x1b[0m" if colour else mark
        self._write([f"{painted}{clean_text(line)}\n"])

    def write_passing(self, text: str) -> None:
        """Write a text that the next line replaces; for a terminal only."""
        self._write([clean_text(text)])
        self._passing = bool(text)

    def clear(self) -> None:
        """Erase the screen; for a terminal only."""
        self._write([_ERASE_SCREEN])

    def _write(self, pieces: Iterable[str]) -> None:
        if self.lost:
            return
        try:
            if self._passing:
                self._passing = False
                self._stream.write(_ERASE_LINE)
            for piece in pieces:
                self._stream.write(piece)
            self._stream.flush()
        except BrokenPipeError:
            self.lost = READER_GONE
        except OSError as error:
            self.lost = reason_of(error)


class MessageStream:
    """stderr. A write that fails is ignored: it must not end a retrieval."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    def is_terminal(self) -> bool:
        """True if this is a terminal."""
        return self.stream.isatty()

    def write_line(self, text: str) -> None:
        """Write one line."""
        try:
            self.stream.write(clean_text(text) + "\n")
            self.stream.flush()
        except (OSError, RuntimeError):
            # RuntimeError: a signal handler writes while it interrupts a write of the same thread.
            return

    def write_control(self, sequence: str) -> None:
        """Write a control sequence of ours to a terminal; to anything else, write nothing."""
        if sequence and self.is_terminal:
            with contextlib.suppress(OSError, RuntimeError):
                self.stream.write(sequence)
                self.stream.flush()


class Console:
    """The streams, environment and clock of the command."""

    def __init__(
        self,
        *,
        stdin: TextIO,
        stdout: DataStream,
        stderr: MessageStream,
        environ: MutableMapping[str, str] | None = None,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ: MutableMapping[str, str] = {} if environ is None else environ

    def exit_code(self, code: int) -> int:
        """Return `code`, or 1 if stdout could not be written, which is then reported."""
        if not self.stdout.lost:
            return code
        self.stderr.write_line(f"stdout could not be written: {self.stdout.lost}")
        return code or NOT_OK

    @property
    def interactive(self) -> bool:
        """True if all three streams are a terminal, so that the application can be drawn."""
        terminals = self.stdin.isatty() and self.stdout.is_terminal and self.stderr.is_terminal
        return terminals and not self.is_dumb

    @property
    def is_dumb(self) -> bool:
        """True if the terminal takes no control sequences, or may not; Windows sets no TERM."""
        term = self.environ.get("TERM", "")
        return term == "dumb" or not (term or sys.platform == "win32")

    def ask_secret(self, prompt: str) -> Secret | None:
        """Ask for a secret without echo; without a terminal, return None."""
        if not (self.stdin.isatty() and self.stderr.is_terminal):
            return None
        import getpass  # noqa: PLC0415 - few runs ask

        try:
            return Secret(getpass.getpass(prompt))
        except EOFError:
            return None

    def monotonic_s(self) -> float:
        """Return the time of a clock that only runs forward."""
        return time.monotonic()

    def wait(self, seconds: float) -> None:
        """Let this time pass."""
        time.sleep(seconds)

    def utc_now(self) -> datetime:
        """Return the time of day."""
        return datetime.now(UTC)

    def local_time_text(self) -> str:
        """Return the time of day of the user: `02:13:07`."""
        return f"{system_local(self.utc_now()):%H:%M:%S}"


def utc_text(moment: datetime) -> str:
    """`2026-11-23T20:15:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
