"""Details of a peer that break the standard and can be survived: each is reported once.

A malformed detail loses only itself. What it was is logged, and reported with `--verbose`.
"""

import logging
import threading
from collections.abc import Callable

_LOG = logging.getLogger(__name__)

ODDITIES_MAX = 50
"""Of one run. A peer that is odd in more ways is reported enough."""


class Oddities:
    """The odd details of one peer; any thread may note one."""

    def __init__(self, report: Callable[[str], None] | None = None) -> None:
        """Begin without any.

        Args:
            report: Called with each text once; None only logs it.
        """
        self._report = report
        self._noted: set[str] = set()
        self._lock = threading.Lock()
        self.announces_in_vain = False
        """The peer has announced a data set and sent none."""

    def note(self, text: str) -> None:
        """Log and report a detail, unless it was noted before."""
        with self._lock:
            if text in self._noted or len(self._noted) == ODDITIES_MAX:
                return
            self._noted.add(text)
        _LOG.info("%s", text)
        if self._report is not None:
            self._report(text)
