"""A PACS that goes away during a run and comes back."""

import threading
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    PeerBack,
    PeerLost,
    QueueGivenUp,
    StudyFinished,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.peers import wire
from tests.peers.held_pacs import A, B, C, holdings, session_of
from tests.peers.raw_pacs import Conversation, RawPacs, Request
from tests.runs import files_in, get_plan, of_kind, run, settings
from tests.sessions import Watched, selections


class _GoesAway(RawPacs):
    """Drops every association from the second C-GET on, until it has dropped so many calls."""

    def __init__(self, drops: int, *, how: bytes = b"") -> None:
        super().__init__(holdings())
        self._drops = drops
        self._how = how
        self._gone = threading.Event()
        self.calls = 0
        """Associations that it refused."""
        self.echoes = 0

    def on_associate(self, conversation: Conversation) -> None:
        if self._gone.is_set():
            self.calls += 1
            if self.calls <= self._drops:
                conversation.send(self._how)
                raise EOFError
            self._gone.clear()
        conversation.accept()

    def on_echo(self, conversation: Conversation, request: Request) -> None:
        self.echoes += 1
        super().on_echo(conversation, request)

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if len(self.retrievals) == 2:
            self._gone.set()
            conversation.store(next(i for i in self.holdings if request.matches(i)))
            raise EOFError
        super().on_get(conversation, request)


_REJECTION = wire.pdu(3, bytes([0, 2, 3, 1]))
_ABORT = wire.pdu(wire.A_ABORT, bytes([0, 0, 2, 0]))


@pytest.mark.parametrize("how", [b"", _ABORT, _REJECTION], ids=["closes", "aborts", "rejects"])
def test_a_pacs_that_is_gone_for_a_while_costs_no_attempt(how: bytes, tmp_path: Path) -> None:
    with _GoesAway(drops=5, how=how) as pacs:
        events = run(get_plan(A, B, C), settings(pacs.port, tmp_path))

    assert {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1
    assert not of_kind(AttemptFailed, events)
    assert len(files_in(tmp_path)) == 9
    assert pacs.echoes == 1


def test_one_probe_at_a_time_looks_for_a_pacs_that_many_workers_lost(tmp_path: Path) -> None:
    with _GoesAway(drops=8) as pacs:
        events = run(get_plan(A, B, C, parallel=3), settings(pacs.port, tmp_path))

    assert {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) <= 1


def test_the_user_may_give_up_and_try_again_later(tmp_path: Path) -> None:
    with (
        _GoesAway(drops=1_000_000) as pacs,
        Watched(session_of(pacs, tmp_path)) as watched,
    ):
        watched.session.add(selections(A, B, C))
        watched.until(lambda progress: progress.held)
        watched.session.give_up()
        watched.until(lambda progress: progress.given_up)
        assert watched.until_finished(B).verdict is Verdict.PARTIAL
        assert list(watched.progress.not_tried) == [C]
        pacs.calls = 1_000_000
        watched.session.add(selections(B, C))
        assert watched.until_finished(B, times=2).verdict is Verdict.COMPLETE
        assert watched.until_finished(C).verdict is Verdict.COMPLETE
        events = watched.finish()

    assert len(of_kind(QueueGivenUp, events)) == 1
    assert not watched.progress.not_tried


def test_a_cancel_ends_an_outage_at_once(tmp_path: Path) -> None:
    with (
        _GoesAway(drops=1_000_000) as pacs,
        Watched(session_of(pacs, tmp_path)) as watched,
    ):
        watched.session.add(selections(A, B, C))
        watched.until(lambda progress: progress.held)
        watched.session.cancel()
        watched.join()

    assert watched.progress.verdict is Verdict.CANCELLED
    assert not of_kind(QueueGivenUp, watched.events)
