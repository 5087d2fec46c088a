"""A whole run: its first and last event, its workers, and what ends it early."""

import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import ExitStack, closing, nullcontext
from time import monotonic

import pytest

from dicom_retrieve_tui.engine import queue as tasks
from dicom_retrieve_tui.engine.dry_run import nothing_requested
from dicom_retrieve_tui.engine.ports import Peer
from dicom_retrieve_tui.engine.queue import HelpTask, Postponed, StudyTask
from dicom_retrieve_tui.engine.run import Run
from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.dimse import FinalResponse
from dicom_retrieve_tui.model.events import (
    Event,
    Noted,
    RetrieveFinished,
    RetrieveStarted,
    StudyFinished,
    StudyStarted,
)
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.engine.fakes import FakePeer, answers, inventory_of, options

Job = Callable[[StudyTask, Peer, int], StudyFinished | Postponed]


class _Rig:
    """A run over numbered studies, with the peers that it opened."""

    def __init__(self, studies: int, parallel: int) -> None:
        selections = tuple(Selection(study_instance_uid=f"1.{n}") for n in range(1, studies + 1))
        self.outbox: deque[Event] = deque()
        self.cancel = CancelToken()
        self.peers: list[FakePeer] = []
        self.run = Run(
            selections=selections,
            options=options(parallel=parallel),
            open_peer=self._open,
            probe=answers,
            outbox=self.outbox,
            cancel=self.cancel,
        )
        self.run.queue.close()

    def _open(self, worker: int) -> Peer:
        del worker
        peer = FakePeer(inventory_of(), lambda _order: ((), FinalResponse(status=0)))
        self.peers.append(peer)
        return peer

    def finish(self, task: StudyTask, verdict: Verdict = Verdict.COMPLETE) -> StudyFinished:
        uid = task.selection.study_instance_uid
        self.outbox.append(StudyStarted(study_instance_uid=uid, worker=1))
        finished = nothing_requested(uid, verdict, "")
        self.outbox.append(finished)
        return finished

    def start(self, job: Job) -> Generator[Event, None, None]:
        return self.run.events(_Retriever(job, self), resources=nullcontext())

    def events(self, job: Job) -> list[Event]:
        return list(self.start(job))


class _Retriever:
    """Does with a study what a function does."""

    def __init__(self, job: Job, rig: _Rig) -> None:
        self._job = job
        self._rig = rig

    def expect(self, uids: Iterable[str]) -> None:
        raise AssertionError

    def forget(self, uid: str) -> None:
        raise AssertionError

    def give_up(self, uids: Sequence[str], reason: str) -> None:
        """Record nothing."""

    def poll(self) -> None:
        """Emit nothing."""

    def retrieve(self, task: StudyTask, peer: Peer, worker: int) -> StudyFinished | Postponed:
        task.started = True
        return self._job(task, peer, worker)

    def help(self, task: HelpTask, peer: Peer, worker: int) -> None:
        raise AssertionError

    def abandon(self, task: StudyTask) -> StudyFinished:
        return self._rig.finish(task, Verdict.CANCELLED)

    def break_off(self, task: StudyTask, bug: Exception) -> StudyFinished:
        assert isinstance(bug, ZeroDivisionError)
        return self._rig.finish(task, Verdict.FAILED)


def test_the_story_begins_and_ends_once() -> None:
    rig = _Rig(studies=5, parallel=2)

    events = rig.events(lambda task, _peer, _worker: rig.finish(task))

    assert isinstance(events[0], RetrieveStarted)
    assert events[-1] == RetrieveFinished(verdict=Verdict.COMPLETE)
    assert sum(isinstance(event, StudyFinished) for event in events) == 5
    assert len(rig.peers) == 2
    assert all(peer.closed for peer in rig.peers)


def test_one_bad_study_does_not_stop_the_others() -> None:
    rig = _Rig(studies=3, parallel=1)

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished:
        bad = task.selection.study_instance_uid == "1.1"
        return rig.finish(task, Verdict.FAILED if bad else Verdict.COMPLETE)

    events = rig.events(job)

    assert sum(isinstance(event, StudyFinished) for event in events) == 3
    assert events[-1] == RetrieveFinished(verdict=Verdict.PARTIAL)


