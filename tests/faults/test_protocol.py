"""Rows 18, 19, 20 and 35: bytes that the standard does not allow, and messages run together."""

from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.model.events import AttemptFailed
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.raw_pacs import Conversation, RawPacs, Request
from tests.peers.rude_pacs import RudeOnce
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of

_AT_ONCE_S = 1.0


class _SendsGarbage(RudeOnce):
    """Sends one instance, then `garbage`, and waits for what we make of it."""

    garbage = b""

    def be_rude(self, conversation: Conversation, request: Request) -> None:
        conversation.store(self.holdings[0])
        conversation.send(self.garbage)
        sent_s = monotonic()
        self.answer, _ = wire.receive_pdu(conversation.sock)
        self.answered_after_s = monotonic() - sent_s
        raise EOFError


def _aborts_and_asks_again(garbage: bytes, output: Path) -> Told:
    with _SendsGarbage() as pacs:
        pacs.garbage = garbage
        events = run(get_plan(retries=1), settings(pacs.port, output))

    assert pacs.answer == wire.A_ABORT
    assert pacs.answered_after_s < _AT_ONCE_S
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(AttemptFailed, events)) == 1
    assert pacs.retrievals[1].key(0x00080018) == "1.2.3.1.2\\1.2.3.1.3"
    return events


@fault(18, user_reads="sent a PDU of type 0x99 out of place")
def test_an_unknown_pdu_is_answered_by_an_abort_at_once(tmp_path: Path) -> Told:
    return _aborts_and_asks_again(wire.pdu(0x99), tmp_path)


@fault(18, user_reads="sent a PDU of type 0x02 out of place")
def test_a_pdu_that_has_no_business_here_is_answered_by_an_abort(tmp_path: Path) -> Told:
    return _aborts_and_asks_again(wire.pdu(2, b"\0" * 100), tmp_path)


@fault(19, user_reads="sent a message with command field 0x7777 where 0x8010 was due")
def test_an_unknown_command_field_is_answered_by_an_abort(tmp_path: Path) -> Told:
    command = wire.command(field=0x7777, responding_to=1, data_set_type=0x0101, status=0)

    return _aborts_and_asks_again(wire.message(1, command), tmp_path)


@fault(19, user_reads="sent a message with command field none where 0x8010 was due")
def test_a_missing_command_field_is_answered_by_an_abort(tmp_path: Path) -> Told:
    command = wire.command(responding_to=1, data_set_type=0x0101, status=0)

    return _aborts_and_asks_again(wire.message(1, command), tmp_path)


@fault(19, user_reads="Received a command set")
@pytest.mark.parametrize(
    "command",
    [
        pytest.param(b"\xff" * 40, id="no elements"),
        pytest.param(b"\0\0\0\1\2\0\0", id="half a header"),
        pytest.param(wire.command(field=0x8010, data_set_type=0x0101)[:-1], id="cut short"),
    ],
)
def test_a_command_set_of_garbage_is_answered_by_an_abort(tmp_path: Path, command: bytes) -> Told:
    return _aborts_and_asks_again(wire.message(1, command), tmp_path)


class _AnswersWithoutStatus(RudeOnce):
    def be_rude(self, conversation: Conversation, request: Request) -> None:
        conversation.store(self.holdings[0])
        final = wire.command(
            field=0x8010, responding_to=request.number(0x0110), data_set_type=0x0101
        )
        conversation.send(wire.message(request.context_id, final))


@fault(20, user_reads="sent a response without a status")
def test_a_response_without_a_status_is_a_failure_that_may_heal(tmp_path: Path) -> Told:
    with _AnswersWithoutStatus() as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(AttemptFailed, events)) == 1
    return events


class _AnswersSomebodyElse(RawPacs):
    """Ends a C-GET that nobody asked for, then serves ours."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        number = request.number(0x0110)
        other = wire.command(
            field=0x8010, responding_to=number + 7, data_set_type=0x0101, status=0xA702
        )
        conversation.send(wire.message(request.context_id, other))
        super().on_get(conversation, request)


@fault(20, user_reads="complete")
def test_a_response_to_another_message_is_ignored(tmp_path: Path) -> Told:
    with _AnswersSomebodyElse() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events


class _SendsAllAndForgetsWhoAsked(RawPacs):
    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            conversation.store(instance)
        other = wire.command(field=0x8010, responding_to=999, data_set_type=0x0101, status=0)
        conversation.send(wire.message(request.context_id, other))
        self.stopping.wait()


@fault(20, user_reads="complete")
def test_with_a_final_response_to_nobody_the_disk_decides(tmp_path: Path) -> Told:
    with _SendsAllAndForgetsWhoAsked() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=0.3))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 3
    return events


class _RunsTogether(RawPacs):
    """Puts the end of the last data set, a pending and the final response into one P-DATA."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        *others, last = self.holdings
        for instance in others:
            conversation.store(instance)
        context_id, command = conversation.store_request(last)
        messages = [
            wire.p_data(context_id, 3, command),
            wire.p_data(context_id, 2, last.data),
            *(self._response(request, status) for status in (wire.PENDING, wire.SUCCESS)),
        ]
        conversation.send(wire.pdu(4, b"".join(message[6:] for message in messages)))
        self.status = conversation.read().number(0x0900)

    @staticmethod
    def _response(request: Request, status: int) -> bytes:
        command = wire.command(
            field=0x8010,
            responding_to=request.number(0x0110),
            data_set_type=0x0101,
            status=status,
        )
        return wire.p_data(request.context_id, 3, command)


@fault(35, user_reads="complete")
def test_messages_that_share_a_pdu_are_all_read(tmp_path: Path) -> Told:
    with _RunsTogether() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert pacs.status == 0
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events
