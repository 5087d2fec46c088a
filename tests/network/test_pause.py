"""A session that is held while a PACS sends: by a pause, and by the end of its hours."""

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.engine.run import Session
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    Event,
    HoursClosed,
    HoursOpened,
    InstanceStored,
    RunPaused,
    RunPausing,
    StudyPutBack,
)
from dicom_retrieve_tui.model.hours import Hours, parse_hours
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.held_pacs import A, B, HeldPacs, holdings, session_of, spoke
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import move_plan, of_kind
from tests.sessions import PATIENCE_S, Watched, selections

_IN_TIME_S = 5.0
_C_CANCEL = 0x0FFF


def _stored(events: list[Event]) -> list[str]:
    return [event.sop_instance_uid for event in of_kind(InstanceStored, events)]


class _HeedsCancel(HeldPacs):
    """Ends a held request once a C-CANCEL comes, as the standard says."""

    cancels = 0

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        del study
        assert conversation.read().number(0x0100) == _C_CANCEL
        self.cancels += 1
        conversation.respond(request, 0xFE00, remaining=2, completed=1, failed=0, warning=0)


def test_a_pause_ends_the_request_by_c_cancel_and_going_on_asks_for_the_rest(
    tmp_path: Path,
) -> None:
    with _HeedsCancel(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A, B))
        assert pacs.begun[A].wait(PATIENCE_S)
        watched.session.pause()
        watched.session.pause()
        watched.until(lambda progress: progress.paused)
        assert watched.progress.associations == 0
        assert watched.progress.stored == 1
        assert pacs.asked == [A]
        assert list(watched.progress.queued) == [B]
        watched.session.resume()
        events = watched.finish()

    assert (pacs.cancels, pacs.asked) == (1, [A, A, B])
    assert pacs.retrievals[1].key(0x00080018) == f"{A}.1.2\\{A}.1.3"
    assert len(_stored(events)) == len(set(_stored(events))) == 6
    assert len(of_kind(RunPausing, events)) == len(of_kind(RunPaused, events)) == 1
    assert len(of_kind(StudyPutBack, events)) == 1
    assert not of_kind(AttemptFailed, events)
    assert not watched.progress.pausing
    assert not watched.progress.paused


class _InTheMiddle(HeldPacs):
    """Sends half an instance and waits; then it looks what else has come with the answer."""

    def __init__(self, *held: str) -> None:
        super().__init__(*held)
        self.after_answer: list[int] = []
        self.together = False

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        whole = conversation.store_message(self.holdings[1])
        conversation.send(whole[: len(whole) - 20])
        self.halfway.set()
        assert self.go_on[study].wait(PATIENCE_S)
        conversation.send(whole[len(whole) - 20 :])
        answer = conversation.read().number(0x0100)
        self.together = spoke(conversation)
        self.after_answer = [answer, conversation.read().number(0x0100)]
        conversation.respond(request, 0xFE00, remaining=1, completed=2, failed=0, warning=0)

    @property
    def halfway(self) -> threading.Event:
        return self.begun["half"]


def test_the_instance_that_is_coming_is_finished_and_c_cancel_follows_its_answer(
    tmp_path: Path,
) -> None:
    with _InTheMiddle(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A))
        assert pacs.halfway.wait(PATIENCE_S)
        watched.session.pause()
        assert not watched.comes(lambda progress: progress.paused, within_s=1.5)
        assert watched.progress.pausing
        pacs.go_on[A].set()
        watched.until(lambda progress: progress.paused)
        assert watched.progress.stored == 2
        watched.session.resume()
        assert watched.until_finished(A).verdict is Verdict.COMPLETE

    assert pacs.after_answer == [0x8001, _C_CANCEL]
    assert pacs.together


class _Deaf(HeldPacs):
    """Sends one instance every tenth of a second, whatever comes."""

    def __init__(self, *held: str, count: int) -> None:
        super().__init__(*held, count=count)
        self.cancels = 0
        self.answers: list[int] = []

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        del request, study
        for instance in self.holdings[1:]:
            conversation.send(conversation.store_message(instance))
            while (answer := conversation.read()).number(0x0100) == _C_CANCEL:
                self.cancels += 1
            self.answers.append(answer.number(0x0900))
            self.stopping.wait(0.1)


def test_a_pause_cuts_off_a_pacs_that_ignores_c_cancel(tmp_path: Path) -> None:
    with _Deaf(A, count=600) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A))
        assert pacs.begun[A].wait(PATIENCE_S)
        started_s = monotonic()
        watched.session.pause()
        watched.until(lambda progress: progress.paused)
        elapsed_s = monotonic() - started_s
        stored = watched.progress.stored
        assert watched.progress.associations == 0
        watched.session.stop(A)
        finished = watched.until_finished(A)

    assert elapsed_s < _IN_TIME_S
    assert pacs.cancels == 1
    assert set(pacs.answers) == {0}
    assert (finished.verdict, finished.stored) == (Verdict.CANCELLED, stored)
    assert stored < 100


class _AbortsAtCancel(HeldPacs):
    """Cannot handle a C-CANCEL between two instances."""

    def hold(self, conversation: Conversation, request: Request, study: str) -> None:
        del request, study
        conversation.read()
        conversation.send(wire.pdu(7, bytes(4)))
        raise EOFError


