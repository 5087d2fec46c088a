"""A run: a thread pool that works off the queue and emits events, and the session that steers it.

Workers are threads with one association each. They append events to one deque, which costs next to
nothing; the iterator empties it some twenty times a second while a worker is busy.
"""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from contextlib import AbstractContextManager, ExitStack, closing
from typing import Protocol

from dicom_retrieve_tui.engine.archive_outage import ArchiveWatch
from dicom_retrieve_tui.engine.hold import Holds, Overseer
from dicom_retrieve_tui.engine.hours import HoursWatch
from dicom_retrieve_tui.engine.outage import PROBES, PeerWatch, Probe
from dicom_retrieve_tui.engine.ports import Peer, RunWatcher
from dicom_retrieve_tui.engine.queue import HelpTask, Postponed, PutBack, StudyTask, TaskQueue
from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.bug_report import bug_note
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import (
    AssociationOpened,
    Event,
    Noted,
    QueueGivenUp,
    RetrieveFinished,
    RetrieveStarted,
    StudyFinished,
    StudyRemoved,
)
from dicom_retrieve_tui.model.forecast import PlannedStudy
from dicom_retrieve_tui.model.hours import Hours
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.rate_limit import Rate
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict, total_verdict

_POLL_S = 0.05


class Retriever(Protocol):
    """The handler of the studies of a run, which retrieves them or only lists them."""

    def expect(self, uids: Iterable[str]) -> None:
        """Record that these studies are in the queue."""

    def forget(self, uid: str) -> None:
        """Record that a study left the queue before it was begun."""

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        """Record that studies were not begun before the run gave up, and why."""

    def retrieve(
        self, task: StudyTask, peer: Peer, worker: int
    ) -> StudyFinished | Postponed | PutBack:
        """Make one attempt at a study."""

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        """Make requests for a study that another worker has."""

    def abandon(self, task: StudyTask) -> StudyFinished:
        """Finish a study that was begun and will have no further attempt."""

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        """Finish a study that a bug of ours has ended."""

    def poll(self) -> None:
        """Emit the bytes that came since the last call, and raise the bug of a thread.

        Called many times a second.
        """


class Follower(Protocol):
    """Work of the user's own on complete studies, beside the retrieval."""

    def follow(self, event: Event) -> None:
        """Look at an event; called by the thread that reads the events."""

    def finish(self) -> None:
        """Take no further event: what is left is to be finished."""

    @property
    def busy(self) -> bool:
        """True while something is left."""

    def wait(self, timeout_s: float) -> None:
        """Wait for a while, or until something is done."""


