"""One study, from inventory to verdict, against a peer that follows a script."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.engine import requests
from dicom_retrieve_tui.engine.queue import Postponed, PutBack, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.requests import RunContext
from dicom_retrieve_tui.engine.run_forecast import RunForecast
from dicom_retrieve_tui.engine.study import StudyRetriever
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    AssociationRejected,
    ContextNotAccepted,
    DiskFailed,
    PeerUnreachable,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level, Method
from dicom_retrieve_tui.model.dimse import FinalResponse, RetrieveOperation
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    AttemptStarted,
    Event,
    InstanceSetAside,
    InstanceStored,
    Noted,
    StudyFinished,
    StudyInventoried,
    StudyStarted,
)
from dicom_retrieve_tui.model.forecast import WHOLE_STUDY, Kind, Sizes
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.retry import Backoff
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.free_space import Room
from tests.unit.engine.fakes import (
    CT_IMAGE,
    STUDY,
    Answer,
    FakePeer,
    FakeStore,
    archive_watch_of,
    inventory_of,
    options,
    watch_of,
)

_SUCCESS = FinalResponse(status=0x0000)
_SELECTION = Selection(study_instance_uid=STUDY)


class _Queue(TaskQueue):
    """Has two associations to give up."""

    lowered = 0

    def lower(self) -> bool:
        self.lowered += 1
        return self.lowered == 1


class _Rig:
    """A study's surroundings, and what came of it."""

    def __init__(
        self,
        peer: FakePeer,
        store: FakeStore | None = None,
        *,
        method: Method = Method.C_GET,
        destination: str | None = None,
        retries: int = 0,
        drain_s: float = 0.0,
        late_s: float = 0.0,
        no_progress_s: float = 60.0,
        space: RunForecast | None = None,
    ) -> None:
        self.events: list[Event] = []
        self.cancel = CancelToken()
        self.peer = peer
        self.store = store or FakeStore()
        self.queue = _Queue([_SELECTION], self.cancel, workers=1, emit=self.events.append)
        given = options(
            method=method,
            move_destination=destination,
            listen=(None, 11112) if destination else None,
            retries=retries,
        )
        receiver = InstanceReceiver(self.store, self.events.append)
        peer.receiver = receiver
        self.study = StudyRetriever(
            run=RunContext(
                options=given,
                receiver=receiver,
                queue=self.queue,
                drain_s=drain_s,
                late_s=max(drain_s, late_s),
                no_progress_s=no_progress_s,
                space=space,
            ),
            watch=watch_of(self.queue),
            archive=archive_watch_of(self.queue),
            backoff=Backoff(first_s=4.0, draw=lambda: 1.0),
        )
        task = self.queue.take()
        assert isinstance(task, StudyTask)
        self.task = task

    def attempt(self) -> StudyFinished | Postponed | PutBack:
        return self.study.retrieve(self.task, self.peer, 1)

    def finish(self) -> StudyFinished:
        """Attempts until there is a verdict."""
        while isinstance(outcome := self.attempt(), Postponed):
            assert outcome.wait_s > 0
        assert isinstance(outcome, StudyFinished)
        return outcome

    def waits_s(self) -> list[float]:
        return [e.wait_s for e in self.events if isinstance(e, AttemptFailed)]


def _retrieve(peer: FakePeer, store: FakeStore | None = None) -> tuple[StudyFinished, list[Event]]:
    rig = _Rig(peer, store)
    return rig.finish(), rig.events


def _sends(*sops: str, then: Answer = _SUCCESS) -> FakePeer:
    """A peer that lists `1.1` and `1.2`, and sends `sops` once."""
    left = list(sops)

    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        del operation
        sending = left[:]
        left.clear()
        return sending, then

    return FakePeer(inventory_of("1.1", "1.2"), script)


def test_a_study_is_complete_when_all_that_is_listed_is_stored() -> None:
    finished, events = _retrieve(_sends("1.2", "1.1"))

    assert finished == StudyFinished(
        study_instance_uid=STUDY, verdict=Verdict.COMPLETE, expected=2, stored=2
    )
    assert isinstance(events[0], StudyStarted)
    assert events[-1] == finished
    assert sum(isinstance(event, InstanceStored) for event in events) == 2