def test_a_cancel_starts_nothing_new() -> None:
    rig = _Rig(studies=3, parallel=1)

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished:
        rig.cancel.request()
        return rig.finish(task, Verdict.CANCELLED)

    events = rig.events(job)

    assert sum(isinstance(event, StudyStarted) for event in events) == 1
    assert events[-1] == RetrieveFinished(verdict=Verdict.CANCELLED)


def test_a_disk_that_fails_at_the_very_end_is_told_and_never_complete() -> None:
    rig = _Rig(studies=1, parallel=1)

    def close() -> None:
        raise DiskFailed("Cannot keep the journal.", path="/out")

    with ExitStack() as resources:
        resources.callback(close)
        retriever = _Retriever(lambda task, _peer, _worker: rig.finish(task), rig)
        ours = resources.pop_all()
    events = list(rig.run.events(retriever, resources=ours))

    assert Noted(study_instance_uid=None, text="Cannot keep the journal.") in events
    assert events[-1] == RetrieveFinished(verdict=Verdict.PARTIAL)


def test_a_bug_in_a_worker_comes_out_and_stops_the_others() -> None:
    rig = _Rig(studies=2, parallel=2)

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished:
        if task.selection.study_instance_uid == "1.1":
            assert both_begun.wait(10)
            raise ZeroDivisionError
        both_begun.set()
        assert rig.cancel.wait(10)
        return rig.finish(task, Verdict.CANCELLED)

    both_begun = threading.Event()
    events: list[Event] = []
    with pytest.raises(ZeroDivisionError):
        events.extend(rig.start(job))

    assert all(peer.closed for peer in rig.peers)
    verdicts = {e.study_instance_uid: e.verdict for e in events if isinstance(e, StudyFinished)}
    assert verdicts == {"1.1": Verdict.FAILED, "1.2": Verdict.CANCELLED}
    note = "A bug in dicom-retrieve ended the run (ZeroDivisionError)."
    assert events[-2:] == [
        Noted(study_instance_uid=None, text=note),
        RetrieveFinished(verdict=Verdict.FAILED),
    ]


def test_closing_the_iterator_cancels_and_joins() -> None:
    rig = _Rig(studies=1, parallel=1)

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished:
        assert rig.cancel.wait(10)
        return rig.finish(task, Verdict.CANCELLED)

    with closing(rig.start(job)) as events:
        assert isinstance(next(events), RetrieveStarted)
        rig.outbox.append(StudyStarted(study_instance_uid="1.1", worker=1))
        next(events)

    assert rig.cancel.requested
    assert not [t for t in threading.enumerate() if t.name.startswith("retrieve")]


def test_a_postponed_study_goes_to_the_back_and_is_taken_up_again() -> None:
    rig = _Rig(studies=3, parallel=1)
    order: list[str] = []

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished | Postponed:
        order.append(task.selection.study_instance_uid)
        if order == ["1.1"]:
            return Postponed(0.0)
        return rig.finish(task)

    events = rig.events(job)

    assert sorted(order) == ["1.1", "1.1", "1.2", "1.3"]
    assert order[1] != "1.1"
    assert sum(isinstance(event, StudyFinished) for event in events) == 3


def test_a_worker_that_waits_keeps_no_association() -> None:
    rig = _Rig(studies=1, parallel=1)
    attempts = 0

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished | Postponed:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            return Postponed(0.05)
        assert rig.peers[0].closed
        return rig.finish(task)

    rig.events(job)

    assert attempts == 2


def test_a_study_is_tried_again_when_it_is_due_and_not_at_the_next_tick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tasks, "_TICK_S", 30.0)
    rig = _Rig(studies=1, parallel=1)
    attempts: list[float] = []

    def job(task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished | Postponed:
        attempts.append(monotonic())
        return Postponed(0.01) if len(attempts) == 1 else rig.finish(task)

    rig.events(job)

    first_s, second_s = attempts
    assert second_s - first_s < 15.0


def test_a_cancel_ends_the_wait_for_another_attempt() -> None:
    rig = _Rig(studies=1, parallel=1)

    def job(_task: StudyTask, _peer: Peer, _worker: int) -> StudyFinished | Postponed:
        rig.cancel.request()
        return Postponed(3600.0)

    events = rig.events(job)

    assert sum(isinstance(event, StudyFinished) for event in events) == 1
    assert events[-1] == RetrieveFinished(verdict=Verdict.CANCELLED)
