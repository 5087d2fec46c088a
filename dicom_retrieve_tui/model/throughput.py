"""How fast it goes and how long it takes: computed here, so that no renderer needs a clock to test.

Nothing here reads a clock; whoever draws passes the time in.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from dicom_retrieve_tui.model.dimse import COUNTER_MAX
from dicom_retrieve_tui.model.progress import Progress, StudyProgress

WINDOW_S = 10.0
_SPAN_MIN_S = 0.5


class Throughput:
    """The rate of a running total over the last seconds."""

    def __init__(self, window_s: float = WINDOW_S) -> None:
        self._window_s = window_s
        self._samples: deque[tuple[float, int]] = deque()

    def add(self, now_s: float, total: int) -> None:
        """Note that the total is `total` at `now_s`; a total that stands still lowers the rate."""
        samples = self._samples
        samples.append((now_s, total))
        while len(samples) > 2 and samples[1][0] <= now_s - self._window_s:
            samples.popleft()

    @property
    def rate(self) -> float | None:
        """Units a second over the window; None while there is too little to go by."""
        if not self._samples:
            return None
        (first_s, first), (last_s, last) = self._samples[0], self._samples[-1]
        span_s = last_s - first_s
        return (last - first) / span_s if span_s >= _SPAN_MIN_S else None


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is still to come."""

    instances: int
    exact: bool
    """False if studies that nobody has asked for yet were taken to be like the others."""

    def eta_s(self, rate: float | None) -> float | None:
        """Seconds to the end at `rate` instances a second; None if nobody can say."""
        if not self.instances:
            return 0.0
        return self.instances / rate if rate else None


def outlook(progress: Progress, running: Iterable[StudyProgress]) -> Outlook | None:
    """Estimate what is still to come; None while nothing is known.

    Args:
        running: The studies that workers have in hand now. They are handed in because looking for
            them among 20,000 several times a second would cost more than drawing.
    """
    in_hand = list(running)
    unknown = sum(study.expected is None for study in in_hand)
    unasked = progress.studies_total - len(progress.studies) + unknown
    known = len(progress.studies) - unknown
    left = sum(max(study.expected - done(study), 0) for study in in_hand if study.expected)
    if not unasked:
        return Outlook(left, exact=True)
    if known <= 0:
        return None
    return Outlook(left + round(unasked * progress.expected / known), exact=False)


def done(study: StudyProgress) -> int:
    """Instances of a study that are dealt with, here or, by the PACS's account, elsewhere."""
    if study.stored or study.expected is None or study.peer_remaining is None:
        return study.stored
    if study.expected > COUNTER_MAX:
        return 0  # its counters have begun again, once or more
    return max(study.expected - study.peer_remaining - (study.peer_failed or 0), 0)
