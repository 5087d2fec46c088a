"""Signals and `kill -9`: what is finished stays, and the same command does the rest."""

import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from queue import SimpleQueue
from time import monotonic

import pytest

from tests.faults.catalogue import fault
from tests.faults.processes import (
    PATIENCE_S,
    Command,
    assert_whole,
    c_get,
    parts_in,
    receiving,
    retrieve_here,
    until,
)
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request, instances
from tests.runs import STUDY

_IN_TIME_S = 3.0
_AT_ONCE_S = 0.8
"""Less than the grace that a PACS has to answer our C-CANCEL."""
_INTERRUPTED = 130
_KILLED = -signal.SIGKILL
_STRUCK = "1.2.3.1.3"
"""The instance that all is about: two come before it, and two after it."""

_C_CANCEL = 0x0FFF
_CANCELLED = 0xFE00


class _Strikes(MovingPacs):
    """Does something to the other side at one moment of its first retrieval; polite from then on.

    The moments: `query`, `half` of a data set, all of it `sent`, its response `answered`, and the
    `end`, when nothing but the final response is due.
    """

    def __init__(self, moment: str, output: Path) -> None:
        super().__init__(instances(5))
        self.moment = moment
        self.output = output
        self.blows: SimpleQueue[Callable[[], None]] = SimpleQueue()
        """What to do at that moment; waited for, because the other side has to be started first."""
        self.struck_s = 0.0
        self.sent: Counter[str] = Counter()
        """How often each instance was sent to its end."""
        self.accepted: list[str] = []
        """What was answered with success by that moment."""

    def strike(self, moment: str) -> bool:
        if self.struck_s or moment != self.moment:
            return False
        self.blows.get(timeout=PATIENCE_S)()
        self.struck_s = monotonic()
        return True

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if self.strike("query"):
            self.stopping.wait()
            raise EOFError
        super().on_find(conversation, request)

    def on_get(self, conversation: Conversation, request: Request) -> None:
        wanted = [i for i in self.holdings if request.matches(i)]
        for instance in wanted:
            self.send(instance, conversation.store_message(instance), conversation.send)
            if self.note(instance, conversation.read().number(0x0900)):
                self.expect_cancel(conversation)
                conversation.respond(request, _CANCELLED)
                return
        self.strike("end")
        self.finish(conversation, request, completed=len(wanted))

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with self.call_scp(wanted) as scu:
            for instance in wanted:
                self.send(instance, scu.store_message(instance), scu.send)
                self.note(instance, scu.read_status())
            scu.release()
        return []

    def send(self, instance: Instance, message: bytes, send: Callable[[bytes], None]) -> None:
        if instance.sop == _STRUCK and self.moment == "half" and not self.struck_s:
            send(message[:-20])
            until(lambda: receiving(self.output))
            self.strike("half")
            self.stopping.wait()
            raise EOFError
        send(message)
        self.sent[instance.sop] += 1
        if instance.sop == _STRUCK:
            self.strike("sent")

    def note(self, instance: Instance, status: int) -> bool:
        """Take a response; True if this was the moment."""
        assert status == 0
        if not self.struck_s:
            self.accepted.append(instance.sop)
        return instance.sop == _STRUCK and self.strike("answered")

    @staticmethod
    def expect_cancel(conversation: Conversation) -> None:
        assert conversation.read().number(0x0100) == _C_CANCEL


def _c_move(pacs: MovingPacs, output: Path) -> list[object]:
    return [
        f"pacs://127.0.0.1:{pacs.port}", "--called-aet", pacs.ae_title, "--method", "c-move",
        "--move-dest", "DRTUI", "--listen", f"127.0.0.1:{pacs.scp_port}", "--study-uid", STUDY,
        "--output", output,
    ]  # fmt: skip


_ORDERS = {"c-get": c_get, "c-move": _c_move}


def _assert_the_rest_is_asked_for(pacs: _Strikes, order: list[object]) -> None:
    """The same command completes; what an earlier run finished is neither asked for nor touched."""
    finished = assert_whole(pacs.output, pacs.holdings)
    pacs.requests.clear()
    result = retrieve_here(*order)
    assert result.exit_code == 0, result.stderr
    assert assert_whole(pacs.output, pacs.holdings) == sorted(i.sop for i in pacs.holdings)
    assert not parts_in(pacs.output)
    asked = [uid for r in pacs.retrievals for uid in r.key(0x00080018).split("\\")]
    rest = [i.sop for i in pacs.holdings if i.sop not in finished]
    assert asked == (rest if finished else [""] * len(pacs.retrievals))


@pytest.mark.parametrize(
    ("method", "moment", "number"),
    [
        ("c-get", "half", signal.SIGINT),
        ("c-get", "answered", signal.SIGTERM),
        ("c-move", "half", signal.SIGINT),
        ("c-get", "half", signal.SIGHUP),
    ],
)
@fault(40, user_reads="run the same command again: ")
def test_one_signal_ends_the_run_in_time_and_the_same_command_gets_the_rest(
    tmp_path: Path, method: str, moment: str, number: signal.Signals
) -> str:
    with _Strikes(moment, tmp_path) as pacs:
        order = _ORDERS[method](pacs, tmp_path)
        with Command(*order) as command:
            pacs.blows.put(lambda: command.send(number))
            result = command.finish()
        assert monotonic() - pacs.struck_s < _IN_TIME_S
        assert result.exit_code == _INTERRUPTED
        assert assert_whole(tmp_path, pacs.holdings) == pacs.accepted
        assert not parts_in(tmp_path)
        left = len(pacs.holdings) - len(pacs.accepted)
        assert f"run the same command again: {left} of 5 instances left" in result.stdout
        _assert_the_rest_is_asked_for(pacs, order)
        assert set(pacs.sent.values()) == {1}
    return result.stdout


