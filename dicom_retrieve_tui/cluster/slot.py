"""A slot: one session of the engine on a Dask worker, steered by the client.

The task of a slot runs for as long as the client wants it. It ends its session by itself if it
hears nothing from the client, so that the client may give its associations to another worker after
a while, whatever became of this one.
"""

import queue
import threading
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from time import monotonic

from distributed import Worker, get_worker

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.cluster import messages as m
from dicom_retrieve_tui.cluster.messages import our_versions
from dicom_retrieve_tui.engine.hold import Obstacle
from dicom_retrieve_tui.engine.outage import Outage, no_association_left
from dicom_retrieve_tui.engine.run import Session
from dicom_retrieve_tui.errors import Cancelled, ConfigError, RetrieveError
from dicom_retrieve_tui.model import events as ev
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.heartbeat import us
from dicom_retrieve_tui.storage.lock import host_name

OPERATION = "dicom_retrieve_tui"
"""The name of our handler on a worker."""
SILENCE_MAX_S = 8.0
"""Without a word from the client for so long, a slot ends its session."""
_END_MAX_S = 4.0
"""A session that is cancelled has ended after so long."""
LEASE_S = SILENCE_MAX_S + _END_MAX_S
"""After so long without a word from a slot, its associations are closed."""
ALIVE_EVERY_S = 1.0
_FLUSH_EVERY_S = 0.1
_TICK_S = 0.2
_RECORD_MAX_S = 30.0
"""The end of a study is reported after so long, also if the journal cannot be written."""
_GIVE_BACK_MAX_S = 15.0
"""An instance that is coming is received to its end for so long, then cut off."""

_OF_SLOT_ALONE = (
    ev.RetrieveStarted,
    ev.RetrieveFinished,
    ev.StudyQueued,
    ev.StudyPromoted,
    ev.RunPausing,
    ev.RunPaused,
    ev.RunResumed,
    ev.SpaceForecast,
)
"""Events that hold for a session, and not for the run."""

_mailboxes: dict[str, "queue.SimpleQueue[bytes]"] = {}
"""Of each slot in this process."""


def deliver(slot: str, payload: bytes) -> bool:
    """Take orders for a slot: our handler on the worker. False if the slot is not here."""
    mailbox = _mailboxes.get(slot)
    if mailbox is None:
        return False
    mailbox.put(payload)
    return True


def run_slot(topic: str, slot: str) -> None:
    """Run a slot until the client lets it go: the Dask task."""
    worker = get_worker()
    mailbox = _mailboxes[slot] = queue.SimpleQueue()
    worker.handlers[OPERATION] = deliver
    reporter = _Reporter(lambda payload: worker.log_event(topic, (slot, payload)))
    try:
        with _unprofiled(worker):
            _Slot(worker, mailbox, reporter).run()
    finally:
        reporter.close()
        del _mailboxes[slot]


@contextmanager
def _unprofiled(worker: Worker) -> Iterator[None]:
    """Keep the worker's profiler from running meanwhile.

    A hundred times a second it calls `sys._current_frames`. Before Python 3.11.9, that may block
    the whole process for ever, where garbage is collected in it and other threads begin or end.
    Source: CPython's issue 106883.
    """
    profiler = worker.periodic_callbacks.get("profile")
    if profiler is None:
        yield
        return
    worker.loop.add_callback(profiler.stop)
    try:
        yield
    finally:
        if len(_mailboxes) == 1:  # no slot of another client is here
            worker.loop.add_callback(profiler.start)


