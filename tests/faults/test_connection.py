"""Rows 1 to 7: there is no association to be had, or not the one that we need."""

import itertools
import socket
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import pytest

from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import (
    AssociationClosed,
    AssociationOpened,
    AttemptFailed,
    Event,
)
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.faults.name_servers import silent_name_server
from tests.faults.processes import PATIENCE_S
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import files_in, get_plan, move_plan, of_kind, run, settings, verdict_of

_GET = frozenset({"1.2.840.10008.5.1.4.1.2.2.3", "1.2.840.10008.5.1.4.1.2.1.3"})
_SOON_S = 0.3
_SHARED_S = 1.0
"""For two addresses."""
_NO_FAMILY = 12345
_BY_NAME = PeerAE(ae_title="RAW", endpoint=Endpoint(host="pacs.test", port=104))


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


@fault(1, user_reads="connection refused. Is the PACS running, is the port right")
def test_a_closed_port_is_tried_again_and_then_named(tmp_path: Path) -> Told:
    port = _closed_port()

    events = run(get_plan(retries=2), settings(port, tmp_path / "out"))

    assert len(of_kind(AttemptFailed, events)) == 2
    assert verdict_of(events).verdict is Verdict.FAILED
    assert f"127.0.0.1:{port}" in verdict_of(events).reason
    assert not (tmp_path / "out").exists()
    return events


@fault(1, user_reads="Cannot find the host 'pacs.test': name or service not known. Check its")
def test_a_host_name_that_does_not_resolve_is_not_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    def unknown(*_args: object, **_named: object) -> NoReturn:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)

    events = run(get_plan(retries=2), replace(settings(104, tmp_path), peer=_BY_NAME))

    assert not of_kind(AttemptFailed, events)
    assert verdict_of(events).verdict is Verdict.FAILED
    return events


@fault(1, user_reads="for a TCP connection to pacs.test:104; nothing came")
def test_a_name_server_that_never_answers_does_not_hold_us_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    given = replace(settings(104, tmp_path, timeout_s=_SOON_S), peer=_BY_NAME)
    with silent_name_server(monkeypatch):
        events = run(get_plan(), given)

    assert verdict_of(events).verdict is Verdict.FAILED
    return events


