import queue
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, StudyCommandFinished
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.job_summary import JobEnded
from dicom_retrieve_tui.tui.jobs import QUIT_S, Jobs
from dicom_retrieve_tui.tui.ports import Session
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.snapshot import RowKey, State
from tests.tui.builders import options, uids, wanted
from tests.tui.scripted_session import WAIT_S, Sessions, begins, ends, whole

A, B, C = uids(3)


@dataclass
class Desk:
    """Jobs, and what a test looks at."""

    sessions: Sessions = field(default_factory=Sessions)
    store: ProgressStore = field(default_factory=ProgressStore)
    ended: list[JobEnded] = field(default_factory=list)
    changed: threading.Condition = field(default_factory=threading.Condition)

    def __post_init__(self) -> None:
        self.jobs = Jobs(self.sessions, self.store, self._on_end)

    def _on_end(self, ended: JobEnded) -> None:
        with self.changed:
            self.ended.append(ended)
            self.changed.notify_all()

    def until(self, condition: Callable[[], object]) -> None:
        """Wait for a thread to have done its part."""
        waits = threading.Event()
        for _ in range(int(WAIT_S * 200)):
            if condition():
                return
            waits.wait(0.005)
        pytest.fail("it never came true")

    def until_ended(self, number: int = 1) -> JobEnded:
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.ended) >= number, WAIT_S)
        return self.ended[number - 1]

    def state(self, uid: str, group: int = 0) -> State | None:
        return self.store.state_of(RowKey(group, uid))


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk()
    yield desk
    desk.jobs.close()


def test_equal_terms_share_a_session_that_is_added_to(desk: Desk) -> None:
    desk.jobs.add(options(), wanted(A))
    desk.until(lambda: desk.sessions.opened)
    desk.jobs.add(options(), wanted(B))
    (session,) = desk.sessions.opened
    desk.until(lambda: session.asked)

    assert [each.study_instance_uid for each in session.selections] == [A]
    assert session.asked == [f"add {B}"]


def test_an_idle_session_gives_the_folder_back(desk: Desk) -> None:
    desk.jobs.add(options(), wanted(A, B))
    desk.until(lambda: desk.sessions.opened)
    (session,) = desk.sessions.opened

    session.tell(*whole(A))
    desk.until(lambda: desk.state(A) is State.DONE)
    assert "finish" not in session.asked
    session.tell(*ends_badly(B))
    ended = desk.until_ended()

    assert session.asked == ["finish"]
    assert ended.verdicts == {Verdict.COMPLETE: 1, Verdict.PARTIAL: 1}
    assert (ended.missing, ended.reason) == (2, "")
    assert not desk.jobs.busy


def test_a_failed_study_is_asked_for_again_in_a_new_session(desk: Desk) -> None:
    desk.jobs.add(options(), wanted(A))
    desk.until(lambda: desk.sessions.opened)
    desk.sessions.opened[0].tell(*ends_badly(A))
    desk.until_ended()

    assert desk.jobs.retry([RowKey(0, A)]) == 1
    desk.until(lambda: len(desk.sessions.opened) == 2)
    desk.sessions.opened[1].tell(*whole(A))
    desk.until_ended(2)

    assert desk.state(A) is State.DONE
    assert desk.jobs.retry([RowKey(0, A)]) == 0


def test_two_sessions_never_share_a_folder_or_a_port(desk: Desk) -> None:
    desk.jobs.add(options("/x", listen=4242), wanted(A))
    desk.jobs.add(options("/x", parallel=2), wanted(B))
    desk.jobs.add(options("/y", listen=4242), wanted(B))
    desk.jobs.add(options("/z"), wanted(B))
    desk.until(lambda: len(desk.sessions.opened) == 2)

    opened = {str(each.options.output): each for each in desk.sessions.opened}
    assert set(opened) == {"/x", "/z"}
    opened["/x"].tell(*whole(A))
    desk.until(lambda: len(desk.sessions.opened) == 4)


