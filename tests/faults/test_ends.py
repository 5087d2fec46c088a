"""However a run ends: what is on disk under a final name is what its accounts call stored."""

import json
import signal
import sys
from contextlib import suppress
from pathlib import Path
from random import Random
from time import monotonic
from typing import Any

import pytest

from tests.faults.catalogue import fault
from tests.faults.processes import Command, assert_whole, c_get, until
from tests.interop.command import CommandResult
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request, instances
from tests.runs import STUDY

_INTERRUPTED = 130
_GRACE_S = 0.8
"""Less than a second signal leaves a run for its accounts."""


class _Unhurried(MovingPacs):
    """Takes a moment now and then, and does not mind if the other side is gone."""

    def __init__(self, seed: int) -> None:
        super().__init__(instances(12))
        self._random = Random(seed)

    def pause(self) -> None:
        self.stopping.wait(self._random.choice([0.0, 0.0, 0.002, 0.01, 0.03]))

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted:
            self.pause()
            conversation.send(conversation.store_message(instance))
            if 0x0900 not in conversation.read().command:  # a C-CANCEL
                raise EOFError
        self.finish(conversation, request, completed=len(wanted))

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with self.call_scp(wanted) as scu:
            for instance in wanted:
                self.pause()
                scu.store(instance)
        return []


class _Accounts:
    """What a run with `--json` and `--report` says of itself, held to its output folder."""

    def __init__(self, result: CommandResult, pacs: MovingPacs, output: Path, report: Path) -> None:
        self.events = [json.loads(line) for line in result.stdout.splitlines()]
        self.report: dict[str, Any] = json.loads(report.read_text())
        self.on_disk = set(assert_whole(output, pacs.holdings))
        told = {e["sop_instance_uid"] for e in self.events if e["event"] == "instance_stored"}
        assert told == self.on_disk
        assert self.events[-1]["event"] == "retrieve_finished"
        assert self.report["totals"]["stored"] == len(self.on_disk)
        assert self.report["exit_code"] == result.exit_code
        (study,) = self.report["studies"]
        assert study["stored"] == len(self.on_disk)
        assert not set(study["missing"]) & self.on_disk
        left = {path.name for path in (output / ".dicom-retrieve").glob("*")}
        assert left <= {"journal.db", "run.json"}


def _order(pacs: MovingPacs, output: Path, report: Path, *, moves: bool) -> list[object]:
    order = [*c_get(pacs, output, STUDY), "--json", "--report", report, "--parallel", 2]
    if moves:
        order[order.index("c-get")] = "c-move"
        order += ["--move-dest", "DRTUI", "--listen", f"127.0.0.1:{pacs.scp_port}"]
    return order


@pytest.mark.parametrize("seed", range(12))
@fault(76, user_reads='"exit_code": ')
def test_a_signal_at_a_random_moment_leaves_true_accounts(tmp_path: Path, seed: int) -> str:
    random = Random(seed)
    output, report = tmp_path / "out", tmp_path / "report.json"
    with _Unhurried(seed) as pacs:
        with Command(*_order(pacs, output, report, moves=seed % 2 == 1)) as command:
            until(lambda: bool(pacs.requests))
            pacs.stopping.wait(random.uniform(0.0, 0.4))
            for _ in range(random.choice([1, 1, 2])):
                with suppress(ProcessLookupError):
                    command.send(random.choice([signal.SIGINT, signal.SIGTERM]))
                pacs.stopping.wait(random.choice([0.001, 0.02, 0.1]))
            signalled_s = monotonic()
            result = command.finish()
            at_once = monotonic() - signalled_s < _GRACE_S
        pacs.errors.clear()  # a script that was left alone in the middle
        if not (at_once or report.exists()):  # a second signal, and a machine with other work
            return f'"exit_code": {result.exit_code}'
        accounts = _Accounts(result, pacs, output, report)
    whole = len(accounts.on_disk) == len(pacs.holdings)
    assert result.exit_code in ({0, _INTERRUPTED} if whole else {_INTERRUPTED})
    return report.read_text()


class _Begun(_Unhurried):
    """Keeps some back, and later does not answer a query."""

    silent = False

    def on_get(self, conversation: Conversation, request: Request) -> None:
        held, self.holdings = self.holdings, self.holdings[:5]
        super().on_get(conversation, request)
        self.holdings = held

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if self.silent:
            self.stopping.wait()
            raise EOFError
        super().on_find(conversation, request)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@fault(76, user_reads='"verdict": "cancelled"')
