"""C-MOVE to our own Storage SCP, asked of a scripted peer that then calls us back."""

import contextlib
import socket
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.events import InstanceRefused, Noted, RetrieveFinished
from dicom_retrieve_tui.model.store_records import Placed
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.part_file import PartFile
from dicom_retrieve_tui.storage.store import InstanceStore
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, RawPacs, Request, instances
from tests.peers.raw_scu import RawScu
from tests.runs import files_in, move_plan, of_kind, run, settings, verdict_of


def test_instances_that_come_on_another_association_are_kept(tmp_path: Path) -> None:
    with MovingPacs(instances(5)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(files_in(tmp_path)) == 5
    assert isinstance(events[-1], RetrieveFinished)
    assert not [t for t in threading.enumerate() if t.name.startswith("storage-scp")]


class _AnswersFirst(MovingPacs):
    """Reports success before it sends anything, as some archives do."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        self.finish(conversation, request, completed=len(self.holdings))
        self.stopping.wait(0.5)
        self.send_to_scp([i for i in self.holdings if request.matches(i)])


def test_instances_that_come_after_the_final_response_are_waited_for(tmp_path: Path) -> None:
    with _AnswersFirst() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len([r for r in pacs.requests if r.number(0x0100) == 0x21]) == 1


class _ThreeAssociations(MovingPacs):
    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        scus = [RawScu(self.scp_port, [i.sop_class for i in wanted]) for _ in range(3)]
        for number, instance in enumerate(reversed(wanted)):
            scus[number % 3].store(instance)
        for scu in scus:
            scu.release()
        return []


def test_a_study_over_several_associations_in_any_order_is_counted_once(tmp_path: Path) -> None:
    with _ThreeAssociations(instances(7)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 7)


class _SendsAStranger(MovingPacs):
    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        self.statuses = super().send_to_scp([Instance("1.6.6", "1.6.6.1", "1.6.6.1.1"), *wanted])
        return self.statuses


def test_an_instance_that_nobody_asked_for_is_refused(tmp_path: Path) -> None:
    with _SendsAStranger() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.statuses == [0xA700, 0, 0, 0]
    assert [e.sop_instance_uid for e in of_kind(InstanceRefused, events)] == ["1.6.6.1.1"]
    assert len(files_in(tmp_path)) == 3
    assert verdict_of(events).verdict is Verdict.COMPLETE


class _NeverReleases(MovingPacs):
    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        self.scu = RawScu(self.scp_port, [i.sop_class for i in wanted])
        return [self.scu.store(instance) for instance in wanted]


def test_a_peer_that_never_releases_its_association_does_not_hold_us_up(tmp_path: Path) -> None:
    with _NeverReleases() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))
        pacs.scu.sock.close()

    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_an_unknown_move_destination_is_named_with_the_next_step(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        given = replace(settings(pacs.port, tmp_path), listen=("127.0.0.1", 0))
        events = run(move_plan(), given)

    finished = verdict_of(events)
    assert finished.verdict is Verdict.FAILED
    assert "0xA801" in finished.reason
    assert "AE title DRTUI is at 127.0.0.1:" in finished.reason
    assert len([r for r in pacs.requests if r.number(0x0100) == 0x21]) == 1


def test_a_port_in_use_is_told_before_anything_is_sent_or_written(tmp_path: Path) -> None:
    output = tmp_path / "out"
    with socket.create_server(("127.0.0.1", 0)) as taken, RawPacs() as pacs:
        given = replace(settings(pacs.port, output), listen=("127.0.0.1", taken.getsockname()[1]))
        with pytest.raises(ConfigError, match="address already in use"):
            run(move_plan(), given)

    assert pacs.associations == 0
    assert not output.exists()


def test_where_the_port_is_in_use_auto_retrieves_by_c_get_alone(tmp_path: Path) -> None:
    with MovingPacs() as pacs, socket.create_server(("127.0.0.1", 0)) as busy:
        given = replace(pacs.settings(tmp_path), listen=("127.0.0.1", busy.getsockname()[1]))
        events = run(replace(move_plan(), method=Method.AUTO), given)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    notes = [note.text for note in of_kind(Noted, events)]
    assert any("address already in use" in text and "only C-GET" in text for text in notes)


def test_an_address_of_another_machine_is_told_from_a_port_in_use(tmp_path: Path) -> None:
    given = replace(settings(1, tmp_path), listen=("192.0.2.1", 11112))
    with pytest.raises(ConfigError) as refusal:
        run(move_plan(), given)

    assert "It is not an address of this machine" in str(refusal.value)


class _CallsTwice(MovingPacs):
    """Calls again where its first connection breaks."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        assert not self.call_scp(wanted).accepted
        return super().send_to_scp(wanted)


def test_a_caller_for_whom_there_is_no_thread_does_not_end_our_listening(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = threading.Thread.start
    refused: list[str] = []

    def start_all_but_one(thread: threading.Thread) -> None:
        if thread.name.startswith("storage-scp ") and not refused:
            refused.append(thread.name)
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_all_but_one)
    with _CallsTwice() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=3.0))

    assert len(refused) == 1
    assert verdict_of(events).verdict is Verdict.COMPLETE