class _Reporter:
    """Sends reports in batches, and a sign of life now and then, on a thread of its own."""

    def __init__(self, send: Callable[[bytes], None]) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._waiting: list[m.Report] = []
        self._events: list[ev.Event] = []
        self._woken = threading.Event()
        self._closed = False
        self._thread = threading.Thread(target=self._run, name="slot-reports", daemon=True)
        self._thread.start()

    def tell(self, report: m.Report) -> None:
        """Send a report after everything that was told before."""
        with self._lock:
            self._close_batch()
            self._waiting.append(report)
        self._woken.set()

    def happened(self, event: ev.Event) -> None:
        """Send an event with others."""
        with self._lock:
            self._events.append(event)
        self._woken.set()

    def close(self) -> None:
        """Send what is left."""
        self._closed = True
        self._woken.set()
        self._thread.join()

    def _close_batch(self) -> None:
        if self._events:
            self._waiting.append(m.Happened(tuple(self._events)))
            self._events.clear()

    def _run(self) -> None:
        while not self._closed:
            self._woken.wait(ALIVE_EVERY_S)
            self._flush()
            if not self._closed:
                threading.Event().wait(_FLUSH_EVERY_S)
        self._flush()

    def _flush(self) -> None:
        self._woken.clear()
        with self._lock:
            self._close_batch()
            reports, self._waiting = self._waiting, []
        self._send(m.packed(reports))


class _Slot:
    """Obeys the client. One thread obeys, another one reads the events of the session."""

    def __init__(
        self, worker: Worker, mailbox: "queue.SimpleQueue[bytes]", reporter: _Reporter
    ) -> None:
        self._worker = worker
        self._mailbox = mailbox
        self._reporter = reporter
        self._heard_s = monotonic()
        self._current: _Served | None = None
        self._left = False

    def run(self) -> None:
        """Obey until the client says goodbye, is not heard any more, or the worker closes."""
        self._reporter.tell(m.Ready(us(), our_versions()))
        while not self._left:
            for order in self._next_orders():
                self._obey(order)
            if self._current is not None:
                self._current.look()
            if monotonic() - self._heard_s > SILENCE_MAX_S or not self._is_running:
                break
        if self._current is not None:
            self._current.give_back_at_once()
            self._current.join()

    @property
    def _is_running(self) -> bool:
        return bool(self._worker.status.name == "running")

    def _next_orders(self) -> tuple[m.Order, ...]:
        try:
            payload = self._mailbox.get(timeout=_TICK_S)
        except queue.Empty:
            return ()
        self._heard_s = monotonic()
        return m.orders_in(payload)

    def _obey(self, order: m.Order) -> None:
        if isinstance(order, m.Leave):
            self._left = True
        elif isinstance(order, m.Open):
            if self._current is not None:
                self._current.join()
            self._current = _Served(order, self._worker, self._reporter)
        elif self._current is not None:
            self._current.obey(order)


