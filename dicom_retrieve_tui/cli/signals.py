"""Ctrl-C and SIGTERM: the first stops the run in good order, the second ends the process at once.

SIGHUP, sent when the terminal or its connection closes, always stops in good order. Windows has
Ctrl-Break (SIGBREAK) instead, and an event when a console is closed.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

from dicom_retrieve_tui.exit_codes import INTERRUPTED
from dicom_retrieve_tui.windows_console import STOPS_WITHIN_S, ConsoleEnd

_HANG_UP: int | None = getattr(signal, "SIGHUP", None)
_BREAK: int | None = getattr(signal, "SIGBREAK", None)
_SIGNALS = (
    signal.SIGINT,
    signal.SIGTERM,
    *(number for number in (_HANG_UP, _BREAK) if number is not None),
)
"""SIGBREAK is Ctrl-Break of Windows."""


class Interruption:
    """While entered, the first signal calls `on_first`; the second ends the process.

    Ignored signals stay ignored: `nohup` and shells that start background jobs rely on it.
    """

    def __init__(
        self,
        *,
        on_first: Callable[[], None],
        on_second: Callable[[], None],
        grace_s: float = 0.0,
        end: Callable[[int], None] = os._exit,
    ) -> None:
        """Store the handlers; `__enter__` installs them.

        Args:
            on_first: Request the end of the run, and report that.
            on_second: Restore the terminal, and end every wait.
            grace_s: Seconds from the second signal until the process is ended, if it has not ended
                by itself; a third signal ends it at once.
            end: Ends the process without waiting.
        """
        self.requested = False
        self._on_first = on_first
        self._on_second = on_second
        self._end = end
        self._insisted = False
        self._previous: dict[int, Any] = {}
        self._watchdog = _Watchdog(grace_s, end) if grace_s else None
        self._over = threading.Event()
        self._console = ConsoleEnd(self._stop_with_console)

    def __enter__(self) -> Self:
        # Only the main thread may install handlers.
        if threading.current_thread() is threading.main_thread():
            if self._watchdog is not None:
                self._watchdog.start()
            self._previous = {
                number: signal.signal(number, self._handle)
                for number in _SIGNALS
                if signal.getsignal(number) is not signal.SIG_IGN
            }
        self._console.install()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._console.remove()
        for number, handler in self._previous.items():
            signal.signal(number, handler)
        if self._watchdog is not None:
            self._watchdog.stop()

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own
        if not self.requested:
            self.requested = True
            self._on_first()
        elif number != _HANG_UP:
            # A second SIGHUP does not count: kernel and shell both send one.
            self._insist()

    def _stop_with_console(self) -> None:
        """Stop the run, and hold the process until it has stopped."""
        if not self.requested:
            self.requested = True
            self._on_first()
        self._over.wait(STOPS_WITHIN_S)

    def _insist(self) -> None:
        insisted, self._insisted = self._insisted, True
        if not insisted:
            self._on_second()
        if insisted or self._watchdog is None:
            self._end(INTERRUPTED)
        else:
            self._watchdog.begin()


class _Watchdog:
    """Ends the process some time after `begin`, unless `stop` comes first.

    Its thread starts before any signal: a handler that started it could wait for a lock of
    `threading` that the interrupted code holds.
    """

    def __init__(self, grace_s: float, end: Callable[[int], None]) -> None:
        self._grace_s = grace_s
        self._end = end
        self._begun = threading.Event()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def begin(self) -> None:
        self._begun.set()

    def stop(self) -> None:
        self._over.set()
        self._begun.set()
        if self._thread.ident is not None:
            self._thread.join()

    def _watch(self) -> None:
        self._begun.wait()
        if not self._over.wait(self._grace_s):
            self._end(INTERRUPTED)
