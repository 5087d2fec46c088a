"""The queue that workers take studies from, and how many of them may work at once."""

import heapq
import itertools
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from time import monotonic

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.split_study import SharedRequests
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.errors import Cancelled
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    Event,
    RunPaused,
    RunResumed,
    StudyPromoted,
    StudyQueued,
)
from dicom_retrieve_tui.model.selection import Selection

_TICK_S = 0.2
_REST_S = 1.0
"""Nothing can happen that would not wake us, but a cancel from a signal handler."""
_RAISE_AFTER_S = 30.0
"""The PACS said "no association left"; after this long without another such word, try one more."""

Emit = Callable[[Event], None]


@dataclass(slots=True, kw_only=True)
class StudyTask:
    """One study on its way through the queue, with what earlier attempts left."""

    selection: Selection
    cancel: CancelToken
    """Requested to stop this study; a child of the run's."""
    failed_attempts: int = 0
    started: bool = False
    study: StudyState | None = None

    @property
    def uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return self.selection.study_instance_uid


@dataclass(frozen=True, slots=True)
class HelpTask:
    """A study in other hands that has requests to spare."""

    shared: SharedRequests
    cancel: CancelToken
    """The study's own."""


class Backlog:
    """Tasks by Study Instance UID; one that waits never holds up one that is ready."""

    def __init__(self) -> None:
        self._ready: OrderedDict[str, StudyTask] = OrderedDict()
        self._waiting: dict[str, tuple[int, StudyTask]] = {}
        self._due: list[tuple[float, int, str]] = []
        """A heap. An entry whose number is not the one in `_waiting` is of the past."""
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """How many there are, ready or not."""
        return len(self._ready) + len(self._waiting)

    def __contains__(self, uid: str) -> bool:
        return uid in self._ready or uid in self._waiting

    def __iter__(self) -> Iterator[StudyTask]:
        yield from self._ready.values()
        yield from (task for _, task in self._waiting.values())

    @property
    def ready(self) -> int:
        """How many can be taken now."""
        return len(self._ready)

    def due_in_s(self, now_s: float) -> float | None:
        """How soon one that waits may be due, 0 if it is overdue; None if none waits."""
        return max(self._due[0][0] - now_s, 0.0) if self._waiting else None

    def add(self, task: StudyTask) -> None:
        """Put a task to the end of those that are ready."""
        self._ready[task.uid] = task

    def postpone(self, task: StudyTask, due_s: float) -> None:
        """Put a task to the end at `due_s`, on `time.monotonic()`."""
        number = next(self._numbers)
        self._waiting[task.uid] = (number, task)
        heapq.heappush(self._due, (due_s, number, task.uid))

    def wake(self, now_s: float) -> None:
        """Make ready what is due."""
        while self._due and self._due[0][0] <= now_s:
            _, number, uid = heapq.heappop(self._due)
            if uid in self._waiting and self._waiting[uid][0] == number:
                self.add(self._waiting.pop(uid)[1])

    def take_first(self) -> StudyTask | None:
        """Take out the next one that is ready."""
        return self._ready.popitem(last=False)[1] if self._ready else None

    def promote(self, uid: str) -> None:
        """Move a task to the front; one that waits is ready, then."""
        if uid in self._waiting:
            self.add(self._waiting.pop(uid)[1])
        self._ready.move_to_end(uid, last=False)

    def take_out(self, uid: str) -> StudyTask:
        """Take out this one."""
        return self._ready.pop(uid) if uid in self._ready else self._waiting.pop(uid)[1]


