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

INTERRUPTED = 130
"""Exit code where a signal ended us, as without a screen."""

_LEAVES_S = 2.0
"""For the application to end by itself, once all else has."""
_DESCRIPTORS = (0, 1, 2)


class HangUp:
    """Heeds SIGHUP, to the end of the process: the kernel says it, and the shell once more."""

    def __init__(self, *, stop: Callable[[], object], leave: Callable[[], object]) -> None:
        """Prepare.

        Args:
            stop: Cancels what runs, and waits for it within a bound; called on a thread of its own.
            leave: Has the application end; called by its loop, unless that is stuck.
        """
        self._stop, self._leave = stop, leave
        self._loop: asyncio.AbstractEventLoop | None = None
        self._terminals: list[int] = []

    def heed(self) -> None:
        """Begin; called by the application's loop. What is ignored stays so: `nohup` means it."""
        number: int | None = getattr(signal, "SIGHUP", None)
        if number is None or threading.current_thread() is not threading.main_thread():
            return
        if signal.getsignal(number) is not signal.SIG_IGN:
            self._loop = asyncio.get_running_loop()
            self._terminals = [each for each in _DESCRIPTORS if os.isatty(each)]
            # Not by the loop: SIGCONT is right behind, and the loop may be stuck.
            signal.signal(number, self._handle)
            for terminal in self._terminals[:1]:
                watch = partial(_watch, terminal, number)
                threading.Thread(target=watch, name="terminal", daemon=True).start()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own
        signal.signal(number, _nothing)
        signal.signal(signal.SIGCONT, _nothing)
        for descriptor in self._terminals:
            if not os.isatty(descriptor):
                _replace(descriptor)
        threading.Thread(target=self._end, name="hang-up", daemon=True).start()
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended, and what comes after it goes on
                self._loop.call_soon_threadsafe(self._leave)

    def _end(self) -> None:
        try:
            self._stop()
            time.sleep(_LEAVES_S)
        finally:
            os._exit(INTERRUPTED)


def _watch(terminal: int, number: int) -> None:
    """Tell the main thread when the terminal is gone.

    The kernel tells the process: where another thread takes the signal, a main thread that waits to
    write goes on waiting.
    """
    watched = select.poll()
    watched.register(terminal, 0)
    if any(event & select.POLLHUP for _, event in watched.poll()):
        main = threading.main_thread().ident
        assert main is not None  # noqa: S101 - it has begun
        signal.pthread_kill(main, number)


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