def test_a_signal_during_the_query_of_a_later_run_counts_what_the_first_one_left(
    tmp_path: Path, number: signal.Signals
) -> str:
    output, report = tmp_path / "out", tmp_path / "report.json"
    with _Begun(1) as pacs:
        order = [*_order(pacs, output, report, moves=False), "--retries", 0]
        with Command(*order) as command:
            assert command.finish().exit_code == 1
        pacs.silent = True
        pacs.requests.clear()
        with Command(*order) as command:
            until(lambda: bool(pacs.requests))
            command.send(number)
            result = command.finish()
    assert result.exit_code == _INTERRUPTED
    told = json.loads(report.read_text())
    assert told["totals"]["stored"] == told["totals"]["present"] == 5
    assert told["studies"][0]["stored"] == len(assert_whole(output, pacs.holdings)) == 5
    assert "5 instances of study 1.2.3 are in" in result.stderr
    return report.read_text()


@fault(
    76, user_reads="nothing more of study 1.2.3 was retrieved; 5 instances of an earlier run are"
)
def test_a_later_run_without_its_pacs_counts_what_the_first_one_left(tmp_path: Path) -> str:
    output, report = tmp_path / "out", tmp_path / "report.json"
    with _Begun(1) as pacs:
        order = [*_order(pacs, output, report, moves=False), "--retries", 0]
        with Command(*order) as command:
            assert command.finish().exit_code == 1
    with Command(*order) as command:
        result = command.finish()
    assert result.exit_code == 1
    assert json.loads(report.read_text())["totals"]["stored"] == 5
    return result.stderr


_FAILS = """
import os, sys
event, what, left, error = sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4]
def watch(name, values):
    global left
    if name == event and any(what in str(value) for value in values):
        left -= 1
        if not left:
            raise OSError(5, "Input/output error") if error == "EIO" else ZeroDivisionError
sys.addaudithook(watch)
del sys.argv[1:8]
from dicom_retrieve_tui.__main__ import run
run()
"""
"""An audit hook that raises makes the call fail that it is told of."""


def _failing(event: str, what: str, number: int, error: str) -> list[str]:
    return [sys.executable, "-c", _FAILS, event, what, str(number), error]


@pytest.mark.parametrize("moves", [False, True], ids=["c-get", "c-move"])
@pytest.mark.parametrize(
    ("event", "what", "number"), [("os.link", ".part", 3), ("open", ".part", 5)]
)
@fault(77, user_reads="A bug in dicom-retrieve ended")
def test_a_fault_of_our_own_code_leaves_true_accounts(
    tmp_path: Path, event: str, what: str, number: int, *, moves: bool
) -> str:
    output, report = tmp_path / "out", tmp_path / "report.json"
    with _Unhurried(1) as pacs:
        order = _order(pacs, output, report, moves=moves)
        with Command(*order, wrapper=_failing(event, what, number, "bug")) as command:
            result = command.end()
        pacs.errors.clear()
        accounts = _Accounts(result, pacs, output, report)
    assert result.exit_code == 1
    assert "please report it with the lines above" in result.stderr
    assert accounts.report["verdict"] == "failed"
    assert accounts.events[-1]["verdict"] == "failed"
    return report.read_text()


@pytest.mark.parametrize("moves", [False, True], ids=["c-get", "c-move"])
@pytest.mark.parametrize(
    ("event", "what", "number", "kept"), [("os.link", ".part", 3, 2), ("os.remove", ".part", 3, 12)]
)
@fault(78, user_reads='"exit_code": ')
def test_a_disk_that_fails_at_a_rename_leaves_true_accounts(
    tmp_path: Path, event: str, what: str, number: int, kept: int, *, moves: bool
) -> str:
    output, report = tmp_path / "out", tmp_path / "report.json"
    with _Unhurried(1) as pacs:
        order = _order(pacs, output, report, moves=moves)
        with Command(*order, wrapper=_failing(event, what, number, "EIO")) as command:
            result = command.finish()
        pacs.errors.clear()
        accounts = _Accounts(result, pacs, output, report)
    whole = len(accounts.on_disk) == len(pacs.holdings)
    assert len(accounts.on_disk) >= kept
    assert result.exit_code == (0 if whole else 1)
    return report.read_text()
