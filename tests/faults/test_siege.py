"""Many who find the port of our Storage SCP, and say nothing, little, or too much."""

import socket
import struct
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network import access, connection, storage_scp
from tests.faults.catalogue import fault
from tests.peers import wire
from tests.peers.besieged_pacs import HELLO, BesiegedPacs, read_to_end
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Instance, instances
from tests.runs import move_plan, run, verdict_of

_STALLED, _SILENT, _SHUTDOWN_S = 12, 5, 2.0
_FLOOD = access.PENDING_AN_ADDRESS_MAX + 8
_GROWTH_MAX_BYTES = 8 << 20
_BEGUN = b"\1\0\0\0"
_GIB = struct.pack(">BBL", 4, 0, 1 << 30)


class _Siege(BesiegedPacs):
    """Everybody at once."""

    def besiege(self) -> None:
        for _ in range(_STALLED):
            self.stranger().sendall(_BEGUN)
        for _ in range(_SILENT):
            self.stranger()
        self.stranger().sendall(_GIB)
        self._associated().sendall(_GIB)
        self.drip([self.stranger()], HELLO, 1.0)
        self.drip([self._associated()], wire.pdu(4, bytes(400)), 1.0)

    def _associated(self) -> socket.socket:
        sock = self.stranger()
        sock.sendall(HELLO)
        assert wire.receive_pdu(sock)[0] == 2
        return sock


@fault(36, user_reads="ended: we stopped")
def test_a_siege_slows_nothing_down_takes_no_memory_and_keeps_nobody_from_leaving(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> str:
    with _Siege(instances(300)) as pacs, pacs.siege:
        events = run(move_plan(), pacs.settings(tmp_path))
        seconds_to_leave = monotonic() - pacs.finished_s

    assert pacs.statuses == [0] * 300
    assert pacs.seconds_to_send < 5.0
    assert pacs.siege_bytes < _GROWTH_MAX_BYTES
    assert seconds_to_leave < _SHUTDOWN_S
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text


class _Stays(MovingPacs):
    """Keeps its association for another time, as Orthanc does."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        scu = self.call_scp(wanted)
        return [scu.store(instance) for instance in wanted]


def test_whoever_waits_for_a_caller_or_for_its_next_word_is_woken_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage_scp, "TICK_S", 60.0)
    monkeypatch.setattr(connection, "TICK_S", 60.0)
    with _Stays(instances(3)) as pacs:
        began_s = monotonic()
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert monotonic() - began_s < 30.0


class _SlowlyDripping(BesiegedPacs):
    """Half of those who call say nothing, the others their A-ASSOCIATE-RQ, byte by byte."""

    def besiege(self) -> None:
        strangers = [self.stranger() for _ in range(2 * _STALLED)]
        self.drip(strangers[:_STALLED], HELLO, 0.05)
        for stranger in strangers:
            read_to_end(stranger)


@pytest.mark.parametrize(("timeout_s", "limit_s"), [(0.6, 10.0), (15.0, 0.6)])
@fault(36, user_reads="for an A-ASSOCIATE-RQ; nothing came")
def test_strangers_are_sent_away_in_time_even_if_every_moment_brings_a_byte(
    tmp_path: Path,
    timeout_s: float,
    limit_s: float,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> str:
    monkeypatch.setattr(storage_scp, "_ASSOCIATE_S_MAX", limit_s)
    with _SlowlyDripping(instances(2)) as pacs, pacs.siege:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=timeout_s))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text


class _Flood(BesiegedPacs):
    def besiege(self) -> None:
        flood = [self.stranger() for _ in range(_FLOOD)]
        for first in flood[: _FLOOD - access.PENDING_AN_ADDRESS_MAX]:
            assert first.recv(1) == b""


@fault(36, user_reads="it sent nothing, and others called")
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


@pytest.mark.parametrize("limit", ["ASSOCIATIONS_AN_ADDRESS_MAX", "ASSOCIATIONS_MAX"])
@fault(36, user_reads="it has as many associations as it may have")
def test_one_association_too_many_is_told_to_come_later(
    tmp_path: Path, limit: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> str:
    monkeypatch.setattr(access, limit, 1)
    with _HasTooMany(instances(3)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.rejection == (2, 3, 2)
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return caplog.text
