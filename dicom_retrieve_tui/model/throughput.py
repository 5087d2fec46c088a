"""Transfer rate. Nothing here reads a clock: the caller passes the time in."""

from collections import deque

WINDOW_S = 10.0
_SPAN_MIN_S = 0.5


class Throughput:
    """The rate at which a running total grew over the last seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, total: int) -> None:
        """Record the total at `now_s`; also call it while the total stands still."""
        samples = self._samples
        samples.append((now_s, total))
        while len(samples) > 2 and samples[1][0] <= now_s - self._window_s:
            samples.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second over the window; None in the first half second."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        span_s = last_s - first_s
        return (last - first) / span_s if span_s >= _SPAN_MIN_S else None
