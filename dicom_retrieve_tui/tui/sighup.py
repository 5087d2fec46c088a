"""The terminal goes away: a window is closed, a line breaks. What runs is stopped and recorded.

Textual knows nothing of it. It waits without end to write to a line that had stopped before it
broke, and begins anew on SIGCONT, which comes along with SIGHUP. So nothing that counts depends on
it here.
"""

import asyncio
import os
import select
import signal
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from types import FrameType

from dicom_retrieve_tui.exit_codes import INTERRUPTED

_LEAVES_S = 2.0
"""For the application to end by itself, once all else has."""
_LOOKS_S = 0.2
_DESCRIPTORS = (0, 1, 2)


class HangUpHandler:
    """Heeds SIGHUP, to the end of the process: the kernel says it, and the shell once more.

    Where the signal is ignored, as under `nohup`, what runs comes to its end without a terminal.
    """

    def __init__(
        self,
        *,
        stop: Callable[[], object],
        leave: Callable[[int], object],
        goes_on: Callable[[], bool],
        is_over: Callable[[], bool],
    ) -> None:
        """Prepare.

        Args:
            stop: Cancels what runs, and waits for it within a bound; called on a thread of its own.
            leave: Has the application end with this exit code; called by its loop, unless that is
                stuck.
            goes_on: True while something runs that comes to its end without a person. Any thread.
            is_over: True once nothing runs or waits. Any thread.
        """
        self._stop, self._leave, self._goes_on, self._is_over = stop, leave, goes_on, is_over
        self._loop: asyncio.AbstractEventLoop | None = None
        self._terminals: list[int] = []

    def heed(self) -> None:
        """Begin; called by the application's loop. What is ignored stays so: `nohup` means it."""
        number: int | None = getattr(signal, "SIGHUP", None)
        if number is None or threading.current_thread() is not threading.main_thread():
            return
        self._loop = asyncio.get_running_loop()
        self._terminals = [each for each in _DESCRIPTORS if os.isatty(each)]
        ignored = signal.getsignal(number) is signal.SIG_IGN
        if not ignored:
            # Not by the loop: SIGCONT is right behind, and the loop may be stuck.
            signal.signal(number, self._handle)
        for terminal in self._terminals[:1]:
            watch = partial(self._outlive if ignored else _tell, terminal, number)
            threading.Thread(target=watch, name="terminal", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own
        signal.signal(number, _nothing)
        signal.signal(signal.SIGCONT, _nothing)
        self._let_go()
        end = partial(self._end, INTERRUPTED)
        threading.Thread(target=end, name="hang-up", daemon=True).start()
        self._ask_to_leave(INTERRUPTED)

    def _outlive(self, terminal: int, _number: int) -> None:
        """Once the terminal is gone, let what runs come to its end, and end then, too.

        Nobody can go on with what is paused: that is stopped.
        """
        if _is_gone(terminal):
            self._let_go()
            while self._goes_on():
                time.sleep(_LOOKS_S)
            code = 0 if self._is_over() else INTERRUPTED
            self._ask_to_leave(code)
            self._end(code)

    def _let_go(self) -> None:
        """Have nothing more to do with a terminal that is gone; reading it would never wait."""
        for descriptor in self._terminals:
            if not os.isatty(descriptor):
                _replace(descriptor)

    def _ask_to_leave(self, code: int) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended, and what comes after it goes on
                self._loop.call_soon_threadsafe(self._leave, code)

    def _end(self, code: int) -> None:
        try:
            self._stop()
            time.sleep(_LEAVES_S)
        finally:
            os._exit(code)


def _tell(terminal: int, number: int) -> None:
    """Tell the main thread when the terminal is gone.

    The kernel tells the process: where another thread takes the signal, a main thread that waits to
    write goes on waiting.
    """
    if _is_gone(terminal):
        main = threading.main_thread().ident
        assert main is not None  # noqa: S101 - it has begun
        signal.pthread_kill(main, number)


def _is_gone(terminal: int) -> bool:
    """Wait until the terminal is gone; False if that cannot be seen."""
    watched = select.poll()
    watched.register(terminal, 0)
    return any(event & select.POLLHUP for _, event in watched.poll())


def _nothing(number: int, frame: FrameType | None) -> None:
    """The end is under way."""


def _replace(descriptor: int) -> None:
    """Let what is written there go nowhere, and whoever reads there wait, instead of failing."""
    if descriptor == 0:
        source, _ = os.pipe()  # whose other end stays open
    else:
        source = os.open(os.devnull, os.O_WRONLY)
    os.dup2(source, descriptor)
    os.close(source)