def test_a_study_that_another_process_has_waits_and_is_reported_once() -> None:
    store = FakeStore()
    store.claimed = {STUDY: "process 7 on host a"}
    rig = _Rig(_sends("1.1", "1.2"), store)

    waits = [rig.attempt(), rig.attempt()]
    store.claimed.clear()

    assert [type(each) for each in waits] == [Postponed, Postponed]
    (note,) = rig.events
    assert isinstance(note, Noted)
    assert note.text.startswith("process 7 on host a retrieves this study")
    assert rig.finish().verdict is Verdict.COMPLETE
    assert rig.waits_s() == []


def test_an_instance_that_comes_twice_is_one_event() -> None:
    _, events = _retrieve(_sends("1.1", "1.1", "1.2"))

    assert sum(isinstance(event, InstanceStored) for event in events) == 2


def test_what_is_missing_is_asked_for_by_a_list_and_then_one_by_one() -> None:
    peer = _sends("1.1")

    finished, _ = _retrieve(peer)

    again = [operation.request for operation in peer.operations[1:]]
    assert [(r.level, r.sop_instance_uids) for r in again] == [(Level.IMAGE, ("1.2",))] * 2
    assert {r.series_instance_uid for r in again} == {"1.2.3.1"}
    assert finished.missing == ("1.2",)


def _hides(*hidden: str, lists: bool = True, first: Answer = _SUCCESS) -> FakePeer:
    """Lists 450 instances; sends `hidden` only if they are asked for by UID."""
    sops = [f"1.{n}" for n in range(450)]

    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        asked = operation.request.sop_instance_uids
        if not asked:
            return [sop for sop in sops if sop not in hidden], first
        if len(asked) > 1 and not lists:
            return (), FinalResponse(status=0xA900)
        return asked, _SUCCESS

    return FakePeer(inventory_of(*sops), script)


def test_long_lists_are_cut() -> None:
    peer = _hides(*(f"1.{n}" for n in range(449)))

    finished, _ = _retrieve(peer)

    assert [len(o.request.sop_instance_uids) for o in peer.operations] == [0, 200, 200, 49]
    assert finished.verdict is Verdict.COMPLETE


def test_a_peer_that_rejects_lists_is_asked_one_by_one_and_remembered() -> None:
    rig = _Rig(_hides("1.7", "1.8", lists=False))

    finished = rig.finish()
    asked = [len(o.request.sop_instance_uids) for o in rig.peer.operations]

    assert finished.verdict is Verdict.COMPLETE
    assert asked == [0, 2, 1, 1]
    rig.peer.operations.clear()
    rig.task = StudyTask(selection=_SELECTION, cancel=rig.cancel)
    assert rig.finish().verdict is Verdict.COMPLETE
    assert [len(o.request.sop_instance_uids) for o in rig.peer.operations] == [0, 1, 1]


def test_what_an_earlier_run_left_is_not_asked_for() -> None:
    peer = _hides()
    store = FakeStore()
    store.here = {f"1.{n}" for n in range(449)}

    finished, events = _retrieve(peer, store)

    assert [o.request.sop_instance_uids for o in peer.operations] == [("1.449",)]
    assert (finished.verdict, finished.stored) == (Verdict.COMPLETE, 450)
    assert sum(isinstance(event, InstanceStored) for event in events) == 1
    assert store.finished == StudyRecord(
        study_instance_uid=STUDY,
        verdict="complete",
        asked=frozenset(f"1.{n}" for n in range(450)),
        missing=frozenset(),
        expected=450,
    )


def test_a_list_by_c_move_waits_for_its_own_instances_only() -> None:
    peer = _hides(*(f"1.{n}" for n in range(449)))
    rig = _Rig(peer, method=Method.C_MOVE, destination="DRTUI", drain_s=60.0)
    rig.store.here = {"1.449"}
    started_s = monotonic()

    finished = rig.finish()

    assert finished.verdict is Verdict.COMPLETE
    assert len(peer.operations) == 3
    assert monotonic() - started_s < 60.0


def test_an_archive_that_queues_what_it_sends_is_asked_once() -> None:
    late: list[threading.Timer] = []

    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        late.append(threading.Timer(0.3, rig.peer.deliver, [["1.1", "1.2"]]))
        late[-1].start()
        return (), FinalResponse(status=0x0000, completed=2)

    rig = _Rig(
        FakePeer(inventory_of("1.1", "1.2"), script),
        method=Method.C_MOVE, destination="DRTUI", drain_s=0.05, late_s=20.0,
    )  # fmt: skip

    finished = rig.finish()

    for each in late:
        each.join()
    assert finished.verdict is Verdict.COMPLETE
    assert len(rig.peer.operations) == 1


