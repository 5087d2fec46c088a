"""What each worker does, as the events of a run tell it."""

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.progress import Progress, WorkerProgress, WorkerState
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.model.told import stored

A, B = "1.2.3", "1.2.4"


def _started(uid: str, worker: int) -> events.Event:
    return events.StudyStarted(study_instance_uid=uid, worker=worker)


def _inventoried(uid: str) -> events.Event:
    return events.StudyInventoried(study_instance_uid=uid, listed=True, series=1, expected=9)


def _failed(uid: str) -> events.Event:
    return events.AttemptFailed(
        study_instance_uid=uid, failed_attempts=1, retries=3, wait_s=2.0, reason="It went away."
    )


def _finished(uid: str) -> events.Event:
    return events.StudyFinished(
        study_instance_uid=uid, verdict=Verdict.COMPLETE, expected=9, stored=9
    )


def _helps(uid: str, worker: int) -> events.Event:
    return events.HelpStarted(study_instance_uid=uid, worker=worker)


def _received(uid: str, size_bytes: int) -> events.Event:
    return events.BytesReceived(study_instance_uid=uid, size_bytes=size_bytes)


def _came_to(worker: int, number: int, size_bytes: int) -> events.Event:
    event = stored(A, number, size_bytes)
    values = {name: getattr(event, name) for name in event.__slots__}
    return events.InstanceStored(**(values | {"worker": worker}))


def _workers(*story: events.Event) -> dict[int, WorkerProgress]:
    progress = Progress()
    for event in story:
        progress.apply(event)
    return progress.workers


def _states(*story: events.Event) -> dict[int, tuple[str, str | None]]:
    workers = _workers(*story).values()
    return {worker.number: (worker.state, worker.study_instance_uid) for worker in workers}


def test_a_worker_finds_then_receives_then_rests() -> None:
    story = [_started(A, 1), _inventoried(A), _finished(A)]

    assert _states(*story[:1]) == {1: (WorkerState.FINDING, A)}
    assert _states(*story[:2]) == {1: (WorkerState.RECEIVING, A)}
    assert _states(*story) == {1: (WorkerState.IDLE, None)}


def test_a_study_that_waits_stays_with_its_worker_until_another_takes_it_up() -> None:
    again = events.AttemptStarted(study_instance_uid=A, worker=2)
    story = [_started(A, 1), _inventoried(A), _failed(A)]

    assert _states(*story) == {1: (WorkerState.WAITING, A)}
    assert _states(*story, again) == {
        1: (WorkerState.IDLE, None),
        2: (WorkerState.RECEIVING, A),
    }


def test_a_worker_that_takes_up_another_study_waits_no_longer() -> None:
    states = _states(_started(A, 1), _failed(A), _started(B, 1), _finished(A))

    assert states == {1: (WorkerState.FINDING, B)}


def test_a_helper_helps_until_it_says_otherwise() -> None:
    story = [_started(A, 1), _inventoried(A), _helps(A, 2)]
    leaves = events.HelpFinished(study_instance_uid=A, worker=2)

    assert _states(*story)[2] == (WorkerState.HELPING, A)
    assert _states(*story, leaves)[2] == (WorkerState.IDLE, None)


def test_associations_are_known_by_worker() -> None:
    opened = events.AssociationOpened(
        worker=3, accepted_contexts=1, proposed_contexts=1, peer_max_pdu_bytes=0
    )

    assert _workers(opened)[3].associated
    assert not _workers(opened, events.AssociationClosed(worker=3))[3].associated


def test_what_came_counts_for_the_worker_on_whose_association_it_came() -> None:
    workers = _workers(
        *(_started(A, 1), _inventoried(A), _received(A, 70), _helps(A, 2)),
        *(_came_to(1, 1, 500), _came_to(2, 2, 300), _came_to(2, 3, 300), _received(A, 1000)),
    )

    assert (workers[1].instances, workers[1].received_bytes) == (1, 570)
    assert (workers[2].instances, workers[2].received_bytes) == (2, 600)


def test_what_the_pacs_sent_on_its_own_associations_counts_for_the_studys_worker() -> None:
    workers = _workers(_started(A, 1), _inventoried(A), stored(A, 1), _received(A, 90))

    assert (workers[1].instances, workers[1].received_bytes) == (1, 90)
