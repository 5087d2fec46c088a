"""A queue that is held outside the hours of its run, on a clock that the tests move."""

import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from dicom_retrieve_tui.engine.hold import Holds
from dicom_retrieve_tui.engine.hours import HoursWatch
from dicom_retrieve_tui.engine.queue import StudyTask, TaskQueue
from dicom_retrieve_tui.errors import Interrupted
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import Event, HoursClosed, HoursOpened
from dicom_retrieve_tui.model.hours import Hours, parse_hours
from tests.sessions import PATIENCE_S, selections

_BERLIN = ZoneInfo("Europe/Berlin")


def _hours(text: str) -> Hours | None:
    return parse_hours("--between", text)


class _Rig:
    """A queue of two studies, its hours, and the clock."""

    def __init__(self, hours: str, at: str) -> None:
        self.now = datetime.fromisoformat(at).replace(tzinfo=_BERLIN)
        self.events: deque[Event] = deque()
        self.cancel = CancelToken()
        self.queue = TaskQueue(
            selections("1.1", "1.2"), self.cancel, workers=1, emit=self.events.append
        )
        self.holds = Holds(
            self.queue,
            self.events.append,
            self.cancel,
            lambda _cause, _reason, _waited_s: None,
        )
        self.watch = HoursWatch(
            _hours(hours), self.holds, lambda: self.now, lambda at: at.astimezone(_BERLIN)
        )

    def move_to(self, at: str) -> None:
        """Set the clock, and have the hours looked at as the run and the thread do."""
        self.now = datetime.fromisoformat(at).replace(tzinfo=_BERLIN)
        self.watch.look()
        self.holds.try_now()

    def until(self, *kinds: type[Event]) -> list[Event]:
        """Wait for these events, and return them."""
        news = threading.Event()
        for _ in range(int(PATIENCE_S * 100)):
            if [type(event) for event in self.events] == list(kinds):
                return list(self.events)
            news.wait(0.01)
        pytest.fail(f"{self.events}")


@contextmanager
def _rig(hours: str, at: str) -> Iterator[_Rig]:
    rig = _Rig(hours, at)
    try:
        yield rig
    finally:
        rig.cancel.request()
        rig.holds.close()


def test_nothing_is_taken_until_the_hours_begin() -> None:
    with _rig("19:00-06:30", "2026-11-30 18:59") as rig:
        rig.watch.look()
        rig.watch.look()

        (closed,) = rig.until(HoursClosed)
        assert closed == HoursClosed(until="2026-11-30T19:00+01:00", studies=2)
        assert rig.queue.take(wait=False) is None
        rig.move_to("2026-11-30 19:00")
        _, opened = rig.until(HoursClosed, HoursOpened)
        assert isinstance(opened, HoursOpened)
        assert isinstance(rig.queue.take(), StudyTask)


def test_a_request_that_runs_at_the_end_of_the_hours_is_interrupted() -> None:
    with _rig("19:00-06:30", "2026-12-01 06:29") as rig:
        rig.watch.look()
        task = rig.queue.take()
        assert isinstance(task, StudyTask)

        seen: list[bool] = []
        with rig.queue.request(task.cancel) as token:
            seen.append(token.interrupted)
            rig.move_to("2026-12-01 06:30")
            seen.append(token.interrupted)
        assert seen == [False, True]
        assert not task.cancel.requested
        with pytest.raises(Interrupted):
            rig.queue.request(task.cancel).__enter__()
        assert rig.queue.put_back(task, None)


def test_hours_end_and_begin_over_a_night_in_which_clocks_are_put_back() -> None:
    with _rig("02:15-02:45", "2026-10-25 02:14") as rig:
        for hold in range(1, 3):
            rig.watch.look()
            rig.until(*[HoursClosed, HoursOpened] * (hold - 1), HoursClosed)
            rig.now = (rig.now.astimezone(ZoneInfo("UTC")) + timedelta(minutes=1)).astimezone(
                _BERLIN
            )
            rig.holds.try_now()
            rig.until(*[HoursClosed, HoursOpened] * hold)
            # 45 minutes later the hours are over; an hour later it is 02:14 again.
            rig.now = (rig.now.astimezone(ZoneInfo("UTC")) + timedelta(minutes=59)).astimezone(
                _BERLIN
            )
    found = [event.until for event in rig.events if isinstance(event, HoursClosed)]
    assert found == ["2026-10-25T02:15+02:00", "2026-10-25T02:15+01:00"]


def test_other_hours_hold_from_now_on() -> None:
    with _rig("always", "2026-11-30 12:00") as rig:
        rig.watch.look()
        assert not rig.events

        rig.watch.change(_hours("19:00-06:30"))
        rig.until(HoursClosed)
        rig.watch.change(_hours("20:00-06:30"))
        _, later = rig.until(HoursClosed, HoursClosed)
        assert later == HoursClosed(until="2026-11-30T20:00+01:00", studies=2)
        rig.watch.change(None)
        rig.until(HoursClosed, HoursClosed, HoursOpened)
        assert not rig.holds.holds(HoldCause.HOURS)