def test_the_long_wait_for_the_first_late_instance_is_made_once_in_a_run() -> None:
    peer = FakePeer(
        inventory_of("1.1", "1.2"), lambda _operation: ((), FinalResponse(status=0, completed=2))
    )
    rig = _Rig(peer, method=Method.C_MOVE, destination="DRTUI", drain_s=0.0, late_s=0.3)
    started_s = monotonic()

    finished = rig.finish()

    assert finished.verdict is Verdict.FAILED
    assert len(peer.operations) > 1
    assert 0.3 < monotonic() - started_s < 0.3 * len(peer.operations)


def test_the_wait_for_late_instances_ends_while_the_same_one_comes_over_and_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "_DRAIN_TICK_S", 0.01)
    over = threading.Event()

    def repeat(operation: RetrieveOperation) -> None:
        while not over.wait(0.01):
            operation.activity.last_byte_s = monotonic()

    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        repeaters.append(threading.Thread(target=repeat, args=(operation,)))
        repeaters[-1].start()
        return ("1.1",), _SUCCESS

    repeaters: list[threading.Thread] = []
    peer = FakePeer(inventory_of("1.1", "1.2"), script)
    rig = _Rig(peer, method=Method.C_MOVE, destination="DRTUI", drain_s=0.1, no_progress_s=0.05)
    rescue = threading.Timer(10.0, rig.cancel.request)
    rescue.start()

    finished = rig.finish()

    rescue.cancel()
    over.set()
    for each in [rescue, *repeaters]:
        each.join()
    assert finished.verdict is Verdict.PARTIAL
    assert finished.missing == ("1.2",)


def test_what_may_heal_is_tried_again_with_growing_waits() -> None:
    rig = _Rig(_sends(then=AssociationAborted("Lost.")), retries=3)

    finished = rig.finish()

    assert finished.verdict is Verdict.FAILED
    assert rig.waits_s() == [4.0, 8.0, 16.0]


def test_an_attempt_that_succeeds_ends_the_retries_and_asks_for_the_rest_only() -> None:
    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        if len(rig.peer.operations) == 1:
            return ("1.1",), AssociationAborted("Lost.")
        return operation.request.sop_instance_uids, _SUCCESS

    rig = _Rig(FakePeer(inventory_of("1.1", "1.2"), script), retries=3)
    finished = rig.finish()

    assert finished.verdict is Verdict.COMPLETE
    assert rig.peer.operations[1].request.sop_instance_uids == ("1.2",)
    assert sum(isinstance(event, StudyStarted) for event in rig.events) == 1
    assert sum(isinstance(event, AttemptStarted) for event in rig.events) == 1


@pytest.mark.parametrize("status", [0xA801, 0xA900, 0x0124, 0xC801])
def test_what_cannot_heal_is_not_tried_again(status: int) -> None:
    rig = _Rig(_sends(then=FinalResponse(status=status)), retries=3)

    finished = rig.finish()

    assert rig.waits_s() == []
    assert len(rig.peer.operations) == 1
    assert f"0x{status:04X}" in finished.reason


def test_what_is_not_there_is_not_waited_for() -> None:
    peer = _sends("1.1", "1.2")
    peer.inventory = replace(inventory_of("1.1", "1.2"), absent=("1.9",))
    rig = _Rig(peer, retries=3)

    assert rig.finish().verdict is Verdict.PARTIAL
    assert rig.waits_s() == []


def test_a_study_that_waits_when_the_user_stops_gets_its_verdict() -> None:
    rig = _Rig(_sends("1.1", then=AssociationAborted("Lost.")), retries=3)

    assert isinstance(rig.attempt(), Postponed)
    finished = rig.study.abandon(rig.task)

    assert (finished.verdict, finished.stored) == (Verdict.CANCELLED, 1)
    assert rig.events[-1] == finished


def test_an_unclear_failure_is_tried_once_more() -> None:
    rig = _Rig(_sends(then=FinalResponse(status=0xC000)), retries=3)

    rig.finish()

    assert len(rig.waits_s()) == 1


def test_a_pacs_without_an_association_left_lowers_ours_before_it_counts() -> None:
    rejected = AssociationRejected("Local limit exceeded.", result=2, source=3, reason=2)
    rig = _Rig(FakePeer(rejected, lambda _operation: ((), _SUCCESS)), retries=1)

    rig.finish()

    assert rig.queue.lowered == 3
    attempts = [e.failed_attempts for e in rig.events if isinstance(e, AttemptFailed)]
    assert attempts == [0, 1]