class TaskQueue:
    """The studies of a run, until each is done: in the backlog, or in a worker's hand.

    Safe to use from several threads. What steers it is told under its lock, so that the events of
    a study stand in their order.
    """

    def __init__(
        self, selections: Iterable[Selection], cancel: CancelToken, *, workers: int, emit: Emit
    ) -> None:
        self._cancel = cancel
        self._workers = workers
        self._emit = emit
        self._tasks: dict[str, StudyTask] = {}
        """All that is not done, by Study Instance UID."""
        self._backlog = Backlog()
        self._shared: list[HelpTask] = []
        self._in_hand = 0
        self._resting = 0
        self._allowed = workers
        self._last_refusal_s = 0.0
        self._paused = False
        self._closed = False
        self._changed = threading.Condition()
        for selection in selections:
            self._put(selection)

    # What users do.

    def add(self, selections: Iterable[Selection]) -> tuple[Selection, ...]:
        """Put studies to the end; returns those that were not in the queue or in hand already.

        None are taken once the queue is closed, or the run cancelled.
        """
        with self._changed:
            if self._closed or self._cancel.requested:
                return ()
            added = tuple(each for each in selections if self._put(each))
            for selection in added:
                self._emit(StudyQueued(study_instance_uid=selection.study_instance_uid))
            self._changed.notify_all()
            return added

    def promote(self, uid: str) -> None:
        """Move a study to the front, if it is in the backlog."""
        with self._changed:
            if uid in self._backlog:
                self._backlog.promote(uid)
                self._emit(StudyPromoted(study_instance_uid=uid))
                self._changed.notify_all()

    def withdraw(self, uid: str) -> StudyTask | None:
        """Take out a study that nobody has taken up yet, if this is one; `finish` must follow."""
        with self._changed:
            task = self._tasks.get(uid)
            return None if task is None or task.started else self._take_out(uid)

    def stop(self, uid: str) -> StudyTask | None:
        """Have whoever has a study in hand stop; or take it out, if nobody has.

        Returns it if it was taken out: its story is the caller's to end, and `finish` must follow.
        """
        with self._changed:
            if uid in self._tasks:
                self._tasks[uid].cancel.request()
                self._changed.notify_all()
            return self._take_out(uid)

    def _take_out(self, uid: str) -> StudyTask | None:
        if uid not in self._backlog:
            return None
        self._in_hand += 1
        return self._backlog.take_out(uid)

    def pause(self) -> None:
        """Give out nothing, and let no request begin, until `resume`."""
        with self._changed:
            if not self._paused:
                self._paused = True
                self._emit(RunPaused())
                self._changed.notify_all()

    def resume(self) -> None:
        """Go on."""
        with self._changed:
            if self._paused:
                self._paused = False
                self._emit(RunResumed())
                self._changed.notify_all()

    def close(self) -> None:
        """Nothing more will be added: workers end when all is done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """The run was cancelled: let everybody look."""
        with self._changed:
            self._changed.notify_all()

    # What workers do.

    def take(self, *, wait: bool = True) -> StudyTask | HelpTask | None:
        """The next study, or one to help with; `finish` or `put_back` must follow.

        Args:
            wait: Wait for more: until the queue is closed, while studies wait for another attempt,
                or are in other hands and may yet come back or be shared. None then means that all
                is done, or that the user stopped; without it, that there is nothing to do now.
        """
        with self._changed:
            while not self._cancel.requested:
                self._wake_waiting()
                if task := self._next():
                    self._in_hand += 1
                    self._changed.notify_all()
                    return task
                if not wait or (self._closed and not (self._backlog or self._in_hand)):
                    break
                self._rest()
            if wait:  # this worker ends
                self._changed.notify_all()
            return None

    def _next(self) -> StudyTask | HelpTask | None:
        if self._paused or self._in_hand >= self._allowed:
            return None
        if task := self._backlog.take_first():
            return task
        largest = max(self._shared, key=lambda task: len(task.shared), default=None)
        return largest if largest and len(largest.shared) else None

    def _rest(self) -> None:
        """Wait for a change; the caller holds the lock."""
        due_in_s = self._backlog.due_in_s(monotonic())
        rest_s = _TICK_S if self._closed or due_in_s is not None else _REST_S
        self._resting += 1
        # What is overdue has not been looked at since a pause began: that is nothing to hurry for.
        self._changed.wait(min(rest_s, due_in_s or rest_s))
        self._resting -= 1

    def wait_while_paused(self, peer: Peer, cancel: CancelToken) -> None:
        """Return when a request may begin; a pause releases the association of `peer`.

        Raises:
            Cancelled: `cancel` was requested during the pause.
        """
        with self._changed:
            paused = self._paused
        if not paused:
            return
        peer.close()
        with self._changed:
            while self._paused and not cancel.requested:
                self._rest()
        if cancel.requested:
            raise Cancelled

    @property
    def idle_workers(self) -> int:
        """How many workers will have no study of their own after this one."""
        with self._changed:
            return max(0, self._allowed - self._in_hand - self._backlog.ready)

    @property
    def has_ready(self) -> bool:
        """True if a study waits for a worker, and for nothing else."""
        return self._backlog.ready > 0

    def share(self, task: HelpTask) -> None:
        """Let idle workers help with a study, until `unshare`."""
        with self._changed:
            self._shared.append(task)
            self._changed.notify_all()

    def unshare(self, task: HelpTask) -> None:
        """The study needs no more help, or help has failed."""
        with self._changed:
            if task in self._shared:
                self._shared.remove(task)

    def finish(self, task: StudyTask | HelpTask) -> None:
        """What was taken is done."""
        with self._changed:
            self._in_hand -= 1
            if isinstance(task, StudyTask):
                del self._tasks[task.uid]
            self._changed.notify_all()

    def put_back(self, task: StudyTask, wait_s: float) -> bool:
        """A study that was taken goes to the back, to be ready again in `wait_s` seconds.

        False if it is to stop: then it is still in the caller's hand.
        """
        with self._changed:
            if task.cancel.requested:
                return False
            self._in_hand -= 1
            self._backlog.postpone(task, monotonic() + wait_s)
            self._changed.notify_all()
            return True

    def lower(self) -> bool:
        """The PACS grants no further association: use fewer. False if it is down to one."""
        with self._changed:
            self._last_refusal_s = monotonic()
            if self._allowed == 1:
                return False
            # Whoever was refused holds none; those that still work show how many there can be.
            self._allowed = max(1, min(self._allowed - 1, self._in_hand - 1))
            return True

    # What the run does.

    def rest(self, *, unless: Callable[[], object]) -> None:
        """Wait while every worker does, a second at most, or until `unless` is true."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._resting < self._workers or self._cancel.requested or unless(),
                _REST_S,
            )

    @property
    def uids(self) -> list[str]:
        """Study Instance UIDs of all that is not done."""
        with self._changed:
            return list(self._tasks)

    @property
    def left(self) -> bool:
        """True if not every study is done."""
        with self._changed:
            return bool(self._backlog or self._in_hand)

    def abandoned(self) -> list[StudyTask]:
        """What was begun and still waits for another attempt; called when nobody works any more."""
        with self._changed:
            # Whoever stops a study has it in hand until its account is closed.
            self._changed.wait_for(lambda: not self._in_hand, _REST_S)
            return [task for task in self._backlog if task.started]

    def _put(self, selection: Selection) -> bool:
        uid = selection.study_instance_uid
        if uid in self._tasks:
            return False
        self._tasks[uid] = task = StudyTask(selection=selection, cancel=self._cancel.child())
        self._backlog.add(task)
        return True

    def _wake_waiting(self) -> None:
        now_s = monotonic()
        self._backlog.wake(now_s)
        if self._allowed < self._workers and now_s - self._last_refusal_s > _RAISE_AFTER_S:
            self._allowed += 1
            self._last_refusal_s = now_s
