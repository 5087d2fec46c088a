"""Deviations of a peer from the standard that cost nothing but themselves, each reported once.

They are logged, and reported with `--verbose`.
"""

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)

DEVIATIONS_MAX = 50
"""Report at most this many a run."""


class Deviations:
    """The deviations of one peer. Safe to use from several threads."""

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        """Begin without any.

        Args:
            report: Called once with each text; None: only log it.
        """
        self._report = report
        self._noted: set[str] = set()
        self._lock = threading.Lock()
        self.announces_in_vain = False
        """The peer has announced a data set and sent none."""

    def note(self, text: str) -> None:
        """Log and report a deviation, unless it was noted before."""
        with self._lock:
            if text in self._noted or len(self._noted) == DEVIATIONS_MAX:
                return
            self._noted.add(text)
        _LOG.info("%s", text)
        if self._report is not None:
            self._report(text)
