"""The real program in a real pseudo-terminal, and a screen that a test can read."""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import pyte

PATIENCE_S = 60.0
"""Longest wait for anything; nothing waits that long unless it hangs."""

_STUCK_S = 1.0
"""The application looks four times a second: one that does not is stuck."""

_LOCAL_FLAGS = 3
"""Index of the flags with ECHO and ICANON in what `termios.tcgetattr` returns."""


class Terminal:
    """A terminal with a program in it, which leaving it ends."""

    def __init__(
        self,
        argv: Sequence[str],
        size: tuple[int, int],
        environ: Mapping[str, str],
        *,
        ignored: Collection[signal.Signals] = (),
    ) -> None:
        """Start the program.

        Args:
            argv: What to start.
            size: QueueColumns and lines.
            environ: Its environment.
            ignored: Signals that it finds ignored, as `nohup` leaves them.
        """
        self.columns, self.lines = size
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self.said = bytearray()
        """Everything that the program wrote."""
        self._master, self._slave = pty.openpty()
        self._set_size()
        self._found = termios.tcgetattr(self._slave)
        # Whoever runs the tests may have said how large their own terminal is.
        kept = {name: text for name, text in environ.items() if name not in {"COLUMNS", "LINES"}}
        self._open = {self._master, self._slave}

        def begin() -> None:
            # Its controlling terminal, as a shell would give it one: it hears of another size.
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)
            for number in ignored:
                signal.signal(number, signal.SIG_IGN)

        self.process = subprocess.Popen(
            argv,
            stdin=self._slave,
            stdout=self._slave,
            stderr=self._slave,
            env={**kept, "TERM": "xterm-256color", "TEXTUAL_ANIMATIONS": "none"},
            start_new_session=True,
            preexec_fn=begin,  # noqa: PLW1509 - no threads
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with suppress(ProcessLookupError):
            self.process.kill()
        self.process.wait()
        for descriptor in self._open:
            os.close(descriptor)

    @property
    def text(self) -> str:
        """What stands on the screen."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    @property
    def as_found(self) -> bool:
        """True if the terminal is set as it was before the program."""
        return termios.tcgetattr(self._slave)[:6] == self._found[:6]

    def type(self, keys: str) -> None:
        """Press keys, as the terminal sends them."""
        data = keys.encode()
        while data:
            data = data[os.write(self._master, data) :]

    def paste(self, text: str) -> None:
        """Paste, in the brackets that the program asked for."""
        self.until(lambda: b"\x1b[?2004h" in self.said)
        self.type(f"\x1b[200~{text}\x1b[201~")

    def resize(self, columns: int, lines: int) -> None:
        """Take the window by its corner."""
        self.columns, self.lines = columns, lines
        self._screen.resize(lines, columns)
        self._set_size()

    def stall(self, keys: str) -> None:
        """Let the line take nothing, as one that broke, until the program waits for it.

        Args:
            keys: What has the program draw, and is typed again and again.
        """
        termios.tcflow(self._slave, termios.TCOOFF)
        seen, since_s = -1, time.monotonic()
        while time.monotonic() - since_s < _STUCK_S:
            self.type(keys)
            self._read(0.05)
            if (turns := self._turns()) != seen:
                seen, since_s = turns, time.monotonic()

    def _turns(self) -> int:
        """How often the program's main thread has waited for anything."""
        status = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/status").read_text()
        return sum(int(line.split()[1]) for line in status.splitlines() if "ctxt_switches" in line)

    def hang_up(self) -> int:
        """Close the window; the exit code of the program, which has nobody to tell any more."""
        self._open.remove(self._master)
        os.close(self._master)
        return self.process.wait(PATIENCE_S)

    def shows(self, *texts: str) -> None:
        """Wait until all of these stand on the screen."""
        self.until(lambda: all(text in self.text for text in texts), " and ".join(texts))

    def hides(self, text: str) -> None:
        """Wait until this does not stand on the screen any more."""
        self.until(lambda: text not in self.text, f"the end of {text}")

    def until(self, condition: Callable[[], object], what: str = "it") -> None:
        """Read what the program writes until the condition holds."""
        deadline_s = time.monotonic() + PATIENCE_S
        while not condition():
            left_s = deadline_s - time.monotonic()
            assert left_s > 0, f"{what} never came:\n{self.text}"
            self._read(min(left_s, 0.05))

    def until_unseen(self, condition: Callable[[], object]) -> None:
        """Read until the condition holds, without drawing: that takes as long as the program."""
        while not condition():
            self._read(0.05, draw=False)

    def ends(self) -> int:
        """Wait for the program's end; its exit code."""
        self.until(lambda: self.process.poll() is not None, "the end")
        while self._read(0):
            pass
        return self.process.returncode

    def _read(self, within_s: float, *, draw: bool = True) -> bool:
        if not select.select([self._master], [], [], within_s)[0]:
            return False
        data = os.read(self._master, 65536)
        self.said += data
        if draw:
            self._stream.feed(data)
        return bool(data)

    def _set_size(self) -> None:
        size = struct.pack("HHHH", self.lines, self.columns, 0, 0)
        fcntl.ioctl(self._slave, termios.TIOCSWINSZ, size)
