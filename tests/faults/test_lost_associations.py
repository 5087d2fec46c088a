"""Rows 14 to 17: the line, or the association, ends in the middle of an instance."""

from abc import abstractmethod
from pathlib import Path
from time import monotonic

from dicom_retrieve_tui.model.events import AttemptFailed
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.peers.rude_pacs import RudeOnce
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_LEFT = "1.2.3.1.3\\1.2.3.1.4\\1.2.3.1.5"


class _EndsMidObject(RudeOnce):
    """Sends two instances and a half, and ends as `end` does."""

    def __init__(self) -> None:
        super().__init__(instances(5))

    def be_rude(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings[:2]:
            conversation.store(instance)
        context_id, command = conversation.store_request(self.holdings[2])
        half = self.holdings[2].data[:100]
        conversation.send(wire.p_data(context_id, 3, command) + wire.p_data(context_id, 0, half))
        self.end(conversation)

    @abstractmethod
    def end(self, conversation: Conversation) -> None:
        """End the association in the middle of the third instance."""


def _heals(pacs: _EndsMidObject, output: Path) -> Told:
    """The next attempt asks for what is missing, and for nothing else."""
    with pacs:
        events = run(get_plan(retries=1), settings(pacs.port, output))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(AttemptFailed, events)) == 1
    assert [r.key(0x00080018) for r in pacs.retrievals] == ["", _LEFT]
    assert files_in(output) == [f"1.2.3.1.{n}.dcm" for n in range(1, 6)]
    return events


def _keeps_what_is_whole(pacs: _EndsMidObject, output: Path) -> Told:
    """Without another attempt the verdict names the cause, and what is missing."""
    with pacs:
        started_s = monotonic()
        events = run(get_plan(), settings(pacs.port, output))
        took_s = monotonic() - started_s

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 2)
    assert "\\".join(finished.missing) == _LEFT
    assert files_in(output) == ["1.2.3.1.1.dcm", "1.2.3.1.2.dcm"]
    assert took_s < 1.0
    return events


class _Closes(_EndsMidObject):
    def end(self, conversation: Conversation) -> None:
        raise EOFError


@fault(14, user_reads="closed the connection without an A-RELEASE")
def test_what_a_closed_connection_left_out_is_asked_for_again(tmp_path: Path) -> Told:
    return _heals(_Closes(), tmp_path)


@fault(14, user_reads="closed the connection without an A-RELEASE")
def test_what_came_before_the_connection_was_closed_is_kept(tmp_path: Path) -> Told:
    return _keeps_what_is_whole(_Closes(), tmp_path)


class _Resets(_EndsMidObject):
    def end(self, conversation: Conversation) -> None:
        conversation.reset()
        raise EOFError


@fault(15, user_reads="connection reset by peer")
def test_what_a_broken_connection_left_out_is_asked_for_again(tmp_path: Path) -> Told:
    return _heals(_Resets(), tmp_path)


@fault(15, user_reads="connection reset by peer")
def test_what_came_before_the_connection_broke_is_kept(tmp_path: Path) -> Told:
    return _keeps_what_is_whole(_Resets(), tmp_path)


class _Aborts(_EndsMidObject):
    def end(self, conversation: Conversation) -> None:
        conversation.send(wire.pdu(wire.A_ABORT, bytes([0, 0, 2, 6])))
        raise EOFError


@fault(16, user_reads="by its provider (reason 6: invalid PDU parameter value)")
def test_what_an_abort_left_out_is_asked_for_again(tmp_path: Path) -> Told:
    return _heals(_Aborts(), tmp_path)


@fault(16, user_reads="aborted the association by its provider (reason 6:")
def test_what_came_before_an_abort_is_kept(tmp_path: Path) -> Told:
    return _keeps_what_is_whole(_Aborts(), tmp_path)


class _AbortsAtOnce(RawPacs):
    """Aborts its first association instead of accepting it."""

    def on_associate(self, conversation: Conversation) -> None:
        if self.associations == 1:
            conversation.send(wire.pdu(wire.A_ABORT, bytes([0, 0, 2, 0])))
            raise EOFError
        conversation.accept()


@fault(16, user_reads="by its provider (reason 0: no reason given) instead of accepting it")
def test_an_abort_instead_of_an_answer_may_heal(tmp_path: Path) -> Told:
    with _AbortsAtOnce() as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(AttemptFailed, events)) == 1
    return events


class _Releases(_EndsMidObject):
    def end(self, conversation: Conversation) -> None:
        conversation.send(wire.pdu(wire.A_RELEASE_RQ))
        self.answer, _ = wire.receive_pdu(conversation.sock)
        raise EOFError


@fault(17, user_reads="released the association early")
def test_what_an_early_release_left_out_is_asked_for_again(tmp_path: Path) -> Told:
    pacs = _Releases()

    told = _heals(pacs, tmp_path)

    assert pacs.answer == wire.A_RELEASE_RP
    return told


@fault(17, user_reads="released the association early")
def test_what_came_before_an_early_release_is_kept(tmp_path: Path) -> Told:
    return _keeps_what_is_whole(_Releases(), tmp_path)


class _ReleasesWhenAllIsSent(RudeOnce):
    def be_rude(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            conversation.store(instance)
        conversation.send(wire.pdu(wire.A_RELEASE_RQ))
        wire.receive_pdu(conversation.sock)
        raise EOFError


@fault(17, user_reads="complete")
def test_an_early_release_after_the_last_instance_costs_no_attempt(tmp_path: Path) -> Told:
    with _ReleasesWhenAllIsSent() as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not of_kind(AttemptFailed, events)
    return events
