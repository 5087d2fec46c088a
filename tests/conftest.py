"""What all tests take for granted of the process that they run in."""

import signal
import sys


def pytest_configure() -> None:
    """Undo what a script leaves to what it starts behind an `&`, and `nohup` to anything.

    They have these signals ignored, and so would all be that the tests start, which are sent them.
    A handler of ours is not inherited: to whatever is started the signal means what it always does.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
