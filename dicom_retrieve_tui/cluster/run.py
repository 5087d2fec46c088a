"""A run on a cluster: one queue here, sessions of the engine in slots on the workers.

One thread, which reads the events, does everything here: it shares the associations among the
slots, hands out studies in batches, and turns what the slots report into the events of one run. So
pauses, hours and outages hold for the cluster as one.
"""

import itertools
import queue
import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import TYPE_CHECKING

from dicom_retrieve_tui.cluster import messages as m
from dicom_retrieve_tui.cluster.link import (
    Arrival,
    DaskLink,
    SlotReport,
    TaskEnded,
    WorkerCame,
    WorkerLost,
)
from dicom_retrieve_tui.cluster.messages import our_versions
from dicom_retrieve_tui.cluster.slot import LEASE_S
from dicom_retrieve_tui.cluster.slot_state import Slot, SlotProbe, regrant, shares
from dicom_retrieve_tui.cluster.studies import Assigned, ClusterQueue, Known
from dicom_retrieve_tui.engine.outage import PROBES, Outage
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.run import Retriever, Run
from dicom_retrieve_tui.errors import RetrieveError
from dicom_retrieve_tui.model import events as ev
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.rate_limit import LEAST_BYTES_S, Rate
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection

if TYPE_CHECKING:
    from dicom_retrieve_tui.cluster.shared_folder import SharedProbe

_TICK_S = 0.05
_RAISE_LIMIT_AFTER_S = 30.0
"""After the PACS had no association left, time until one more is tried."""
_LOSSES_MAX = 3
"""A study during which so many workers were lost is not tried again."""
_END_S = 10.0
"""For the slots to end after a cancel."""
_LOOK_FOR_WORKERS_S = 5.0
_READY_S = 10.0
"""A worker that has no other task has a slot ready sooner."""
_WORKER_PROBES = Backoff(first_s=1.0, longest_s=10.0, jitter=0.0)