def test_a_request_that_broke_off_after_the_last_instance_is_made_again() -> None:
    answers: list[Answer] = [AssociationAborted("Lost."), _SUCCESS]
    peer = FakePeer(inventory_of("1.1", "1.2"), lambda _operation: (("1.1", "1.2"), answers.pop(0)))

    finished, _ = _retrieve(peer)

    assert finished.verdict is Verdict.COMPLETE
    assert [o.request.level for o in peer.operations] == [Level.STUDY, Level.STUDY]


def test_a_request_that_always_breaks_off_after_the_last_instance_is_not_believed() -> None:
    peer = FakePeer(
        inventory_of("1.1", "1.2"), lambda _operation: (("1.1", "1.2"), AssociationAborted("Lost."))
    )

    finished, _ = _retrieve(peer)

    assert (finished.verdict, finished.stored) == (Verdict.UNVERIFIED, 2)
    assert finished.reason.startswith("Lost. All that it lists came, but there may be more")


def test_where_all_that_was_announced_came_a_count_makes_up_for_a_request_that_broke_off() -> None:
    peer = FakePeer(
        inventory_of("1.1", "1.2"), lambda _operation: (("1.1", "1.2"), AssociationAborted("Lost."))
    )
    peer.count = FinalResponse(status=0xA702, completed=0, failed=2)

    finished, _ = _retrieve(peer)

    assert finished.verdict is Verdict.COMPLETE
    assert (len(peer.operations), len(peer.counted)) == (1, 1)


def test_a_failure_without_any_instance_is_failed_with_its_reason() -> None:
    finished, _ = _retrieve(_sends(then=AssociationAborted("Lost.")))

    assert (finished.verdict, finished.reason) == (Verdict.FAILED, "Lost.")
    assert finished.missing == ("1.1", "1.2")


def test_a_hopeless_status_is_not_asked_again() -> None:
    peer = _sends(then=FinalResponse(status=0xA900))

    finished, _ = _retrieve(peer)

    assert len(peer.operations) == 1
    assert "0xA900" in finished.reason


def test_a_peer_that_cannot_be_reached_fails_the_study() -> None:
    peer = FakePeer(PeerUnreachable("Cannot reach it."), lambda _operation: ((), _SUCCESS))

    finished, _ = _retrieve(peer)

    assert (finished.verdict, finished.reason) == (Verdict.FAILED, "Cannot reach it.")
    assert finished.expected is None


def test_a_conflict_is_not_complete() -> None:
    finished, events = _retrieve(_sends("1.1", "1.2"), FakeStore(conflicts=["1.2"]))

    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, ("1.2",))
    assert "other content" in finished.reason
    assert any(isinstance(event, InstanceSetAside) for event in events)


def test_a_broken_disk_fails_the_study_with_its_reason() -> None:
    broken = DiskFailed("No space.", path="/out")

    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        del operation
        return (), broken

    finished, _ = _retrieve(FakePeer(inventory_of("1.1"), script))

    assert (finished.verdict, finished.reason) == (Verdict.FAILED, "No space.")


def test_a_disk_that_breaks_between_two_attempts_takes_nothing_back() -> None:
    rig = _Rig(_sends("1.1", then=AssociationAborted("Lost.")), retries=3)

    assert isinstance(rig.attempt(), Postponed)
    rig.study.run.receiver.disk_failure = DiskFailed("No space.", path="/out")
    finished = rig.finish()

    assert (finished.verdict, finished.stored) == (Verdict.PARTIAL, 1)
    assert finished.reason == "No space."


@pytest.mark.parametrize(
    ("sent", "announced", "verdict"),
    [
        (("1.1", "1.2"), 2, Verdict.COMPLETE),
        (("1.1", "1.2"), 5, Verdict.UNVERIFIED),
    ],
)
def test_a_count_above_the_listing_leaves_a_doubt(
    sent: tuple[str, ...], announced: int, verdict: Verdict
) -> None:
    peer = _sends(*sent)
    peer.inventory = inventory_of("1.1", "1.2", announced=announced)

    finished, _ = _retrieve(peer)

    assert finished.verdict is verdict


