"""Advice that fits the cause: nothing is suggested that cannot help."""

from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import get_plan, move_plan, run, settings, verdict_of

_POISON = "1.2.3.1.3"
_ABORT = wire.pdu(7, bytes(4))


class _Chokes(RawPacs):
    """Aborts whenever a certain instance is due."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in filter(request.matches, self.holdings):
            if instance.sop == _POISON:
                conversation.send(_ABORT)
                raise EOFError
            conversation.store(instance)
        self.finish(conversation, request, completed=1)


@fault(79, user_reads="aborted the association by its user")
def test_an_abort_in_the_middle_of_a_transfer_does_not_speak_against_c_get(
    tmp_path: Path,
) -> Told:
    with _Chokes(instances(5)) as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.PARTIAL
    assert _POISON in finished.missing
    assert "--method" not in finished.reason
    assert "refuse C-GET" not in finished.reason
    return [finished]


class _AbortsMove(MovingPacs):
    """Aborts every C-MOVE, as some do where they do not know the move destination."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        del request
        conversation.send(_ABORT)
        raise EOFError


@pytest.mark.parametrize("listens", [True, False])
@fault(79, user_reads="such a PACS does not know the move destination. Ask its administrator")
def test_an_aborted_c_move_names_the_unknown_destination(tmp_path: Path, *, listens: bool) -> Told:
    with _AbortsMove() as pacs:
        given = pacs.settings(tmp_path)
        if listens:
            events = run(move_plan(), given)
        else:
            plan = replace(move_plan(destination="ELSE"), listening=False)
            events = run(plan, replace(given, listen=None))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert ("AE title DRTUI is at 127.0.0.1:" in finished.reason) is listens
    return [finished]


class _Ends(MovingPacs):
    """Sends one instance of three, or none, and ends with a status."""

    def __init__(self, status: int, sends: int) -> None:
        super().__init__()
        self._status = status
        self._sends = sends

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted[: self._sends]:
            conversation.store(instance)
        self._sends = 0
        conversation.respond(request, self._status, completed=0, failed=len(wanted))

    def on_move(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        if self._sends:
            self.send_to_scp(wanted[: self._sends])
        self._sends = 0
        conversation.respond(request, self._status, completed=0, failed=len(wanted))


_ADDRESS = "address and port"


@pytest.mark.parametrize("status", [0xA702, 0xA801, 0xC000, 0xA700])
@fault(79, user_reads="The PACS ended the retrieval with status 0x")
def test_a_destination_that_instances_came_to_is_not_suspected(tmp_path: Path, status: int) -> Told:
    with _Ends(status, sends=1) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.2))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 1)
    assert "What its administrator needs to know" not in finished.reason
    assert "cannot connect" not in finished.reason
    assert "do not know the move destination" not in finished.reason
    return [finished]


@pytest.mark.parametrize("status", [0xA702, 0xC000, 0xC123, 0x0122])
@fault(79, user_reads="The PACS ended the retrieval with status 0x")
def test_a_c_get_is_not_told_what_a_c_move_may_lack(tmp_path: Path, status: int) -> Told:
    with _Ends(status, sends=0) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert "move destination" not in finished.reason
    assert _ADDRESS not in finished.reason
    return [finished]


@pytest.mark.parametrize("status", [0x0122, 0xA801, 0xC801])
@fault(79, user_reads="The PACS ended the retrieval with status 0x")
def test_where_both_ways_were_tried_neither_is_advised(tmp_path: Path, status: int) -> Told:
    with _Ends(status, sends=0) as pacs:
        plan = replace(move_plan(), method=Method.AUTO)
        events = run(plan, pacs.settings(tmp_path, timeout_s=0.2))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert "--method" not in finished.reason
    return [finished]


class _CallsElsewhere(MovingPacs):
    """Calls us by a name that is not ours, and says that it cannot connect."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        self.source = "127.0.0.2"
        assert not self.call_scp(self.holdings).accepted
        conversation.respond(request, 0xA702, completed=0, failed=3)


@fault(79, user_reads="refused a call from 127.0.0.2")
def test_a_call_that_we_refused_is_not_told_as_one_that_did_not_reach_us(tmp_path: Path) -> Told:
    with _CallsElsewhere() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.3))

    finished = verdict_of(events)
    assert "cannot connect" not in finished.reason
    assert "firewall" not in finished.reason
    return [finished]
