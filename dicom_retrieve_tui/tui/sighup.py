"""SIGHUP: the terminal has closed, so running sessions are stopped and recorded.

Textual (8.2) handles neither SIGHUP nor a lost terminal. It waits without end in a write to a line
that had stopped before it broke, and starts again on SIGCONT, which follows SIGHUP. So nothing here
depends on its loop. Remove this module once `test_textual_still_ignores_sighup` fails, and its
handler also ends a stopped line.
"""

import asyncio
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

from dicom_retrieve_tui.exit_codes import INTERRUPTED

_LEAVES_S = 2.0
"""Time for the application to end by itself, once everything else has."""
_LOOKS_S = 0.2
_DESCRIPTORS = (0, 1, 2)


class HangUpHandler:
    """Handles SIGHUP to the end of the process; kernel and shell may both send it.

    Where the signal is ignored, as under `nohup`, running sessions end without a terminal.
    """

    def __init__(
        self,
        *,
        stop: Callable[[], object],
        leave: Callable[[int], object],
        goes_on: Callable[[], bool],
        is_over: Callable[[], bool],
    ) -> None:
        """Keep the callbacks.

        Args:
            stop: Cancels sessions and waits for them within a bound; called on a thread of its own.
            leave: Ends the application with this exit code; called by its loop, if that still runs.
            goes_on: True while a session runs that needs no user. Any thread.
            is_over: True once no session runs or waits. Any thread.
        """
        self._stop, self._leave, self._goes_on, self._is_over = stop, leave, goes_on, is_over
        self._loop: asyncio.AbstractEventLoop | None = None
        self._terminals: list[int] = []

    def install(self) -> None:
        """Install the handler, on the thread of the loop; an ignored signal stays ignored."""
        number: int | None = getattr(signal, "SIGHUP", None)
        if (
            sys.platform == "win32"
            or number is None
            or threading.current_thread() is not threading.main_thread()
        ):
            return
        self._loop = asyncio.get_running_loop()
        self._terminals = [each for each in _DESCRIPTORS if os.isatty(each)]
        ignored = signal.getsignal(number) is signal.SIG_IGN
        if not ignored:
            # Not by the loop, which may be stuck when SIGCONT follows at once.
            signal.signal(number, self._handle)
        for terminal in self._terminals[:1]:
            watch = partial(self._outlive if ignored else _forward, terminal, number)
            threading.Thread(target=watch, name="terminal", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own
        signal.signal(number, _ignore)
        if sys.platform != "win32":
            signal.signal(signal.SIGCONT, _ignore)
        self._replace_terminals()
        end = partial(self._end, INTERRUPTED)
        threading.Thread(target=end, name="sighup", daemon=True).start()
        self._ask_to_leave(INTERRUPTED)

    def _outlive(self, terminal: int, _number: int) -> None:
        """Once the terminal is lost, let sessions end, and exit then; stop paused ones."""
        if _is_lost(terminal):
            self._replace_terminals()
            while self._goes_on():
                time.sleep(_LOOKS_S)
            code = 0 if self._is_over() else INTERRUPTED
            self._ask_to_leave(code)
            self._end(code)

    def _replace_terminals(self) -> None:
        """Replace descriptors of the lost terminal, on which reading would never wait."""
        for descriptor in self._terminals:
            if not os.isatty(descriptor):
                _replace(descriptor)

    def _ask_to_leave(self, code: int) -> None:
        if self._loop is not None:
            # The loop may have ended already.
            with suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._leave, code)

    def _end(self, code: int) -> None:
        try:
            self._stop()
            time.sleep(_LEAVES_S)
        finally:
            os._exit(code)


def _forward(terminal: int, number: int) -> None:
    """Send the signal to the main thread when the terminal is lost.

    The kernel signals the process: if another thread takes the signal, a main thread that is
    blocked in a write stays blocked.
    """
    if sys.platform != "win32" and _is_lost(terminal):
        main = threading.main_thread().ident
        assert main is not None  # noqa: S101 - it has started
        signal.pthread_kill(main, number)


def _is_lost(terminal: int) -> bool:
    """Wait until the terminal is lost; False if that cannot be observed."""
    if sys.platform == "win32":
        return False
    watched = select.poll()
    watched.register(terminal, 0)
    return any(event & select.POLLHUP for _, event in watched.poll())


def _ignore(number: int, frame: FrameType | None) -> None:
    """Ignore further signals; the process is ending."""


def _replace(descriptor: int) -> None:
    """Let writes to a descriptor be dropped and reads block, instead of failing."""
    if descriptor == 0:
        # The other end stays open, so that a read blocks.
        source, _ = os.pipe()
    else:
        source = os.open(os.devnull, os.O_WRONLY)
    os.dup2(source, descriptor)
    os.close(source)
