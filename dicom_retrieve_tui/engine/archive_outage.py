"""Tell a PACS that answers but serves no study from studies that cannot be served.

While the storage or the database behind a PACS is down, or the PACS behind a load balancer, it
still accepts associations, and fails every request. Only a study shows that: one that was not tried
yet decides. If none was served for too long, the run gives up as for a PACS that is gone.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from dicom_retrieve_tui.engine.hold import Holds
from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, PeerBack, PeerLost, ProbeFailed
from dicom_retrieve_tui.model.humanize import count, duration_text
from dicom_retrieve_tui.model.retry import Backoff

_FAILED_MIN = 3
"""Different studies that fail in a row until the PACS is suspected."""


@dataclass(slots=True)
class _Suspicion:
    """The PACS has served no study since `began_s`, by the monotonic clock."""

    began_s: float
    open_s: float
    """The same by the clock that stands still outside the hours of the run."""
    reason: str
    failed: set[str] = field(default_factory=set)
    """The studies that it did not serve."""
    probes: int = 0
    """How many times studies were tried since."""
    absent: bool = False
    """True if the last study that was tried was not found."""
    over: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Obstacle:
    """Wait, then let the next studies be tried: `hold.Obstacle`."""

    suspicion: _Suspicion
    interval_s: float
    outage_s: float
    waited_s: float
    """How long the suspicion has lasted when this hold begins."""
    cause = HoldCause.ARCHIVE

    @property
    def limit_s(self) -> float | None:
        """See `hold.Obstacle`.

        An instance that came late ends the suspicion before the hold. Studies that stay away are
        not found.
        """
        return None if self.suspicion.over or self.suspicion.absent else self.outage_s

    def wait_s(self, probes: int) -> float:
        """See `hold.Obstacle`."""
        del probes
        return self.interval_s

    def is_over(self, cancel: CancelToken) -> bool:
        """See `hold.Obstacle`: the studies that are given out now are the probe."""
        del cancel
        return True

    def began(self, studies: int, next_try_s: float) -> Event:
        """See `hold.Obstacle`."""
        suspicion, next_try_s = self.suspicion, round(next_try_s, 3)
        if suspicion.probes == 0:
            return PeerLost(
                cause=self.cause,
                reason=suspicion.reason,
                studies=studies,
                next_try_s=next_try_s,
                limit_s=self.outage_s,
            )
        return ProbeFailed(
            cause=self.cause,
            reason=suspicion.reason,
            waited_s=round(self.waited_s, 3),
            next_try_s=next_try_s,
        )

    def goes_on(self, waited_s: float, next_try_s: float) -> None:
        """See `hold.Obstacle`: it never does."""

    def ended(self, waited_s: float) -> None:
        """See `hold.Obstacle`: `ArchiveWatch` reports it."""

    def reason(self, waited_s: float) -> str:
        """See `hold.Obstacle`."""
        studies, waited = count(len(self.suspicion.failed), "study"), duration_text(waited_s)
        return (
            f"The PACS answers, but served none of {studies} for {waited}: {self.suspicion.reason}"
        )


class ArchiveWatch:
    """Whether the PACS of a run serves studies. Safe for use by several threads."""

    def __init__(
        self,
        *,
        queue: TaskQueue,
        holds: Holds,
        emit: Callable[[Event], None],
        limit_s: float,
        intervals: Backoff,
        may_be_empty: bool = False,
        more_waiting: Callable[[], bool] = lambda: False,
    ) -> None:
        """Suspect nothing yet.

        Args:
            queue: The queue of the run.
            holds: What holds it.
            emit: Takes the events.
            limit_s: How long to hold the queue for a PACS that serves nothing, until the run gives
                up; 0 never does.
            intervals: How long to wait before studies are tried again.
            may_be_empty: Other runs found studies before an outage of the PACS, and none since.
            more_waiting: Returns True if studies will be added that were not tried yet.
        """
        self._queue = queue
        self._holds = holds
        self._emit = emit
        self._limit_s = limit_s
        self._intervals = intervals
        self._more_waiting = more_waiting
        self._may_suspect = False
        """True once an instance was stored; False again after a suspicion that led to nothing."""
        self._served_s = float("-inf")
        """When an instance was last stored."""
        self._back_s = monotonic() if may_be_empty else float("-inf")
        """When the PACS came back from an outage before this run."""
        self._found_s = 0.0 if may_be_empty else float("-inf")
        """When a study was last found; 0 if that was before this run."""
        self._cleared_s = float("-inf")
        """When a suspicion last led to nothing."""
        self._failed: set[str] = set()
        """Studies that failed since `_failing_s`, without an instance stored meanwhile."""
        self._failing_s = 0.0
        self._suspicion: _Suspicion | None = None
        self._lock = threading.Lock()

    def note_served(self, stored_s: float) -> None:
        """Record when an instance was last stored, by the monotonic clock."""
        with self._lock:
            if stored_s <= self._served_s:
                return
            self._served_s, self._may_suspect = stored_s, True
            if self._suspicion is not None and stored_s > self._suspicion.began_s:
                self._end_suspicion()

    def note_found(self) -> None:
        """Record that the PACS has a study."""
        with self._lock:
            self._found_s = monotonic()
            if self._suspicion is not None and self._suspicion.absent:
                self._end_suspicion()

    def blames_archive(
        self, uid: str, reason: str, *, unanswered: bool = False, absent: bool = False
    ) -> bool:
        """Return True if an attempt that brought nothing is the failure of the PACS.

        Then the study is to be tried after those that were not tried yet, and the queue is held
        once there were enough of them.

        Args:
            uid: Study Instance UID (0020,000D).
            reason: Why the attempt failed.
            unanswered: The PACS accepted an association and gave no answer to a request. That makes
                it suspect even if it has served nothing in this run.
            absent: The PACS answered that it does not have the study.
        """
        with self._lock:
            suspicion = self._suspicion
            untried = self._queue.has_untried or self._more_waiting()
            if self._holds.holds(HoldCause.ARCHIVE):
                if suspicion is not None:
                    suspicion.failed.add(uid)
                return True
            if suspicion is None:
                if not (untried and self._may_be_outage(unanswered=unanswered, absent=absent)):
                    return False
                if not self._fails_in_a_row(uid):
                    return absent
                now_s, open_s = monotonic(), self._holds.open_s()
                suspicion = _Suspicion(now_s, open_s, reason, self._failed, absent=absent)
                self._suspicion, self._failed = suspicion, set()
            elif not untried or (absent and self._waited_s(suspicion) >= self._limit_s):
                self._end_suspicion()
                self._may_suspect, self._cleared_s = False, monotonic()
                return False
            else:
                suspicion.reason, suspicion.probes = reason, suspicion.probes + 1
                suspicion.absent = absent
                suspicion.failed.add(uid)
            self._hold(suspicion)
            return True

    def note_given_up(self) -> None:
        """Record that the run gave up: what is tried later is judged afresh."""
        with self._lock:
            self._suspicion = None
            self._failed.clear()

    def _may_be_outage(self, *, unanswered: bool, absent: bool) -> bool:
        """Return True if the PACS may have lost what is behind it since it served a study."""
        if not self._limit_s:
            return False
        if not absent:
            return self._may_suspect or unanswered
        shown_s = max(self._found_s, self._served_s)
        back_s = max(self._back_s, self._holds.ended_s(HoldCause.PEER))
        return float("-inf") < shown_s < back_s and self._cleared_s < back_s

    def _fails_in_a_row(self, uid: str) -> bool:
        """Count a study that failed; True if enough did in a row, or all that the run has."""
        if self._served_s >= self._failing_s:
            self._failed.clear()
            self._failing_s = monotonic()
        self._failed.add(uid)
        return len(self._failed) >= _FAILED_MIN or not self._queue.has_untried

    def _hold(self, suspicion: _Suspicion) -> None:
        waited_s = self._waited_s(suspicion)
        obstacle = _Obstacle(
            suspicion=suspicion,
            interval_s=self._intervals.wait_s(suspicion.probes + 1),
            outage_s=self._limit_s,
            waited_s=waited_s,
        )
        self._holds.begin(obstacle, waited_s=waited_s)

    def _waited_s(self, suspicion: _Suspicion) -> float:
        return self._holds.open_s() - suspicion.open_s

    def _end_suspicion(self) -> None:
        suspicion = self._suspicion
        assert suspicion is not None  # noqa: S101 - the callers have looked
        suspicion.over = True
        waited_s = round(self._waited_s(suspicion), 3)
        self._emit(PeerBack(cause=HoldCause.ARCHIVE, waited_s=waited_s))
        self._suspicion = None
        self._failed.clear()
