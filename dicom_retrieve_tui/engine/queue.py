"""The queue of studies, and the limit of workers that take from it at once."""

import heapq
import itertools
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain
from time import monotonic
from typing import TypeGuard

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.split_study import SharedRequests
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.errors import Cancelled, Interrupted
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    Event,
    RunPaused,
    RunPausing,
    RunResumed,
    StudyPromoted,
    StudyQueued,
)
from dicom_retrieve_tui.model.selection import Selection

_TICK_S = 0.2
_IDLE_S = 1.0
"""Only a cancel from a signal handler does not wake a worker before that."""
_RAISE_LIMIT_AFTER_S = 30.0
"""After the PACS rejected an association for want of one, time until one more is tried."""

_LOOKED_UP_S = 5.0
"""The PACS may count an association for so long that has ended: that of a look-up."""

Emit = Callable[[Event], None]


@dataclass(slots=True, kw_only=True)
class StudyTask:
    """One study in the queue, with what earlier attempts left."""

    selection: Selection
    cancel: CancelToken
    """Stops this study; a child of the token of the run."""
    failed_attempts: int = 0
    started: bool = False
    outages: int = 0
    """How often in a row the PACS went away during an attempt that brought nothing."""
    given_up: str = ""
    """Why the run gave it up; empty if it has not."""
    claimed_elsewhere: bool = False
    """True once it was reported that another process has the study."""
    study: StudyState | None = None

    @property
    def uid(self) -> str:
        """Study Instance UID (0020,000D)."""
        return self.selection.study_instance_uid


@dataclass(frozen=True, slots=True)
class Postponed:
    """The outcome of an attempt after which the study is to be tried again."""

    wait_s: float


@dataclass(frozen=True, slots=True)
class PutBack:
    """The outcome of an attempt that ended because the queue is held: it does not count."""

    last: bool = False
    """True to try the other studies first."""