@fault(40, user_reads="run the same command again: 1 study not started")
def test_a_signal_during_the_query_ends_the_run_in_time(tmp_path: Path) -> str:
    with _Strikes("query", tmp_path / "out") as pacs:
        with Command(*c_get(pacs, tmp_path / "out")) as command:
            pacs.blows.put(lambda: command.send(signal.SIGINT))
            result = command.finish()
        assert monotonic() - pacs.struck_s < _IN_TIME_S

    assert result.exit_code == _INTERRUPTED
    assert not (tmp_path / "out").exists()
    return result.stdout


class _HearsACancel(_Strikes):
    """Lets the test know when the C-CANCEL is there, and never answers it."""

    def on_get(self, conversation: Conversation, request: Request) -> None:
        self.conversation = conversation
        super().on_get(conversation, request)

    def strike(self, moment: str) -> bool:
        if not super().strike(moment):
            return False
        self.expect_cancel(self.conversation)
        self.blows.get(timeout=PATIENCE_S)()
        self.struck_s = monotonic()
        return True


@fault(40, user_reads="stopping: waiting for running requests; press Ctrl-C again to end at once")
def test_a_second_signal_ends_the_run_at_once(tmp_path: Path) -> str:
    with _HearsACancel("half", tmp_path) as pacs:
        order = c_get(pacs, tmp_path)
        with Command(*order) as command:
            for _ in range(2):
                pacs.blows.put(lambda: command.send(signal.SIGINT))
            result = command.finish()
        assert monotonic() - pacs.struck_s < _AT_ONCE_S
        assert result.exit_code == _INTERRUPTED
        assert assert_whole(tmp_path, pacs.holdings) == pacs.accepted
        _assert_the_rest_is_asked_for(pacs, order)
    return result.stderr


@pytest.mark.parametrize(
    ("method", "moment"),
    [
        ("c-get", "half"),
        ("c-get", "sent"),
        ("c-get", "answered"),
        ("c-get", "end"),
        ("c-move", "half"),
    ],
)
@fault(40, user_reads="complete: all 5 instances")
def test_after_a_kill_at_any_moment_the_same_command_completes(
    tmp_path: Path, method: str, moment: str
) -> str:
    with _Strikes(moment, tmp_path) as pacs:
        order = _ORDERS[method](pacs, tmp_path)
        with Command(*order) as command:
            pacs.blows.put(lambda: command.send(signal.SIGKILL))
            assert command.finish().exit_code == _KILLED
        return _completed_after_a_kill(pacs, order)


_KILLS_ITSELF = """
import os, signal, sys
event, what, left = sys.argv[1], sys.argv[2], int(sys.argv[3])
def watch(name, values):
    global left
    if name == event and any(what in str(value) for value in values):
        left -= 1
        if not left:
            os.kill(os.getpid(), signal.SIGKILL)
sys.addaudithook(watch)
del sys.argv[1:7]
from dicom_retrieve_tui.cli.main import run
run()
"""
"""Python tells audit hooks of what is about to be done to a file: there are the named points."""


@pytest.mark.parametrize(
    ("event", "what", "number"),
    [
        ("open", ".part", 3),
        ("os.link", ".part", 3),
        ("os.remove", ".part", 5),
        ("sqlite3.connect", "journal.db", 1),
        ("sqlite3.connect", "journal.db", 2),
        ("open", ".dcm", 1),
    ],
    ids=["part", "name", "named", "journal", "journal-writer", "sync"],
)
@fault(40, user_reads="complete: all 5 instances")
def test_after_a_kill_at_any_step_of_a_write_the_same_command_completes(
    tmp_path: Path, event: str, what: str, number: int
) -> str:
    with _Strikes("never", tmp_path) as pacs:
        order = c_get(pacs, tmp_path)
        point = [sys.executable, "-c", _KILLS_ITSELF, event, what, str(number)]
        with Command(*order, wrapper=point) as command:
            assert command.finish().exit_code == _KILLED
        assert sum(pacs.sent.values()) > 0
        return _completed_after_a_kill(pacs, order)


def _completed_after_a_kill(pacs: _Strikes, order: list[object]) -> str:
    finished = assert_whole(pacs.output, pacs.holdings)
    assert set(finished) >= set(pacs.accepted)
    result = retrieve_here(*order)
    assert result.exit_code == 0, result.stderr
    assert assert_whole(pacs.output, pacs.holdings) == sorted(i.sop for i in pacs.holdings)
    assert not parts_in(pacs.output)
    assert max(pacs.sent.values()) <= 2
    assert all(pacs.sent[uid] == 1 for uid in finished)
    return result.stdout
