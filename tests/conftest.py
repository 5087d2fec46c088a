"""What all tests take for granted of the process that they run in."""

import os
import signal
import tempfile


def pytest_configure() -> None:
    """Undo what a script leaves to what it starts behind an `&`, and `nohup` to anything.

    They have these signals ignored, and so would all be that the tests start, which are sent them.
    A handler of ours is not inherited: to whatever is started the signal means what it always does.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # The sizes that tests retrieve are not to be learned by the user who runs them.
    os.environ["XDG_DATA_HOME"] = tempfile.mkdtemp(prefix="dicom-retrieve-tests-")
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)
