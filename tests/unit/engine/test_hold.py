"""What holds the queue of a run: it waits, probes, goes on or gives up."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic

import pytest

from dicom_retrieve_tui.engine.hold import Holds, Obstacle
from dicom_retrieve_tui.engine.queue import StudyTask, TaskQueue
from dicom_retrieve_tui.errors import Cancelled
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, PeerBack, PeerLost, ProbeFailed, QueueGivenUp
from tests.sessions import selections

_PATIENCE_S = 20.0
_NEVER_S = 3600.0


@dataclass
class _Obstacle:
    """Over after so many probes; the waits are as a test says."""

    fails: int = 0
    wait: float = 0.0
    limit_s: float | None = None
    cause: HoldCause = HoldCause.PEER
    probes: int = 0
    probed: threading.Event = field(default_factory=threading.Event)
    hangs: bool = False
    waited_s: float = 0.0

    def wait_s(self, probes: int) -> float:
        del probes
        return self.wait

    def is_over(self, cancel: CancelToken) -> bool:
        self.probes += 1
        self.probed.set()
        if self.hangs:
            assert cancel.wait(_PATIENCE_S)
            raise Cancelled
        return self.probes > self.fails

    def began(self, studies: int, next_try_s: float) -> Event:
        return PeerLost(
            cause=self.cause, reason="Gone.", studies=studies, next_try_s=next_try_s, limit_s=0.0
        )

    def goes_on(self, waited_s: float, next_try_s: float) -> Event:
        del waited_s
        return ProbeFailed(cause=self.cause, reason="Gone.", waited_s=0.0, next_try_s=next_try_s)

    def ended(self, waited_s: float) -> Event:
        self.waited_s = waited_s
        return PeerBack(cause=self.cause, waited_s=0.0)

    def reason(self, waited_s: float) -> str:
        del waited_s
        return "Gone for good."


class _Rig:
    """A queue of three studies, and what holds it."""

    def __init__(self) -> None:
        self.events: deque[Event] = deque()
        self.cancel = CancelToken()
        self.queue = TaskQueue(
            selections("1.1", "1.2", "1.3"), self.cancel, workers=2, emit=self.events.append
        )
        self.now_s = 0.0
        """Added to the clock."""
        self.holds = Holds(
            self.queue,
            self.events.append,
            self.cancel,
            self._give_up,
            clock=lambda: monotonic() + self.now_s,
        )

    def _give_up(self, cause: HoldCause, reason: str, waited_s: float) -> None:
        del waited_s

        def report(uids: list[str]) -> Event:
            return QueueGivenUp(
                cause=cause,
                reason=reason,
                waited_s=0.0,
                studies=len(uids),
                study_instance_uids=tuple(uids),
            )

        for task in self.queue.give_up(reason, report).started:
            self.queue.finish(task)

    def take(self) -> StudyTask:
        task = self.queue.take()
        assert isinstance(task, StudyTask)
        return task

    def kinds(self) -> list[type[Event]]:
        return [type(event) for event in self.events]


@contextmanager
def _rig() -> Iterator[_Rig]:
    rig = _Rig()
    try:
        yield rig
    finally:
        rig.cancel.request()
        rig.holds.close()


def test_a_held_queue_gives_out_nothing_until_a_probe_succeeds() -> None:
    with _rig() as rig:
        obstacle = _Obstacle(fails=2, wait=0.001)
        rig.holds.begin(obstacle)
        assert rig.take().uid == "1.1"

        assert obstacle.probes == 3
        assert rig.kinds() == [PeerLost, ProbeFailed, ProbeFailed, PeerBack]
        lost = rig.events[0]
        assert isinstance(lost, PeerLost)
        assert lost.studies == 3


def test_a_held_queue_is_refused_at_once() -> None:
    with _rig() as rig:
        rig.holds.begin(_Obstacle(wait=_NEVER_S))

        assert rig.queue.take(wait=False) is None
        assert rig.holds.holds(HoldCause.PEER)


def test_trying_now_probes_before_the_interval_is_over() -> None:
    with _rig() as rig:
        rig.holds.begin(_Obstacle(wait=_NEVER_S))
        rig.holds.try_now()

        assert rig.take().uid == "1.1"


def test_two_obstacles_of_one_cause_hold_once() -> None:
    with _rig() as rig:
        rig.holds.begin(_Obstacle(wait=_NEVER_S))
        rig.holds.begin(_Obstacle(wait=_NEVER_S))
        rig.holds.try_now()
        rig.take()

        assert rig.kinds() == [PeerLost, PeerBack]


def test_two_causes_hold_until_both_are_over() -> None:
    with _rig() as rig:
        full = _Obstacle(wait=0.0, cause=HoldCause.DISK, fails=10_000_000)
        rig.holds.begin(full)
        rig.holds.begin(_Obstacle(wait=_NEVER_S))
        rig.holds.try_now()
        while rig.holds.holds(HoldCause.PEER):
            assert full.probed.wait(_PATIENCE_S)
        assert rig.queue.take(wait=False) is None
        full.fails = 0

        assert rig.take().uid == "1.1"


def test_a_run_gives_up_when_the_time_is_up() -> None:
    with _rig() as rig:
        begun = rig.take()
        begun.started = True
        rig.holds.begin(_Obstacle(fails=1_000_000, wait=_NEVER_S, limit_s=0.01))
        assert begun.cancel.wait(_PATIENCE_S)

        assert begun.given_up == "Gone for good."
        assert rig.events[-1] == QueueGivenUp(
            cause=HoldCause.PEER,
            reason="Gone for good.",
            waited_s=0.0,
            studies=2,
            study_instance_uids=("1.2", "1.3"),
        )


def test_closed_hours_count_for_nothing_and_see_no_probe() -> None:
    with _rig() as rig:
        hours = _Obstacle(cause=HoldCause.HOURS, fails=1_000_000, wait=0.01)
        gone = _Obstacle(wait=5.0, limit_s=60.0)
        rig.holds.begin(gone)
        rig.holds.begin(hours)
        rig.now_s = 12 * 3600.0
        rig.holds.try_now()
        while hours.probes < 5:
            assert not rig.cancel.wait(0.01)
        assert rig.holds.holds(HoldCause.PEER)
        assert not gone.probed.is_set()

        hours.fails = 0
        rig.take()

        assert gone.probes == 1
        assert gone.waited_s < 60.0
        assert QueueGivenUp not in rig.kinds()


def test_an_outage_in_closed_hours_is_timed_from_their_end() -> None:
    with _rig() as rig:
        hours = _Obstacle(cause=HoldCause.HOURS, wait=_NEVER_S)
        rig.holds.begin(hours)
        rig.now_s = 3600.0
        rig.holds.begin(_Obstacle(wait=_NEVER_S, limit_s=60.0))
        rig.now_s = 12 * 3600.0
        rig.holds.try_now()
        rig.take()

        assert QueueGivenUp not in rig.kinds()


def test_a_session_that_gave_up_takes_new_studies() -> None:
    with _rig() as rig:
        rig.holds.begin(_Obstacle(wait=_NEVER_S))
        rig.holds.give_up()
        while rig.holds.holds(HoldCause.PEER):
            rig.holds.give_up()
        rig.queue.add(selections("1.2"))

        assert rig.take().uid == "1.2"


def test_a_probe_that_hangs_ends_when_the_user_gives_up() -> None:
    with _rig() as rig:
        obstacle = _Obstacle(hangs=True, limit_s=_NEVER_S)
        rig.holds.begin(obstacle)
        assert obstacle.probed.wait(_PATIENCE_S)
        rig.holds.give_up()
        while rig.queue.left:
            assert obstacle.probed.wait(_PATIENCE_S)

        assert QueueGivenUp in rig.kinds()


def test_a_probe_that_hangs_ends_when_the_time_is_up() -> None:
    with _rig() as rig:
        rig.holds.begin(_Obstacle(hangs=True, limit_s=0.05))
        while rig.queue.left:
            assert not rig.cancel.wait(0.01)

        assert QueueGivenUp in rig.kinds()


@pytest.mark.parametrize("hangs", [True, False])
def test_a_cancel_ends_a_hold_at_once_and_without_a_word(hangs: bool) -> None:  # noqa: FBT001
    with _rig() as rig:
        obstacle = _Obstacle(wait=0.0 if hangs else _NEVER_S, hangs=hangs)
        rig.holds.begin(obstacle)
        if hangs:
            assert obstacle.probed.wait(_PATIENCE_S)
        rig.cancel.request()
        rig.holds.close()

        assert rig.kinds() == [PeerLost]
        assert not [t for t in threading.enumerate() if t.name.startswith("hold")]


def test_a_bug_in_a_probe_ends_the_run() -> None:
    class _Broken(_Obstacle):
        def is_over(self, cancel: CancelToken) -> bool:
            raise ZeroDivisionError

    with _rig() as rig:
        rig.holds.begin(_Broken())
        assert rig.cancel.wait(_PATIENCE_S)
        rig.holds.close()

        with pytest.raises(ZeroDivisionError):
            rig.holds.raise_bug()


class _Overseer:
    answered = True
    may_be_empty = False
    more_waiting = False

    def __init__(self) -> None:
        self.obstacles: list[Obstacle] = []

    def obstructed(self, obstacle: Obstacle) -> None:
        self.obstacles.append(obstacle)

    def crowded(self) -> None: ...

    def recorded(self, study_instance_uid: str) -> None: ...


@pytest.mark.parametrize("cause", [HoldCause.PEER, HoldCause.DISK])
def test_an_outage_is_left_to_the_overseer_and_the_queue_stays_held(cause: HoldCause) -> None:
    events: list[Event] = []
    overseer, cancel = _Overseer(), CancelToken()
    queue = TaskQueue(selections("1.2.1"), cancel, workers=1, emit=events.append)
    holds = Holds(queue, events.append, cancel, lambda *_: None, overseer=overseer)
    obstacle = _Obstacle(cause=cause)

    holds.begin(obstacle)
    holds.begin(_Obstacle(cause=cause))

    assert overseer.obstacles == [obstacle]
    assert holds.holds(cause)
    assert queue.take(wait=False) is None
    assert not obstacle.probes
    assert events == []
    holds.close()


def test_whether_a_pacs_serves_studies_is_not_left_to_the_overseer() -> None:
    with _rig() as rig:
        overseer = _Overseer()
        holds = Holds(rig.queue, rig.events.append, rig.cancel, lambda *_: None, overseer=overseer)

        holds.begin(_Obstacle(cause=HoldCause.ARCHIVE))
        holds.close()

    assert overseer.obstacles == []
