"""The signals that end a run, on each platform."""

import signal
import sys

if sys.platform == "win32":
    HANG_UP = signal.SIGBREAK
    """Windows has no SIGHUP; Ctrl-Break ends a run as Ctrl-C does."""
else:
    HANG_UP = signal.SIGHUP

ALL_SIGNALS = [signal.SIGINT, signal.SIGTERM, HANG_UP]
