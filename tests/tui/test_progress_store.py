import threading
from collections.abc import Iterator
from dataclasses import dataclass

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State
from tests.tui.builders import uids, wanted
from tests.tui.scripted_session import begins, comes, ends, whole

A, B, C = uids(3)


@dataclass
class Clock:
    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


def store_of(*studies: str, clock: Clock | None = None) -> ProgressStore:
    """A store with a session under way on these studies."""
    store = ProgressStore(monotonic_s=clock or Clock())
    store.queue(0, wanted(*studies))
    store.begin(0, associations=4, timeout_s=30)
    store.apply(0, events.RetrieveStarted(peer="P", method="c-get", studies=1, parallel=4))
    return store


def tell(store: ProgressStore, *story: list[events.Event]) -> None:
    for part in story:
        for event in part:
            store.apply(0, event)


def row_of(store: ProgressStore, uid: str) -> Row:
    found = store.entry(RowKey(0, uid))
    assert found is not None
    return found[0]


def test_a_snapshot_holds_what_changed_since_the_last_one() -> None:
    store = store_of(A, B)

    first = store.snapshot()
    tell(store, whole(B))
    second, third = store.snapshot(), store.snapshot()

    assert [row.key.study_instance_uid for row in first.rows] == [A, B]
    assert [(row.key.study_instance_uid, row.state) for row in second.rows] == [(B, State.DONE)]
    assert third.rows == ()


def test_very_many_rows_come_in_several_snapshots_and_running_ones_in_each() -> None:
    clock = Clock()
    store = store_of(A, clock=clock)
    tell(store, begins(A))
    store.snapshot()
    store.queue(0, wanted(*uids(10_000, root="1.2.3")))

    sizes, seen = [], set[str]()
    while store.stale and len(seen) < 10_001:
        rows = store.snapshot().rows
        sizes.append(len(rows))
        seen |= {row.key.study_instance_uid for row in rows}
        assert A in {row.key.study_instance_uid for row in rows}

    assert len(seen) == 10_001
    assert len(sizes) > 1
    assert max(sizes) < 5000
    assert store.snapshot().totals.studies == 10_001


def test_sums_follow_the_rows() -> None:
    store = store_of(A, B, C)
    tell(store, whole(A, 5), begins(B, 4), comes(B, 1))

    totals = store.snapshot().totals

    assert (totals.studies, totals.good, totals.active, totals.running) == (3, 1, 2, 1)
    assert (totals.stored, totals.expected, totals.received_bytes) == (6, 6 + 7, 6000)
    # 3 of B, and C taken to be like A and B.
    assert (totals.left, totals.exact) == (3 + 4, False)


def test_a_study_of_unknown_size_never_makes_more_stored_than_expected() -> None:
    store = store_of(A, B, C)
    tell(store, begins(A, None), comes(A, 1, 2))
    unknown = store.snapshot().totals
    tell(store, whole(B, 5))

    totals = store.snapshot().totals

    assert (unknown.stored, unknown.expected) == (2, 0)
    assert (totals.stored, totals.expected) == (7, 7 + 10)
    # A and C are taken to be like B.
    assert totals.left == 2 * 5


def test_eight_threads_lose_no_event_and_no_sum_falls() -> None:
    studies = uids(8)
    store = store_of(*studies)
    tell(store, *(begins(uid, 2000, worker=n) for n, uid in enumerate(studies, start=1)))
    threads = [
        threading.Thread(target=tell, args=(store, comes(uid, *range(2000)))) for uid in studies
    ]

    for thread in threads:
        thread.start()
    seen = []
    while any(thread.is_alive() for thread in threads):
        seen.append(store.snapshot().totals.stored)
    for thread in threads:
        thread.join()
    totals = store.snapshot().totals

    assert seen == sorted(seen)
    assert (totals.stored, totals.received_bytes) == (16_000, 16_000_000)


def test_rates_and_eta_come_from_the_last_ten_seconds() -> None:
    clock = Clock()
    store = store_of(A, clock=clock)
    tell(store, begins(A, 100))
    store.snapshot()

    clock.now_s += 2
    tell(store, comes(A, *range(20)))
    snapshot = store.snapshot()

    assert snapshot.totals.instances_per_s == 10
    assert snapshot.totals.bytes_per_s == 10_000
    assert snapshot.totals.eta_s == 8
    assert snapshot.rows[0].instances_per_s == 10
    assert snapshot.rows[0].eta_s == 8
    assert snapshot.history[-1] == (10, 10_000)


def test_the_eta_of_unequal_studies_uses_what_is_known_of_each_that_waits() -> None:
    clock = Clock()
    sizes = dict(
        zip(uids(50), [2000 if number % 10 == 9 else 5 for number in range(50)], strict=True)
    )
    store = ProgressStore(monotonic_s=clock)
    store.queue(
        0, [StudyRequest(selection=Selection.of(uid), instances=n) for uid, n in sizes.items()]
    )
    store.begin(0, associations=1, timeout_s=30)
    first = next(iter(sizes))
    tell(store, begins(first, 5))
    store.snapshot()
    clock.now_s += 1
    tell(store, comes(first, *range(5)), ends(first, stored=5, expected=5))

    totals = store.snapshot().totals

    assert (totals.left, totals.exact) == (sum(sizes.values()) - 5, True)
    assert totals.eta_s == totals.left / 5


def test_no_end_is_predicted_while_a_session_is_held() -> None:
    clock = Clock()
    store = store_of(A, clock=clock)
    tell(store, begins(A, 100))
    store.snapshot()
    clock.now_s += 2
    lost = events.PeerLost(
        cause=HoldCause.PEER, reason="", studies=1, next_try_s=8.0, limit_s=1800.0
    )
    tell(store, comes(A, *range(20)), [lost])

    assert store.snapshot().totals.eta_s is None