@pytest.mark.parametrize(
    ("sent", "then", "verdict"),
    [
        (("1.1",), _SUCCESS, Verdict.UNVERIFIED),
        (("1.1",), FinalResponse(status=0xB000, failed=1), Verdict.PARTIAL),
        ((), _SUCCESS, Verdict.FAILED),
        ((), FinalResponse(status=0xC000), Verdict.FAILED),
    ],
)
def test_without_a_listing_nothing_is_complete(
    sent: tuple[str, ...], then: FinalResponse, verdict: Verdict
) -> None:
    peer = _sends(*sent, then=then)
    peer.inventory = inventory_of(listed=False)

    finished, _ = _retrieve(peer)

    assert finished.verdict is verdict
    assert finished.expected is None


def test_a_study_that_could_not_be_listed_is_listed_again_by_the_next_attempt() -> None:
    peer = FakePeer(inventory_of(listed=False), lambda _: ((), FinalResponse(status=0xC000)))
    rig = _Rig(peer, retries=1)
    assert isinstance(rig.attempt(), Postponed)

    peer.inventory = inventory_of("1", "2")
    peer.script = lambda _: (("1", "2"), _SUCCESS)

    assert rig.finish().verdict is Verdict.COMPLETE


def test_auto_falls_back_to_c_move_where_c_get_is_not_offered() -> None:
    class WithoutGet(FakePeer):
        def c_get(
            self, operation: RetrieveOperation, negotiation: object, receiver: object
        ) -> FinalResponse:
            raise ContextNotAccepted("It does not offer C-GET.")

    peer = WithoutGet(inventory_of("1.1"), lambda _operation: (("1.1",), _SUCCESS))

    finished = _Rig(peer, method=Method.AUTO, destination="DRTUI").finish()

    assert finished.verdict is Verdict.COMPLETE


def test_a_cancel_before_the_end_is_cancelled() -> None:
    def script(operation: RetrieveOperation) -> tuple[Sequence[str], Answer]:
        del operation
        rig.cancel.request()
        return ("1.1",), FinalResponse(status=0xFE00)

    rig = _Rig(FakePeer(inventory_of("1.1", "1.2"), script))
    finished = rig.finish()

    assert (finished.verdict, finished.stored) == (Verdict.CANCELLED, 1)


def test_nothing_listed_is_not_found_and_not_asked_for() -> None:
    peer = _sends()
    peer.inventory = Inventory(study_instance_uid=STUDY, listed=True)

    finished, _ = _retrieve(peer)

    assert finished.verdict is Verdict.NOT_FOUND
    assert not peer.operations


@dataclass
class _Learned:
    """A history in which each CT instance took 1 MB, in many studies."""

    news: dict[Kind, Sizes] = field(default_factory=dict)

    def sizes(self) -> Mapping[Kind, Sizes]:
        return {Kind(CT_IMAGE, ""): sum([Sizes.of_study(1, 10**6)] * 100, Sizes())}

    def add_sizes(self, news: Mapping[Kind, Sizes]) -> None:
        self.news.update(news)


def _space(usable_bytes: int, history: _Learned) -> RunForecast:
    room = Room(usable_bytes + 1000, 1000)
    return RunForecast(lambda _: None, output=Path("dicom"), room=lambda: room, history=history)


def test_nothing_is_requested_of_a_study_that_does_not_fit() -> None:
    history = _Learned()
    rig = _Rig(peer := _sends("1.1", "1.2"), space=_space(10**6, history), retries=3)

    finished = rig.finish()

    assert (finished.verdict, finished.expected, finished.stored) == (Verdict.FAILED, 2, 0)
    assert finished.reason.startswith("It does not fit on the disk of dicom/, which has room for ")
    assert peer.operations == []
    (listed,) = (event for event in rig.events if isinstance(event, StudyInventoried))
    assert (listed.needed, listed.needed_bytes) == (2, 2_000_000)


def test_only_what_is_missing_needs_room() -> None:
    store = FakeStore()
    store.here = {"1.1"}
    rig = _Rig(_sends("1.2"), store, space=_space(15 * 10**5, _Learned()))

    assert rig.finish().verdict is Verdict.COMPLETE


def test_a_complete_study_is_learned_and_a_partial_one_is_not() -> None:
    history = _Learned()
    space = _space(10**9, history)
    assert _Rig(_sends("1.1", "1.2"), space=space).finish().verdict is Verdict.COMPLETE
    assert _Rig(_sends("1.1"), space=space).finish().verdict is Verdict.PARTIAL

    space.close()

    assert history.news == {
        Kind(CT_IMAGE, ""): Sizes.of_study(2, 200),
        WHOLE_STUDY: Sizes.of_study(1, 200),
    }