def test_a_pacs_that_aborts_at_a_c_cancel_costs_no_attempt(tmp_path: Path) -> None:
    with _AbortsAtCancel(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A))
        assert pacs.begun[A].wait(PATIENCE_S)
        watched.session.pause()
        watched.until(lambda progress: progress.paused)
        watched.session.resume()
        assert watched.until_finished(A).verdict is Verdict.COMPLETE

    assert not of_kind(AttemptFailed, watched.events)


class _ListsNothing(HeldPacs):
    """Does not answer its first C-FIND."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if not self.begun[A].is_set():
            self.begun[A].set()
            conversation.read()
        super().on_find(conversation, request)


def test_a_pause_does_not_wait_for_a_list(tmp_path: Path) -> None:
    with _ListsNothing() as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A))
        assert pacs.begun[A].wait(PATIENCE_S)
        started_s = monotonic()
        watched.session.pause()
        watched.until(lambda progress: progress.paused)
        elapsed_s = monotonic() - started_s
        watched.session.resume()
        assert watched.until_finished(A).verdict is Verdict.COMPLETE

    assert elapsed_s < _IN_TIME_S
    assert not of_kind(AttemptFailed, watched.events)


def test_a_pause_before_the_start_is_a_pause_at_once(tmp_path: Path) -> None:
    with RawPacs(holdings()) as pacs, Watched(session_of(pacs, tmp_path, parallel=2)) as watched:
        watched.session.pause()
        watched.session.add(selections(A))
        watched.until(lambda progress: progress.paused)
        assert not pacs.associations
        watched.session.resume()
        assert watched.until_finished(A).verdict is Verdict.COMPLETE


class _DeafMover(MovingPacs):
    """Sends to our Storage SCP, one instance every tenth of a second, whatever comes."""

    def __init__(self) -> None:
        super().__init__(instances(600))
        self.sending = threading.Event()
        self.sent = 0
        self.cut_off = threading.Event()

    def on_move(self, conversation: Conversation, request: Request) -> None:
        if len(self.retrievals) > 1:
            super().on_move(conversation, request)
            return
        with self.call_scp(self.holdings) as scu:
            try:
                for instance in self.holdings:
                    scu.store(instance)
                    self.sent += 1
                    self.sending.set()
                    self.stopping.wait(0.1)
            except (EOFError, OSError):
                self.cut_off.set()


def _mover(pacs: MovingPacs, output: Path) -> Session:
    options = move_plan().on(pacs.settings(output))[1]
    return wiring.open_session((), options, backoff=Backoff(first_s=0.01))


def test_a_pause_cuts_off_a_pacs_that_sends_on_after_a_c_move_was_ended(tmp_path: Path) -> None:
    with _DeafMover() as pacs, Watched(_mover(pacs, tmp_path)) as watched:
        watched.session.add(selections("1.2.3"))
        assert pacs.sending.wait(PATIENCE_S)
        started_s = monotonic()
        watched.session.pause()
        watched.until(lambda progress: progress.paused)
        elapsed_s = monotonic() - started_s
        stored = watched.progress.stored
        assert pacs.cut_off.wait(PATIENCE_S)
        assert watched.progress.stored == stored == pacs.sent
        watched.session.resume()
        finished = watched.until_finished("1.2.3")

    assert elapsed_s < _IN_TIME_S
    assert 0 < stored < 100
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 600)
    assert not of_kind(AttemptFailed, watched.events)


def _closed_hours() -> Hours | None:
    """Hours of another day than today and tomorrow, in any time zone."""
    return parse_hours("--between", f"{datetime.now(UTC) + timedelta(days=3):%A}")


def test_the_end_of_the_hours_ends_the_request_and_their_begin_asks_for_the_rest(
    tmp_path: Path,
) -> None:
    with _HeedsCancel(A) as pacs, Watched(session_of(pacs, tmp_path)) as watched:
        watched.session.add(selections(A, B))
        assert pacs.begun[A].wait(PATIENCE_S)
        watched.session.limit_hours(_closed_hours())
        watched.until(lambda progress: progress.closed_until and not progress.associations)
        assert watched.progress.stored == 1
        watched.session.limit_hours(None)
        events = watched.finish()

    (closed,) = of_kind(HoursClosed, events)
    assert closed.studies == 2
    assert len(of_kind(HoursOpened, events)) == 1
    assert not of_kind(AttemptFailed, events)
    assert not watched.progress.closed_until
    assert len(_stored(events)) == len(set(_stored(events))) == 6
    assert pacs.retrievals[1].key(0x00080018) == f"{A}.1.2\\{A}.1.3"


def test_outside_the_hours_nothing_is_sent_at_all(tmp_path: Path) -> None:
    with RawPacs(holdings()) as pacs:
        session = session_of(pacs, tmp_path)
        session.limit_hours(_closed_hours())
        with Watched(session) as watched:
            watched.session.add(selections(A))
            watched.until(lambda progress: progress.closed_until)
            watched.session.cancel()
            watched.join()

        assert not pacs.associations
    assert watched.progress.verdict is Verdict.CANCELLED
