"""The `dicom-retrieve` command, also as `python -m dicom_retrieve_tui`.

Its first statements catch what ends a process, before anything is imported that takes time; only
the interpreter's own start, 10 to 20 ms, lies before them. Until the command is loaded, and once it
has ended, there is nothing to clean up.
"""

import os

# The built-in module: that of the standard library is a file, and loads others.
_signal = __import__("_signal")
_INTERRUPTED = 130


def _end(number: int, frame: object) -> None:  # noqa: ARG001 - signal's own
    """End where we are.

    A KeyboardInterrupt would be printed and lost wherever Python calls code that cannot raise: in
    the midst of an import, and when the interpreter ends.
    """
    os._exit(_INTERRUPTED)


def _exchange(handler: object, other: object) -> None:
    """Handle Ctrl-C otherwise; the program that started us may have set it to be ignored."""
    if _signal.getsignal(_signal.SIGINT) is handler:
        _signal.signal(_signal.SIGINT, other)


_SIGNALS = [
    getattr(_signal, name) for name in ("SIGTERM", "SIGHUP", "SIGBREAK") if hasattr(_signal, name)
]
_exchange(_signal.default_int_handler, _end)
for _number in _SIGNALS:
    # To the end: while the command holds something, it catches them itself.
    if _signal.getsignal(_number) == _signal.SIG_DFL:
        _signal.signal(_number, _end)

from typing import NoReturn  # noqa: E402


def run() -> NoReturn:
    """Be the command, from its first import to its last byte; Ctrl-C exits with 130, in silence."""
    try:
        from dicom_retrieve_tui.cli.main import run as run_command  # noqa: PLC0415 - see above

        _exchange(_end, _signal.default_int_handler)
        run_command()
    except KeyboardInterrupt:
        os._exit(_INTERRUPTED)
    except SystemExit as end:
        if end.code == _INTERRUPTED:
            # The interpreter remembers a KeyboardInterrupt that was raised within an `exec`, as
            # in the making of a dataclass, and would end by the signal although it was caught.
            os._exit(_INTERRUPTED)
        raise
    finally:
        # The exit code is known. Where a handler is set, the interpreter's end puts the default
        # back, which is death by the signal.
        for number in (_signal.SIGINT, *_SIGNALS):
            _signal.signal(number, _signal.SIG_IGN)


if __name__ == "__main__":
    run()
