"""What the log says of callers that were refused: each once, however often it comes."""

import logging
import threading

_LOG = logging.getLogger(__name__)


class Refusals:
    """Logs each kind of refusal once for an address, and at the end how often it came again."""

    _KINDS_MAX = 256

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._again: dict[tuple[str, str], int] = {}

    def add(self, address: str, reason: str, peer: str = "") -> None:
        """Note one.

        Args:
            peer: Who it was, if more than the address is known; told the first time.
        """
        kind = (address, reason.replace(peer, "") if peer else reason)
        with self._lock:
            if kind in self._again:
                self._again[kind] += 1
                return
            if len(self._again) >= self._KINDS_MAX:
                return
            self._again[kind] = 0
        _LOG.warning("association from %s ended: %s", peer or address, reason)

    def close(self) -> None:
        """Tell what was kept back."""
        for (address, reason), times in self._again.items():
            if times:
                _LOG.warning(
                    "association from %s ended: %s (%d more times)", address, reason, times
                )
