"""A study cut into requests, and the workers that share them."""

from dicom_retrieve_tui.engine.queue import HelpTask, StudyTask, TaskQueue
from dicom_retrieve_tui.engine.split_study import SharedRequests
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.store_records import Recalled

_SELECTION = Selection(study_instance_uid="1.2.3")


def _study(*sizes: int, present: frozenset[str] = frozenset()) -> StudyState:
    """A study with series of these sizes."""
    instances = tuple(
        ListedInstance(series_instance_uid=f"1.{series}", sop_instance_uid=f"1.{series}.{n}")
        for series, size in enumerate(sizes)
        for n in range(size)
    )
    inventory = Inventory(study_instance_uid="1.2.3", listed=True, instances=instances)
    return StudyState(_SELECTION, inventory, Recalled(present=present))


def _queue(studies: int, workers: int) -> TaskQueue:
    selections = [Selection(study_instance_uid=f"1.{n}") for n in range(studies)]
    return TaskQueue(selections, CancelToken(), workers=workers, emit=lambda _event: None)


def _help(size: int) -> HelpTask:
    return HelpTask(SharedRequests(_study(size), workers=3), CancelToken())


def _take(queue: TaskQueue) -> StudyTask | HelpTask:
    task = queue.take()
    assert task is not None
    return task


def _taken(shared: SharedRequests) -> list[tuple[str, ...]]:
    taken = []
    while (request := shared.take()) is not None:
        assert request.level is Level.IMAGE
        taken.append(request.sop_instance_uids)
    return taken


def test_every_instance_is_in_one_share() -> None:
    study = _study(70, 300, 5)

    taken = _taken(SharedRequests(study, workers=4))

    uids = [uid for request in taken for uid in request]
    assert len(uids) == len(set(uids)) == 375
    assert set(uids) == study.expected


def test_shares_are_small_enough_for_all_workers() -> None:
    sizes = [len(uids) for uids in _taken(SharedRequests(_study(1000), workers=8))]

    assert len(sizes) >= 32
    assert max(sizes) <= 1000 // 32


def test_workers_begin_with_shares_unlike_in_length_and_end_at_about_the_same_time() -> None:
    sizes = [len(uids) for uids in _taken(SharedRequests(_study(2000), workers=8))]

    assert len(set(sizes[:8])) == 8
    busy = [0] * 8
    for size in sizes:  # whoever is free first takes the next
        busy[busy.index(min(busy))] += size
    assert max(busy) - min(busy) < 15


def test_a_series_is_not_asked_for_in_handfuls() -> None:
    study = _study(*[20] * 60)

    assert min(len(uids) for uids in _taken(SharedRequests(study, workers=8))) >= 9


def test_a_large_study_is_asked_for_in_lists_that_a_pacs_takes() -> None:
    assert max(len(uids) for uids in _taken(SharedRequests(_study(20_000), workers=2))) == 200


def test_what_is_here_already_is_in_no_share() -> None:
    study = _study(30, present=frozenset(f"1.0.{n}" for n in range(29)))

    assert _taken(SharedRequests(study, workers=8)) == [("1.0.29",)]


def test_a_request_that_failed_can_be_made_by_another() -> None:
    shared = SharedRequests(_study(10), workers=2)
    request = shared.take()
    assert request is not None

    shared.give_back(request)

    assert shared.take() == request


def test_idle_workers_help_with_the_study_that_has_most_left() -> None:
    queue = _queue(1, workers=3)
    small, large = _help(20), _help(500)
    assert isinstance(queue.take(), StudyTask)
    queue.share(small)
    queue.share(large)

    task = queue.take(wait=False)

    assert task is large


def test_a_study_of_its_own_comes_before_help() -> None:
    queue = _queue(2, workers=3)
    queue.take()
    queue.share(_help(500))

    assert isinstance(queue.take(), StudyTask)


def test_what_is_not_shared_any_more_gets_no_help() -> None:
    queue = _queue(1, workers=2)
    shared = _help(500)
    queue.take()
    queue.share(shared)
    queue.unshare(shared)

    assert queue.take(wait=False) is None


def test_workers_are_idle_only_if_no_study_is_left_for_them() -> None:
    queue = _queue(5, workers=4)

    first = _take(queue)
    assert queue.idle_workers == 0
    second = _take(queue)
    for _ in range(2):
        queue.take()
    assert queue.idle_workers == 0
    queue.finish(first)
    queue.finish(second)
    queue.take()
    assert queue.idle_workers == 1
