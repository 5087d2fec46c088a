"""Whoever finds the port of our Storage SCP from an address that may call, and is no PACS."""

import socket
import struct
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import InstanceRefused
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.besieged_pacs import HELLO, read_to_end
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.peers.raw_scu import RawScu
from tests.peers.wire import CT_IMAGE
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_VERIFICATION = "1.2.840.10008.1.1"
_GIB = 1 << 30


class _SendsTooMuch(MovingPacs):
    """Announces far too much to the Storage SCP under test, once associated or before."""

    associated = False
    announcement = b""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with socket.create_connection(("127.0.0.1", self.scp_port), timeout=20.0) as sock:
            if self.associated:
                sock.sendall(HELLO)
                assert wire.receive_pdu(sock)[0] == 2
            sock.sendall(self.announcement)
            self.goodbye = read_to_end(sock)
        return super().send_to_scp(wanted)


def _announced(kind: int) -> bytes:
    return struct.pack(">BBL", kind, 0, _GIB)


_LONG_VALUE = struct.pack(">BBLLBB", 4, 0, 100, _GIB, 1, 3)
"""A P-DATA of 100 bytes with a presentation data value of 1 GiB."""


@pytest.mark.parametrize(
    ("announcement", "associated"),
    [
        (_announced(1), False),
        (_announced(4), False),
        (_announced(0x16), False),
        (_announced(1), True),
        (_announced(4), True),
        (_announced(7), True),
        (_LONG_VALUE, True),
    ],
    ids=["request", "data", "unknown", "late-request", "late-data", "late-abort", "late-value"],
)
@fault(37, user_reads="association from ")
def test_a_stranger_that_announces_a_gib_is_sent_away_before_a_byte_of_it(
    tmp_path: Path, announcement: bytes, caplog: pytest.LogCaptureFixture, *, associated: bool
) -> str:
    with _SendsTooMuch() as pacs:
        pacs.announcement, pacs.associated = announcement, associated
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.goodbye == wire.pdu(7)
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text


class _Babbles(MovingPacs):
    """Says to the Storage SCP under test what is no A-ASSOCIATE-RQ, or hardly one, and no more."""

    hello = b""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with socket.create_connection(("127.0.0.1", self.scp_port), timeout=20.0) as sock:
            sock.sendall(self.hello)
            sock.shutdown(socket.SHUT_WR)
            read_to_end(sock)
        return super().send_to_scp(wanted)


@pytest.mark.parametrize(
    "hello",
    [
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        bytes.fromhex("16030100c4010000c00303") + bytes(190),
        bytes(100),
        wire.pdu(1, bytes(68)),
        wire.pdu(1, b""),
        HELLO.replace(b"\x10\0\0\x15", b"\x10\0\xff\xff"),
        HELLO.replace(b"\x30\0\0", b"\x30\0\1"),
        HELLO.replace(CT_IMAGE.encode(), b"\x1b[31m".ljust(len(CT_IMAGE))),
        HELLO.replace(b"STRANGER", b"\xff\xfe\0\x1b["),
    ],
    ids=["http", "tls", "zeros", "blank", "empty", "item", "length", "uid", "title"],
)
@fault(37, user_reads="association from ")
def test_a_stranger_that_speaks_nonsense_is_sent_away(
    tmp_path: Path, hello: bytes, caplog: pytest.LogCaptureFixture
) -> str:
    with _Babbles() as pacs:
        pacs.hello = hello
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text


class _AnnouncesInsteadOfAccepting(RawPacs):
    def on_associate(self, conversation: Conversation) -> None:
        conversation.send(_announced(2))
        self.goodbye = read_to_end(conversation.sock)
        raise EOFError


class _AnnouncesInsteadOfSending(RawPacs):
    announcement = _announced(4)

    def on_get(self, conversation: Conversation, request: Request) -> None:
        conversation.send(self.announcement)
        self.goodbye = read_to_end(conversation.sock)
        raise EOFError


class _AnnouncesAValue(_AnnouncesInsteadOfSending):
    announcement = _LONG_VALUE


@pytest.mark.parametrize(
    "kind", [_AnnouncesInsteadOfAccepting, _AnnouncesInsteadOfSending, _AnnouncesAValue]
)
@fault(37, user_reads="1073741824 bytes")
def test_a_pacs_that_announces_a_gib_is_left_before_a_byte_of_it(
    tmp_path: Path, kind: type[_AnnouncesInsteadOfAccepting | _AnnouncesInsteadOfSending]
) -> Told:
    with kind() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path / "out"))

    assert pacs.goodbye == wire.pdu(7)
    assert verdict_of(events).verdict is Verdict.FAILED
    return events


class _LetsARogueIn(MovingPacs):
    """Somebody else stores his own study, and then another under the UIDs of ours."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        strange = instances(2, study="1.6.6", series="1.6.6.1")
        forged = [replace(i, sop=w.sop) for i, w in zip(strange, wanted, strict=False)]
        with RawScu(self.scp_port, [CT_IMAGE], calling="ROGUE") as scu:
            self.statuses = [scu.store(instance) for instance in strange + forged]
            scu.release()
        return super().send_to_scp(wanted)


@fault(38, user_reads="it belongs to study '1.6.6'")
def test_a_study_that_nobody_asked_for_leaves_no_file(tmp_path: Path) -> Told:
    with _LetsARogueIn(instances(3)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.statuses == [0xA700] * 4
    assert len(of_kind(InstanceRefused, events)) == 4
    assert files_in(tmp_path) == [f"{instance.sop}.dcm" for instance in pacs.holdings]
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


class _LetsARogueInFirst(MovingPacs):
    """Somebody stores while the studies are still being listed."""

    rejections: tuple[object, ...] = ()
    echo_status = -1

    def on_find(self, conversation: Conversation, request: Request) -> None:
        with RawScu(self.scp_port, [CT_IMAGE], calling="ROGUE") as scu:
            self.rejections += (scu.rejection,)
        with RawScu(self.scp_port, [_VERIFICATION], calling="ADMIN") as scu:
            self.echo_status = scu.echo()
            scu.release()
        super().on_find(conversation, request)


@fault(38, user_reads="no instance is expected now")
def test_nobody_but_an_echo_is_let_in_before_anything_was_asked_for(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> str:
    with _LetsARogueInFirst(instances(3)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert set(pacs.rejections) == {(2, 1, 1)}
    assert pacs.echo_status == 0
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text
