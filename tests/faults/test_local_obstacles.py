"""What is in the way on our own side before anything is sent: a port in use, a folder in use."""

import signal
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import AttemptFailed
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.faults.name_servers import silent_name_server
from tests.faults.processes import (
    Command,
    assert_whole,
    c_get,
    receiving,
    retrieve,
    retrieve_here,
    until,
)
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import STUDY, files_in, move_plan, of_kind, run, settings, verdict_of

_SOON_S = 0.5
"""How long instances that come late are waited for."""


@fault(42, user_reads=": address already in use. Choose another port with --listen")
def test_a_port_in_use_is_told_before_anything_is_sent(tmp_path: Path) -> str:
    output = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as taken, RawPacs() as pacs:
        port = taken.getsockname()[1]
        result = retrieve(
            f"pacs://127.0.0.1:{pacs.port}", "--move-dest", "DRTUI", "--output", output,
            "--listen", f"127.0.0.1:{port}", "--study-uid", STUDY,
        )  # fmt: skip

    assert result.exit_code == 1
    assert pacs.associations == 0
    assert not output.exists()
    assert f"Cannot listen on 127.0.0.1 port {port}" in result.stderr
    return result.stderr


@fault(1, user_reads="the name was not resolved within 1 s. Name one with --listen")
def test_a_silent_name_server_does_not_keep_us_from_listening_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    with silent_name_server(monkeypatch):
        result = retrieve_here(*_listening("pacs.test", tmp_path), "--timeout", 0.6)

    assert result.exit_code == 1
    return result.stderr


@fault(1, user_reads="--accept-from gateway.test: the host 'gateway.test' is unknown.")
def test_a_silent_name_server_is_not_waited_for_when_others_are_let_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    with silent_name_server(monkeypatch):
        result = retrieve_here(
            *_listening("127.0.0.1", tmp_path, listen="127.0.0.1:4242"),
            *("--accept-from", "gateway.test", "--timeout", _SOON_S),
        )

    assert result.exit_code == 1
    return result.stderr


@fault(40, user_reads="stopping")
def test_an_interruption_ends_the_wait_for_a_name_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> str:
    with silent_name_server(monkeypatch, lambda: signal.raise_signal(signal.SIGINT)):
        result = retrieve_here(*_listening("pacs.test", tmp_path))

    assert result.exit_code == 130
    assert "Traceback" not in result.stderr
    return result.stderr


@fault(42, user_reads="Cannot listen on nobody.invalid port 4242: ")
def test_an_address_to_listen_on_that_is_unknown_is_told(tmp_path: Path) -> str:
    result = retrieve_here(*_listening("127.0.0.1", tmp_path, listen="nobody.invalid:4242"))

    assert result.exit_code == 1
    assert "unknown error" not in result.stderr
    return result.stderr


def _listening(host: str, output: Path, listen: str = "4242") -> list[object]:
    return [
        f"pacs://{host}:104", "--move-dest", "DRTUI", "--output", output, "--listen", listen,
        "--study-uid", STUDY,
    ]  # fmt: skip


class _CannotConnect(RawPacs):
    """Has another address on record for the move destination."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, 0xA702, failed=3, completed=0)


@fault(42, user_reads="the PACS cannot connect to the move destination: check the address and port")
def test_a_pacs_that_cannot_connect_back_is_tried_again_and_then_explained(tmp_path: Path) -> Told:
    with _CannotConnect() as pacs:
        given = settings(pacs.port, tmp_path / "out", timeout_s=_SOON_S)
        given = replace(given, listen=("127.0.0.1", 0))
        events = run(move_plan(retries=1), given)

    assert len(of_kind(AttemptFailed, events)) == 1
    assert verdict_of(events).verdict is Verdict.FAILED
    assert "0xA702" in verdict_of(events).reason
    assert files_in(tmp_path / "out") == []
    return events


class _ConnectsLate(MovingPacs):
    """Cannot connect back at first, and can once the firewall has been seen to."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        if len(self.retrievals) == 1:
            conversation.respond(request, 0xA702)
        else:
            super().on_move(conversation, request)


@fault(42, user_reads="complete")
def test_a_pacs_that_can_connect_back_after_all_is_forgiven(tmp_path: Path) -> Told:
    with _ConnectsLate(instances(3)) as pacs:
        events = run(move_plan(retries=1), pacs.settings(tmp_path, timeout_s=_SOON_S))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 3
    return events


class _Pauses(RawPacs):
    """Stops in the middle of an instance, and goes on once the second run has been turned away."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        message = conversation.store_message(self.holdings[0])
        conversation.send(message[:-20])
        until(lambda: receiving(self.output))
        before = self.associations
        self.second = retrieve(*c_get(self, self.output))
        assert self.associations == before
        conversation.send(message[-20:])
        conversation.read()
        for instance in self.holdings[1:]:
            conversation.store(instance)
        self.finish(conversation, request, completed=len(self.holdings))

    output: Path


@fault(43, user_reads=" is retrieving into this folder. Wait for it to end, or choose another")
def test_a_second_run_in_the_same_folder_is_told_who_is_there(tmp_path: Path) -> str:
    with _Pauses(instances(3)) as pacs:
        pacs.output = tmp_path
        with Command(*c_get(pacs, tmp_path)) as first:
            result = first.finish()

    assert result.exit_code == 0, result.stderr
    assert assert_whole(tmp_path, pacs.holdings) == [i.sop for i in pacs.holdings]
    assert pacs.second.exit_code == 1
    assert f"process {first.pid} is retrieving" in pacs.second.stderr
    return pacs.second.stderr