def test_our_scp_answers_an_echo(tmp_path: Path) -> None:
    class Echoes(MovingPacs):
        def send_to_scp(self, wanted: list[Instance]) -> list[int]:
            with RawScu(self.scp_port, ["1.2.840.10008.1.1"]) as scu:
                self.echoed = scu.echo()
            return super().send_to_scp(wanted)

    with Echoes() as pacs:
        run(move_plan(), pacs.settings(tmp_path))

    assert pacs.echoed == 0


class _Delivers(RawPacs):
    """Moves to somebody else; `answer` holds the counters that it gives."""

    answer: dict[str, int]

    def on_move(self, conversation: Conversation, request: Request) -> None:
        counters: dict[str, Any] = dict(self.answer)
        conversation.respond(request, counters.pop("status", 0), **counters)


@pytest.mark.parametrize(
    ("answer", "verdict"),
    [
        ({"completed": 3, "failed": 0, "warning": 0}, Verdict.DELIVERED),
        ({"completed": 2, "failed": 0, "warning": 1}, Verdict.DELIVERED),
        ({"completed": 2, "failed": 1, "warning": 0, "status": 0xB000}, Verdict.PARTIAL),
        ({"completed": 2, "failed": 0, "warning": 0}, Verdict.PARTIAL),
        ({"completed": 0, "failed": 3, "warning": 0, "status": 0xB000}, Verdict.FAILED),
        ({"completed": 0, "failed": 3, "warning": 0, "status": 0xA702}, Verdict.FAILED),
        ({"completed": 3, "failed": 0, "warning": 0, "status": 0xB000}, Verdict.UNVERIFIED),
        ({"completed": 3, "failed": 1, "warning": 0}, Verdict.UNVERIFIED),
        ({}, Verdict.UNVERIFIED),
    ],
)
def test_a_delivery_to_somebody_else_claims_no_more_than_it_knows(
    tmp_path: Path, answer: dict[str, int], verdict: Verdict
) -> None:
    with _Delivers() as pacs:
        pacs.answer = answer
        plan = replace(move_plan(destination="OTHER"), listening=False)
        events = run(plan, settings(pacs.port, tmp_path / "out"))

    finished = verdict_of(events)
    assert finished.verdict is verdict
    assert finished.stored == 0
    assert not (tmp_path / "out").exists()


class _ListsTwoOfThree(_Delivers):
    def find(self, request: Request) -> list[dict[int, str]]:
        found = super().find(request)
        return found[:2] if request.level == "IMAGE" else found


@pytest.mark.parametrize(("completed", "verdict"), [(2, Verdict.PARTIAL), (3, Verdict.DELIVERED)])
def test_a_delivery_is_held_to_the_count_of_the_pacs_where_its_list_is_cut(
    tmp_path: Path, completed: int, verdict: Verdict
) -> None:
    with _ListsTwoOfThree() as pacs:
        pacs.answer = {"completed": completed, "failed": 0, "warning": 0}
        plan = replace(move_plan(destination="OTHER"), listening=False)
        events = run(plan, settings(pacs.port, tmp_path / "out"))

    finished = verdict_of(events)
    assert (finished.verdict, finished.expected) == (verdict, 3)


class _CountsMany(_Delivers):
    """Counts more instances than its counters of sub-operations can."""

    def find(self, request: Request) -> list[dict[int, str]]:
        return [row | {0x00201209: "65540"} for row in super().find(request)]


@pytest.mark.parametrize(
    ("peer", "completed", "verdict", "words"),
    [
        (_CountsMany, 4, Verdict.DELIVERED, ""),
        (_CountsMany, 3, Verdict.PARTIAL, "3 of 65,540 instances went to OTHER"),
        (_Delivers, 65_535, Verdict.UNVERIFIED, "counts 65,535 instances sent to OTHER where it"),
        (_Delivers, 4, Verdict.UNVERIFIED, "where it lists 3: its count proves nothing"),
    ],
)
def test_counters_that_begin_again_or_exceed_are_no_count(
    tmp_path: Path, peer: type[_Delivers], completed: int, verdict: Verdict, words: str
) -> None:
    with peer() as pacs:
        pacs.answer = {"completed": completed, "failed": 0, "warning": 0}
        plan = replace(move_plan(destination="OTHER"), listening=False)
        events = run(plan, settings(pacs.port, tmp_path / "out"))

    assert verdict_of(events).verdict is verdict
    assert words in verdict_of(events).reason


class _MindsNoHangUp(MovingPacs):
    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with contextlib.suppress(EOFError, OSError):
            super().send_to_scp(wanted)
        return []


def test_a_bug_of_ours_is_told_as_one_and_the_pacs_is_not_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_down(self: InstanceStore, part: PartFile, *values: object) -> Placed:
        raise ZeroDivisionError

    monkeypatch.setattr(InstanceStore, "place", break_down)

    with _MindsNoHangUp(instances(2)) as pacs, pytest.raises(ZeroDivisionError):
        run(move_plan(retries=3), pacs.settings(tmp_path))

    assert not [t for t in threading.enumerate() if t.name.startswith("storage-scp")]
