"""The queue of studies: its order, and what a study costs that was not begun."""

import tracemalloc

from dicom_retrieve_tui.engine.queue import StudyTask, TaskQueue
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.selection import Selection
from tests.sessions import selections

_MANY = 20_000
_BYTES_PER_STUDY = 150
"""A task with its token costs more than ten times this."""


def _selection(uid: str) -> Selection:
    return Selection(study_instance_uid=uid)


def _queue(*uids: str) -> TaskQueue:
    selections = [_selection(uid) for uid in uids]
    return TaskQueue(selections, CancelToken(), workers=1, emit=lambda _: None)


def test_studies_that_were_not_begun_cost_no_task() -> None:
    selections = [_selection(f"1.2.{number}") for number in range(_MANY)]
    tracemalloc.start()
    try:
        queue = TaskQueue(selections, CancelToken(), workers=4, emit=lambda _: None)
        queue.take()
        used_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(queue.uids) == _MANY
    assert used_bytes < _BYTES_PER_STUDY * _MANY


def test_a_study_that_a_worker_has_is_not_queued_again() -> None:
    queue = _queue("1.1", "1.2")
    task = queue.take()
    assert isinstance(task, StudyTask)

    assert [each.study_instance_uid for each in queue.add([_selection("1.1")])] == []
    assert queue.uids == ["1.1", "1.2"]
    queue.finish(task)
    assert [each.study_instance_uid for each in queue.add([_selection("1.1")])] == ["1.1"]


def test_a_study_that_waits_for_another_attempt_keeps_its_task() -> None:
    queue = _queue("1.1")
    task = queue.take()
    assert isinstance(task, StudyTask)
    task.started = True

    assert queue.put_back(task, 0.0)
    assert queue.uids == ["1.1"]
    assert queue.withdraw("1.1") is None
    assert queue.take() is task


def test_a_queue_that_is_given_up_names_what_was_begun_and_what_was_not() -> None:
    queue = _queue("1.1", "1.2", "1.3", "1.4")
    for wait_s in (100.0, None):
        task = queue.take()
        assert isinstance(task, StudyTask)
        task.started = True
        assert queue.put_back(task, wait_s)
    taken = queue.take()
    assert isinstance(taken, StudyTask)
    assert (taken.uid, queue.left_count) == ("1.2", 4)
    named: list[list[str]] = []

    given_up = queue.give_up("It is gone.", named.append)

    assert [task.uid for task in given_up.started] == ["1.1"]
    assert named == [["1.3", "1.4"]] == [given_up.not_started]
    assert taken.cancel.requested
    assert queue.left_count == 2
    for each in (*given_up.started, taken):
        queue.finish(each)
    assert (queue.left_count, queue.uids) == (0, [])


def test_a_limit_gives_tasks_to_the_first_workers_alone() -> None:
    queue = TaskQueue(selections("1.2.1", "1.2.2"), CancelToken(), workers=3, emit=lambda _: None)

    queue.limit_workers(1)
    refused = queue.take(worker=2, wait=False)
    task = queue.take(worker=1, wait=False)

    assert refused is None
    assert task is not None
    assert queue.busy_workers == 1
    assert queue.take(worker=1, wait=False) is None

    queue.limit_workers(2)
    assert queue.take(worker=2, wait=False) is not None


def test_the_end_of_a_hold_does_not_lift_a_limit() -> None:
    queue = TaskQueue(selections("1.2.1"), CancelToken(), workers=2, emit=lambda _: None)
    queue.limit_workers(0)

    queue.hold()
    queue.release()

    assert queue.take(worker=1, wait=False) is None
