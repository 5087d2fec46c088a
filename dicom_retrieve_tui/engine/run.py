"""A whole run: workers take studies from one queue, and the story comes out as events.

Workers are threads, one association each. They append events to one deque, which costs them next to
nothing, and the iterator looks at it some twenty times a second, as long as anybody works.
"""

from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager
from typing import Protocol

from dicom_retrieve_tui.engine.backlog import StudyTask
from dicom_retrieve_tui.engine.gate import GatedPeer
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, TaskQueue
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
)
from dicom_retrieve_tui.model.selection import Plan
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
        peer = GatedPeer(self._open_peer(number), self.queue)
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