@dataclass(frozen=True, slots=True)
class HelpTask:
    """A study that another worker retrieves and that has requests left to share."""

    shared: SharedRequests
    cancel: CancelToken
    """The token of the study."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GivenUp:
    """The pending studies when a run gives up."""

    started: list[StudyTask]
    not_started: list[str]
    """Study Instance UIDs."""


class PendingTasks:
    """Tasks that no worker has taken: those that are ready, in order, and those that wait.

    A task that waits for another attempt never delays one that is ready. Every change costs the
    same for a million studies as for two, and a study that was not begun costs no more than its
    entry: its task is made when it is taken. Not safe for use by several threads: the queue's lock
    guards it.
    """

    def __init__(self, selections: Iterable[Selection] = ()) -> None:
        """Begin with these, one for each study."""
        self._first: dict[str, Selection | StudyTask] = {
            each.study_instance_uid: each for each in reversed(tuple(selections))
        }
        """Taken from its end: the last one in it is the next one."""
        self._last: dict[str, Selection | StudyTask] = {}
        """Taken once `_first` is empty, from its beginning."""
        self._waiting: dict[str, tuple[int, StudyTask]] = {}
        self._due: list[tuple[float, int, str]] = []
        """A heap. An entry is stale if `_waiting` has another number for its study."""
        self._numbers = itertools.count()

    def __len__(self) -> int:
        """Return the number of tasks, ready or not."""
        return self.ready + len(self._waiting)

    def __contains__(self, uid: str) -> bool:
        return uid in self._first or uid in self._last or uid in self._waiting

    def __iter__(self) -> Iterator[str]:
        """Yield the Study Instance UIDs, those that are ready first, in order."""
        yield from reversed(self._first)
        yield from self._last
        yield from self._waiting

    @property
    def ready(self) -> int:
        """The number of tasks that can be taken now."""
        return len(self._first) + len(self._last)

    @property
    def begun(self) -> list[StudyTask]:
        """The tasks that were taken before, whether they wait or are ready again."""
        ready = (*self._first.values(), *self._last.values())
        waiting = (task for _, task in self._waiting.values())
        return [*(task for task in ready if isinstance(task, StudyTask)), *waiting]

    def due_in_s(self, now_s: float) -> float | None:
        """Return the seconds until a waiting task may be due, 0 if overdue; None if none waits."""
        return max(self._due[0][0] - now_s, 0.0) if self._waiting else None

    def add(self, selection: Selection) -> None:
        """Append a study that was not begun."""
        self._last[selection.study_instance_uid] = selection

    def postpone(self, task: StudyTask, due_s: float) -> None:
        """Append a task once `time.monotonic()` reaches `due_s`."""
        number = next(self._numbers)
        self._waiting[task.uid] = (number, task)
        heapq.heappush(self._due, (due_s, number, task.uid))

    def add_first(self, task: StudyTask) -> None:
        """Insert a task before those that are ready."""
        self._first[task.uid] = task

    def wake(self, now_s: float, *, first: bool = False) -> None:
        """Make the tasks ready that are due, the last or the first of all."""
        while self._due and self._due[0][0] <= now_s:
            _, number, uid = heapq.heappop(self._due)
            if uid in self._waiting and self._waiting[uid][0] == number:
                task = self._waiting.pop(uid)[1]
                (self._first if first else self._last)[uid] = task

    @property
    def waits(self) -> bool:
        """True if a task waits for another attempt."""
        return bool(self._waiting)

    @property
    def first_was_started(self) -> bool:
        """True if the next task that is ready had an attempt already."""
        ready = chain(reversed(self._first.values()), self._last.values())
        return _was_started(next(ready, None))

    def take_all(self) -> list[Selection | StudyTask]:
        """Remove and return everything, in order."""
        waiting = (task for _, task in self._waiting.values())
        found = [*reversed(self._first.values()), *self._last.values(), *waiting]
        for pending in (self._first, self._last, self._waiting, self._due):
            pending.clear()
        return found

    def take_first(self) -> Selection | StudyTask | None:
        """Remove and return the next study that is ready; None if none is."""
        if not self._first:
            # A dictionary gives away its last entry at once, and its first by a search.
            self._first = dict(reversed(self._last.items()))
            self._last = {}
        return self._first.popitem()[1] if self._first else None

    def promote(self, uid: str) -> None:
        """Move a task to the front; a waiting one becomes ready."""
        self._first[uid] = self.take_out(uid)

    def take_out(self, uid: str) -> Selection | StudyTask:
        """Remove and return this study."""
        for ready in (self._first, self._last):
            if uid in ready:
                return ready.pop(uid)
        return self._waiting.pop(uid)[1]


def _uid_of(found: Selection | StudyTask) -> str:
    return found.uid if isinstance(found, StudyTask) else found.study_instance_uid


def _was_started(found: Selection | StudyTask | None) -> TypeGuard[StudyTask]:
    return isinstance(found, StudyTask) and found.started


class TaskQueue:
    """The studies of a run until each is done: pending, or taken by a worker.

    Safe for use by several threads. Its events are emitted under its lock, so that the events of a
    study are in order.
    """

    def __init__(
        self, selections: Iterable[Selection], cancel: CancelToken, *, workers: int, emit: Emit
    ) -> None:
        self._cancel = cancel
        self._workers = workers
        self._emit = emit
        self._tasks: dict[str, StudyTask] = {}
        """Every study that was begun and is not done, by Study Instance UID."""
        self._pending = PendingTasks(selections)
        self._shared: list[HelpTask] = []
        self._taken = 0
        self._idle = 0
        self._most = workers
        self._allowed = workers
        self._last_rejection_s = 0.0
        self._loans = 0
        self._most_while_lent = 0
        self._look_ups = 0
        self._looked_up_s = float("-inf")
        """When the last look-up ended."""
        self._running: set[CancelToken] = set()
        """The tokens of the requests that are being made."""
        self._paused = False
        self._held = False
        self._started_only = False
        self._quiet = False
        """True once nothing flows in a pause."""
        self._closed = False
        self._changed = threading.Condition()

    # Called by users of the session

    def add(self, selections: Iterable[Selection]) -> tuple[Selection, ...]:
        """Append studies; return those that were not in the queue already.

        A closed queue and a cancelled run take none.
        """
        with self._changed:
            if self._closed or self._cancel.requested:
                return ()
            added = tuple(selection for selection in selections if self._put(selection))
            for selection in added:
                self._emit(StudyQueued(study_instance_uid=selection.study_instance_uid))
            self._changed.notify_all()
            return added

    def promote(self, uid: str) -> None:
        """Move a study to the front, if it is pending."""
        with self._changed:
            if uid in self._pending:
                self._pending.promote(uid)
                self._emit(StudyPromoted(study_instance_uid=uid))
                self._changed.notify_all()

    def withdraw(self, uid: str) -> StudyTask | None:
        """Take a study out if it was not begun; `finish` must follow."""
        with self._changed:
            task = self._tasks.get(uid)
            return None if task is not None and task.started else self._take_out(uid)

    def stop(self, uid: str) -> StudyTask | None:
        """Stop a study that a worker has, or take it out if it is pending.

        Returns:
            The task if it was taken out: the caller emits its last event, and `finish` must follow.
        """
        with self._changed:
            if uid in self._tasks:
                self._tasks[uid].cancel.request()
                self._changed.notify_all()
            return self._take_out(uid)

    def _take_out(self, uid: str) -> StudyTask | None:
        if uid not in self._pending:
            return None
        self._taken += 1
        return self._task(self._pending.take_out(uid))

    def pause(self) -> None:
        """Give out no task, let no request begin and end those that run, until `resume`."""
        with self._changed:
            if not self._paused:
                self._paused, self._quiet = True, False
                self._emit(RunPausing())
                self._interrupt()
                self._note_quiet(idle=self._idle)
                self._changed.notify_all()

    def resume(self) -> None:
        """End a pause."""
        with self._changed:
            if self._paused:
                self._paused = False
                self._emit(RunResumed())
                self._changed.notify_all()

    @property
    def _blocked(self) -> bool:
        """True if no request may begin."""
        return self._paused or self._held

    def _interrupt(self) -> None:
        """End the requests that run. The caller holds the lock."""
        for token in self._running:
            token.interrupt()

    def _note_quiet(self, *, idle: int) -> None:
        """Emit it once in a pause when every worker has released its association."""
        if self._paused and not self._quiet and idle == self._workers:
            self._quiet = True
            self._emit(RunPaused())

    def close(self) -> None:
        """Take no further studies: workers end when all are done."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def wake(self) -> None:
        """Wake every worker and the reader of the events."""
        with self._changed:
            self._changed.notify_all()

    def limit_workers(self, most: int) -> None:
        """Give tasks only to the first so many workers from now on; 0 to none.

        Always the same ones, because another worker has no association open.
        """
        with self._changed:
            self._most = self._allowed = most
            self._changed.notify_all()

    @property
    def busy_workers(self) -> int:
        """How many workers have a task."""
        return self._taken

    def lend(self) -> None:
        """Use one association fewer than now, from the end of a request on, until `take_back`.

        Several loans at once are one: those who borrow take turns.
        """
        with self._changed:
            if not self._loans:
                self._most_while_lent = max(self._taken - 1, 0)
            self._loans += 1

    def take_back(self) -> None:
        """End a loan."""
        with self._changed:
            self._loans -= 1
            self._changed.notify_all()

    @property
    def lent(self) -> bool:
        """True during a loan, once a worker has given its association up."""
        with self._changed:
            return bool(self._loans) and not self._is_to_lend

    @property
    def _is_to_lend(self) -> bool:
        """True if a worker has to give its association up."""
        return bool(self._loans) and self._taken > self._most_while_lent

    def begin_look_up(self) -> None:
        """Note that a look-up of ours has, or wants, an association with the same PACS."""
        with self._changed:
            self._look_ups += 1

    def end_look_up(self) -> None:
        """Note that it has released its association."""
        with self._changed:
            self._look_ups -= 1
            self._looked_up_s = monotonic()

    @property
    def looked_up_lately(self) -> bool:
        """True if a look-up of ours may have an association that we lack."""
        with self._changed:
            return bool(self._look_ups) or monotonic() - self._looked_up_s < _LOOKED_UP_S

    # Called by what holds the run

    def hold(self, *, end_requests: bool = False) -> None:
        """Give out no task, and let no request begin, until `release`.

        Args:
            end_requests: End those that run, too.
        """
        with self._changed:
            self._held = True
            if end_requests:
                self._interrupt()
            self._changed.notify_all()

    def release(self) -> None:
        """End a hold, and use all workers again."""
        with self._changed:
            self._held = False
            self._allowed = self._most
            self._changed.notify_all()

    def give_out_started_only(self, *, only: bool) -> None:
        """Begin one study at a time while the PACS has never answered.

        Args:
            only: False once it has.
        """
        with self._changed:
            if self._started_only is not only:
                self._started_only = only
                self._changed.notify_all()

    def give_up(self, reason: str, report: Callable[[list[str]], Event | None]) -> GivenUp:
        """Empty the queue, and stop the studies that workers have.

        Args:
            reason: Why the run gives up; each task that was started has it.
            report: Returns the event for the studies that were not begun, by their UIDs.

        Returns:
            What was pending. The caller emits the last event of each task that was started, and
            `finish` must follow; the others are done.
        """
        with self._changed:
            self._started_only = False
            pending = self._pending.take_all()
            given_up = GivenUp(
                started=[task for task in pending if _was_started(task)],
                not_started=[_uid_of(each) for each in pending if not _was_started(each)],
            )
            for uid in given_up.not_started:
                self._tasks.pop(uid, None)
            for task in self._tasks.values():
                task.given_up = reason
                task.cancel.request()
            self._taken += len(given_up.started)
            if (event := report(given_up.not_started)) is not None:
                self._emit(event)
            self._changed.notify_all()
            return given_up

    # Called by workers

    def take(self, *, worker: int = 1, wait: bool = True) -> StudyTask | HelpTask | None:
        """Return the next study, or one to help with; `finish` or `put_back` must follow.

        Args:
            worker: The number of the worker, from 1.
            wait: Wait until there is a task, the queue is closed and every study is done, or the
                user stops. While other workers have studies, these may be put back or shared.

        Returns:
            None: with `wait`, the worker must end; without it, there is nothing to do now.
        """
        with self._changed:
            while not self._cancel.requested:
                self._wake_waiting()
                if worker <= self._most and (task := self._next()):
                    self._taken += 1
                    self._changed.notify_all()
                    return task
                if not wait or (self._closed and not (self._pending or self._taken)):
                    break
                self._wait_for_change()
            if wait:  # this worker ends
                self._changed.notify_all()
            return None

    def _next(self) -> StudyTask | HelpTask | None:
        allowed = min(self._allowed, self._most_while_lent) if self._loans else self._allowed
        if self._blocked or self._taken >= allowed:
            return None
        # Where the user has stopped every study that was begun, another one is.
        begun = self._taken or self._pending.waits
        if self._started_only and begun and not self._pending.first_was_started:
            return None
        if found := self._pending.take_first():
            return self._task(found)
        largest = max(self._shared, key=lambda task: len(task.shared), default=None)
        return largest if largest and len(largest.shared) else None

    def _wait_for_change(self) -> None:
        """Wait for a change. The caller holds the lock."""
        due_in_s = self._pending.due_in_s(monotonic())
        wait_s = _TICK_S if self._closed or due_in_s is not None else _IDLE_S
        self._idle += 1
        self._note_quiet(idle=self._idle)
        # Overdue tasks (due in 0 s) wait for the end of a pause: do not spin for them.
        self._changed.wait(min(wait_s, due_in_s or wait_s))
        self._idle -= 1

    def wait_while_paused(self, peer: Peer, cancel: CancelToken) -> None:
        """Return when a request may begin; a pause or hold releases the association of `peer`.

        Raises:
            Cancelled: `cancel` was requested during the pause.
        """
        with self._changed:
            paused = self._blocked
        if not paused:
            return
        peer.close()
        with self._changed:
            while self._blocked and not cancel.requested:
                self._wait_for_change()
        if cancel.requested:
            raise Cancelled

    @contextmanager
    def request(self, cancel: CancelToken) -> Iterator[CancelToken]:
        """Register a request while it is being made.

        Args:
            cancel: Stops the study.

        Yields:
            The token of the request, which is interrupted once the run is held.

        Raises:
            Interrupted: The run is held already, or the association is to be lent.
        """
        token = cancel.child()
        with self._changed:
            if self._blocked or self._is_to_lend:
                raise Interrupted
            self._running.add(token)
        try:
            yield token
        finally:
            with self._changed:
                self._running.discard(token)

    @property
    def idle_workers(self) -> int:
        """The number of workers without a study of their own once this one has taken its task."""
        with self._changed:
            return max(0, self._allowed - self._taken - self._pending.ready)

    @property
    def has_untried(self) -> bool:
        """True if a study was not taken by a worker yet."""
        with self._changed:
            return len(self._pending) > sum(uid in self._pending for uid in self._tasks)

    @property
    def has_ready(self) -> bool:
        """True if a study waits only for a worker."""
        return self._pending.ready > 0

    def share(self, task: HelpTask) -> None:
        """Offer a study to idle workers until `unshare`."""
        with self._changed:
            self._shared.append(task)
            self._changed.notify_all()

    def unshare(self, task: HelpTask) -> None:
        """Offer a study no longer."""
        with self._changed:
            if task in self._shared:
                self._shared.remove(task)

    def finish(self, task: StudyTask | HelpTask) -> None:
        """Record that a task is done."""
        with self._changed:
            self._taken -= 1
            if isinstance(task, StudyTask):
                del self._tasks[task.uid]
            self._changed.notify_all()

    def put_back(self, task: StudyTask, wait_s: float | None) -> bool:
        """Return a study to the queue, where it is ready again in `wait_s` seconds.

        Args:
            task: The study.
            wait_s: None puts it before all others, ready at once.

        Returns:
            False if the study is to stop: then the caller still has it.
        """
        with self._changed:
            if task.cancel.requested:
                return False
            self._taken -= 1
            if wait_s is None:
                self._pending.add_first(task)
            else:
                self._pending.postpone(task, monotonic() + wait_s)
            self._changed.notify_all()
            return True

    def lower(self) -> bool:
        """Use fewer workers: the PACS accepts no further association. False if only one is left."""
        with self._changed:
            self._last_rejection_s = monotonic()
            if self._allowed <= 1:
                return False
            # The rejected worker has no association; the others show how many are accepted.
            self._allowed = max(1, min(self._allowed - 1, self._taken - 1))
            return True

    # Called by the run

    def wait_idle(self, *, unless: Callable[[], object]) -> None:
        """Wait while every worker waits, at most a second, or until `unless` is true."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._idle < self._workers or self._cancel.requested or unless(),
                _IDLE_S,
            )

    @property
    def uids(self) -> list[str]:
        """Study Instance UIDs of every study that is not done."""
        with self._changed:
            return [*self._tasks, *(uid for uid in self._pending if uid not in self._tasks)]

    @property
    def left(self) -> bool:
        """True if a study is not done."""
        with self._changed:
            return bool(self._pending or self._taken)

    @property
    def left_count(self) -> int:
        """The number of studies that are not done."""
        with self._changed:
            return len(self._pending) + sum(uid not in self._pending for uid in self._tasks)

    def abandoned(self) -> list[StudyTask]:
        """Return the studies that wait for another attempt, once all workers have ended."""
        with self._changed:
            # A thread that stops a study has taken it until its last event is emitted.
            self._changed.wait_for(lambda: not self._taken, _IDLE_S)
            return [task for task in self._pending.begun if task.started]

    def _put(self, selection: Selection) -> bool:
        uid = selection.study_instance_uid
        if uid in self._tasks or uid in self._pending:
            return False
        self._pending.add(selection)
        return True

    def _task(self, found: Selection | StudyTask) -> StudyTask:
        """Return the task of a study that was taken out of those that are pending."""
        if isinstance(found, StudyTask):
            return found
        task = StudyTask(selection=found, cancel=self._cancel.child())
        self._tasks[task.uid] = task
        return task

    def _wake_waiting(self) -> None:
        now_s = monotonic()
        self._pending.wake(now_s, first=self._started_only)
        if self._allowed < self._most and now_s - self._last_rejection_s > _RAISE_LIMIT_AFTER_S:
            self._allowed += 1
            self._last_rejection_s = now_s
