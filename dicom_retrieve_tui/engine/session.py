"""A run that is steered while it goes on: what users do to its queue, from any thread."""

import threading
from collections.abc import Callable, Generator, Iterable
from contextlib import ExitStack
from typing import Protocol

from dicom_retrieve_tui.engine.backlog import StudyTask
from dicom_retrieve_tui.engine.run import Jobs, Run
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.selection import Selection


class SteeredJobs(Jobs, Protocol):
    """What workers do with their tasks, and what is to be done when the queue is changed."""

    def expect(self, uids: Iterable[str]) -> None:
        """These studies were added to the queue."""

    def dismiss(self, task: StudyTask) -> None:
        """A study left the queue before anybody took it up."""


class Session:
    """One run in one output folder, from `wiring.open_session` to the end of its events.

    `events` is read by one thread; all else may be called by any, before and while it is read, and
    takes no longer than a lock. What is asked of a study that is not there any more, because it
    has just been finished, is no error, and does nothing.
    """

    def __init__(
        self,
        run: Run,
        jobs: SteeredJobs,
        cancel: CancelToken,
        *,
        resources: ExitStack,
        report: Callable[[], None],
    ) -> None:
        """Take over `resources`; see `Run.events` for them and for `report`."""
        self._run = run
        self._jobs = jobs
        self._cancel = cancel
        self._resources = resources
        self._report = report
        self._steering = threading.Lock()

    def events(self) -> Generator[Event, None, None]:
        """Tell the story, and wait while there is nothing to tell, until `finish` or `cancel`.

        Once for each session. Closing the iterator cancels the run and joins its threads.
        """
        yield from self._run.events(
            self._jobs, resources=self._resources.pop_all(), report=self._report
        )

    def close(self) -> None:
        """Give the output folder and the port back if `events` was never read; else nothing."""
        self._resources.close()

    def add(self, selections: Iterable[Selection]) -> tuple[Selection, ...]:
        """Put studies to the end of the queue, and return those that were put there.

        A study that waits or is in hand already is not, whatever part of it is selected. One that
        has finished is tried again. None are after `finish` and `cancel`.
        """
        with self._steering:
            added = self._run.queue.add(selections)
            self._jobs.expect([each.study_instance_uid for each in added])
            return added

    def promote(self, study_instance_uid: str) -> None:
        """Move a study to the front of the queue; one that waits for a retry waits no longer."""
        self._run.queue.promote(study_instance_uid)

    def remove(self, study_instance_uid: str) -> None:
        """Take a study out of the queue that nobody has taken up yet."""
        with self._steering:
            if (task := self._run.queue.withdraw(study_instance_uid)) is not None:
                self._end(task)

    def stop(self, study_instance_uid: str) -> None:
        """Cancel this study and no other.

        If it is in hand, its requests are cancelled, by C-CANCEL and then by A-ABORT, and it ends
        `cancelled`; what has come stays. If nobody has taken it up, it leaves the queue.
        """
        with self._steering:
            if (task := self._run.queue.stop(study_instance_uid)) is not None:
                self._end(task)

    def _end(self, task: StudyTask) -> None:
        """End the story of a study that was taken out of the queue."""
        try:
            if task.started:
                self._run.abandon(self._jobs, task)
            else:
                self._jobs.dismiss(task)
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
