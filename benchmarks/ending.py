"""A benchmark that is told to end takes its peers and the tool that runs with it."""

import signal
import sys
from types import FrameType

_SIGNALS = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)


def unwind_when_ended() -> None:
    """Let each of these signals end this process through every `finally`.

    The peers lead sessions of their own, so that only we end them. SIGINT is among them
    because a shell that starts us in the background has it ignored.
    """
    for number in _SIGNALS:
        signal.signal(number, _unwind)


def _unwind(number: int, _frame: FrameType | None) -> None:
    for each in _SIGNALS:  # a second one would break off what the first has begun
        signal.signal(each, signal.SIG_IGN)
    sys.exit(128 + number)
