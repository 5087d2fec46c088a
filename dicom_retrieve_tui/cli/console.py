"""What the command finds around itself: streams, environment and clocks, handed in for tests.

stdout is data and stderr is narration. Every line passes `clean_text`, so that nothing which a peer
said can steer the terminal.
"""

import time
from collections.abc import Iterable, MutableMapping
from datetime import UTC, datetime
from typing import TextIO

from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.security import Secret

COLOURS = {"red": 31, "green": 32, "yellow": 33}
"""Those of ECMA-48 that a terminal of any background shows."""
_ERASE_LINE = "\r\x1b[K"


class DataStream:
    """stdout, whose reader may go away at any time; that is noted and never raised."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.lost = ""
        """Why data could not be written; empty if all of it was."""
        self._passing = False

    @property
    def is_terminal(self) -> bool:
        """True if a person reads this."""
        return self._stream.isatty()

    def takes(self, text: str) -> bool:
        """True if the stream can show every character of `text`."""
        try:
            text.encode(self._stream.encoding or "ascii")
        except UnicodeEncodeError:
            return False
        return True

    def write_lines(self, lines: Iterable[str]) -> None:
        """Write lines and flush, unless an earlier write failed."""
        self._write(clean_text(line) + "\n" for line in lines)

    def write_rows(self, rows: Iterable[Iterable[str]]) -> None:
        """Write lines of cells with tabs between them, of which the cells have none."""
        self._write("\t".join(map(clean_text, cells)) + "\n" for cells in rows)

    def write_marked(self, mark: str, colour: str, line: str) -> None:
        """Write a line behind a mark of that colour; none of the two may be empty.

        Args:
            colour: One of `COLOURS`, or empty for a stream without.
        """
        painted = f"\x1b[{COLOURS[colour]}m{mark}\x1b[0m" if colour else mark
        self._write([f"{painted}{clean_text(line)}\n"])

    def write_passing(self, text: str) -> None:
        """Write what the next line takes the place of; for a terminal only."""
        self._write([clean_text(text)])
        self._passing = bool(text)

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
            self.lost = "its reader has gone away"
        except OSError as error:
            self.lost = reason_of(error)


class Narration:
    """stderr: whatever happens to it, the retrieval goes on."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream

    @property
    def is_terminal(self) -> bool:
        """True if a person reads this."""
        return self.stream.isatty()

    def say(self, text: str) -> None:
        """Write one line."""
        try:
            self.stream.write(clean_text(text) + "\n")
            self.stream.flush()
        except (OSError, RuntimeError):
            # RuntimeError: a signal handler speaks while its own thread is inside a write.
            return


class Surroundings:
    """Everything outside the command that it reads or writes, files and network apart."""

    # No dataclass: what makes one takes as long to load as all that `--help` needs.
    def __init__(
        self,
        *,
        stdin: TextIO,
        stdout: DataStream,
        stderr: Narration,
        environ: MutableMapping[str, str] | None = None,
    ) -> None:
        self.stdin = stdin
        self.stdout = stdout
        self.stderr = stderr
        self.environ: MutableMapping[str, str] = {} if environ is None else environ

    @property
    def interactive(self) -> bool:
        """True if a person sits in front of all three streams, so that a screen can be drawn."""
        return self.stdin.isatty() and self.stdout.is_terminal and self.stderr.is_terminal

    def ask_secret(self, prompt: str) -> Secret | None:
        """What a person types without seeing it; None if nobody is there to ask."""
        if not (self.stdin.isatty() and self.stderr.is_terminal):
            return None
        import getpass  # noqa: PLC0415 - hardly any run asks

        try:
            return Secret(getpass.getpass(prompt))
        except EOFError:
            return None

    def monotonic_s(self) -> float:
        """Seconds on a clock that nobody sets."""
        return time.monotonic()

    def utc_now(self) -> datetime:
        """The time of day, for people and other programs."""
        return datetime.now(UTC)


def utc_text(moment: datetime) -> str:
    """`2026-11-23T20:15:00.123Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"
