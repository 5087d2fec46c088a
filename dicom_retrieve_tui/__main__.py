"""The `dicom-retrieve` command, also as `python -m dicom_retrieve_tui`.

This module loads nothing of the command before that can be interrupted without a traceback.
"""

import os
import signal
import sys
from types import FrameType
from typing import NoReturn

_INTERRUPTED = 130


def run() -> NoReturn:
    """Be the command, from its first import to its last byte; Ctrl-C exits with 130, in silence."""
    try:
        _exchange(signal.default_int_handler, _end)
        from dicom_retrieve_tui.cli.main import run as run_command  # noqa: PLC0415 - see above

        _exchange(_end, signal.default_int_handler)
        try:
            run_command()
        finally:
            _exchange(signal.default_int_handler, _end)
    except KeyboardInterrupt:
        sys.exit(_INTERRUPTED)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal's own
    """End where we are, while there is nothing to clean up.

    A KeyboardInterrupt would be printed and lost wherever Python calls code that cannot raise: in
    the midst of an import, and when the interpreter ends.
    """
    os._exit(_INTERRUPTED)


def _exchange(handler: object, other: "signal._HANDLER") -> None:
    """Handle Ctrl-C otherwise; who started us may have said that it is ignored."""
    if signal.getsignal(signal.SIGINT) is handler:
        signal.signal(signal.SIGINT, other)


if __name__ == "__main__":
    run()
