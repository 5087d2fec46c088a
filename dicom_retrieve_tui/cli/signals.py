"""Ctrl-C and SIGTERM: once to stop in good order, twice to end at once.

A terminal that goes away, or a line that breaks, says SIGHUP: a stop in good order, however often.
"""

import os
import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

INTERRUPTED = 130
_HANG_UP: int | None = getattr(signal, "SIGHUP", None)
_SIGNALS = (signal.SIGINT, signal.SIGTERM, *([] if _HANG_UP is None else [_HANG_UP]))


class Interruption:
    """While entered, the first signal calls `on_first`; the second ends the process.

    What is ignored stays so: `nohup` means it, and a shell that puts us into the background.
    """

    def __init__(
        self,
        *,
        on_first: Callable[[], None],
        on_second: Callable[[], None],
        end: Callable[[int], None] = os._exit,
    ) -> None:
        """Prepare; signals are caught from `__enter__` on.

        Args:
            on_first: Ask for the end, and say so.
            on_second: Make the terminal usable.
            end: Ends the process without waiting for anything.
        """
        self.requested = False
        self._on_first = on_first
        self._on_second = on_second
        self._end = end
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> Self:
        # Only the main thread may install handlers; elsewhere there is no Ctrl-C to catch.
        if threading.current_thread() is threading.main_thread():
            self._previous = {
                number: signal.signal(number, self._handle)
                for number in _SIGNALS
                if signal.getsignal(number) is not signal.SIG_IGN
            }
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _handle(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's own
        if self.requested:
            if number == _HANG_UP:  # the kernel says it, and the shell once more: nobody insists
                return
            self._on_second()
            self._end(INTERRUPTED)
            return
        self.requested = True
        self._on_first()
