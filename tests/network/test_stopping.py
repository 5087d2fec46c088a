"""One study stopped, and no other; or everything at once."""

import threading
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    HelpFinished,
    HelpStarted,
    InstanceStored,
    RetrieveFinished,
)
from dicom_retrieve_tui.model.progress import WorkerState
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network.timeouts import TICK_S
from tests.peers.held_pacs import A, B, C, HeldPacs, holdings, session_of, spoke
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request
from tests.runs import files_in, get_plan, move_plan, of_kind, settings
from tests.sessions import PATIENCE_S, Watched, selections

_IN_TIME_S = 3.0
_C_CANCEL, _CANCELLED = 0x0FFF, 0xFE00


def test_one_study_is_stopped_and_no_other(tmp_path: Path) -> None:
    with HeldPacs(A, B) as pacs, Watched(session_of(pacs, tmp_path, parallel=2)) as watched:
        watched.session.add(selections(A, B, C))
        assert pacs.begun[A].wait(PATIENCE_S)
        assert pacs.begun[B].wait(PATIENCE_S)
        started_s = monotonic()
        watched.session.stop(A)
        stopped = watched.until_finished(A)
        elapsed_s = monotonic() - started_s
        pacs.go_on[B].set()
        watched.until_finished(B)
        watched.until_finished(C)
        kept = files_in(tmp_path)
        watched.session.add(selections(A))
        retried = watched.until_finished(A, times=2)
        events = watched.finish()

    assert elapsed_s < _IN_TIME_S
    assert (stopped.verdict, stopped.stored) == (Verdict.CANCELLED, 1)
    assert f"{A}.1.1.dcm" in kept
    assert len([name for name in kept if name.endswith(".dcm")]) == 7
    assert (retried.verdict, retried.stored) == (Verdict.COMPLETE, 3)
    assert pacs.retrievals[-1].key(0x00080018) == f"{A}.1.2\\{A}.1.3"
    assert len(of_kind(InstanceStored, events)) == 9
    assert events[-1] == RetrieveFinished(verdict=Verdict.COMPLETE)
    assert (watched.progress.finished, watched.progress.good) == (3, 3)
    assert (watched.progress.stored, watched.progress.came) == (9, 9)


class _Polite(HeldPacs):
    """Ends a retrieval at once when it is asked to."""

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        if study == A:
            assert conversation.read().number(0x0100) == _C_CANCEL
            conversation.respond(request, _CANCELLED)
        else:
            assert not spoke(conversation, within_s=2 * TICK_S)
            self.finish(conversation, request, completed=1)


def test_a_pacs_that_heeds_a_c_cancel_keeps_its_association(tmp_path: Path) -> None:
    with _Polite(A, B) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A, B))
        assert pacs.begun[A].wait(PATIENCE_S)
        before = pacs.associations
        watched.session.stop(A)
        assert watched.until_finished(A).verdict is Verdict.CANCELLED
        assert watched.until_finished(B).verdict is Verdict.COMPLETE

    assert pacs.associations == before


def test_a_study_that_waits_for_a_retry_is_stopped(tmp_path: Path) -> None:
    class Gone(RawPacs):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            raise EOFError

    with Gone(holdings()) as pacs:
        plan = get_plan(A, retries=3)
        session = wiring.open_session(
            *plan.on(settings(pacs.port, tmp_path)),
            backoff=Backoff(first_s=3600.0, longest_s=3600.0),
        )
        with Watched(session) as watched:
            watched.until(lambda progress: any(s.waiting for s in progress.studies.values()))
            watched.until(lambda progress: progress.workers[1].state is WorkerState.WAITING)
            session.stop(A)
            assert watched.until_finished(A).verdict is Verdict.CANCELLED
            events = watched.finish()

    assert len(of_kind(AttemptFailed, events)) == 1
    assert watched.progress.workers[1].state is WorkerState.IDLE


@pytest.mark.parametrize("by_token", [False, True], ids=["session", "token"])
def test_a_cancel_ends_everything_in_time(tmp_path: Path, *, by_token: bool) -> None:
    cancel = CancelToken()
    with HeldPacs(A, B, C) as pacs:
        plan = get_plan(A, B, C, "1.9", parallel=3)
        session = wiring.open_session(*plan.on(settings(pacs.port, tmp_path)), cancel)
        with Watched(session) as watched:
            for uid in (A, B, C):
                assert pacs.begun[uid].wait(PATIENCE_S)
            started_s = monotonic()
            if by_token:
                cancel.request()
            else:
                session.cancel()
            watched.join()
            elapsed_s = monotonic() - started_s

    assert elapsed_s < _IN_TIME_S
    assert watched.events[-1] == RetrieveFinished(verdict=Verdict.CANCELLED)
    assert {s.verdict for s in watched.progress.studies.values()} == {Verdict.CANCELLED}
    assert not [t for t in threading.enumerate() if t.name.startswith("retrieve")]