def test_steering_reaches_the_session(desk: Desk) -> None:
    desk.jobs.add(options(), wanted(A, B, C))
    desk.until(lambda: desk.sessions.opened)
    (session,) = desk.sessions.opened
    session.tell(*begins(A))
    desk.until(lambda: desk.state(A) is State.RUNNING)

    desk.jobs.pause()
    desk.jobs.resume()
    desk.jobs.promote([RowKey(0, B), RowKey(0, C)])
    running = desk.jobs.remove([RowKey(0, A), RowKey(0, B)])
    desk.jobs.stop([RowKey(0, A)])

    assert running == 1
    assert session.asked == [
        *("pause", "resume", f"promote {C}", f"promote {B}", f"remove {B}", f"stop {A}")
    ]
    desk.until(lambda: desk.state(B) is None)


def test_what_waits_for_a_session_is_stopped_without_one(desk: Desk) -> None:
    desk.jobs.add(options("/x"), wanted(A))
    desk.jobs.add(options("/x", parallel=2), wanted(B))

    desk.jobs.stop([RowKey(1, B)])

    assert desk.state(B, group=1) is State.STOPPED


def test_stopping_all_ends_the_sessions_and_what_waits(desk: Desk) -> None:
    desk.jobs.add(options("/x"), wanted(A, B))
    desk.jobs.add(options("/x", parallel=2), wanted(C))

    desk.jobs.stop_all()
    desk.until_ended()

    assert [desk.state(A), desk.state(B), desk.state(C, group=1)] == [State.STOPPED] * 3
    assert not desk.jobs.busy


def test_a_folder_that_cannot_be_used_is_told() -> None:
    def refuse(*_: object, **__: object) -> Session:
        raise ConfigError("Another run works in /x.")

    ended: list[JobEnded] = []
    jobs = Jobs(refuse, ProgressStore(), ended.append)

    jobs.add(options("/x"), wanted(A))
    assert jobs.close()

    assert [each.reason for each in ended] == ["Another run works in /x."]


def test_a_bug_in_a_session_costs_that_session_and_is_shown() -> None:
    def break_down(*_: object, **__: object) -> Session:
        raise ZeroDivisionError

    ended: list[JobEnded] = []
    jobs = Jobs(break_down, ProgressStore(), ended.append)

    jobs.add(options("/x"), wanted(A))
    assert jobs.close()

    assert ended[0].reason == "a bug: ZeroDivisionError; please report it"
    assert "in break_down" in ended[0].traceback


def test_closing_cancels_and_joins(desk: Desk) -> None:
    desk.jobs.add(options(), wanted(A))
    desk.until(lambda: desk.sessions.opened)

    assert desk.jobs.close()

    assert desk.sessions.opened[0].asked == ["cancel"]
    assert not [each for each in threading.enumerate() if each.name.startswith("session-")]