def test_a_silent_study_tells_for_how_long() -> None:
    clock = Clock()
    store = store_of(A, clock=clock)
    tell(store, begins(A, 100))
    store.snapshot()

    clock.now_s += 14.5

    assert store.stale
    assert store.snapshot().rows[0].quiet_s == 14


def test_what_a_session_did_not_begin_is_stopped_when_it_ends() -> None:
    store = store_of(A, B)
    tell(store, whole(A))

    store.end(0)

    assert row_of(store, A).state is State.DONE
    assert (row_of(store, B).state, row_of(store, B).reason) == (State.STOPPED, "not started")


def test_a_session_that_could_not_open_fails_what_was_asked_of_it() -> None:
    store = store_of(A)

    store.end(0, "The folder is in use.")

    assert (row_of(store, A).state, row_of(store, A).reason) == (
        State.FAILED,
        "The folder is in use.",
    )
    assert store.snapshot().lines[-1].text == "The folder is in use."


def test_what_is_queued_already_is_not_queued_again_but_what_failed_is() -> None:
    store = store_of(A, B)
    tell(store, begins(A), ends(A, Verdict.PARTIAL, stored=1, missing=("1.2.3", "1.2.4")))

    taken = store.queue(0, wanted(A, B))

    assert [each.selection.study_instance_uid for each in taken] == [A]
    assert row_of(store, A).state is State.QUEUED


def test_a_second_try_starts_its_account_anew() -> None:
    store = store_of(A)
    tell(store, begins(A), comes(A, 1), ends(A, Verdict.PARTIAL, stored=1, missing=("1", "2")))
    assert store.snapshot().totals.missing == 2
    store.queue(0, wanted(A))
    tell(store, [events.StudyQueued(study_instance_uid=A)], whole(A))

    totals = store.snapshot().totals

    assert (totals.missing, totals.failed, totals.good, totals.stored) == (0, 0, 1, 3)


def test_a_removed_study_leaves_the_screen() -> None:
    store = store_of(A, B)
    store.snapshot()

    tell(store, [events.StudyRemoved(study_instance_uid=A)])
    snapshot = store.snapshot()

    assert snapshot.removed == (RowKey(0, A),)
    assert snapshot.totals.studies == 1


def test_an_idle_store_has_nothing_new() -> None:
    store = store_of(A)
    tell(store, whole(A))
    store.end(0)
    store.snapshot()

    assert not store.stale


def test_the_lines_tell_what_happened_and_no_single_instance() -> None:
    store = store_of(A)
    tell(store, begins(A), comes(A, 1, 2, 3), ends(A, Verdict.FAILED, stored=0, reason="0xA702"))

    texts = [(line.text, line.grave) for line in store.snapshot().lines]

    assert texts == [
        ("retrieving 1 study from P by C-GET, 4 associations at once", False),
        (f"study {A}: 3 instances in 1 series", False),
        (f"study {A}: failed 0/3; 0xA702", True),
    ]


def test_associations_that_open_and_close_are_no_lines() -> None:
    store = store_of(A)
    store.snapshot()
    opened = events.AssociationOpened(
        worker=1, accepted_contexts=18, proposed_contexts=20, peer_max_pdu_bytes=0
    )
    tell(store, [opened], begins(A), [events.AssociationClosed(worker=1)])

    assert [line.text for line in store.snapshot().lines] == [f"study {A}: 3 instances in 1 series"]


def test_what_another_version_has_recorded_is_a_failure() -> None:
    store = ProgressStore()
    studies = [
        StudyAccount(study_instance_uid="1.1", verdict="quarantined", reason="a reason"),
        StudyAccount(study_instance_uid="1.2", verdict="unfinished"),
        StudyAccount(study_instance_uid="1.3", verdict="not found"),
    ]
    store.queue(1, wanted("1.3"))

    assert store.recall(0, studies, [1]) == 2
    assert not store.unfinished(0)
    rows = {row.key.study_instance_uid: row for row in store.snapshot().rows}
    assert (rows["1.1"].state, rows["1.1"].reason) == (State.FAILED, "a reason")
    assert rows["1.2"].state is State.STOPPED
    assert rows["1.3"].key.group == 1


def test_a_resumed_study_counts_what_an_earlier_run_left_on_disk() -> None:
    store = store_of(A, B)
    store.recall(
        0,
        [
            StudyAccount(study_instance_uid=uid, verdict="unfinished", stored=2, stored_bytes=2000)
            for uid in (A, C)
        ],
    )
    tell(store, begins(A), comes(A, 3))

    totals = store.snapshot().totals

    assert row_of(store, A).earlier_bytes + row_of(store, A).received_bytes == 3000
    assert row_of(store, C).earlier_bytes == 2000
    assert totals.received_bytes == 5000


def test_what_this_run_received_is_not_counted_again_from_the_folder() -> None:
    store = store_of(A)
    tell(store, begins(A), comes(A, 1, 2), ends(A, Verdict.PARTIAL, stored=2))
    store.queue(0, wanted(A))
    account = StudyAccount(study_instance_uid=A, verdict="partial", stored=2, stored_bytes=2000)

    store.recall(0, [account])

    assert row_of(store, A).earlier_bytes == 2000


def test_a_snapshot_does_not_wait_until_a_long_list_is_queued() -> None:
    store = ProgressStore()
    locked = []

    def long_list() -> Iterator[StudyRequest]:
        for number, request in enumerate(wanted(*uids(1200))):
            if number == 1100:
                locked.append(store._lock.locked())
                locked.append(len(store.snapshot().rows) < 1000)
            yield request

    assert len(store.queue(0, long_list())) == 1200
    assert locked == [False, False]