@pytest.mark.parametrize("paused", [False, True], ids=["idle", "paused"])
def test_a_cancel_ends_a_session_that_does_nothing(tmp_path: Path, *, paused: bool) -> None:
    cancel = CancelToken()
    with RawPacs() as pacs:
        plan = get_plan(parallel=4)
        session = wiring.open_session(*plan.on(settings(pacs.port, tmp_path)), cancel)
        if paused:
            session.pause()
        with Watched(session) as watched:
            watched.until(lambda progress: progress.peer)
            started_s = monotonic()
            cancel.request()
            watched.join()

    assert monotonic() - started_s < _IN_TIME_S


def test_a_helper_stops_with_the_study_that_it_helps_with(tmp_path: Path) -> None:
    class HoldsAll(HeldPacs):
        def on_get(self, conversation: Conversation, request: Request) -> None:
            if request.key(0x0020000D) == A and not self.go_on[A].is_set():
                self.held.add(A)
            super().on_get(conversation, request)

    with HoldsAll(count=40) as pacs, Watched(session_of(pacs, tmp_path, parallel=3)) as watched:
        watched.session.add(selections(A))
        watched.until(lambda progress: sum(w.instances for w in progress.workers.values()) == 3)
        states = {worker.state for worker in watched.progress.workers.values()}
        watched.session.stop(A)
        finished = watched.until_finished(A)
        watched.until(
            lambda p: {worker.state for worker in p.workers.values()} == {WorkerState.IDLE}
        )
        pacs.go_on[A].set()
        watched.session.add(selections(A))
        retried = watched.until_finished(A, times=2)
        events = watched.finish()

    assert states == {WorkerState.RECEIVING, WorkerState.HELPING}
    assert (finished.verdict, finished.stored) == (Verdict.CANCELLED, 3)
    assert retried.verdict is Verdict.COMPLETE
    assert len(of_kind(InstanceStored, events)) == 40
    assert sum(w.instances for w in watched.progress.workers.values()) == 40


class _WaitsWithAll(HeldPacs):
    """Answers no retrieval before the test lets it."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        assert self.go_on[A].wait(PATIENCE_S)
        super().on_get(conversation, request)


def test_a_helper_leaves_for_a_study_of_its_own(tmp_path: Path) -> None:
    with (
        _WaitsWithAll(count=100) as pacs,
        Watched(session_of(pacs, tmp_path, parallel=2)) as watched,
    ):
        watched.session.add(selections(A))
        watched.until(lambda progress: A in progress.studies and progress.studies[A].helpers)
        watched.session.add(selections(B))
        pacs.go_on[A].set()
        events = watched.finish()

    assert pacs.asked.index(B) < pacs.asked.count(A)  # and not after all that could be shared
    assert len(of_kind(HelpFinished, events)) == len(of_kind(HelpStarted, events)) > 0
    assert watched.progress.good == 2


class _MovesOne(MovingPacs):
    """Sends the first instance of study A, and then nothing more until the end."""

    def __init__(self) -> None:
        super().__init__(holdings())
        self.begun = threading.Event()

    def on_move(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        if request.key(0x0020000D) == A and not self.begun.is_set():
            self.send_to_scp(wanted[:1])
            self.begun.set()
            assert conversation.read().number(0x0100) == _C_CANCEL
            self.stopping.wait(PATIENCE_S)
            return
        super().on_move(conversation, request)


def test_one_move_is_stopped_and_no_other(tmp_path: Path) -> None:
    with _MovesOne() as pacs:
        plan = move_plan(A, B, parallel=2)
        with Watched(wiring.open_session(*plan.on(pacs.settings(tmp_path)))) as watched:
            assert pacs.begun.wait(PATIENCE_S)
            watched.session.stop(A)
            stopped = watched.until_finished(A)
            watched.session.add(selections(C))
            assert watched.until_finished(B).verdict is Verdict.COMPLETE
            assert watched.until_finished(C).verdict is Verdict.COMPLETE
            watched.session.add(selections(A))
            retried = watched.until_finished(A, times=2)

    assert (stopped.verdict, stopped.stored) == (Verdict.CANCELLED, 1)
    assert (retried.verdict, retried.stored) == (Verdict.COMPLETE, 3)