@pytest.fixture
def asked_names(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Set once a name server was asked, which never answers."""
    asked, over = threading.Event(), threading.Event()

    def silent(*_args: object, **_named: object) -> NoReturn:
        asked.set()
        over.wait()
        raise socket.gaierror(socket.EAI_AGAIN, "Temporary failure in name resolution")

    monkeypatch.setattr(socket, "getaddrinfo", silent)
    yield asked
    over.set()


@pytest.mark.parametrize("how", ["close", "stop_all", "stop", "remove"])
def test_a_silent_name_server_does_not_hold_up_the_end(
    how: str, asked_names: threading.Event, tmp_path: Path
) -> None:
    ended: queue.Queue[JobEnded] = queue.Queue()
    store = ProgressStore()
    jobs = Jobs(wiring.open_session, store, ended.put)
    jobs.add(options(str(tmp_path), listen=4242), wanted(A, B))
    assert asked_names.wait(WAIT_S)

    if how in {"stop", "remove"}:
        getattr(jobs, how)([RowKey(0, A)])
        assert jobs.busy
        getattr(jobs, how)([RowKey(0, B)])
    else:
        getattr(jobs, how)()

    over = ended.get(timeout=QUIT_S)
    assert (over.reason, over.traceback, over.summary) == ("", "", "No study was started.")
    left = None if how == "remove" else State.STOPPED
    assert [store.state_of(RowKey(0, uid)) for uid in (A, B)] == [left, left]
    assert not store.unfinished_studies
    assert jobs.close()
    assert not jobs.busy


def test_what_was_removed_is_gone_however_its_session_ends(
    asked_names: threading.Event, tmp_path: Path
) -> None:
    ended: queue.Queue[JobEnded] = queue.Queue()
    jobs = Jobs(wiring.open_session, store := ProgressStore(), ended.put)
    jobs.add(options(str(tmp_path), listen=4242), wanted(A, B))
    assert asked_names.wait(WAIT_S)

    jobs.remove([RowKey(0, A)])
    jobs.stop([RowKey(0, B)])
    ended.get(timeout=QUIT_S)

    assert store.state_of(RowKey(0, A)) is None
    assert store.state_of(RowKey(0, B)) is State.STOPPED
    assert jobs.close()


def test_what_is_added_after_a_stop_has_a_session_of_its_own(
    asked_names: threading.Event, tmp_path: Path
) -> None:
    ended: queue.Queue[JobEnded] = queue.Queue()
    jobs = Jobs(wiring.open_session, store := ProgressStore(), ended.put)
    given = options(str(tmp_path), listen=4242)
    jobs.add(given, wanted(A))
    assert asked_names.wait(WAIT_S)

    jobs.stop([RowKey(0, A)])
    jobs.add(given, wanted(B))
    ended.get(timeout=QUIT_S)

    assert store.state_of(RowKey(0, A)) is State.STOPPED
    assert store.state_of(RowKey(0, B)) is State.QUEUED
    assert store.unfinished_studies == 1
    assert jobs.close()


def ends_badly(uid: str) -> list[Event]:
    missing = (f"{uid}.1.2", f"{uid}.1.3")
    return [*begins(uid), *ends(uid, Verdict.PARTIAL, stored=1, missing=missing)]


@dataclass
class Finish:
    """Takes the place of the command of `--on-finish`, until the test lets it end."""

    told: list[FinishHook] = field(default_factory=list)
    may_end: threading.Event = field(default_factory=threading.Event)

    def __call__(self, _: RetrieveOptions, hook: FinishHook, cancel: CancelToken) -> str:
        self.told.append(hook)
        while not (self.may_end.wait(0.005) or cancel.requested):
            pass
        return "exit code 3" if self.may_end.is_set() else "stopped"


def test_the_command_at_the_end_is_told_and_its_failure_shown(desk: Desk) -> None:
    finish = Finish()
    desk.jobs = Jobs(desk.sessions, desk.store, desk._on_end, finish_command=finish)
    failure = StudyCommandFinished(
        study_instance_uid=A, exit_code=1, seconds=0.0, reason="exit code 1"
    )

    desk.jobs.add(options(), wanted(A))
    desk.until(lambda: desk.sessions.opened)
    desk.sessions.opened[0].tell(*whole(A), failure)
    desk.sessions.opened[0].end()
    ended = desk.until_ended()
    finish.may_end.set()
    desk.jobs.close()

    assert "1 command of --on-study failed" in ended.summary
    (hook,) = finish.told
    assert (hook.verdict, hook.exit_code, hook.commands_failed) == ("complete", 1, 1)
    assert hook.summary == f"{ended.summary}\n"
    lines = [line.text for line in desk.store.snapshot().lines]
    assert any(line.endswith("the On study command failed: exit code 1") for line in lines)
    assert lines[-1] == "The At end command failed: exit code 3"


def test_leaving_ends_the_command_at_the_end(desk: Desk) -> None:
    finish = Finish()
    desk.jobs = Jobs(desk.sessions, desk.store, desk._on_end, finish_command=finish)
    desk.jobs.add(options(), wanted(A))
    desk.until(lambda: desk.sessions.opened)
    desk.sessions.opened[0].tell(*whole(A))
    desk.sessions.opened[0].end()
    desk.until(lambda: finish.told)

    assert desk.jobs.close()
    assert desk.store.snapshot().lines[-1].text == "The At end command failed: stopped"
