"""The studies that nobody has in hand: those that are ready, in order, and those that wait.

Every change costs the same however many there are: a list of 20,000 is steered like one of two.
Not safe to use from several threads; the queue's lock guards it.
"""

import heapq
import itertools
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Selection


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