@contextmanager
def _black_hole() -> Iterator[int]:
    """A port whose backlog is full: a further SYN gets no answer at all."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        callers: list[socket.socket] = []
        try:
            while not callers or _connects(callers[-1]):
                callers.append(socket.socket())
                callers[-1].setblocking(False)  # noqa: FBT003 - the socket module's own signature
                callers[-1].connect_ex(listener.getsockname())
            yield listener.getsockname()[1]
        finally:
            for caller in callers:
                caller.close()


def _connects(caller: socket.socket) -> bool:
    """True if its connection comes about; a handshake on loopback takes no time."""
    caller.settimeout(0.2)
    try:
        return bool(caller.send(b"\0"))
    except OSError:
        return False


@fault(2, user_reads="does a firewall drop what we send?")
def test_a_port_that_swallows_our_call_is_given_up_at_the_connect_timeout(tmp_path: Path) -> Told:
    with _black_hole() as port:
        events = run(get_plan(), settings(port, tmp_path, timeout_s=_SOON_S))

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert f"for a TCP connection to 127.0.0.1:{port}; nothing came" in finished.reason
    return events


def _two_addresses(
    monkeypatch: pytest.MonkeyPatch, *ports: int, first_family: int = socket.AF_INET
) -> PeerAE:
    """A PACS whose name stands for several addresses."""

    def known(*_args: object, **_named: object) -> list[object]:
        families = (first_family, socket.AF_INET)
        return [
            (family, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))
            for family, port in zip(families, ports, strict=True)
        ]

    monkeypatch.setattr(socket, "getaddrinfo", known)
    return _BY_NAME


@fault(2, user_reads="complete")
def test_an_address_that_swallows_our_call_leaves_time_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    with _black_hole() as swallows, RawPacs() as pacs:
        given = settings(pacs.port, tmp_path, timeout_s=_SHARED_S)
        peer = _two_addresses(monkeypatch, swallows, pacs.port)
        events = run(get_plan(), replace(given, peer=peer))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


@fault(1, user_reads="complete")
def test_an_address_of_a_family_that_we_do_not_have_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Told:
    """As IPv6 is on a machine without it, though the name server tells of it."""
    with RawPacs() as pacs:
        peer = _two_addresses(monkeypatch, 104, pacs.port, first_family=_NO_FAMILY)
        events = run(get_plan(), replace(settings(pacs.port, tmp_path), peer=peer))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events


@fault(2, user_reads="Cannot reach pacs.test:104: no answer within 0.5 s; connection refused.")
def test_each_address_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    closed = _closed_port()

    with _black_hole() as swallows:
        given = settings(closed, tmp_path, timeout_s=_SHARED_S)
        events = run(get_plan(), replace(given, peer=_two_addresses(monkeypatch, swallows, closed)))

    assert verdict_of(events).verdict is Verdict.FAILED
    return events


class _TakesTheCallOnly(RawPacs):
    """Reads our A-ASSOCIATE-RQ and keeps its peace, after so much of an A-ASSOCIATE-AC."""

    def __init__(self, answer: bytes = b"") -> None:
        super().__init__()
        self._answer = answer

    def on_associate(self, conversation: Conversation) -> None:
        conversation.send(self._answer)
        self.heard, _ = wire.receive_pdu(conversation.sock)


def _run_into_silence(pacs: _TakesTheCallOnly, output: Path) -> list[Event]:
    with pacs:
        events = run(get_plan(), settings(pacs.port, output, timeout_s=_SOON_S))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert pacs.heard == wire.A_ABORT
    return events


@fault(3, user_reads="to our A-ASSOCIATE-RQ; nothing came. Is it a DICOM port?")
def test_a_port_that_takes_the_call_and_says_nothing_is_aborted(tmp_path: Path) -> Told:
    return _run_into_silence(_TakesTheCallOnly(), tmp_path)


@fault(3, user_reads="to our A-ASSOCIATE-RQ; nothing came")
def test_an_acceptance_that_is_cut_short_is_given_up(tmp_path: Path) -> Told:
    return _run_into_silence(_TakesTheCallOnly(wire.pdu(2, b"\0" * 200)[:40]), tmp_path)


class _AnswersInHttp(RawPacs):
    def on_associate(self, conversation: Conversation) -> None:
        conversation.send(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")
        raise EOFError


@fault(3, user_reads="is it a DICOM port?")
def test_a_port_that_speaks_something_else_is_named(tmp_path: Path) -> Told:
    with _AnswersInHttp() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    return events


class _Rejects(RawPacs):
    """Rejects its first associations, as `rejection` (result, source, reason) says."""

    def __init__(self, *rejection: int, times: int = 99) -> None:
        super().__init__([i for n in "123" for i in instances(2, study=n, series=f"{n}.1")])
        self._rejection = bytes([0, *rejection])
        self._times = times
        self._counting = threading.Lock()

    def on_associate(self, conversation: Conversation) -> None:
        with self._counting:
            self._times -= 1
            rejects = self._times >= 0
        if rejects:
            conversation.send(wire.pdu(3, self._rejection))
            raise EOFError
        conversation.accept()


def _run_into_rejection(reason: int, output: Path) -> list[Event]:
    """Be rejected for good, by the service user. Source: PS3.8 Table 9-21."""
    with _Rejects(1, 1, reason) as pacs:
        events = run(get_plan("1", retries=3), settings(pacs.port, output))

    assert pacs.associations == 1
    assert verdict_of(events, "1").verdict is Verdict.FAILED
    assert f"(result 1, source 1, reason {reason}" in verdict_of(events, "1").reason
    return events


@fault(4, user_reads="It does not know our AE title DICOMRETRIEVE: set --aet")
def test_a_calling_ae_title_that_is_unknown_is_not_tried_again(tmp_path: Path) -> Told:
    return _run_into_rejection(3, tmp_path)


@fault(5, user_reads="Its AE title is not RAW: set --called-aet (case matters)")
def test_a_called_ae_title_that_is_unknown_is_not_tried_again(tmp_path: Path) -> Told:
    return _run_into_rejection(7, tmp_path)


class _RejectsThreeAtOnce(_Rejects):
    """Rejects three associations once all of them are requested, so that no probe is among them."""

    def __init__(self) -> None:
        super().__init__(2, 3, 2)
        self._numbers = itertools.count(1)
        self._three = threading.Barrier(3)

    def on_associate(self, conversation: Conversation) -> None:
        if next(self._numbers) <= self._three.parties:
            self._three.wait(PATIENCE_S)
            conversation.send(wire.pdu(3, self._rejection))
            raise EOFError
        conversation.accept()


@fault(6, user_reads="It has no association left for us")
def test_a_busy_pacs_is_asked_again_by_fewer_workers(tmp_path: Path) -> Told:
    with _RejectsThreeAtOnce() as pacs:
        plan = get_plan("1", "2", "3", parallel=3, retries=3)
        events = run(plan, settings(pacs.port, tmp_path))

    assert {verdict_of(events, uid).verdict for uid in "123"} == {Verdict.COMPLETE}
    failures = of_kind(AttemptFailed, events)
    assert len(failures) == 3
    assert all("result 2, source 3, reason 2" in failure.reason for failure in failures)
    assert _associations_at_once(events) == 1
    return events


def _associations_at_once(events: Sequence[Event]) -> int:
    steps = (isinstance(e, AssociationOpened) - isinstance(e, AssociationClosed) for e in events)
    return max(itertools.accumulate(steps))


@fault(6, user_reads="It has no association left for us: try again later.")
def test_a_pacs_that_stays_busy_is_named_once_it_is_waited_for_no_longer(tmp_path: Path) -> Told:
    with _Rejects(2, 3, 2) as pacs:
        events = run(get_plan("1", retries=2), replace(settings(pacs.port, tmp_path), outage_s=0))

    assert pacs.associations == 2  # of the study, and of the one probe
    assert verdict_of(events, "1").verdict is Verdict.NOT_TRIED
    return events


class _WithoutGet(MovingPacs):
    def on_associate(self, conversation: Conversation) -> None:
        conversation.accept(refused=_GET)


@fault(7, user_reads="does not offer C-GET. Try --method c-move")
def test_a_pacs_without_c_get_is_named_with_the_other_way(tmp_path: Path) -> Told:
    with _WithoutGet() as pacs:
        events = run(get_plan(retries=2), settings(pacs.port, tmp_path))

    assert not of_kind(AttemptFailed, events)
    assert verdict_of(events).verdict is Verdict.FAILED
    return events


@fault(7, user_reads="complete")
def test_a_pacs_without_c_get_is_asked_by_c_move_where_that_is_allowed(tmp_path: Path) -> Told:
    with _WithoutGet() as pacs:
        events = run(replace(move_plan(), method=Method.AUTO), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 3
    return events


class _WithoutRole(RawPacs):
    """Leaves our role selection unanswered, and means it: it sends nothing on this association."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, 0xA702, completed=0, failed=len(self.holdings))


@fault(7, user_reads="The PACS has no presentation context for what it holds")
def test_a_pacs_that_does_not_grant_us_the_scp_role_is_named(tmp_path: Path) -> Told:
    with _WithoutRole() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.FAILED
    assert "0xA702" in verdict_of(events).reason
    return events


@fault(7, user_reads="complete")
def test_a_pacs_that_sends_without_answering_our_role_selection_is_served(tmp_path: Path) -> Told:
    with RawPacs() as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    return events
