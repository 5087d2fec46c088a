"""Rows 8 to 13 and 41: a PACS that is silent, slow or busy with nothing, a clock that jumps."""

import contextlib
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.model.events import AttemptFailed
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.network import c_find as query
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.peers.rude_pacs import RudeOnce
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_STALL_S = 0.3
_FLOW_STALL_S = 1.6
"""Twice what a peer pauses that sends on, however busy the machine is."""
"""`Settings.timeout_s`; the first byte may take 5, a new instance 10 times as long."""

_PROMISE_S = 1.0
"""So much later than its clock a wait may end."""


class _FallsSilent(RudeOnce):
    """Sends the first instance and a number of bytes of the second, and nothing after that."""

    bytes_of_the_second = 0

    def be_rude(self, conversation: Conversation, request: Request) -> None:
        conversation.store(self.holdings[0])
        message = conversation.store_message(self.holdings[1])
        conversation.send(message[: self.bytes_of_the_second])
        self.silent_since_s = monotonic()
        self.stopping.wait()


class _SaysNothing(RudeOnce):
    def be_rude(self, conversation: Conversation, request: Request) -> None:
        self.silent_since_s = monotonic()
        self.stopping.wait()


@fault(8, user_reads="s for the first byte of the answer of RAW@127.0.0.1:")
def test_a_pacs_that_is_silent_after_the_request_is_asked_again(tmp_path: Path) -> Told:
    with _SaysNothing() as pacs:
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path, timeout_s=_STALL_S))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(of_kind(AttemptFailed, events)) == 1
    assert len(pacs.retrievals) == 2
    return events


@fault(8, user_reads="nothing came. If the PACS is only slow, raise --timeout.")
def test_a_pacs_that_stays_silent_is_given_up(tmp_path: Path) -> Told:
    with _SaysNothing() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=_STALL_S))
        waited_s = monotonic() - pacs.silent_since_s

    assert verdict_of(events).verdict is Verdict.FAILED
    assert 5 * _STALL_S < waited_s < 5 * _STALL_S + _PROMISE_S
    return events


def _stall_after(bytes_of_the_second: int, output: Path) -> Told:
    with _FallsSilent() as pacs:
        pacs.bytes_of_the_second = bytes_of_the_second
        events = run(get_plan(), settings(pacs.port, output, timeout_s=_STALL_S))
        waited_s = monotonic() - pacs.silent_since_s

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 1)
    assert files_in(output) == ["1.2.3.1.1.dcm"]
    assert waited_s < _STALL_S + _PROMISE_S
    return events


@fault(9, user_reads="s for the next byte of the answer of RAW@127.0.0.1:")
def test_a_stall_inside_a_pdu_header_ends_by_the_stall_clock(tmp_path: Path) -> Told:
    return _stall_after(3, tmp_path)


@fault(10, user_reads="s for the next byte of the answer of RAW@127.0.0.1:")
@pytest.mark.parametrize("bytes_of_the_second", [8, 100, 250])
def test_a_stall_inside_p_data_ends_by_the_stall_clock(
    tmp_path: Path, bytes_of_the_second: int
) -> Told:
    return _stall_after(bytes_of_the_second, tmp_path)


@fault(10, user_reads="complete")
def test_what_came_before_a_stall_is_not_asked_for_again(tmp_path: Path) -> Told:
    with _FallsSilent() as pacs:
        pacs.bytes_of_the_second = 100
        events = run(get_plan(retries=1), settings(pacs.port, tmp_path, timeout_s=_STALL_S))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert pacs.retrievals[1].key(0x00080018) == "1.2.3.1.2\\1.2.3.1.3"
    return events


class _Trickles(RawPacs):
    """Sends a few bytes at a time, never as far apart as the stall clock allows."""

    for_s = 0.0

    def on_get(self, conversation: Conversation, request: Request) -> None:
        for instance in self.holdings:
            self.trickle(conversation, conversation.store_message(instance))
            conversation.read()
        self.finish(conversation, request, completed=len(self.holdings))

    def trickle(self, conversation: Conversation, message: bytes) -> None:
        pauses = round(self.for_s / _PAUSE_S)
        step = len(message) // pauses + 1
        for at in range(0, len(message), step):
            conversation.send(message[at : at + step])
            self.stopping.wait(_PAUSE_S)


_PAUSE_S = 0.05


@fault(11, user_reads="complete")
def test_an_instance_that_takes_longer_than_every_clock_is_waited_for_while_it_flows(
    tmp_path: Path,
) -> Told:
    stall_s = 0.25
    with _Trickles(instances(1)) as pacs:
        pacs.for_s = 10 * stall_s + _PROMISE_S
        started_s = monotonic()
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=stall_s))

    assert monotonic() - started_s > 10 * stall_s
    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


class _SendsNowAndThen(MovingPacs):
    """Says nothing on the association of the C-MOVE while it sends small instances on another."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        with self.call_scp(self.holdings) as scu:
            for instance in self.holdings:
                self.stopping.wait(_FLOW_STALL_S / 2)
                scu.store(instance)
            scu.release()
        self.finish(conversation, request, completed=len(self.holdings))


@fault(11, user_reads="complete")
def test_small_instances_of_a_c_move_count_as_flowing(tmp_path: Path) -> Told:
    with _SendsNowAndThen(instances(5)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=_FLOW_STALL_S))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events


class _PreparesAtLength(RawPacs):
    """Fetches from tape, it seems."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.stopping.wait(3 * _STALL_S)
        super().on_get(conversation, request)