class Run:
    """One run over selections."""

    def __init__(
        self,
        *,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        open_peer: Callable[[int], Peer],
        probe: Probe,
        probes: Backoff = PROBES,
        outbox: deque[Event],
        cancel: CancelToken,
        queue: TaskQueue | None = None,
        overseer: Overseer | None = None,
    ) -> None:
        """Send nothing before `events` is iterated.

        Args:
            selections: What to begin with.
            options: How to retrieve.
            peer_name: The PACS in the first event.
            open_peer: Returns the peer of a worker by its number, with no association open yet.
            probe: Asks the PACS for a sign of life, on an association of its own.
            probes: How long to wait before each probe of a PACS that is gone.
            outbox: Every thread appends its events here.
            cancel: Ends the run.
            queue: The queue with the selections, if it is a special one.
            overseer: Decides for this run and for others; None if the run stands alone.
        """
        self._selections = selections
        self._options = options
        self._open_peer = open_peer
        self._outbox = outbox
        self.emit = outbox.append
        self._cancel = cancel
        self._workers = options.parallel
        self.queue = queue or TaskQueue(
            selections, cancel, workers=self._workers, emit=outbox.append
        )
        self.holds = Holds(self.queue, outbox.append, cancel, self._give_up, overseer=overseer)
        """What holds the queue."""
        self.watch = PeerWatch(
            queue=self.queue,
            holds=self.holds,
            probe=probe,
            limit_s=options.outage_s,
            give_up=self._give_up,
            intervals=probes,
            others_heard_s=self._others_heard_s,
            overseer=overseer,
        )
        self.archive = ArchiveWatch(
            queue=self.queue,
            holds=self.holds,
            emit=outbox.append,
            limit_s=options.outage_s,
            intervals=probes,
            may_be_empty=overseer is not None and overseer.may_be_empty,
            more_waiting=lambda: overseer is not None and overseer.more_waiting,
        )
        self.hours = HoursWatch(options.between, self.holds)
        self._peers: dict[int, Peer] = {}
        self._retriever: Retriever | None = None
        self._verdicts: dict[str | None, Verdict] = {}
        """The latest verdict on each study; the key None stands for the disk."""
        self.follower: Follower | None = None
        """Set before the events are read; None if nothing follows."""
        self._not_tried: list[str] = []
        """Studies that were not begun when the run gave up; without a verdict unless they were
        added again. A list of a million may end here at once."""
        self._bug: Exception | None = None
        """The bug that ended the run; None if there was none."""

    def events(
        self,
        retriever: Retriever,
        *,
        resources: AbstractContextManager[object],
    ) -> Generator[Event, None, None]:
        """Work off the queue and yield events until it is closed and empty.

        Expected failures are events. Only a bug raises, after the last event, so that every event
        until then is seen. Closing the iterator cancels the run and joins its threads.

        Args:
            retriever: Handles each study.
            resources: What the workers need, such as the output folder and our Storage SCP;
                released before the last event.
        """
        closed: GeneratorExit | None = None
        try:
            with resources:
                try:
                    yield RetrieveStarted(
                        peer=str(self._options.peer),
                        method=str(self._options.method),
                        studies=len(self._selections),
                        parallel=self._workers,
                    )
                    yield from self._events_of_workers(retriever)
                    yield from self._events_of_follower()
                except GeneratorExit as error:
                    closed = error
                    raise
        except DiskFailed as failure:  # the last records could not be written
            if closed is not None:  # the caller reads no further events
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

    def emit_of_peer(self, event: Event) -> None:
        """Take an event of a worker's peer."""
        if isinstance(event, AssociationOpened):
            self.watch.note_answer()
        self.emit(event)

    def _others_heard_s(self, worker: int) -> float | None:
        """Return when a byte last came for another worker; None if no other is associated."""
        others = [peer.last_heard_s for n, peer in self._peers.copy().items() if n != worker]
        return max((heard_s for heard_s in others if heard_s is not None), default=None)

    def _events_of_workers(self, retriever: Retriever) -> Iterator[Event]:
        workers, self._retriever = self._workers, retriever
        self.hours.look()
        if not self.hours.is_open:
            # Later, the user may not be there to correct settings, and the PACS may be restarting.
            self.watch.note_answer()
        try:
            with ThreadPoolExecutor(workers, thread_name_prefix="retrieve") as pool:
                try:
                    futures = {
                        pool.submit(self._run_worker, retriever, n + 1) for n in range(workers)
                    }
                    yield from self._events_of(futures, retriever)
                except BaseException:  # a bug in a worker, or the iterator was closed
                    self._cancel.request()
                    self.queue.wake()
                    raise
        except Exception as bug:  # noqa: BLE001 - raised again behind the last event
            self._bug = bug
        finally:
            self.holds.close()
        for task in self.queue.abandoned():
            self.abandon(retriever, task)

    def _events_of_follower(self) -> Iterator[Event]:
        """Yield events until nothing is left to do on complete studies."""
        yield from self._drain_outbox()
        if (follower := self.follower) is None:
            return
        follower.finish()
        while follower.busy:
            follower.wait(_POLL_S)
            yield from self._drain_outbox()

    def abandon(self, retriever: Retriever, task: StudyTask) -> None:
        """Finish a study that was begun and will have no further attempt."""
        self._verdicts[task.uid] = retriever.abandon(task).verdict

    def _give_up(self, cause: HoldCause, reason: str, waited_s: float) -> None:
        """End every study that is left: see `hold.GiveUp`."""

        def report(uids: list[str]) -> Event | None:
            if not (uids or waited_s):
                return None
            return QueueGivenUp(
                cause=cause,
                reason=reason,
                waited_s=round(waited_s, 3),
                studies=len(uids),
                study_instance_uids=tuple(uids),
            )

        given_up = self.queue.give_up(reason, report)
        self.archive.note_given_up()
        for uid in given_up.not_started:
            self._verdicts.pop(uid, None)
        self._not_tried += given_up.not_started
        if self._retriever is not None:
            self._retriever.give_up(given_up.not_started, reason)
        for task in given_up.started:
            if self._retriever is not None:
                self.abandon(self._retriever, task)
            self.queue.finish(task)

    def _events_of(self, futures: set[Future[None]], retriever: Retriever) -> Iterator[Event]:
        """Yield events until all workers have ended."""
        while futures:
            self.queue.wait_idle(unless=lambda: self._outbox)
            done, futures = wait(futures, timeout=_POLL_S, return_when=FIRST_EXCEPTION)
            for future in done:
                future.result()
            retriever.poll()
            self.hours.look()
            self.holds.raise_bug()
            yield from self._drain_outbox()

    def _drain_outbox(self) -> Iterator[Event]:
        while self._outbox:
            event = self._outbox.popleft()
            if self.follower is not None:
                self.follower.follow(event)
            yield event

    def _run_worker(self, retriever: Retriever, number: int) -> None:
        """Take studies from the queue until it has no more: the thread of one worker."""
        peer = self._peers[number] = self._open_peer(number)
        try:
            while (task := self._take(peer, number)) is not None:
                if isinstance(task, HelpTask):
                    retriever.help(task, peer, number)
                    self.queue.finish(task)
                elif self._attempt(task, retriever, peer, number):
                    # What it has learnt of a PACS that went away may hold no longer.
                    peer.close()
                    peer = self._peers[number] = self._open_peer(number)
        finally:
            peer.close()

    def _attempt(self, task: StudyTask, retriever: Retriever, peer: Peer, number: int) -> bool:
        """Make an attempt at a study; return True if the queue is held because of it."""
        try:
            outcome = retriever.retrieve(task, peer, number)
        except Exception as bug:
            self._verdicts[task.uid] = retriever.break_off(task, bug).verdict
            self.queue.finish(task)
            raise
        if not isinstance(outcome, StudyFinished):
            if self.queue.put_back(task, _wait_s(outcome)):
                return isinstance(outcome, PutBack)
            self.abandon(retriever, task)  # stopped in the meantime
        else:
            self._verdicts[task.uid] = outcome.verdict
        self.queue.finish(task)
        return False

    def _take(self, peer: Peer, number: int) -> StudyTask | HelpTask | None:
        """Wait for the next task, with no association open meanwhile."""
        if (task := self.queue.take(worker=number, wait=False)) is not None:
            return task
        peer.close()
        return self.queue.take(worker=number)

    def _verdict(self) -> Verdict:
        if self._bug is not None:
            return Verdict.FAILED
        if self._cancel.requested and self.queue.left:
            return Verdict.CANCELLED
        verdicts = set(self._verdicts.values())
        if any(uid not in self._verdicts for uid in self._not_tried):
            verdicts.add(Verdict.NOT_TRIED)
        if self._options.listed and not self._selections:
            return Verdict.COMPLETE  # a shard that has none of the studies of its list
        return total_verdict(verdicts)


