"""A run that is steered while it goes on: what users do to its queue, from any thread."""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack

from dicom_retrieve_tui.engine.backlog import StudyTask
from dicom_retrieve_tui.engine.run import Retriever, Run
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, StudyRemoved
from dicom_retrieve_tui.model.selection import Selection

Start = Callable[[ExitStack], Retriever]
"""Takes the output folder and the port, and leaves on the stack what gives them back."""


class Session:
    """One run in one output folder, steered while it goes on.

    It takes the folder and the port when `events` is first read; until then, and while they are
    being taken, users only edit its queue. One thread reads `events`; every other method may be
    called from any thread at any time, and returns at once. A study that has just finished, or
    was never there, is left as it is.
    """

    def __init__(self, run: Run, start: Start, cancel: CancelToken) -> None:
        self._run = run
        self._start = start
        self._cancel = cancel
        self._retriever: Retriever | None = None
        """None until the folder and the port are taken."""
        self._steering = threading.Lock()

    def events(self) -> Generator[Event, None, None]:
        """Retrieve, emitting events, until `finish` or `cancel`; called once.

        Closing the iterator cancels the run and joins its threads.

        Raises:
            ConfigError: Before the first event: the output folder or the port cannot be used.
            Cancelled: Before the first event: the session was cancelled while they were taken.
        """
        with ExitStack() as stack:
            retriever = self._start(stack)
            with self._steering:
                self._retriever = retriever
                retriever.expect(self._run.queue.uids)
            resources = stack.pop_all()
        yield from self._run.events(retriever, resources=resources)

    @property
    def has_studies(self) -> bool:
        """True while a study is queued or being retrieved."""
        return self._run.queue.left

    def add(self, selections: Iterable[Selection]) -> tuple[Selection, ...]:
        """Put studies to the end of the queue, and return those that were put there.

        A study that waits or is in hand already is not, whatever part of it is selected. One that
        has finished is tried again. None are after `finish` and `cancel`.
        """
        with self._steering:
            added = self._run.queue.add(selections)
            if self._retriever is not None:
                self._retriever.expect([each.study_instance_uid for each in added])
            return added

    def promote(self, study_instance_uid: str) -> None:
        """Move a study to the front of the queue; one that waits for a retry waits no longer."""
        self._run.queue.promote(study_instance_uid)

    def remove(self, study_instance_uid: str) -> bool:
        """Take a study out of the queue; False if it was begun, or is not there."""
        with self._steering:
            if (task := self._run.queue.withdraw(study_instance_uid)) is None:
                return False
            self._end(task)
            return True

    def stop(self, study_instance_uid: str) -> None:
        """Cancel this study and no other.

        If it is in hand, its requests are cancelled, by C-CANCEL and then by A-ABORT, and it ends
        `cancelled`; what has come stays. If nobody has taken it up, it leaves the queue.
        """
        with self._steering:
            if (task := self._run.queue.stop(study_instance_uid)) is not None:
                self._end(task)

    def _end(self, task: StudyTask) -> None:
        """Emit the last event of a study that was taken out of the queue."""
        retriever = self._retriever
        try:
            if retriever is not None and task.started:
                self._run.abandon(retriever, task)
                return
            if retriever is not None:
                retriever.forget(task.uid)
            self._run.emit(StudyRemoved(study_instance_uid=task.uid))
        finally:
            self._run.queue.finish(task)

    def pause(self) -> None:
        """Begin no study and no request; requests in hand go on, then associations are released."""
        self._run.queue.pause()

    def resume(self) -> None:
        """Go on."""
        self._run.queue.resume()

    def finish(self) -> None:
        """Nothing more will be added: the run ends when all is done."""
        self._run.queue.close()

    def cancel(self) -> None:
        """End everything, within three seconds."""
        self._cancel.request()
        self._run.queue.wake()
