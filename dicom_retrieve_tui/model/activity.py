"""When something last came in: what the stall and no-progress clocks look at.

One for each study that is being retrieved. Every association that brings data for the study updates
it, so that a C-MOVE whose instances arrive on other associations does not look stalled.
"""

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

    def barren_s(self, now_s: float) -> float:
        """Seconds without a new instance.

        One large object over a slow line is progress, however long it takes. It is that only once:
        the clock stands where it was when the object began, not at zero.
        """
        return min(self.arriving.copy().values(), default=now_s) - self.last_instance_s
