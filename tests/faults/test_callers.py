"""Who may send to our Storage SCP: by address, by AE title, and how many at once."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.model.callers import parse_callers
from dicom_retrieve_tui.model.events import InstanceRefused, Noted, RetrieveStarted
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network import visitors
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request, instances
from tests.peers.raw_scu import RawScu, associate_request
from tests.peers.wire import CT_IMAGE
from tests.runs import files_in, move_plan, of_kind, run, verdict_of

_ELSEWHERE = "127.0.0.2"
_SILENT, _TLS, _SHUTDOWN_S = 12, 5, 2.0
_FLOOD = visitors.WAITING_AN_ADDRESS_MAX + 8
_RSS_MAX_BYTES = 32 << 20
_CLIENT_HELLO = bytes.fromhex("16030100c4010000c00303") + bytes(60)
_HELLO = associate_request({CT_IMAGE: 1}, "DRTUI", "DRIP")


class _SendsFromElsewhere(MovingPacs):
    """An archive whose sending node has an address of its own."""

    source = _ELSEWHERE
    calling = "RAW"
    called_title = "DRTUI"

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
        failed = len(self.holdings) - len(wanted)
        self.finish(conversation, request, completed=len(wanted), failed=failed)


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
    assert "127.0.0.2: it is no address of the PACS (127.0.0.1)" in finished.reason
    assert len([note for note in of_kind(Noted, events) if "127.0.0.2" in note.text]) == 1
    assert len([line for line in caplog.messages if "127.0.0.2 ended" in line]) <= 2
    assert not files_in(tmp_path)
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


class _Siege(MovingPacs):
    """Has the Storage SCP under test besieged from the PACS's own address, and then sends."""

    def __init__(self, holdings: list[Instance]) -> None:
        super().__init__(holdings)
        self.siege = contextlib.ExitStack()
        """Closed by the test, once the run is over."""
        self.seconds_to_send = self.finished_s = 0.0
        self.rss_before_bytes = self.rss_after_bytes = 0

    def on_move(self, conversation: Conversation, request: Request) -> None:
        self.rss_before_bytes = _rss_bytes()
        self.besiege()
        started_s = monotonic()
        self.statuses = self.send_to_scp([i for i in self.holdings if request.matches(i)])
        self.finished_s = monotonic()
        self.seconds_to_send = self.finished_s - started_s
        self.rss_after_bytes = _rss_bytes()
        self.finish(conversation, request, completed=len(self.statuses))

    def besiege(self) -> None:
        for _ in range(_SILENT):
            self.stranger()
        for _ in range(_TLS):
            self.stranger().send(_CLIENT_HELLO)
        for kind in (1, 4):
            self.stranger().send(bytes([kind, 0, 0x40, 0, 0, 0]) + bytes(4096))
        self.siege.enter_context(_dripping(self.stranger(), _HELLO))
        associated = self.stranger()
        associated.sendall(_HELLO)
        assert wire.receive_pdu(associated)[0] == 2
        self.siege.enter_context(_dripping(associated, wire.pdu(4, bytes(400))))

    def stranger(self) -> socket.socket:
        made = socket.create_connection(("127.0.0.1", self.scp_port), timeout=20.0)
        return self.siege.enter_context(made)


@contextlib.contextmanager
def _dripping(sock: socket.socket, data: bytes) -> Iterator[None]:
    """Sends a byte a second."""
    enough = threading.Event()

    def drip() -> None:
        for byte in data:
            with contextlib.suppress(OSError):
                sock.send(bytes([byte]))
            if enough.wait(1.0):
                return

    dripper = threading.Thread(target=drip, name="dripper")
    dripper.start()
    try:
        yield
    finally:
        enough.set()
        dripper.join()


def _rss_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


@fault(36, user_reads="complete")
def test_a_siege_slows_nothing_down_takes_no_memory_and_keeps_nobody_from_leaving(
    tmp_path: Path,
) -> Told:
    with _Siege(instances(300)) as pacs, pacs.siege:
        events = run(move_plan(), pacs.settings(tmp_path))
        seconds_to_leave = monotonic() - pacs.finished_s

    assert pacs.statuses == [0] * 300
    assert pacs.seconds_to_send < 5.0
    assert pacs.rss_after_bytes - pacs.rss_before_bytes < _RSS_MAX_BYTES
    assert seconds_to_leave < _SHUTDOWN_S
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


class _Flood(_Siege):
    def besiege(self) -> None:
        flood = [self.stranger() for _ in range(_FLOOD)]
        for first in flood[: _FLOOD - visitors.WAITING_AN_ADDRESS_MAX]:
            assert first.recv(1) == b""


@fault(36, user_reads="it kept silent, and others came")
def test_of_too_many_that_say_nothing_those_who_came_first_go(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> str:
    with _Flood(instances(3)) as pacs, pacs.siege:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.statuses == [0] * 3
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text


class _HasTooMany(MovingPacs):
    rejection: object = None

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        first = self.call_scp(wanted)
        self.rejection = self.call_scp(wanted).rejection
        statuses = [first.store(instance) for instance in wanted]
        first.release()
        return statuses


@fault(36, user_reads="it has as many associations as it may have")
def test_one_association_too_many_is_told_to_come_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(visitors, "ASSOCIATIONS_AN_ADDRESS_MAX", 1)
    with _HasTooMany(instances(3)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.rejection == (2, 3, 2)
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text


class _Haunted(MovingPacs):
    """Somebody else calls as often as he can, under every name of ours."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        for _ in range(30):
            with RawScu(self.scp_port, [CT_IMAGE], source=_ELSEWHERE) as scu:
                assert not scu.accepted
        return super().send_to_scp(wanted)


@fault(38, user_reads="127.0.0.2: it is no address of the PACS")
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
