"""A whole run: workers take studies from one queue, and the story comes out as events.

Workers are threads, one association each. They append events to one deque, which costs them next to
nothing, and the iterator looks at it some twenty times a second, as long as anybody works.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack
from typing import Protocol

from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.study import Postponed
from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.bug_report import bug_note
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    Event,
    Noted,
    RetrieveFinished,
    RetrieveStarted,
    StudyFinished,
    StudyRemoved,
)
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.verdict import Verdict, total_verdict

_POLL_S = 0.05


class Retriever(Protocol):
    """What the workers of a run do with its studies: retrieve them, or only plan to."""

    def expect(self, uids: Iterable[str]) -> None:
        """Record that these studies are in the queue."""

    def forget(self, uid: str) -> None:
        """Record that a study left the queue before it was begun."""

    def retrieve(self, task: StudyTask, peer: Peer, worker: int) -> StudyFinished | Postponed:
        """Make one attempt at a study."""

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Make requests for a study that another worker has."""

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Close the account of a study that was to be tried again, and will not be."""

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Close the account of a study that a bug of ours has ended."""

    def poll(self) -> None:
        """Emit what came since the last call, many times a second; raise a bug of a thread."""


class Run:
    """One run over the selections of a plan."""

    def __init__(
        self,
        *,
        plan: Plan,
        peer_name: str,
        open_peer: Callable[[int], Peer],
        outbox: deque[Event],
        cancel: CancelToken,
    ) -> None:
        """Prepare; nothing is sent before `events` is iterated.

        Args:
            open_peer: Makes a worker's way to the PACS, from the worker's number; it opens no
                association yet.
            outbox: Where everybody appends events.
        """
        self._plan = plan
        self._peer_name = peer_name
        self._open_peer = open_peer
        self._outbox = outbox
        self.emit = outbox.append
        self._cancel = cancel
        self._workers = plan.parallel
        self.queue = TaskQueue(plan.selections, cancel, workers=self._workers, emit=outbox.append)
        self._verdicts: dict[str | None, Verdict] = {}
        """The last one on each study; None stands for the disk."""
        self._bug: Exception | None = None
        """What ended the run, if nothing that is expected did."""

    def events(
        self,
        retriever: Retriever,
        *,
        resources: AbstractContextManager[object],
    ) -> Generator[Event, None, None]:
        """Do every selection, and tell of it, until the queue is closed and empty.

        Expected failures are events; only a bug raises, behind the last event, so that what was
        done until then is told. Closing the iterator cancels the run and joins its threads.

        Args:
            retriever: What to do with each study.
            resources: What the workers need, such as the output folder and our Storage SCP; given
                back before the last event.
        """
        closed: GeneratorExit | None = None
        try:
            with resources:
                try:
                    yield RetrieveStarted(
                        peer=self._peer_name,
                        method=str(self._plan.method),
                        studies=len(self._plan.selections),
                        parallel=self._workers,
                    )
                    yield from self._events_of_workers(retriever)
                except GeneratorExit as error:
                    closed = error
                    raise
        except DiskFailed as failure:  # what was recorded last could not be kept
            if closed is not None:  # nothing listens any more
                raise closed from failure
            self._verdicts[None] = Verdict.FAILED
            self._outbox.append(Noted(study_instance_uid=None, text=str(failure)))
        except Exception as bug:  # noqa: BLE001 - raised again behind the last event
            self._bug = self._bug or bug
        if self._bug is not None:
            self._outbox.append(bug_note(self._bug))
        yield from self._drain_outbox()
        yield RetrieveFinished(verdict=self._verdict())
        if self._bug is not None:
            raise self._bug

    def _events_of_workers(self, retriever: Retriever) -> Iterator[Event]:
        workers = self._workers
        try:
            with ThreadPoolExecutor(workers, thread_name_prefix="retrieve") as pool:
                try:
                    futures = {
                        pool.submit(self._run_worker, retriever, n + 1) for n in range(workers)
                    }
                    yield from self._events_of(futures, retriever)
                except BaseException:  # a bug in a worker, or a face that looks no further
                    self._cancel.request()
                    self.queue.wake()
                    raise
        except Exception as bug:  # noqa: BLE001 - raised again behind the last event
            self._bug = bug
        for task in self.queue.abandoned():
            self.abandon(retriever, task)

    def abandon(self, retriever: Retriever, task: StudyTask) -> None:
        """Close the account of a study that was to be tried again, and will not be."""
        self._verdicts[task.uid] = retriever.abandon(task).verdict

    def _events_of(self, futures: set[Future[None]], retriever: Retriever) -> Iterator[Event]:
        """What happens until all workers are done."""
        while futures:
            self.queue.rest(unless=lambda: self._outbox)
            done, futures = wait(futures, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            retriever.poll()
            yield from self._drain_outbox()

    def _drain_outbox(self) -> Iterator[Event]:
        while self._outbox:
            yield self._outbox.popleft()

    def _run_worker(self, retriever: Retriever, number: int) -> None:
        """One worker: take the next study until there is none."""
        peer = self._open_peer(number)
        try:
            while (task := self._take(peer)) is not None:
                if isinstance(task, HelpTask):
                    retriever.help(task, peer, number)
                    self.queue.finish(task)
                else:
                    self._attempt(task, retriever, peer, number)
        finally:
            peer.close()

    def _attempt(self, task: StudyTask, retriever: Retriever, peer: Peer, number: int) -> None:
        try:
            outcome = retriever.retrieve(task, peer, number)
        except Exception as bug:
            self._verdicts[task.uid] = retriever.break_off(task, bug).verdict
            self.queue.finish(task)
            raise
        if isinstance(outcome, Postponed):
            if self.queue.put_back(task, outcome.wait_s):
                return
            self.abandon(retriever, task)  # stopped in this very moment
        else:
            self._verdicts[task.uid] = outcome.verdict
        self.queue.finish(task)

    def _take(self, peer: Peer) -> StudyTask | HelpTask | None:
        """The next study; while there is none, no association is kept from others."""
        if (task := self.queue.take(wait=False)) is not None:
            return task
        peer.close()
        return self.queue.take()

    def _verdict(self) -> Verdict:
        if self._bug is not None:
            return Verdict.FAILED
        if self._cancel.requested and self.queue.left:
            return Verdict.CANCELLED
        return total_verdict(self._verdicts.values())


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