@fault(12, user_reads="complete")
def test_a_first_byte_that_takes_longer_than_a_stall_may_is_waited_for(tmp_path: Path) -> Told:
    with _PreparesAtLength() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=_STALL_S))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not of_kind(AttemptFailed, events)
    return events


class _PendingForEver(MovingPacs):
    """Answers and answers, and sends nothing."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        while not self.stopping.wait(_PAUSE_S):
            conversation.respond(request, wire.PENDING, remaining=3, completed=0)

    on_move = on_get


_BUSY_S = 0.2
"""`Settings.timeout_s` where the clock for new instances is the one that ends it."""


@fault(13, user_reads="it answers, but sends none")
def test_pending_for_ever_by_c_get_ends(tmp_path: Path) -> Told:
    with _PendingForEver() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=_BUSY_S))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert "for a new instance in the answer of RAW@127.0.0.1:" in verdict_of(events).reason
    return events


@fault(13, user_reads="it answers, but sends none")
def test_pending_for_ever_by_c_move_ends(tmp_path: Path) -> Told:
    with _PendingForEver() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=_BUSY_S))

    assert verdict_of(events).verdict is Verdict.FAILED
    return events


class _SendsOneForEver(RawPacs):
    """Sends the same instance over and over, `bytes_at_once` at a time."""

    bytes_at_once = 1 << 20

    def on_get(self, conversation: Conversation, request: Request) -> None:
        message = conversation.store_message(self.holdings[0])
        while not self.stopping.is_set():
            for at in range(0, len(message), self.bytes_at_once):
                conversation.send(message[at : at + self.bytes_at_once])
                self.stopping.wait(0.03)
            conversation.read()


@fault(13, user_reads="it answers, but sends none")
@pytest.mark.parametrize("bytes_at_once", [1 << 20, 50])
def test_the_same_instance_for_ever_ends(tmp_path: Path, bytes_at_once: int) -> Told:
    with _SendsOneForEver() as pacs:
        pacs.bytes_at_once = bytes_at_once
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=_BUSY_S))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 1)
    return events


class _SendsOneForEverByTwo(MovingPacs):
    """The same by C-MOVE, over two associations, so that an instance is always coming in."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        other = threading.Thread(target=self._send_for_ever, name="raw-sender")
        other.start()
        self._send_for_ever()
        other.join()

    def _send_for_ever(self) -> None:
        with contextlib.suppress(EOFError, OSError), self.call_scp(self.holdings) as scu:
            message = scu.store_message(self.holdings[0])
            while not self.stopping.is_set():
                for at in range(0, len(message), 50):
                    scu.send(message[at : at + 50])
                    self.stopping.wait(_PAUSE_S)
                scu.read_status()


@fault(13, user_reads="it answers, but sends none")
def test_the_same_instance_for_ever_over_two_associations_ends(tmp_path: Path) -> Told:
    with _SendsOneForEverByTwo() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=_BUSY_S))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 1)
    return events


class _ListsForEver(RawPacs):
    """Answers a C-FIND at the IMAGE level with the same matches over and over."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        matches = self.find(request)
        if request.level == "IMAGE":
            while not self.stopping.wait(0.01):
                for match in matches:
                    conversation.respond(request, wire.PENDING, wire.data_set(match))
        super().on_find(conversation, request)


@fault(13, user_reads="it answers, but sends none")
def test_a_listing_for_ever_ends(tmp_path: Path) -> Told:
    with _ListsForEver() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=_BUSY_S))

    assert verdict_of(events).verdict is Verdict.FAILED
    return events


class _ListsNewForEver(RawPacs):
    """Answers a C-FIND at the IMAGE level with another instance each time."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        number, match = 0, self.find(request)[0]
        while request.level == "IMAGE" and not self.stopping.is_set():
            number += 1
            another = match | {0x00080018: f"1.2.3.1.{number}"}
            conversation.respond(request, wire.PENDING, wire.data_set(another))
        super().on_find(conversation, request)


@fault(13, user_reads="at the IMAGE level with more than 200 matches, and does not end")
def test_a_listing_of_ever_new_instances_ends(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    monkeypatch.setattr(query, "MATCHES_MAX", 200)
    with _ListsNewForEver() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert pacs.retrievals == []
    return events


class _ClockJumps(RawPacs):
    """The wall clock of the machine is set anew between two instances."""

    def __init__(self, holdings: Iterable[Instance], jump: "_Jump") -> None:
        super().__init__(list(holdings))
        self._jump = jump

    def on_get(self, conversation: Conversation, request: Request) -> None:
        conversation.store(self.holdings[0])
        self._jump.now()
        for instance in self.holdings[1:]:
            self.stopping.wait(_PAUSE_S)
            conversation.store(instance)
        self.finish(conversation, request, completed=len(self.holdings))


class _Jump:
    """Sets `time.time` by some seconds when it is told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, by_s: float) -> None:
        self._true_time = time.time
        self._offset_s = 0.0
        self._by_s = by_s
        monkeypatch.setattr(time, "time", lambda: self._true_time() + self._offset_s)

    def now(self) -> None:
        self._offset_s = self._by_s


@fault(41, user_reads="complete")
@pytest.mark.parametrize("by_s", [3600.0, -3600.0])
def test_a_wall_clock_that_jumps_ends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_s: float
) -> Told:
    before_s = time.time()
    with _ClockJumps(instances(5), _Jump(monkeypatch, by_s)) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path, timeout_s=2.0))

    assert abs(time.time() - before_s) > 3000
    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert not of_kind(AttemptFailed, events)
    return events
