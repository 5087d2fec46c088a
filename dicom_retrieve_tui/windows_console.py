"""Set up a console of Windows: colours, UTF-8 in pipes, and time to stop when it is closed.

Elsewhere, nothing here has an effect.
"""

import io
import os
import sys
from collections.abc import Callable, Iterable
from typing import Any

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _HANDLER = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)

_ENDINGS = frozenset({2, 5, 6})
"""CTRL_CLOSE_EVENT, CTRL_LOGOFF_EVENT, CTRL_SHUTDOWN_EVENT. Source: HandlerRoutine, wincon.h."""
_DRAWS_ESCAPES = 0x0004
"""ENABLE_VIRTUAL_TERMINAL_PROCESSING. Source: SetConsoleMode, wincon.h."""
STOPS_WITHIN_S = 4.5
"""Windows ends a process 5 s after its console was closed."""


def prepare_outputs(streams: Iterable[object]) -> None:
    """Prepare stdout and stderr.

    A console draws colours, or NO_COLOR is set. Pipes and files get UTF-8, unless
    PYTHONIOENCODING names an encoding, and the line ends of other systems.
    """
    for stream in streams:
        if sys.platform == "win32" and isinstance(stream, io.TextIOWrapper):
            _prepare(stream)


def _prepare(stream: io.TextIOWrapper) -> None:
    if stream.isatty():
        if not _draws_colours(stream):
            os.environ["NO_COLOR"] = "1"
    elif os.environ.get("PYTHONIOENCODING"):
        stream.reconfigure(newline="\n")
    else:
        stream.reconfigure(encoding="utf-8", newline="\n")


def _draws_colours(stream: io.TextIOWrapper) -> bool:
    """Let a console interpret escape sequences; return False if it cannot."""
    if sys.platform == "win32":
        handle, mode = wintypes.HANDLE(msvcrt.get_osfhandle(stream.fileno())), wintypes.DWORD()
        console = ctypes.windll.kernel32
        return bool(
            console.GetConsoleMode(handle, ctypes.byref(mode))
            and console.SetConsoleMode(handle, mode.value | _DRAWS_ESCAPES)
        )
    return True


class ConsoleEnd:
    """While installed, calls a function when the console is closed or the user logs off."""

    def __init__(self, stop: Callable[[], object]) -> None:
        """Prepare.

        Args:
            stop: Ends the work, and returns when that is done, within `STOPS_WITHIN_S`. Called on a
                thread of the operating system; the process ends when it returns.
        """
        self._stop = stop
        self._handler: Any = None
        if sys.platform == "win32":
            # Kept here: the system has no reference to it.
            self._handler = _HANDLER(self.handle)

    def install(self) -> None:
        """Begin to handle the end of the console."""
        self._register(add=True)

    def remove(self) -> None:
        """End that."""
        self._register(add=False)

    def handle(self, event: int) -> bool:
        """Handle a console event; return False for Ctrl-C and Ctrl-Break, which are signals."""
        if event not in _ENDINGS:
            return False
        self._stop()
        return True

    def _register(self, *, add: bool) -> None:
        if sys.platform == "win32":
            ctypes.windll.kernel32.SetConsoleCtrlHandler(self._handler, add)
