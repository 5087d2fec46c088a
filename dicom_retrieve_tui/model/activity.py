"""When something last came in: what the stall and no-progress clocks look at.

One for each study that is being retrieved. Every association that brings data for the study updates
it, so that a C-MOVE whose instances arrive on other associations does not look stalled.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Activity:
    """Times are `time.monotonic()` seconds; whoever receives writes, the reader only compares."""

    last_byte_s: float
    last_instance_s: float
    arriving: dict[int, float] = field(default_factory=dict)
    """When each instance whose data set is coming in just now began, by a number of the
    receiver's."""
    received_bytes: int = 0
    """Data set bytes, of instances that were stored or not yet."""
    _requests: int = 0
    """Requests under way."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def request(self, now_s: float) -> Iterator[None]:
        """Have a request under way.

        The first of several at once starts the clocks. One that joins others does not: what they
        have waited in vain, it has waited, too.
        """
        with self._lock:
            if not self._requests:
                self.last_byte_s = self.last_instance_s = now_s
            self._requests += 1
        try:
            yield
        finally:
            with self._lock:
                self._requests -= 1

    def barren_s(self, now_s: float) -> float:
        """Seconds without a new instance.

        One large object over a slow line is progress, however long it takes. It is that only once:
        the clock stands where it was when the object began, not at zero.
        """
        return min(self.arriving.copy().values(), default=now_s) - self.last_instance_s
