"""Who may send to our Storage SCP: by address, by AE title, and how many at once."""

from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.model.allowed_callers import parse_callers
from dicom_retrieve_tui.model.events import InstanceRefused, Noted, RetrieveStarted
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request, instances
from tests.peers.raw_scu import RawScu
from tests.peers.wire import CT_IMAGE
from tests.runs import files_in, move_plan, of_kind, run, verdict_of

_ELSEWHERE = "127.0.0.2"


class _SendsFromElsewhere(MovingPacs):
    """An archive whose sending node has an address of its own."""

    source = _ELSEWHERE
    calling = "RAW"
    called_title = "DRTUI"
    status = 0xB000
    """What it says of what it could not send."""

    def __init__(self, holdings: list[Instance] | None = None) -> None:
        super().__init__(holdings)
        self.rejections: list[object] = []

    def on_move(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        with RawScu(
            self.scp_port,
            [i.sop_class for i in wanted],
            source=self.source,
            calling=self.calling,
            called=self.called_title,
        ) as scu:
            if scu.accepted:
                for instance in wanted:
                    scu.store(instance)
                scu.release()
            else:
                self.rejections.append(scu.rejection)
                wanted = []
        failed = len(self.holdings) - len(wanted) if self.status else 0
        status = self.status if failed else 0x0000
        completed = len(wanted)
        conversation.respond(request, status, completed=completed, failed=failed, warning=0)


@fault(38, user_reads="add --accept-from 127.0.0.2")
def test_the_right_title_from_a_wrong_address_gets_no_answer(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Told:
    with _SendsFromElsewhere(instances(3)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.3))

    finished = verdict_of(events)
    assert pacs.rejections
    assert set(pacs.rejections) == {None}
    assert (finished.verdict, finished.stored) == (Verdict.FAILED, 0)
    assert "127.0.0.2: it is not an address of the PACS (127.0.0.1)" in finished.reason
    assert len([note for note in of_kind(Noted, events) if "127.0.0.2" in note.text]) == 1
    assert len([line for line in caplog.messages if "127.0.0.2 ended" in line]) <= 2
    assert not files_in(tmp_path)
    return [finished]


@pytest.mark.parametrize("status", [0xB000, 0xA702, 0xC000, 0x0000])
@fault(
    38, user_reads="failed: Our Storage SCP refused a call from 127.0.0.2: it is not an address of"
)
def test_a_study_that_starves_because_of_it_ends_soon(tmp_path: Path, status: int) -> Told:
    """Late instances, other requests and further attempts would be refused all the same."""
    with _SendsFromElsewhere(instances(30)) as pacs:
        pacs.status = status
        began_s = monotonic()
        events = run(move_plan(retries=3), pacs.settings(tmp_path, timeout_s=1.0))

    assert monotonic() - began_s < 4.0
    assert len(pacs.retrievals) == 2
    return [verdict_of(events)]


class _HasTwoNodes(MovingPacs):
    """Half of what is asked for comes from a node with an address of its own."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        odd = [i for i in wanted if self.holdings.index(i) % 2]
        self.source = ""
        self.send_to_scp([i for i in wanted if i not in odd])
        self.source = _ELSEWHERE
        assert not self.call_scp(odd).accepted
        self.finish(conversation, request, completed=len(wanted) - len(odd), failed=len(odd))


@fault(38, user_reads="add --accept-from 127.0.0.2")
def test_what_another_node_has_is_not_asked_for_again_and_again(tmp_path: Path) -> Told:
    with _HasTwoNodes(instances(30)) as pacs:
        events = run(move_plan(retries=3), pacs.settings(tmp_path, timeout_s=1.0))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 15)
    assert len(pacs.retrievals) <= 4
    return [finished]


@pytest.mark.parametrize("entry", ["127.0.0.2", "10.9.9.9,127.0.0.0/29", "RAW@127.0.0.2"])
@fault(38, user_reads="complete")
def test_who_is_named_may_send(tmp_path: Path, entry: str) -> Told:
    with _SendsFromElsewhere(instances(3)) as pacs:
        allowed = parse_callers("--accept-from", entry)
        events = run(move_plan(), replace(pacs.settings(tmp_path), accept_from=allowed))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


@fault(38, user_reads="its AE title is 'ROGUE', and not RAW. If it belongs to the archive, add its")
def test_a_title_that_was_named_with_an_address_is_the_only_one_from_there(tmp_path: Path) -> Told:
    with _SendsFromElsewhere(instances(3)) as pacs:
        pacs.calling = "ROGUE"
        allowed = parse_callers("--accept-from", "RAW@127.0.0.2")
        given = replace(pacs.settings(tmp_path, timeout_s=0.3), accept_from=allowed)
        events = run(move_plan(), given)

    assert pacs.rejections[0] == (1, 1, 3)
    assert verdict_of(events).verdict is Verdict.FAILED
    return [verdict_of(events)]


@fault(38, user_reads="it called 'SOMEBODY', and we are DRTUI")
def test_whoever_calls_us_by_another_title_is_rejected(tmp_path: Path) -> Told:
    with _SendsFromElsewhere(instances(3)) as pacs:
        pacs.source, pacs.called_title = "127.0.0.1", "SOMEBODY"
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.3))

    assert pacs.rejections[0] == (1, 1, 7)
    return [verdict_of(events)]


class _Haunted(MovingPacs):
    """Somebody else calls as often as he can, under every name of ours."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        for _ in range(30):
            with RawScu(self.scp_port, [CT_IMAGE], source=_ELSEWHERE) as scu:
                assert not scu.accepted
        return super().send_to_scp(wanted)


@fault(38, user_reads="127.0.0.2: it is not an address of the PACS")
def test_a_stranger_who_calls_again_and_again_is_told_of_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> Told:
    with _Haunted(instances(3)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events) == replace(verdict_of(events), verdict=Verdict.COMPLETE, reason="")
    assert len(of_kind(Noted, events)) == 1
    assert not of_kind(InstanceRefused, events)
    assert [line for line in caplog.messages if line.endswith("(29 more times)")]
    return events


@fault(38, user_reads="every interface of this machine")
def test_listening_everywhere_is_said(tmp_path: Path) -> Told:
    with MovingPacs(instances(1)) as pacs:
        given = replace(pacs.settings(tmp_path), listen=("0.0.0.0", pacs.scp_port))  # noqa: S104
        events = run(move_plan(), given)

    assert isinstance(events[0], RetrieveStarted)
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events
