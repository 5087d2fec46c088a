"""The queue that workers take studies from, and how many of them may work at once."""

import heapq
import itertools
import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from time import monotonic

from dicom_retrieve_tui.engine.shares import Shares
from dicom_retrieve_tui.engine.work import StudyWork
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Selection

_TICK_S = 0.2
_RAISE_AFTER_S = 30.0
"""The PACS said "no association left"; after this long without another such word, try one more."""


@dataclass(slots=True)
class StudyTask:
    """One study on its way through the queue, with what earlier attempts left."""

    selection: Selection
    failed_attempts: int = 0
    started: bool = False
    work: StudyWork | None = None


@dataclass(frozen=True, slots=True)
class HelpTask:
    """A study in other hands that has requests to spare."""

    shares: Shares


class TaskQueue:
    """Studies that are ready, and studies that wait for their next attempt.

    One that waits never holds up one that is ready. Safe to use from several threads.
    """

    def __init__(
        self, selections: Iterable[Selection], cancel: CancelToken, *, workers: int
    ) -> None:
        self._ready = deque(StudyTask(selection) for selection in selections)
        self._waiting: list[tuple[float, int, StudyTask]] = []
        self._order = itertools.count()
        self._shared: list[Shares] = []
        self._in_hand = 0
        self._cancel = cancel
        self._workers = workers
        self._allowed = workers
        self._last_refusal_s = 0.0
        self._changed = threading.Condition()

    def take(self, *, wait: bool = True) -> StudyTask | HelpTask | None:
        """The next study, or one to help with; `finish` or `put_back` must follow.

        Args:
            wait: Wait while studies wait for another attempt, or are in other hands and may yet
                come back or be shared. None then means that all is done, or that the user stopped;
                without it, that there is nothing to do now.
        """
        with self._changed:
            while not self._cancel.requested:
                self._wake_waiting()
                if self._in_hand < self._allowed and (task := self._next()):
                    self._in_hand += 1
                    return task
                if not (self._ready or self._waiting or self._in_hand) or not wait:
                    return None
                self._changed.wait(_TICK_S)
            return None

    def _next(self) -> StudyTask | HelpTask | None:
        if self._ready:
            return self._ready.popleft()
        largest = max(self._shared, key=len, default=None)
        return HelpTask(largest) if largest else None

    @property
    def idle_workers(self) -> int:
        """How many workers will have no study of their own after this one."""
        with self._changed:
            return max(0, self._allowed - self._in_hand - len(self._ready))

    def share(self, shares: Shares) -> None:
        """Let idle workers help with a study, until `unshare`."""
        with self._changed:
            self._shared.append(shares)
            self._changed.notify_all()

    def unshare(self, shares: Shares) -> None:
        """The study needs no more help, or help has failed."""
        with self._changed:
            if shares in self._shared:
                self._shared.remove(shares)

    def finish(self) -> None:
        """What was taken is done."""
        with self._changed:
            self._in_hand -= 1
            self._changed.notify_all()

    def put_back(self, task: StudyTask, wait_s: float) -> None:
        """A study that was taken goes to the back, to be ready again in `wait_s` seconds."""
        with self._changed:
            self._in_hand -= 1
            heapq.heappush(self._waiting, (monotonic() + wait_s, next(self._order), task))
            self._changed.notify_all()

    def lower(self) -> bool:
        """The PACS grants no further association: use fewer. False if it is down to one."""
        with self._changed:
            self._last_refusal_s = monotonic()
            if self._allowed == 1:
                return False
            # Whoever was refused holds none; those that still work show how many there can be.
            self._allowed = max(1, min(self._allowed - 1, self._in_hand - 1))
            return True

    @property
    def left(self) -> bool:
        """True if not every study is done."""
        with self._changed:
            return bool(self._ready or self._waiting or self._in_hand)

    def abandoned(self) -> list[StudyTask]:
        """What was begun and still waits for another attempt; called when nobody works any more."""
        with self._changed:
            tasks = [*self._ready, *(task for _, _, task in self._waiting)]
            return [task for task in tasks if task.started]

    def _wake_waiting(self) -> None:
        now_s = monotonic()
        while self._waiting and self._waiting[0][0] <= now_s:
            self._ready.append(heapq.heappop(self._waiting)[2])
        if self._allowed < self._workers and now_s - self._last_refusal_s > _RAISE_AFTER_S:
            self._allowed += 1
            self._last_refusal_s = now_s
