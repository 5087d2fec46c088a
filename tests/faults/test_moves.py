"""Rows 26, 27, 28 and 44: instances of a C-MOVE, which come when and how the PACS likes."""

import threading
from dataclasses import replace
from pathlib import Path
from time import monotonic

from dicom_retrieve_tui.model.events import InstanceRefused, InstanceStored, Noted
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Conversation, Instance, Request, instances
from tests.runs import files_in, move_plan, of_kind, run, verdict_of

_DRAIN_S = 0.6
"""`Settings.timeout_s`, and so the longest silence in which late instances are waited for."""


class _AnswersFirst(MovingPacs):
    """Reports success before it sends anything, and then takes its time over each instance."""

    pause_s = _DRAIN_S / 3

    def on_move(self, conversation: Conversation, request: Request) -> None:
        self.finish(conversation, request, completed=len(self.holdings))
        self.stopping.wait(self.pause_s)
        with self.call_scp(self.holdings) as scu:
            for instance in self.holdings:
                scu.store(instance)
                self.stopping.wait(self.pause_s)
            scu.release()


@fault(26, user_reads="instances are missing: waiting for late ones, up to 0.6 s for the first")
def test_instances_that_come_after_the_final_response_are_waited_for(tmp_path: Path) -> Told:
    with _AnswersFirst(instances(5)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=_DRAIN_S))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert len(pacs.retrievals) == 1
    return events


class _Fails(MovingPacs):
    """Sends nothing, and says so."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, 0xA700, completed=0, failed=3)


@fault(26, user_reads="failed: The PACS ended the retrieval with status 0xA700")
def test_after_a_failure_by_which_nothing_came_nothing_is_waited_for(tmp_path: Path) -> Told:
    began_s = monotonic()
    with _Fails() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=5.0))

    assert monotonic() - began_s < 4.0
    assert not of_kind(Noted, events)
    return events


class _SendsAnother(MovingPacs):
    """Sends instances whose data sets name another study than it lists them in."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        with self.call_scp(wanted) as scu:
            moved = [replace(instance, study="1.2.999") for instance in wanted]
            statuses = [scu.store(instance) for instance in moved]
            scu.release()
            return statuses

    def finish(
        self, conversation: Conversation, request: Request, *, completed: int, failed: int = 0
    ) -> None:
        super().finish(conversation, request, completed=0, failed=completed + failed)


@fault(79, user_reads="refused here")
def test_what_was_refused_is_not_waited_for_and_not_told_as_a_failure_of_the_pacs(
    tmp_path: Path,
) -> Told:
    began_s = monotonic()
    with _SendsAnother() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=5.0))

    finished = verdict_of(events)
    assert monotonic() - began_s < 4.0
    assert not of_kind(Noted, events)
    assert "it belongs to study '1.2.999'" in finished.reason
    assert "did not send" not in finished.reason
    assert "log of the PACS" not in finished.reason
    return [finished]


class _AnswersAndIsGone(MovingPacs):
    """Reports success, sends two late ones and no more."""

    def on_move(self, conversation: Conversation, request: Request) -> None:
        self.finish(conversation, request, completed=len(self.holdings))
        if request.level == "STUDY":
            self.send_to_scp(self.holdings[:2])


@fault(26, user_reads="success (status 0x0000), but did not send everything that it lists")
def test_the_wait_for_late_instances_ends(tmp_path: Path) -> Told:
    with _AnswersAndIsGone() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.3))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.3",))
    return events


class _ThreeAtOnce(MovingPacs):
    """Sends over three associations at the same time, in no order, without Move Originator."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        shuffled = sorted(wanted, key=lambda instance: instance.sop[::-1])
        ready = threading.Barrier(3)
        senders = [
            threading.Thread(target=self._send, args=(shuffled[n::3], ready), name="raw-sender")
            for n in range(3)
        ]
        for sender in senders:
            sender.start()
        for sender in senders:
            sender.join()
        return []

    def _send(self, share: list[Instance], ready: threading.Barrier) -> None:
        with self.call_scp(share) as scu:
            ready.wait(10.0)
            for instance in share:
                assert scu.store(instance) == 0
            scu.release()


@fault(27, user_reads="complete")
def test_a_study_over_three_associations_at_once_is_counted_once(tmp_path: Path) -> Told:
    with _ThreeAtOnce(instances(60)) as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 60)
    stored = [e.sop_instance_uid for e in of_kind(InstanceStored, events)]
    assert sorted(stored) == sorted(i.sop for i in pacs.holdings)
    assert len(files_in(tmp_path)) == 60
    return events


class _SendsAStranger(MovingPacs):
    stranger = Instance("1.6.6", "1.6.6.1", "1.6.6.1.1")

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        self.statuses = super().send_to_scp([self.stranger, *wanted])
        return self.statuses


@fault(28, user_reads="it belongs to study '1.6.6'")
def test_an_instance_of_a_study_that_nobody_asked_for_is_refused(tmp_path: Path) -> Told:
    with _SendsAStranger() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path))

    assert pacs.statuses == [0xA700, 0, 0, 0]
    assert [e.sop_instance_uid for e in of_kind(InstanceRefused, events)] == ["1.6.6.1.1"]
    finished = verdict_of(events)
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 3)
    assert len(files_in(tmp_path)) == 3
    return events


class _IsLateWithTheLastStudy(MovingPacs):
    """Sends an instance of the first study once more while the second one is retrieved."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        late = [self.holdings[0]] if wanted[0].study == "1.2.4" else []
        self.statuses = super().send_to_scp([*late, *wanted])
        return self.statuses


@fault(28, user_reads="it belongs to study '1.2.3'")
def test_a_late_instance_of_a_finished_study_is_refused(tmp_path: Path) -> Told:
    holdings = instances(2) + instances(2, study="1.2.4", series="1.2.4.1")
    with _IsLateWithTheLastStudy(holdings) as pacs:
        events = run(move_plan("1.2.3", "1.2.4"), pacs.settings(tmp_path))

    assert pacs.statuses == [0xA700, 0, 0]
    assert {verdict_of(events, uid).stored for uid in ("1.2.3", "1.2.4")} == {2}
    assert len(files_in(tmp_path)) == 4
    return events


class _NeverReleases(MovingPacs):
    """Keeps its association with our Storage SCP open when it is done."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        scu = self.call_scp(wanted)
        return [scu.store(instance) for instance in wanted]


@fault(44, user_reads="complete")
def test_a_store_association_that_is_never_released_is_aborted(tmp_path: Path) -> Told:
    with _NeverReleases() as pacs:
        started_s = monotonic()
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=60.0))
        took_s = monotonic() - started_s
        farewell, _ = wire.receive_pdu(pacs.called[0].sock)

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert took_s < 2.0
    assert farewell == wire.A_ABORT
    return events


class _StopsHalfway(MovingPacs):
    """Leaves half an instance behind on an association that it never ends."""

    def send_to_scp(self, wanted: list[Instance]) -> list[int]:
        scu = self.call_scp(wanted)
        message = scu.store_message(wanted[-1])
        statuses = [scu.store(instance) for instance in wanted[:-1]]
        scu.send(message[: len(message) // 2])
        return statuses


@fault(44, user_reads="success (status 0x0000), but did not send everything that it lists")
def test_half_an_instance_on_such_an_association_leaves_nothing_behind(tmp_path: Path) -> Told:
    with _StopsHalfway() as pacs:
        events = run(move_plan(), pacs.settings(tmp_path, timeout_s=0.3))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2.3.1.3",))
    assert files_in(tmp_path) == ["1.2.3.1.1.dcm", "1.2.3.1.2.dcm"]
    return events
