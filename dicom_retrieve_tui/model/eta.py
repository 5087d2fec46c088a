"""Transfer rate; how many instances are still to come, and when the last one will be here.

Nothing here reads a clock: the caller passes the time in.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass

from dicom_retrieve_tui.model.dimse import COUNTER_MAX
from dicom_retrieve_tui.model.progress import Progress, StudyProgress

_KNOWN_MIN = 10
_KNOWN_SHARE_MIN = 5
"""So many known studies, or one in so many of the list, are needed to estimate the others."""


@dataclass(frozen=True, slots=True)
class Remaining:
    """The number of instances that are still to come."""

    instances: int
    exact: bool
    """False if studies of unknown size were estimated."""

    def eta_s(self, rate: float | None) -> float | None:
        """Return the seconds to the end at `rate` instances a second; None if unknown."""
        if not self.instances:
            return 0.0
        return self.instances / rate if rate else None


def estimate_remaining(left: int, *, unknown: int, known: int, expected: int) -> Remaining | None:
    """Estimate how many instances are still to come; None while too few sizes are known.

    Args:
        left: Instances still to come of studies whose size is known.
        unknown: Studies that are not finished and whose size is not known yet. Each is taken to
            have as many instances as the known ones have on average.
        known: Studies whose size is known, finished or not.
        expected: Instances that these have.
    """
    if not unknown:
        return Remaining(left, exact=True)
    if not known or known < min(_KNOWN_MIN, (known + unknown) / _KNOWN_SHARE_MIN):
        return None
    return Remaining(left + round(unknown * expected / known), exact=False)


def remaining(progress: Progress, running: Iterable[StudyProgress]) -> Remaining | None:
    """Estimate how many instances of a run are still to come.

    Args:
        running: The studies that are being retrieved. The caller passes them because searching
            20,000 studies for them several times a second would cost more than drawing.
    """
    studies = list(running)
    unknown = sum(study.expected is None for study in studies)
    return estimate_remaining(
        sum(max(study.expected - done(study), 0) for study in studies if study.expected),
        unknown=progress.studies_total - len(progress.studies) + unknown,
        known=len(progress.studies) - unknown,
        expected=progress.expected,
    )


def done(study: StudyProgress) -> int:
    """Return how many instances were stored here or, by the PACS's counters, sent elsewhere."""
    if study.stored or study.expected is None or study.peer_remaining is None:
        return study.stored
    if study.expected > COUNTER_MAX:
        return 0  # the counters have wrapped
    return max(study.expected - study.peer_remaining - (study.peer_failed or 0), 0)


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
