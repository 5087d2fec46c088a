"""What a run records of itself for `status`, and what another process makes of it."""

import json
import os
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.folder_status import Life
from dicom_retrieve_tui.model.run_state import RunIdentity, RunTracker, run_of, run_record
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.folder_status import read_status
from dicom_retrieve_tui.storage.lock import FolderLock
from dicom_retrieve_tui.storage.run_recorder import RunRecorder, read_run_state
from tests.unit.storage.kept import STUDY, keep

_NOW = datetime(2026, 11, 29, 18, 0, tzinfo=UTC)


class _Clock:
    def __init__(self) -> None:
        self.now = _NOW

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def _begun(root: Path, clock: Callable[[], datetime]) -> tuple[RunRecorder, FolderLock]:
    """A run that has the lock of its folder, and has written its state once."""
    private = root / ".dicom-retrieve"
    private.mkdir(parents=True, exist_ok=True)
    lock = FolderLock.acquire(private / "lock")
    recorder = RunRecorder(root, peer="PACS@host:104", method="c-get", every_s=3600, now=clock)
    recorder.begin()
    return recorder, lock


def _started(uid: str = STUDY, expected: int = 10) -> list[events.Event]:
    return [
        events.RetrieveStarted(peer="PACS@host:104", method="c-get", studies=3, parallel=1),
        events.StudyStarted(study_instance_uid=uid, worker=1),
        events.StudyInventoried(
            study_instance_uid=uid, listed=True, series=1, expected=expected, present=2
        ),
    ]


def _stored(number: int, uid: str = STUDY) -> list[events.Event]:
    return [
        *(
            events.InstanceStored(
                study_instance_uid=uid,
                series_instance_uid="1.5",
                sop_instance_uid=f"1.6.{n}",
                sop_class_uid="1.7",
                transfer_syntax_uid="1.8",
                path=f"{n}.dcm",
                size_bytes=1000,
            )
            for n in range(number)
        ),
        events.BytesReceived(study_instance_uid=uid, size_bytes=1000 * number),
    ]


def _told(tracker: RunTracker, *story: events.Event) -> None:
    for event in story:
        tracker.apply(event)


def _tracker() -> RunTracker:
    return RunTracker(
        RunIdentity(process=7, host="h", boot="b", peer="p", method="c-get", started=_NOW)
    )


def test_the_state_holds_what_runs_and_how_much_came() -> None:
    tracker = _tracker()
    _told(tracker, *_started(), *_stored(3))

    state = tracker.state(_NOW)

    (study,) = state.running
    assert (study.expected, study.stored) == (10, 5)
    assert (state.studies, state.ended) == (3, 0)


def test_nothing_of_an_ended_study_stays_but_its_verdict() -> None:
    tracker = _tracker()
    end = events.StudyFinished(
        study_instance_uid=STUDY, verdict=Verdict.COMPLETE, expected=10, stored=10
    )
    _told(tracker, *_started(), *_stored(8), end)

    state = tracker.state(_NOW)

    assert (state.running, state.verdicts, state.ended) == ((), {"complete": 1}, 1)


def test_the_rate_is_that_of_the_last_minutes() -> None:
    tracker, at = _tracker(), _NOW
    _told(tracker, *_started(expected=100_000))
    for number in (1000, *[10] * 60):
        tracker.state(at)
        _told(tracker, *_stored(number))
        at += timedelta(seconds=10)

    rates = tracker.state(at).rates

    assert rates is not None
    assert rates == pytest.approx((1.0, 1000.0))