def _watched(
    events: Generator[Event, None, None], watcher: RunWatcher
) -> Generator[Event, None, None]:
    """Yield events after `watcher` has seen them; closing this closes `events`."""
    try:
        with closing(events):
            for event in events:
                watcher.see(event)
                yield event
    finally:
        watcher.close()


Start = Callable[[ExitStack], Retriever]
"""Takes the output folder and the port; the stack releases them."""


def _wait_s(outcome: Postponed | PutBack) -> float | None:
    """Return the seconds until a study is ready again; None if it comes before all others."""
    if isinstance(outcome, Postponed):
        return outcome.wait_s
    return 0.0 if outcome.last else None


class Session:
    """One run in one output folder, steered while it goes on.

    It takes the folder and the port when `events` is first read; until then, and while they are
    being taken, users only edit its queue. One thread reads `events`; every other method may be
    called from any thread at any time, and returns at once. A study that has just finished, or
    was never there, is left as it is.
    """

    def __init__(
        self,
        run: Run,
        start: Start,
        cancel: CancelToken,
        watcher: RunWatcher | None = None,
        limit_rate: Callable[[Rate | None], object] = lambda _rate: None,
        *,
        foresee: Callable[[Iterable[PlannedStudy]], object] = lambda _planned: None,
    ) -> None:
        """Keep what the run needs.

        Args:
            run: Does the work.
            start: Takes the output folder and the port.
            cancel: Ends the run.
            watcher: Sees every event before the reader of `events` does.
            limit_rate: Changes the limit of the rate of all associations together.
            foresee: Takes what is known of studies before the PACS lists them.
        """
        self._run = run
        self._watcher = watcher
        self._start = start
        self._cancel = cancel
        self._limit_rate = limit_rate
        self._foresee = foresee
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
        events = self._run.events(retriever, resources=resources)
        if self._watcher is None:
            yield from events
        else:
            yield from _watched(events, self._watcher)

    @property
    def has_studies(self) -> bool:
        """True while a study is queued or being retrieved."""
        return self._run.queue.left

    def add(self, selections: Iterable[Selection]) -> tuple[Selection, ...]:
        """Append studies to the queue, and return those that were added.

        A study that is queued or being retrieved is not added, whatever part of it is selected. A
        finished one is tried again. After `finish` or `cancel`, none is added.
        """
        with self._steering:
            added = self._run.queue.add(selections)
            if self._retriever is not None:
                self._retriever.expect([selection.study_instance_uid for selection in added])
            return added

    def foresee(self, planned: Iterable[PlannedStudy]) -> None:
        """Have the forecast use the counts of studies that are about to be added."""
        self._foresee(planned)

    def promote(self, study_instance_uid: str) -> None:
        """Move a study to the front of the queue; one that waits for a retry is ready."""
        self._run.queue.promote(study_instance_uid)

    def remove(self, study_instance_uid: str) -> bool:
        """Take a study out of the queue; False if it was begun or is not there."""
        with self._steering:
            if (task := self._run.queue.withdraw(study_instance_uid)) is None:
                return False
            self._end(task)
            return True

    def stop(self, study_instance_uid: str) -> None:
        """Cancel this study and no other.

        If it is being retrieved, its requests are cancelled by C-CANCEL and then by A-ABORT, and
        it ends `cancelled`; what has come stays. If it was not begun, it leaves the queue.
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
        """Begin no study and no request, end current ones, and release the associations.

        An instance that is being received is finished, and the request is ended by C-CANCEL; a
        PACS that goes on is cut off by A-ABORT. `RunPaused` follows once nothing flows.
        """
        self._run.queue.pause()

    def resume(self) -> None:
        """End a pause: what is missing is requested, and no study has lost an attempt."""
        self._run.queue.resume()

    def try_now(self) -> None:
        """Probe now for what holds the queue, instead of at the end of the interval."""
        self._run.holds.try_now()

    def give_up(self) -> None:
        """Wait no longer for what holds the queue: every study that is left is not tried."""
        self._run.holds.give_up()

    def limit_hours(self, hours: Hours | None) -> None:
        """Make requests only within these hours from now on; None: always."""
        self._run.hours.change(hours)

    def limit_rate(self, rate: Rate | None) -> None:
        """Receive no faster than this from now on, all associations together; None: no limit."""
        self._limit_rate(rate)

    def limit_workers(self, most: int) -> None:
        """Use no more associations at once from now on; those with a study finish it."""
        self._run.queue.limit_workers(most)

    def lend(self) -> None:
        """Lend one association to a look-up, once a study or a request has ended on one.

        `take_back` must follow. Until then, the session uses one fewer.
        """
        self._run.queue.lend()

    def begin_look_up(self) -> None:
        """Note that a look-up has, or wants, an association with the same PACS.

        `end_look_up` must follow. Until then, and for some seconds after it, a rejection for want
        of an association is neither a failure nor an outage.
        """
        self._run.queue.begin_look_up()

    def end_look_up(self) -> None:
        """Note that the look-up has released its association."""
        self._run.queue.end_look_up()

    def take_back(self) -> None:
        """End a loan, once the look-up has released its association."""
        self._run.queue.take_back()

    @property
    def lent(self) -> bool:
        """True once the association is free that is lent."""
        return self._run.queue.lent

    @property
    def busy_workers(self) -> int:
        """How many workers have a study, and an association or soon one."""
        return self._run.queue.busy_workers

    def finish(self) -> None:
        """Take no further studies: the run ends when all are done."""
        self._run.queue.close()

    def cancel(self) -> None:
        """End the run within three seconds."""
        self._cancel.request()
        self._run.queue.wake()
