"""The queue of a run on a cluster, and what is known of each study that a slot has."""

from dataclasses import dataclass, field

from dicom_retrieve_tui.engine.queue import StudyTask, TaskQueue
from dicom_retrieve_tui.model import events as ev


class ClusterQueue(TaskQueue):
    """A queue whose studies are taken in batches, by one thread, for slots elsewhere."""

    def take_batch(self, most: int) -> list[StudyTask]:
        """Return the next studies, at most so many; `finish` or `put_back` must follow for each."""
        with self._changed:
            batch: list[StudyTask] = []
            while len(batch) < most and not (self._blocked or self._cancel.requested):
                if (found := self._pending.take_first()) is None:
                    break
                self._taken += 1
                batch.append(self._task(found))
            return batch

    def give_back(self, task: StudyTask) -> None:
        """Put a study that was not begun back, whatever the user or the run decided meanwhile."""
        with self._changed:
            self._taken -= 1
            self._pending.add_first(task)
            self._changed.notify_all()

    @property
    def blocked(self) -> bool:
        """True if no request may begin."""
        return self._blocked

    @property
    def is_done(self) -> bool:
        """True once the queue is closed and every study is done."""
        with self._changed:
            return self._closed and not (self._pending or self._taken)

    @property
    def ready_count(self) -> int:
        """How many studies wait for a slot."""
        return self._pending.ready

    def note_quiet(self) -> None:
        """Record that no slot has an association: in a pause, nothing flows any more."""
        with self._changed:
            self._note_quiet(idle=self._workers)


@dataclass(slots=True)
class Assigned:
    """A study that a slot has."""

    task: StudyTask
    slot: str
    running: bool = False
    """The slot has begun it."""
    done: bool = False
    """Only its end is not recorded yet."""
    stopping: bool = False
    """The slot was told to stop it."""


@dataclass(slots=True)
class Known:
    """What is known by events about a study that was begun and is not finished."""

    expected: int | None = None
    stored: int = 0
    losses: int = 0
    """Workers that were lost while they retrieved it."""
    last: ev.StudyFinished | None = None
    """How the slot that gave it back left it."""
    helpers: set[int] = field(default_factory=set)

    def see(self, event: ev.Event) -> None:
        """Take an event of the study into account."""
        match event:
            case ev.StudyInventoried():
                self.expected, self.stored = event.expected, event.present
            case ev.InstanceStored():
                self.stored += 1
            case ev.HelpStarted():
                self.helpers.add(event.worker)
            case ev.HelpFinished():
                self.helpers.discard(event.worker)
            case _:
                pass