@pytest.mark.parametrize(
    "goes_on",
    [
        events.PeerBack(cause=HoldCause.PEER, waited_s=600.0),
        events.HoursOpened(waited_s=600.0),
        events.RunResumed(),
    ],
    ids=["outage", "hours", "pause"],
)
def test_the_rate_leaves_out_the_time_for_which_the_run_was_held(goes_on: events.Event) -> None:
    tracker, at = _tracker(), _NOW
    _told(tracker, *_started(expected=100_000))
    tracker.state(at)
    _told(tracker, *_stored(100), goes_on)
    at += timedelta(seconds=600)
    assert tracker.state(at).rates is None

    _told(tracker, *_stored(50))

    assert tracker.state(at + timedelta(seconds=10)).rates == pytest.approx((5.0, 5000.0))


_CLOSED = events.HoursClosed(until="2026-03-02T19:00:00+01:00", studies=3)


@pytest.mark.parametrize("cause", [HoldCause.PEER, HoldCause.DISK])
def test_the_state_names_what_the_run_waits_for(cause: HoldCause) -> None:
    tracker = _tracker()
    lost = events.PeerLost(
        cause=cause, reason="Gone\x1b[2J.", studies=3, next_try_s=1.0, limit_s=9.0
    )

    _told(tracker, *_started(), lost)
    assert "(Gone" in tracker.state(_NOW).waits_for
    assert "\x1b" not in tracker.state(_NOW).waits_for
    _told(tracker, events.PeerBack(cause=cause, waited_s=3.0))
    assert tracker.state(_NOW).waits_for == ""


def test_the_state_names_the_end_of_the_hours() -> None:
    tracker = _tracker()

    _told(tracker, *_started(), _CLOSED)
    state = tracker.state(_NOW)

    assert state.waits_for == "the hours of --between"
    assert state.waits_until == datetime.fromisoformat(_CLOSED.until)
    _told(tracker, events.HoursClosed(until="", studies=3))
    assert tracker.state(_NOW).waits_until is None
    _told(tracker, events.HoursOpened(waited_s=60.0))
    assert tracker.state(_NOW).waits_for == ""


def test_a_full_disk_does_not_hide_what_the_run_waits_for(tmp_path: Path) -> None:
    recorder, lock = _begun(tmp_path, _Clock())
    path = tmp_path / ".dicom-retrieve" / "run.json"
    before = path.stat().st_ino
    # Instead of a disk that has no room for a further file.
    (path.parent / f".run.json.{os.getpid()}").mkdir()

    recorder.see(_CLOSED)
    recorder._write()

    state = read_run_state(path)
    assert state is not None
    assert state.waits_for == "the hours of --between"
    assert path.stat().st_ino == before
    recorder.settle()
    lock.release()


def test_a_state_is_read_as_it_was_written() -> None:
    tracker = _tracker()
    _told(tracker, *_started(), *_stored(3), events.RunPaused(), _CLOSED)
    state = tracker.state(_NOW, finished=True)

    assert run_of(json.loads(json.dumps(run_record(state)))) == state


@pytest.mark.parametrize("content", ["", "[]", "{}", "null", '{"process": 1}', "\0\xff"])
def test_what_is_not_a_state_is_none(tmp_path: Path, content: str) -> None:
    path = tmp_path / "run.json"
    path.write_bytes(content.encode("latin-1"))

    assert read_run_state(path) is None


def test_a_run_that_holds_the_folder_is_running(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict=None)
    recorder, lock = _begun(tmp_path, _NOW.replace)
    try:
        status = read_status(tmp_path, examples_max=3)
    finally:
        recorder.settle()
        lock.release()

    assert status.life is Life.RUNNING
    assert status.run is not None
    assert status.run.identity.process == os.getpid()
    assert not status.complete


def test_a_run_without_an_instance_yet_has_a_status(tmp_path: Path) -> None:
    recorder, lock = _begun(tmp_path, _NOW.replace)
    try:
        status = read_status(tmp_path, examples_max=3)
    finally:
        recorder.settle()
        lock.release()

    assert (status.life, status.totals.studies) == (Life.RUNNING, 0)