class ClusterRun(Run):
    """One run over selections, on the workers of a cluster."""

    def __init__(
        self,
        *,
        selections: Sequence[Selection],
        options: RetrieveOptions,
        outbox: deque[ev.Event],
        cancel: CancelToken,
    ) -> None:
        """Connect to nothing yet: `link` is set before the events are read."""
        studies = ClusterQueue(selections, cancel, workers=options.parallel, emit=outbox.append)
        super().__init__(
            selections=selections,
            options=options,
            open_peer=_no_peer,
            probe=_no_probe,
            outbox=outbox,
            cancel=cancel,
            queue=studies,
        )
        self._queue = studies
        self.link: DaskLink | None = None
        self.shared: SharedProbe | None = None
        """How a worker finds out whether it sees the output folder; None if it need not."""
        self.on_answer: Callable[[], None] = lambda: None
        """Called when the PACS has accepted an association for the first time."""
        self._rate = options.max_rate
        self._secrets = m.Secrets(options)
        self._slots: dict[str, Slot] = {}
        self._names = itertools.count(1)
        self._unusable: dict[str, str] = {}
        """Workers that could not open a session, and why, by address."""
        self._assigned: dict[str, Assigned] = {}
        self.known: dict[str, Known] = {}
        """Studies that were begun and are not finished."""
        self._answered = False
        self._found = False
        """True once a slot found a study."""
        self._may_be_empty = False
        """True from the end of an outage of the PACS until a study is found, or waited for."""
        self._limit = options.parallel
        self._limited_s = 0.0
        self._obstacles: dict[HoldCause, SlotProbe] = {}
        self._trying: Slot | None = None
        """The slot that tries studies while the PACS serves none; the others wait."""
        self._trying_s = 0.0
        """Since when."""
        self._noted: set[str] = set()
        self._looked_s = float("-inf")
        self._cancelled_s: float | None = None
        self._insisted = False
        self._thread = threading.get_ident()
        self._requests: queue.SimpleQueue[_GiveUpRequest] = queue.SimpleQueue()
        """From the threads of holds."""
        self._over = threading.Event()
        self._ready_s = monotonic()
        """When a slot was last ready."""

    def limit_rate(self, rate: Rate | None) -> None:
        """Receive no faster than this from now on, all slots together."""
        self._rate = rate

    # The loop

    def _events_of_workers(self, retriever: Retriever) -> Iterator[ev.Event]:
        self._retriever, self._thread = retriever, threading.get_ident()
        self._ready_s = monotonic()
        self.hours.look()
        try:
            while not self._is_over():
                self._take_arrivals()
                self._step()
                self.hours.look()
                self.holds.raise_bug()
                yield from self._drain_outbox()
        except Exception as bug:  # noqa: BLE001 - raised again behind the last event
            self._bug = bug
        finally:
            self._over.set()
            self.holds.close()
            self._leave()
        for uid in list(self._assigned):
            self._take_back(uid, lost=False)
        for task in self.queue.abandoned():
            self.abandon(retriever, task)

    def _is_over(self) -> bool:
        if self._cancelled_s is not None:
            late = monotonic() - self._cancelled_s > _END_S
            return late or not any(slot.serving and not slot.lost for slot in self._live())
        return self._queue.is_done and not any(slot.serving for slot in self._live())

    def _take_arrivals(self) -> None:
        """Take everything that has come; wait for a moment if nothing has."""
        inbox, timeout_s = self._linked.inbox, _TICK_S
        while True:
            try:
                arrival = inbox.get(timeout=timeout_s) if timeout_s else inbox.get_nowait()
            except queue.Empty:
                return
            timeout_s = 0.0
            self._take_arrival(arrival)

    def _step(self) -> None:
        """Do what is due."""
        now_s = monotonic()
        while not self._requests.empty():
            request = self._requests.get()
            self._give_up_now(request.cause, request.reason, request.waited_s)
            request.done.set()
        self._look_at_link()
        self._look_for_silent(now_s)
        self._end_obstacles()
        if self._cancel.requested:
            self._cancel_slots(now_s)
            return
        if self._limit < self._options.parallel and now_s - self._limited_s > _RAISE_LIMIT_AFTER_S:
            self._limit, self._limited_s = self._limit + 1, now_s
        self._start_slots(now_s)
        if self._queue.blocked:
            self._clear_slots()
        else:
            self._share_associations(now_s)
            self._hand_out(now_s)
        self._share_rate()
        self._stop_studies()
        if self._queue.is_done:
            self._finish_slots()

    @property
    def _linked(self) -> DaskLink:
        assert self.link is not None  # noqa: S101 - set before the events are read
        return self.link

    def _live(self) -> list[Slot]:
        return [slot for slot in self._slots.values() if not slot.lost]

    def _usable(self) -> list[Slot]:
        """Return the slots that may retrieve now."""
        return self._live() if self._trying is None else [self._trying]

    # Slots

    def _look_at_link(self) -> None:
        if self._linked.is_up or self._cancelled_s is not None:
            return
        reason = (
            f"The connection to the Dask scheduler {self._options.cluster} was lost. Run the same "
            "command again: it asks only for what is missing."
        )
        for slot in self._live():
            self._lose(slot, note="")
        self._give_up(HoldCause.WORKERS, reason, 0.0)
        self.queue.close()

    def _start_slots(self, now_s: float) -> None:
        """Have a slot on each worker, as many as there are associations."""
        if now_s - self._looked_s < _LOOK_FOR_WORKERS_S or not self._queue.left:
            return
        self._looked_s = now_s
        taken = {slot.address for slot in self._live()}
        free = [each for each in self._linked.workers().items() if each[0] not in taken]
        for address, worker in free:
            if len(self._live()) >= self._options.parallel:
                break
            if address not in self._unusable:
                self._start_slot(address, worker, now_s)
        if any(slot.ready for slot in self._live()):
            self._ready_s = now_s
        elif now_s - self._ready_s > _READY_S or not self._live():
            self._wait_for_workers()

    def _start_slot(self, address: str, worker: str, now_s: float) -> None:
        name = f"{self._linked.run}-{next(self._names)}"
        used = {slot.place for slot in self._slots.values()}
        place = next(each for each in itertools.count(1) if each not in used)
        self._slots[name] = Slot(name, address, worker, place, now_s)
        self._linked.start_slot(name, address)

    def _wait_for_workers(self) -> None:
        """Hold the queue until there is a worker; give up if none can be used."""
        if self._unusable and not self._live():
            reason = "; ".join(dict.fromkeys(self._unusable.values()))
            self._give_up(HoldCause.WORKERS, f"No worker of the cluster can be used: {reason}", 0.0)
            return
        what = "the workers are busy with other tasks" if self._live() else "no worker is connected"
        failure = RetrieveError(f"On the Dask cluster {self._options.cluster}, {what}.")

        def probe(_: CancelToken) -> RetrieveError | None:
            return None if any(slot.ready for slot in self._live()) else failure

        obstacle = Outage(
            cause=HoldCause.WORKERS,
            failure=failure,
            probe=probe,
            limit_s=self._options.outage_s,
            intervals=_WORKER_PROBES,
        )
        self.holds.begin(obstacle)

    def _look_for_silent(self, now_s: float) -> None:
        for slot in list(self._slots.values()):
            if slot.lost and slot.is_dead:
                slot.heard_s = float("-inf")  # its associations died with it
            if now_s - slot.heard_s <= LEASE_S or not (slot.ready or slot.lost):
                continue
            if not slot.lost:
                self._lose(slot, note="has been silent for a while")
            slot.lease.end()
            del self._slots[slot.name]
            self._linked.release_slot(slot.name)

    def _lose(self, slot: Slot, *, note: str) -> None:
        """Count a slot as lost: its studies go to others, its associations once they are closed."""
        slot.lost = True
        self._end_trial(slot)
        self._looked_s = float("-inf")
        running = sum(assigned.running for assigned in slot.studies.values())
        for uid in list(slot.studies):
            self._take_back(uid, lost=True)
        self._close_associations(slot)
        for obstacle in self._obstacles.values():
            if obstacle.slot == slot.name:
                obstacle.end()
        if note and self._cancelled_s is None:
            text = f"The worker {slot.worker} {note}"
            others = f"; {count(running, 'study')} will be begun elsewhere" if running else ""
            self._outbox.append(ev.Noted(study_instance_uid=None, text=f"{text}{others}."))

    def _close_associations(self, slot: Slot) -> None:
        for number in sorted(slot.open):
            self._outbox.append(ev.AssociationClosed(worker=number))
        slot.open.clear()
        slot.numbers.clear()

    def _clear_slots(self) -> None:
        """End every session softly: the queue is held or paused."""
        for slot in self._live():
            if not self._is_probing(slot):
                self._give_back(slot)
        if not any(slot.serving for slot in self._live()):
            self._queue.note_quiet()

    def _is_probing(self, slot: Slot) -> bool:
        return any(each.slot == slot.name for each in self._obstacles.values())

    def _finish_slots(self) -> None:
        for slot in self._live():
            if slot.serving and not (slot.ending or slot.finishing):
                slot.finishing = True
                self._send(slot, m.Finish())

    def _cancel_slots(self, now_s: float) -> None:
        insist = self._cancel.insisted and not self._insisted
        if self._cancelled_s is None or insist:
            self._cancelled_s = self._cancelled_s or now_s
            self._insisted = self._cancel.insisted
            for slot in self._live():
                self._send(slot, m.Cancel(insist=self._insisted))

    def _leave(self) -> None:
        """Let every slot go, and wait until their sessions have ended."""
        for slot in self._live():
            self._send(slot, m.Leave())
        until_s = monotonic() + _END_S
        while any(slot.serving for slot in self._live()) and monotonic() < until_s:
            if not self._linked.is_up:
                break
            self._take_arrivals()

    def _send(self, slot: Slot, *orders: m.Order) -> None:
        if slot.ready:
            self._linked.send(slot.name, orders)

    # Associations, rate and studies

    def _share_associations(self, now_s: float) -> None:
        """Grant associations to the slots that have a use for them, and open sessions."""
        slots = [each for each in self._usable() if each.ready and not each.ending]
        waiting = self._queue.ready_count
        wanted = {}
        for slot in slots:
            has_use = slot.studies or waiting > 0
            waiting -= not slot.studies
            most = self._options.parallel if self._trying is None else max(1, slot.lease.granted)
            wanted[slot.name] = most if has_use else 0
        desired = shares(self._limit, wanted)
        leases = {name: slot.lease for name, slot in self._slots.items()}
        for name in regrant(self._limit, leases, desired):
            slot = self._slots[name]
            if slot.serving:
                self._send(slot, m.Limit(slot.lease.granted))
        for slot in slots:
            if slot.lease.granted and not slot.serving:
                self._open(slot, now_s)
            elif not slot.lease.granted and slot.studies:
                self._give_back(slot)

    def _open(self, slot: Slot, now_s: float) -> None:
        slot.serving, slot.ending, slot.finishing = True, False, False
        slot.opened_s, slot.finished = now_s, 0
        slot.rate = self._rate_of_each()
        slot.lease.used = 0
        self._send(
            slot,
            m.Open(
                self._secrets,
                self.shared,
                slot.place,
                slot.lease.granted,
                slot.rate,
                self._answered,
                self._may_be_empty,
            ),
        )

    def _rate_of_each(self) -> Rate | None:
        """Return the share of a slot in the rate of the run."""
        if self._rate is None:
            return None
        serving = sum(each.lease.held > 0 for each in self._slots.values()) or 1
        bytes_s = max(LEAST_BYTES_S, self._rate.bytes_s // serving)
        return Rate(bytes_s, f"{bytes_s}B/s")

    def _share_rate(self) -> None:
        for slot in self._live():
            if slot.serving and (rate := self._rate_of_each()) != slot.rate:
                slot.rate = rate
                self._send(slot, m.LimitRate(rate))

    def _hand_out(self, now_s: float) -> None:
        """Give each slot studies ahead, in batches, and the last ones evenly."""
        slots = [
            each
            for each in self._usable()
            if each.serving and not (each.ending or each.finishing) and each.lease.granted
        ]
        for slot in slots:
            even = max(1, self._queue.ready_count // (2 * len(slots)))
            ahead = min(slot.ahead(now_s), slot.lease.granted + even)
            room = ahead - slot.backlog
            if room < max(1, (ahead - slot.lease.granted + 1) // 2):
                continue
            if self._queue.ready_count:
                self._hand_to(slot, room)

    def _hand_to(self, slot: Slot, most: int) -> None:
        batch = self._queue.take_batch(most)
        for task in batch:
            assigned = Assigned(task, slot.name)
            slot.studies[task.uid] = self._assigned[task.uid] = assigned
        selections = tuple(task.selection for task in batch)
        self._send(slot, m.Work(selections, more_waiting=self._queue.ready_count > 0))

    def _stop_studies(self) -> None:
        """Pass on that the user stops a study."""
        for uid, assigned in self._assigned.items():
            if assigned.task.cancel.requested and not assigned.stopping:
                assigned.stopping = True
                if not assigned.task.given_up:
                    self._send(self._slots[assigned.slot], m.Stop(uid))

    def _take_back(self, uid: str, *, lost: bool) -> None:
        """Put a study that a slot did not finish into the queue again."""
        assigned = self._assigned.pop(uid)
        self._slots[assigned.slot].studies.pop(uid, None)
        task = assigned.task
        known = self.known.get(uid)
        if known is not None and assigned.running:
            known.losses += lost
            for number in sorted(known.helpers):
                self._outbox.append(ev.HelpFinished(study_instance_uid=uid, worker=number))
            known.helpers.clear()
        if known is not None and known.losses >= _LOSSES_MAX:
            task.given_up = (
                f"{known.losses} workers were lost while they retrieved this study: look at their "
                "logs, perhaps they have too little memory."
            )
        elif not task.started and not assigned.stopping:
            self._queue.give_back(task)
            return
        elif self.queue.put_back(task, None):
            if assigned.running:
                self._outbox.append(ev.StudyPutBack(study_instance_uid=uid))
            return
        if self._retriever is not None and task.started:
            self.abandon(self._retriever, task)
        else:
            self._outbox.append(ev.StudyRemoved(study_instance_uid=uid))
        self.queue.finish(task)

    # What comes from the slots

    def _take_arrival(self, arrival: Arrival) -> None:
        if isinstance(arrival, SlotReport):
            slot = self._slots.get(arrival.slot)
            if slot is not None and not slot.lost:
                slot.heard_s = monotonic()
                for report in m.reports_in(arrival.payload):
                    self._take_report(slot, report)
        elif self._linked.is_up:  # else the whole cluster is gone: see `_look_at_link`
            self._take_news(arrival)

    def _take_news(self, news: WorkerLost | WorkerCame | TaskEnded) -> None:
        """Take note of what became of a worker or a task."""
        if isinstance(news, WorkerCame):
            self._looked_s = float("-inf")
            return
        note = "was lost"
        if isinstance(news, TaskEnded):
            note = f"ended its task ({news.failure})" if news.failure else "ended its task"
        for slot in self._live():
            of_task = isinstance(news, TaskEnded) and slot.name == news.slot
            if of_task and not slot.ready:
                self._leave_out(slot, f"the task {note.removeprefix('ended its task ')}.")
            elif of_task or (isinstance(news, WorkerLost) and slot.address == news.address):
                self._lose(slot, note=note)

    def _take_report(self, slot: Slot, report: m.Report) -> None:
        match report:
            case m.Happened():
                for event in report.events:
                    self._take_event(slot, event)
            case m.Done():
                if (assigned := slot.studies.get(report.study_instance_uid)) is not None:
                    assigned.done = True
            case m.Returned():
                self._take_returned(report.study)
            case m.Ended():
                self._take_end(slot, report)
            case m.Ready():
                self._take_ready(slot, report)
            case _:
                self._take_report_on_associations(slot, report)

    def _take_report_on_associations(
        self, slot: Slot, report: m.Opened | m.Using | m.Crowded | m.Obstructed | m.Probed
    ) -> None:
        match report:
            case m.Using():
                slot.lease.confirm(report.associations)
                if not slot.lease.used:
                    slot.forget_numbers()
            case m.Obstructed():
                self._take_obstacle(slot, report)
            case m.Crowded():
                self._lower()
            case m.Probed():
                self._take_probe(slot, report)
            case m.Opened():
                pass

    def _take_probe(self, slot: Slot, report: m.Probed) -> None:
        for probe in self._obstacles.values():
            if probe.slot == slot.name:
                probe.answer(report.failure)

    def _take_ready(self, slot: Slot, report: m.Ready) -> None:
        slot.ready, slot.owner = True, report.owner
        if report.versions != our_versions():
            self._leave_out(slot, f"its versions are {report.versions}, ours {our_versions()}.")
        if self.holds.holds(HoldCause.WORKERS):
            self.holds.try_now()

    def _take_end(self, slot: Slot, report: m.Ended) -> None:
        slot.serving = slot.ending = slot.finishing = False
        slot.lease.end()
        self._end_trial(slot)
        for uid in list(slot.studies):
            self._take_back(uid, lost=False)
        self._close_associations(slot)
        if report.bug:
            raise RuntimeError(f"on the worker {slot.worker}:\n{report.bug}")
        if report.error is not None:
            self._leave_out(slot, str(report.error))

    def _leave_out(self, slot: Slot, reason: str) -> None:
        """Use a worker no more in this run; its slot has no session."""
        self._unusable[slot.address] = reason
        text = f"The worker {slot.worker} is not used: {reason}"
        self._note(ev.Noted(study_instance_uid=None, text=text))
        slot.lost = True
        slot.heard_s = float("-inf")
        self._linked.send(slot.name, (m.Leave(),))
        self._looked_s = float("-inf")

    def _take_returned(self, study: ev.StudyFinished) -> None:
        uid = study.study_instance_uid
        self.known.setdefault(uid, Known()).last = study
        if uid in self._assigned:
            self._take_back(uid, lost=False)

    def _take_obstacle(self, slot: Slot, report: m.Obstructed) -> None:
        """Hold the queue of the run, or use fewer associations, because a slot met an obstacle."""
        others = any(
            each.serving and not (each.ending or self._is_probing(each))
            for each in self._live()
            if each is not slot
        )
        if report.crowded and others:
            self._lower()
            self._give_back(slot)
            return
        if report.cause in self._obstacles or self.holds.holds(report.cause):
            return  # another slot probes
        obstacle = SlotProbe(slot.name, self._ask_probe)
        self._obstacles[report.cause] = obstacle
        outage = Outage(
            cause=report.cause,
            failure=report.failure,
            probe=obstacle.probe,
            limit_s=self._options.outage_s,
            intervals=PROBES,
        )
        self.holds.begin(outage)

    def _ask_probe(self, slot: str) -> None:
        self._linked.send(slot, (m.Probe(),))

    def _lower(self) -> None:
        """Use fewer associations in the whole cluster: the PACS has no more."""
        accepted = sum(len(slot.open) for slot in self._live()) or self._limit
        self._limit = max(1, min(self._limit - 1, accepted))
        self._limited_s = monotonic()

    def _note(self, event: ev.Noted) -> None:
        """Emit a note, once if every slot has it."""
        if event.study_instance_uid is None:
            if event.text in self._noted:
                return
            self._noted.add(event.text)
        self._outbox.append(event)

    def _take_event(self, slot: Slot, event: ev.Event) -> None:
        """Emit an event of a slot as one of the run."""
        match event:
            case ev.Noted():
                self._note(event)
                return
            case ev.PeerLost() | ev.ProbeFailed() | ev.PeerBack():
                self._take_trial(slot, event)
                return
            case ev.QueueGivenUp():
                self._take_given_up(slot, event)
                return
            case ev.AssociationOpened() | ev.AssociationClosed():
                self._take_association(slot, event)
                return
            case ev.InstanceStored(worker=None) | ev.InstanceRefused() | ev.InstanceSetAside():
                pass
            case (
                ev.StudyStarted()
                | ev.AttemptStarted()
                | ev.HelpStarted()
                | ev.HelpFinished()
                | ev.InstanceStored()
            ):
                number = self._number(slot, event.worker or 0)
                event = replace(event, worker=number)
            case _:
                pass
        self._take_event_of_study(slot, event)

    def _take_event_of_study(self, slot: Slot, event: ev.Event) -> None:
        uid = getattr(event, "study_instance_uid", None)
        assigned = slot.studies.get(uid) if uid is not None else None
        if assigned is None:
            if not isinstance(event, ev.StudyFinished | ev.StudyStarted):
                self._outbox.append(event)
            return
        if isinstance(event, ev.StudyStarted):
            self._take_start(assigned, event)
            return
        if isinstance(event, ev.StudyRemoved):
            self._take_back(assigned.task.uid, lost=False)
            return
        if isinstance(event, ev.StudyInventoried) and event.series:
            self._found, self._may_be_empty = True, False
        self.known[assigned.task.uid].see(event)
        if isinstance(event, ev.StudyFinished):
            self._take_finish(slot, assigned, event)
            return
        if isinstance(event, ev.StudyPutBack | ev.AttemptStarted):
            assigned.running = isinstance(event, ev.AttemptStarted)
        self._outbox.append(event)

    def _take_start(self, assigned: Assigned, event: ev.StudyStarted) -> None:
        """Emit the begin of a study, or of another attempt if it was begun elsewhere."""
        task, assigned.running = assigned.task, True
        self.known.setdefault(task.uid, Known())
        if task.started:
            self._outbox.append(ev.AttemptStarted(study_instance_uid=task.uid, worker=event.worker))
            return
        task.started = True
        self._outbox.append(event)

    def _take_finish(self, slot: Slot, assigned: Assigned, event: ev.StudyFinished) -> None:
        task = assigned.task
        self._verdicts[task.uid] = event.verdict
        slot.studies.pop(task.uid)
        del self._assigned[task.uid], self.known[task.uid]
        slot.finished += 1
        self._outbox.append(event)
        self.queue.finish(task)

    def _take_association(
        self, slot: Slot, event: ev.AssociationOpened | ev.AssociationClosed
    ) -> None:
        number = self._number(slot, event.worker)
        if isinstance(event, ev.AssociationOpened):
            slot.open.add(number)
            if not self._answered:
                self._answered = True
                self.on_answer()
        else:
            slot.open.discard(number)
        self._outbox.append(replace(event, worker=number))

    def _take_trial(self, slot: Slot, event: ev.PeerLost | ev.ProbeFailed | ev.PeerBack) -> None:
        """Let one slot try studies while the PACS answers and serves none: each time new ones."""
        if isinstance(event, ev.PeerLost) and self._trying is None:
            self._trying, self._trying_s = slot, monotonic()
            self._outbox.append(replace(event, studies=self._queue.left_count))
            for other in self._live():
                if other is not slot:
                    self._give_back(other)
            self._hand_to(slot, max(1, slot.lease.granted))
        elif isinstance(event, ev.ProbeFailed) and self._trying is slot:
            self._outbox.append(event)
            self._hand_to(slot, max(1, slot.lease.granted))
        elif isinstance(event, ev.PeerBack):
            self._end_trial(slot)

    def _end_trial(self, slot: Slot) -> None:
        if self._trying is slot:
            self._trying, self._may_be_empty = None, False
            waited_s = round(monotonic() - self._trying_s, 3)
            self._outbox.append(ev.PeerBack(cause=HoldCause.ARCHIVE, waited_s=waited_s))

    def _take_given_up(self, slot: Slot, event: ev.QueueGivenUp) -> None:
        """Give up for the whole run: the PACS answered no slot, or served nothing to the last."""
        if event.cause is HoldCause.ARCHIVE and self._trying is slot:
            self._trying = None
        elif self._answered:
            return  # what the slot has left comes back with its end
        self._give_up(event.cause, event.reason, event.waited_s)

    def _number(self, slot: Slot, own: int) -> int:
        """Return our number for a slot's worker."""
        used = {each for one in self._live() for each in one.numbers.values()}
        return slot.number_of(own, used)

    def _give_up(self, cause: HoldCause, reason: str, waited_s: float) -> None:
        """See `Run`; the thread of a hold leaves it to the one that has the slots."""
        if threading.get_ident() == self._thread:
            self._give_up_now(cause, reason, waited_s)
            return
        request = _GiveUpRequest(cause, reason, waited_s)
        self._requests.put(request)
        while not (request.done.wait(_TICK_S) or self._over.is_set()):
            pass

    def _give_up_now(self, cause: HoldCause, reason: str, waited_s: float) -> None:
        for uid, assigned in list(self._assigned.items()):
            if not (assigned.task.started or assigned.stopping):
                self._take_back(uid, lost=False)
        super()._give_up(cause, reason, waited_s)
        for slot in self._live():
            self._give_back(slot)

    def _give_back(self, slot: Slot) -> None:
        """End a session softly."""
        if slot.serving and not slot.ending:
            slot.ending = True
            self._send(slot, m.GiveBack())

    def _end_obstacles(self) -> None:
        """Give the slot of an obstacle a new session, once the queue goes on."""
        for cause, obstacle in list(self._obstacles.items()):
            if not self.holds.holds(cause):
                del self._obstacles[cause]
                self._may_be_empty = self._found
                if (slot := self._slots.get(obstacle.slot)) is not None and not slot.lost:
                    self._give_back(slot)


@dataclass(frozen=True, slots=True)
class _GiveUpRequest:
    """A hold waits no longer: see `hold.GiveUp`."""

    cause: HoldCause
    reason: str
    waited_s: float
    done: threading.Event = field(default_factory=threading.Event)


def _no_peer(worker: int) -> Peer:
    raise AssertionError(worker)


def _no_probe(cancel: CancelToken) -> None:
    raise AssertionError(cancel)
