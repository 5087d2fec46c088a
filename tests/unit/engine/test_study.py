"""One study, from inventory to verdict, against a peer that follows a script."""

from collections.abc import Sequence

import pytest

from dicom_retrieve_tui.engine.desk import Desk
from dicom_retrieve_tui.engine.study import Study
from dicom_retrieve_tui.errors import (
    AssociationAborted,
    ContextNotAccepted,
    DiskFailed,
    PeerUnreachable,
)
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    Event,
    InstanceSetAside,
    InstanceStored,
    StudyFinished,
    StudyStarted,
)
from dicom_retrieve_tui.model.inventory import Inventory
from dicom_retrieve_tui.model.offer import FinalResponse
from dicom_retrieve_tui.model.order import Order
from dicom_retrieve_tui.model.selection import Level, Method, Plan, Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.engine.fakes import STUDY, Answer, FakePeer, FakeStore, inventory_of

_SUCCESS = FinalResponse(status=0x0000)
_SELECTION = Selection(study_instance_uid=STUDY)


def _retrieve(
    peer: FakePeer,
    store: FakeStore | None = None,
    *,
    method: Method = Method.C_GET,
    destination: str | None = None,
    cancel: CancelToken | None = None,
) -> tuple[StudyFinished, list[Event]]:
    events: list[Event] = []
    plan = Plan(
        selections=(_SELECTION,),
        method=method,
        move_destination=destination,
        listening=destination is not None,
    )
    desk = Desk(store or FakeStore(), events.append)
    peer.receiver = desk
    study = Study(plan=plan, desk=desk, cancel=cancel or CancelToken(), drain_s=0.0)
    return study.retrieve(_SELECTION, peer, 1), events


def _sends(*sops: str, then: Answer = _SUCCESS) -> FakePeer:
    """A peer that lists `1.1` and `1.2`, and sends `sops` once."""
    left = list(sops)

    def script(order: Order) -> tuple[Sequence[str], Answer]:
        del order
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


def test_an_instance_that_comes_twice_is_one_event() -> None:
    _, events = _retrieve(_sends("1.1", "1.1", "1.2"))

    assert sum(isinstance(event, InstanceStored) for event in events) == 2


def test_what_is_missing_is_asked_for_once_more_within_its_series() -> None:
    peer = _sends("1.1")

    finished, _ = _retrieve(peer)

    again = peer.orders[1].request
    assert (again.level, again.sop_instance_uids) == (Level.IMAGE, ("1.2",))
    assert again.series_instance_uid == "1.2.3.1"
    assert finished.missing == ("1.2",)


def test_long_lists_are_cut() -> None:
    peer = FakePeer(inventory_of(*(f"1.{n}" for n in range(450))), lambda _order: ((), _SUCCESS))

    _retrieve(peer)

    assert [len(o.request.sop_instance_uids) for o in peer.orders] == [0, 200, 200, 50]


def test_a_lost_association_after_the_last_instance_changes_nothing() -> None:
    finished, _ = _retrieve(_sends("1.1", "1.2", then=AssociationAborted("Lost.")))

    assert finished.verdict is Verdict.COMPLETE


def test_a_failure_without_any_instance_is_failed_with_its_reason() -> None:
    finished, _ = _retrieve(_sends(then=AssociationAborted("Lost.")))

    assert (finished.verdict, finished.reason) == (Verdict.FAILED, "Lost.")
    assert finished.missing == ("1.1", "1.2")


def test_a_hopeless_status_is_not_asked_again() -> None:
    peer = _sends(then=FinalResponse(status=0xA900))

    finished, _ = _retrieve(peer)

    assert len(peer.orders) == 1
    assert "0xA900" in finished.reason


def test_a_peer_that_cannot_be_reached_fails_the_study() -> None:
    peer = FakePeer(PeerUnreachable("Cannot reach it."), lambda _order: ((), _SUCCESS))

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

    def script(order: Order) -> tuple[Sequence[str], Answer]:
        del order
        return (), broken

    finished, _ = _retrieve(FakePeer(inventory_of("1.1"), script))

    assert (finished.verdict, finished.reason) == (Verdict.FAILED, "No space.")


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


def test_auto_falls_back_to_c_move_where_c_get_is_not_offered() -> None:
    class WithoutGet(FakePeer):
        def c_get(self, order: Order, negotiation: object, receiver: object) -> FinalResponse:
            raise ContextNotAccepted("It does not offer C-GET.")

    peer = WithoutGet(inventory_of("1.1"), lambda _order: (("1.1",), _SUCCESS))

    finished, _ = _retrieve(peer, method=Method.AUTO, destination="DRTUI")

    assert finished.verdict is Verdict.COMPLETE


def test_a_cancel_before_the_end_is_cancelled() -> None:
    cancel = CancelToken()

    def script(order: Order) -> tuple[Sequence[str], Answer]:
        del order
        cancel.request()
        return ("1.1",), FinalResponse(status=0xFE00)

    finished, _ = _retrieve(FakePeer(inventory_of("1.1", "1.2"), script), cancel=cancel)

    assert (finished.verdict, finished.stored) == (Verdict.CANCELLED, 1)


def test_nothing_listed_is_not_found_and_not_asked_for() -> None:
    peer = _sends()
    peer.inventory = Inventory(study_instance_uid=STUDY, listed=True)

    finished, _ = _retrieve(peer)

    assert finished.verdict is Verdict.NOT_FOUND
    assert not peer.orders