def test_what_it_retrieves_now_has_not_failed(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict="partial", missing=["1.2.9"])
    recorder, lock = _begun(tmp_path, clock := _Clock())
    try:
        for event in _started(expected=4):
            recorder.see(event)
        recorder._write()
        status = read_status(tmp_path, examples_max=3, now=clock())
    finally:
        recorder.settle()
        lock.release()

    assert (status.totals.failed, status.totals.waiting) == (0, 1)
    assert status.expected.instances == 4
    assert status.failures == []


def test_a_run_that_ended_says_so(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    recorder, lock = _begun(tmp_path, _NOW.replace)
    recorder.settle()
    lock.release()
    recorder.see(
        events.StudyFinished(
            study_instance_uid=STUDY, verdict=Verdict.COMPLETE, expected=3, stored=3
        )
    )
    recorder.close()

    status = read_status(tmp_path, examples_max=3)

    assert (status.life, status.complete) == (Life.ENDED, True)
    assert status.run is not None
    assert status.run.ended == 1


def test_the_end_of_a_run_does_not_hide_the_next_one(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    clock = _Clock()
    first, lock = _begun(tmp_path, clock)
    first.settle()
    lock.release()
    clock.advance(0.5)
    second, lock = _begun(tmp_path, clock)
    first.close()

    state = read_run_state(tmp_path / ".dicom-retrieve" / "run.json")
    second.settle()
    lock.release()

    assert state is not None
    assert state.identity.started == clock.now
    assert state.finished is None


def test_a_run_that_was_killed_is_gone(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    recorder, lock = _begun(tmp_path, _NOW.replace)
    lock.release(leave_behind=True)
    status = read_status(tmp_path, examples_max=3)
    recorder.settle()

    assert status.life is Life.GONE


@pytest.mark.parametrize(("silent_s", "life"), [(30, Life.RUNNING), (300, Life.SILENT)])
def test_a_run_on_another_host_is_known_by_its_signs_of_life(
    tmp_path: Path, silent_s: float, life: Life
) -> None:
    keep(tmp_path, 3)
    recorder, lock = _begun(tmp_path, _NOW.replace)
    path = tmp_path / ".dicom-retrieve" / "run.json"
    record = json.loads(path.read_text())
    recorder.settle()
    lock.release()
    path.write_text(json.dumps({**record, "host": "elsewhere", "finished": None}))

    status = read_status(tmp_path, examples_max=3, now=_NOW + timedelta(seconds=silent_s))

    assert status.life is life


def test_a_run_that_recorded_nothing_leaves_nothing(tmp_path: Path) -> None:
    recorder, lock = _begun(tmp_path, _NOW.replace)
    recorder.settle()
    lock.release()
    recorder.close()

    assert list((tmp_path / ".dicom-retrieve").iterdir()) == []
    with pytest.raises(ConfigError, match="no retrieval has recorded anything"):
        read_status(tmp_path, examples_max=3)


def test_a_thread_writes_again_and_again(tmp_path: Path) -> None:
    (tmp_path / ".dicom-retrieve").mkdir()
    written, moments = threading.Event(), [0]

    def now() -> datetime:
        moments[0] += 1
        if moments[0] > 3:
            written.set()
        return _NOW

    recorder = RunRecorder(tmp_path, peer="p", method="c-get", every_s=0.001, now=now)
    recorder.begin()
    assert written.wait(30)
    recorder.settle()


def test_a_disk_that_refuses_ends_no_run(tmp_path: Path) -> None:
    recorder = RunRecorder(tmp_path / "gone", peer="p", method="c-get", every_s=3600)
    recorder.begin()
    recorder.settle()
    recorder.close()


def test_a_folder_that_is_out_of_reach_at_the_end_ends_no_run(tmp_path: Path) -> None:
    # `Path.exists` raises for a name that is too long, as for a share that is gone.
    recorder = RunRecorder(tmp_path / ("n" * 300), peer="PACS@host:104", method="c-get")
    recorder.begin()

    recorder.settle()
    recorder.close()