class _Served:
    """One session in a slot, from `Open` to `Ended`: an `engine.hold.Overseer` of it."""

    def __init__(self, opening: m.Open, worker: Worker, reporter: _Reporter) -> None:
        self._reporter = reporter
        self.answered = opening.answered
        self.may_be_empty = opening.may_be_empty
        self.more_waiting = False
        self._cancel = CancelToken()
        self._obstacle: Obstacle | None = None
        self._uids: dict[str, None] = {}
        """Studies that are not finished."""
        self._stopped: set[str] = set()
        """Those that the user stops."""
        self._giving_back_s: float | None = None
        """When the session began to end softly."""
        self._paused = False
        self._cancelled = False
        """The client ends the run."""
        self._recording = threading.Lock()
        self._finished: dict[str, tuple[float, ev.StudyFinished]] = {}
        """Studies whose end the journal does not have yet, so that it would be lost with us."""
        self._recorded: set[str] = set()
        """Studies whose end is recorded, and not told."""
        self._associations: set[int] = set()
        self._most = opening.most
        self._lowering = False
        self._session: Session | None = None
        self._probes: list[threading.Thread] = []
        self._thread = threading.Thread(
            target=self._run, args=(opening, worker), name="slot-session"
        )
        self._orders: queue.SimpleQueue[m.Order] = queue.SimpleQueue()
        """Orders that came before there was a session."""
        self._opening = threading.Lock()
        self._thread.start()

    # Called by the thread that obeys

    def obey(self, order: m.Order) -> None:
        """Carry out an order."""
        with self._opening:
            if self._session is None:
                self._orders.put(order)
                return
        self._carry_out(order, self._session)

    def give_back_at_once(self) -> None:
        """End the session: the worker closes, or the client is gone."""
        if self._giving_back_s is None:
            self._giving_back_s = monotonic()
        self._end(insist=False)

    def _end(self, *, insist: bool) -> None:
        if insist:
            self._cancel.insist()
        self._cancel.request()
        if self._session is not None:
            self._session.cancel()

    def join(self) -> None:
        """Wait for the end of the session, which is bounded by the engine's own clocks."""
        self._thread.join()

    def look(self) -> None:
        """Do what is due. Called several times a second."""
        self._report_use()
        self._tell_unrecorded(_RECORD_MAX_S)
        since_s = self._giving_back_s
        if since_s is None or not self._thread.is_alive():
            return
        if self._paused:
            self._paused = False
            self._finish_softly()
        elif monotonic() - since_s > _GIVE_BACK_MAX_S:
            self._end(insist=False)

    def _carry_out(self, order: m.Order, session: Session) -> None:
        match order:
            case m.Work():
                self._add(order, session)
            case m.Limit():
                self._limit(order.most, session)
            case m.LimitRate():
                session.limit_rate(order.rate)
            case m.Stop():
                self._stopped.add(order.study_instance_uid)
                session.stop(order.study_instance_uid)
            case m.GiveBack() if self._giving_back_s is None:
                self._giving_back_s = monotonic()
                session.pause()
            case m.Finish():
                session.finish()
            case _:
                self._carry_out_at_once(order)

    def _carry_out_at_once(self, order: m.Order) -> None:
        if isinstance(order, m.Cancel):
            self._cancelled = True
            self._end(insist=order.insist)
        elif isinstance(order, m.Probe):
            thread = threading.Thread(target=self._probe, name="slot-probe")
            self._probes.append(thread)
            thread.start()

    def _limit(self, most: int, session: Session) -> None:
        self._most, self._lowering = most, True
        session.limit_workers(most)
        self._report_use()

    def _add(self, order: m.Work, session: Session) -> None:
        self.more_waiting = order.more_waiting
        if self._giving_back_s is None:
            self._uids |= dict.fromkeys(each.study_instance_uid for each in order.selections)
            session.add(order.selections)

    def _tell_unrecorded(self, after_s: float) -> None:
        """Report studies whose end the journal does not take: the client must not wait for ever."""
        now_s = monotonic()
        with self._recording:
            late = [uid for uid, (at_s, _) in self._finished.items() if now_s - at_s >= after_s]
            events = [self._finished.pop(uid)[1] for uid in late]
        for event in events:
            self._reporter.happened(event)

    def _finish_softly(self) -> None:
        """Take every study out of the queue once nothing flows; commands of the user go on."""
        session = self._session
        assert session is not None  # noqa: S101 - it was told to give back
        for uid in list(self._uids):
            session.stop(uid)
        self._uids.clear()
        session.finish()
        session.resume()

    def _report_use(self) -> None:
        """After a lower limit, tell how many associations are in use until it is kept."""
        if self._lowering and self._session is not None:
            using = max(self._session.busy_workers, len(self._associations))
            self._reporter.tell(m.Using(max(using, self._most)))
            self._lowering = using > self._most

    def _probe(self) -> None:
        obstacle = self._obstacle
        failure: RetrieveError | None = None
        try:
            if obstacle is not None and not obstacle.is_over(self._cancel.child()):
                assert isinstance(obstacle, Outage)  # noqa: S101 - hours stay with the client
                failure = obstacle.failure
        except Cancelled:
            return
        self._reporter.tell(m.Probed(failure))

    # Called by the engine's threads: see `engine.hold.Overseer`

    def obstructed(self, obstacle: Obstacle) -> None:
        """Report an obstacle to the client, which decides."""
        assert isinstance(obstacle, Outage)  # noqa: S101 - hours stay with the client
        self._obstacle = obstacle
        crowded = no_association_left(obstacle.failure)
        self._reporter.tell(m.Obstructed(obstacle.cause, obstacle.failure, crowded))

    def crowded(self) -> None:
        """Report that the PACS has no association left."""
        self._reporter.tell(m.Crowded())

    def recorded(self, study_instance_uid: str) -> None:
        """Report the end of a study, now that the journal has it."""
        with self._recording:
            finished = self._finished.pop(study_instance_uid, None)
            if finished is None:
                self._recorded.add(study_instance_uid)
        if finished is not None:
            self._reporter.happened(finished[1])

    # The thread of the session

    def _run(self, opening: m.Open, worker: Worker) -> None:
        error, bug = None, ""
        try:
            self._follow(opening, worker)
        except Cancelled:
            pass
        except RetrieveError as failure:
            error = failure
        except Exception:  # noqa: BLE001 - the client shows it as a bug
            bug = traceback.format_exc()
        self._tell_unrecorded(0.0)
        for probe in self._probes:
            probe.join()
        self._reporter.tell(m.Ended(error, bug))

    def _follow(self, opening: m.Open, worker: Worker) -> None:
        if opening.shared is not None:
            opening.shared.refuse_unseen()
        options = options_here(opening.secrets.options(), worker, opening.place)
        session = wiring.open_session((), options, self._cancel, overseer=self)
        session.limit_workers(self._most)
        session.limit_rate(opening.rate)
        with self._opening:
            self._session = session
            while not self._orders.empty():
                self._carry_out(self._orders.get(), session)
        for event in session.events():
            self._take(event)

    def _take(self, event: ev.Event) -> None:
        match event:
            case ev.RetrieveStarted():
                self._reporter.tell(m.Opened())
            case ev.AssociationOpened():
                self.answered = True
                self._associations.add(event.worker)
            case ev.AssociationClosed():
                self._associations.discard(event.worker)
            case ev.RunPaused():
                self._paused = True
            case ev.StudyFinished():
                self._uids.pop(event.study_instance_uid, None)
                self._take_finished(event)
                return
            case _:
                pass
        if self._concerns_run(event):
            self._reporter.happened(event)

    def _take_finished(self, event: ev.StudyFinished) -> None:
        uid = event.study_instance_uid
        with self._recording:
            recorded = uid in self._recorded
            self._recorded.discard(uid)
            if not (recorded or self._is_given_back(event)):
                self._finished[uid] = (monotonic(), event)
                self._reporter.tell(m.Done(uid))
                return
        if self._is_given_back(event):
            self._reporter.tell(m.Returned(event))
        else:
            self._reporter.happened(event)

    def _concerns_run(self, event: ev.Event) -> bool:
        if isinstance(event, ev.StudyRemoved):
            return event.study_instance_uid in self._stopped
        return not isinstance(event, _OF_SLOT_ALONE)

    def _is_given_back(self, event: ev.StudyFinished) -> bool:
        return (
            self._giving_back_s is not None
            and not self._cancelled
            and event.verdict is Verdict.CANCELLED
            and event.study_instance_uid not in self._stopped
        )


def options_here(options: RetrieveOptions, worker: Worker, place: int) -> RetrieveOptions:
    """Return the options for this worker: its part of the folder and its move destination.

    Args:
        options: As the client has them.
        worker: This worker.
        place: A number that no other slot has now; a slot that comes later writes on where it was.

    Raises:
        ConfigError: The table of destinations has no line for this worker.
    """
    writer = Writer(f"worker-{place}", claims=True)
    options = replace(options, between=None, cluster="", on_finish=None, writer=writer, listed=())
    if not options.worker_destinations:
        return options
    name, host = str(worker.name), host_name()
    for destination in options.worker_destinations:
        if destination.matches(name, host):
            return replace(
                options,
                move_destination=destination.title_on(host),
                listen=(None, destination.port),
                worker_destinations=(),
            )
    raise ConfigError(f"--worker-dest has no line for the worker {name!r} on {host}.")
