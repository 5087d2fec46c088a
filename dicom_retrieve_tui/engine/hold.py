"""Hold the queue of a run while something is in the way: an outage, a full disk, the time.

While it is held, no task is taken and no request begins. One thread for each obstacle waits and
probes; the workers wait for the queue, without an association. Outside the hours of the run, the
time stands still for every other obstacle: there are no probes, and no limit is reached.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Protocol

from dicom_retrieve_tui.engine.queue import TaskQueue
from dicom_retrieve_tui.errors import Cancelled
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event

_FOR_OVERSEER = frozenset({HoldCause.PEER, HoldCause.DISK})
"""What a probe decides. Whether the PACS serves studies, only studies show."""
_TICK_S = 0.2
"""A cancel from a signal handler wakes no thread."""


class Obstacle(Protocol):
    """An obstacle to a run, and the way to find out whether it is over."""

    @property
    def cause(self) -> HoldCause:
        """At most one obstacle of a cause holds the queue at once."""

    @property
    def limit_s(self) -> float | None:
        """Seconds until the run gives up; None if it waits as long as it takes."""

    def wait_s(self, probes: int) -> float:
        """Return the seconds until the next probe, after so many."""

    def is_over(self, cancel: CancelToken) -> bool:
        """Probe; True if the queue may go on. Raises `Cancelled`."""

    def began(self, studies: int, next_try_s: float) -> Event:
        """Return the event for the begin of the hold, with the number of studies that are left."""

    def goes_on(self, waited_s: float, next_try_s: float) -> Event | None:
        """Return the event for a probe that failed, so many seconds after the begin."""

    def ended(self, waited_s: float) -> Event | None:
        """Return the event for the end of the hold."""

    def reason(self, waited_s: float) -> str:
        """Return why the studies that are left are not tried, once the run gives up."""


GiveUp = Callable[[HoldCause, str, float], None]
"""Ends every study that is left: for which cause and reason, after so many seconds of waiting."""


@dataclass(slots=True)
class _Hold:
    """One obstacle, and what the user wants of it. The lock of `Holds` guards it."""

    obstacle: Obstacle
    began_s: float
    probing: CancelToken
    """Ends every probe."""
    next_try_s: float
    try_now: bool = False
    give_up: bool = False
    thread: threading.Thread = field(init=False)

    @property
    def until_s(self) -> float:
        """When the run gives up, by the clock of the hold."""
        limit_s = self.obstacle.limit_s
        return float("inf") if limit_s is None else self.began_s + limit_s


class Overseer(Protocol):
    """Decides for several runs against one PACS together. Its methods return at once."""

    @property
    def answered(self) -> bool:
        """True if the PACS has answered another of the runs."""

    @property
    def may_be_empty(self) -> bool:
        """True if other runs found studies before an outage of the PACS, and none since."""

    @property
    def more_waiting(self) -> bool:
        """True if further studies wait that this run does not have."""

    def obstructed(self, obstacle: Obstacle) -> None:
        """Take over an outage of a run: the run holds its queue, and never goes on by itself."""

    def crowded(self) -> None:
        """Take note that the PACS had no association left, and that the run uses one fewer."""

    def recorded(self, study_instance_uid: str) -> None:
        """Take note that the end of a study is in the journal, or need not be."""


class Holds:
    """The holds on the queue of one run. Safe for use by several threads."""

    def __init__(
        self,
        queue: TaskQueue,
        emit: Callable[[Event], None],
        cancel: CancelToken,
        give_up: GiveUp,
        clock: Callable[[], float] = monotonic,
        *,
        overseer: Overseer | None = None,
    ) -> None:
        """Hold nothing yet.

        Args:
            queue: The queue to hold.
            emit: Takes the events.
            cancel: Ends every hold at once.
            give_up: Called in the thread of a hold, while the queue is held.
            clock: Seconds that never go back.
            overseer: Takes over outages; None if this run decides for itself.
        """
        self._overseer = overseer
        self._taken_over: set[HoldCause] = set()
        self._queue = queue
        self._emit = emit
        self._cancel = cancel
        self._give_up = give_up
        self._clock = clock
        self._holds: dict[HoldCause, _Hold] = {}
        self._changed = threading.Condition()
        self._closed = False
        self._ended_s: dict[HoldCause, float] = {}
        self._outside_s = 0.0
        """The time outside the hours of the run, until they last began."""
        self._bug: Exception | None = None

    # Called by workers and by the run

    def begin(self, obstacle: Obstacle, *, waited_s: float = 0.0) -> None:
        """Hold the queue until the obstacle is over, the time is up or the user decides.

        Returns at once, also if the same cause holds the queue already.

        Args:
            obstacle: What to wait for.
            waited_s: Seconds of earlier holds that count towards its limit.
        """
        with self._changed:
            if self.holds(obstacle.cause) or self._closed or self._cancel.requested:
                return
            if self._overseer is not None and obstacle.cause in _FOR_OVERSEER:
                self._taken_over.add(obstacle.cause)
                self._queue.hold()
                self._overseer.obstructed(obstacle)
                return
            hold = _Hold(
                obstacle,
                self._now_s(obstacle.cause) - waited_s,
                self._cancel.child(),
                self._next_wait_s(obstacle, 0, waited_s),
            )
            hold.thread = threading.Thread(
                target=self._run, args=(hold,), name=f"hold-{obstacle.cause}"
            )
            self._holds[obstacle.cause] = hold
            self._queue.hold(end_requests=obstacle.cause is HoldCause.HOURS)
            self._tell(obstacle.began(self._queue.left_count, hold.next_try_s))
            hold.thread.start()

    def open_s(self) -> float:
        """Return the seconds of the clock, which stands still outside the hours of the run."""
        with self._changed:
            outside = self._holds.get(HoldCause.HOURS)
            return (self._clock() if outside is None else outside.began_s) - self._outside_s

    def holds(self, cause: HoldCause) -> bool:
        """True while an obstacle of this cause holds the queue."""
        return cause in self._holds or cause in self._taken_over

    def ended_s(self, cause: HoldCause) -> float:
        """Return when an obstacle of this cause was last over, by the clock; or minus infinity."""
        return self._ended_s.get(cause, float("-inf"))

    def close(self) -> None:
        """End every hold, and join the threads: the run ends."""
        with self._changed:
            self._closed = True
            holds = list(self._holds.values())
            for hold in holds:
                hold.probing.request()
            self._changed.notify_all()
        for hold in holds:
            hold.thread.join()

    def raise_bug(self) -> None:
        """Raise the bug that ended a hold, if one did."""
        if self._bug is not None:
            raise self._bug

    # Called by users of the session

    def try_now(self) -> None:
        """Probe now instead of at the end of the interval."""
        with self._changed:
            for hold in self._holds.values():
                hold.try_now = True
            self._changed.notify_all()

    def give_up(self) -> None:
        """Wait no longer: every study that is left ends as `not tried`."""
        with self._changed:
            for hold in self._holds.values():
                hold.give_up = True
                hold.probing.request()
            self._changed.notify_all()

    # The thread of a hold

    def _now_s(self, cause: HoldCause) -> float:
        return self._clock() if cause is HoldCause.HOURS else self.open_s()

    def _waited_s(self, hold: _Hold) -> float:
        return self._now_s(hold.obstacle.cause) - hold.began_s

    def _run(self, hold: _Hold) -> None:
        try:
            self._wait_and_probe(hold)
        except Exception as bug:  # noqa: BLE001 - raised again by the run
            self._bug = bug
            self._cancel.request()
        finally:
            self._queue.wake()

    def _wait_and_probe(self, hold: _Hold) -> None:
        obstacle, probes = hold.obstacle, 0
        while self._wait(hold):
            if self._is_over(hold):
                self._end(hold, obstacle.ended(self._waited_s(hold)))
                return
            probes += 1
            if self._stops or self._must_give_up(hold):
                continue
            with self._changed:
                waited_s = self._waited_s(hold)
                hold.next_try_s = self._next_wait_s(obstacle, probes, waited_s)
            self._tell(obstacle.goes_on(waited_s, hold.next_try_s))
        if self._stops:
            return
        waited_s = self._waited_s(hold)
        self._give_up(obstacle.cause, obstacle.reason(waited_s), waited_s)
        self._end(hold, None)

    @property
    def _stops(self) -> bool:
        return self._closed or self._cancel.requested

    def _must_give_up(self, hold: _Hold) -> bool:
        return hold.give_up or self._now_s(hold.obstacle.cause) >= hold.until_s

    def _next_wait_s(self, obstacle: Obstacle, probes: int, waited_s: float) -> float:
        """Return the seconds until the next probe, at most until the run gives up."""
        wait_s = obstacle.wait_s(probes)
        limit_s = obstacle.limit_s
        return wait_s if limit_s is None else max(0.0, min(wait_s, limit_s - waited_s))

    def _wait(self, hold: _Hold) -> bool:
        """Wait until it is time for a probe; False if there is to be none."""
        cause = hold.obstacle.cause
        with self._changed:
            due_s = self._now_s(cause) + hold.next_try_s
            while not (self._stops or self._must_give_up(hold)):
                left_s = 0.0 if hold.try_now else due_s - self._now_s(cause)
                outside = cause is not HoldCause.HOURS and self.holds(HoldCause.HOURS)
                if left_s <= 0 and not outside:
                    break
                self._changed.wait(_TICK_S if outside else min(left_s, _TICK_S))
            hold.try_now = False
            return not (self._stops or self._must_give_up(hold))

    def _is_over(self, hold: _Hold) -> bool:
        """Probe, until the run gives up at the latest."""
        left_s = hold.until_s - self._now_s(hold.obstacle.cause)
        probing = hold.probing.child()
        timer = threading.Timer(left_s, probing.request) if left_s < float("inf") else None
        if timer is not None:
            timer.daemon = True
            timer.start()
        try:
            return hold.obstacle.is_over(probing)
        except Cancelled:
            return False
        finally:
            if timer is not None:
                timer.cancel()

    def _end(self, hold: _Hold, event: Event | None) -> None:
        with self._changed:
            if hold.obstacle.cause is HoldCause.HOURS:
                self._outside_s += self._waited_s(hold)
            self._ended_s[hold.obstacle.cause] = self._clock()
            del self._holds[hold.obstacle.cause]
            self._tell(event)
            if not self._holds:
                self._queue.release()

    def _tell(self, event: Event | None) -> None:
        if event is not None:
            self._emit(event)
            self._queue.wake()
