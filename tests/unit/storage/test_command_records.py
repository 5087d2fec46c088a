"""The queue of `--on-study` and its memory, on the disk."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.storage.command_records import SqliteCommandRecords

DATABASE = Path(".dicom-retrieve/commands.db")


_OPENED: list[SqliteCommandRecords] = []


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    """Close what a test has opened: other tests count open files."""
    yield
    while _OPENED:
        _OPENED.pop().close()


def _records(root: Path, command: str = "convert {folder}") -> SqliteCommandRecords:
    _OPENED.append(SqliteCommandRecords(root, command))
    return _OPENED[-1]


def test_nothing_is_created_before_it_is_needed(tmp_path: Path) -> None:
    _records(tmp_path).close()

    assert not [*tmp_path.iterdir()]


def test_studies_are_taken_in_the_order_in_which_they_were_added(tmp_path: Path) -> None:
    records = _records(tmp_path)
    records.add("1.2", "a", 3)
    records.add("1.1", "b", 4)

    assert [records.take() for _ in range(3)] == [("1.2", "a", 3), ("1.1", "b", 4), None]


def test_success_is_remembered_by_a_later_run_until_the_study_grows(tmp_path: Path) -> None:
    records = _records(tmp_path)
    records.add("1.2", "a", 3)
    records.take()
    records.finish("1.2", done=True)
    records.close()

    later = _records(tmp_path)
    assert later.is_done("1.2", 3)
    assert not later.is_done("1.2", 4)
    assert not later.is_done("1.3", 3)
    assert not _records(tmp_path, "another {folder}").is_done("1.2", 3)


def test_failure_is_not_success(tmp_path: Path) -> None:
    records = _records(tmp_path)
    records.add("1.2", "a", 3)
    records.take()
    records.finish("1.2", done=False)

    assert not records.is_done("1.2", 3)


def test_what_a_killed_run_left_is_neither_done_nor_waiting(tmp_path: Path) -> None:
    records = _records(tmp_path)
    records.add("1.1", "a", 3)
    records.add("1.2", "b", 3)
    records.take()
    records.close()

    later = _records(tmp_path)
    assert not later.is_done("1.1", 3)
    assert later.take() is None


def test_a_study_is_in_the_queue_once(tmp_path: Path) -> None:
    records = _records(tmp_path)

    assert records.add("1.2", "a", 3)
    assert not records.add("1.2", "a", 4)
    assert records.take() == ("1.2", "a", 4)


def test_a_study_that_comes_again_while_its_command_runs_is_not_done(tmp_path: Path) -> None:
    records = _records(tmp_path)
    records.add("1.2", "a", 3)
    records.take()
    assert records.add("1.2", "a", 4)
    records.finish("1.2", done=True)

    assert records.take() == ("1.2", "a", 4)


def test_the_queue_can_be_emptied(tmp_path: Path) -> None:
    records = _records(tmp_path)
    records.add("1.1", "a", 3)
    records.add("1.2", "a", 3)
    records.take()

    assert records.drop_waiting() == 1
    assert records.take() is None


def test_a_damaged_database_costs_the_memory_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / DATABASE).parent.mkdir()
    (tmp_path / DATABASE).write_bytes(b"not a database, but a text that is long enough" * 10)
    records = _records(tmp_path)

    assert not records.is_done("1.2", 3)
    assert records.add("1.2", "a", 3)


def test_a_database_that_cannot_be_opened_is_a_failure_of_the_disk(tmp_path: Path) -> None:
    (tmp_path / DATABASE).mkdir(parents=True)

    with pytest.raises(DiskFailed, match=r"commands\.db"):
        _records(tmp_path).add("1.2", "a", 3)


def test_the_database_is_for_its_owner_alone(tmp_path: Path) -> None:
    _records(tmp_path).add("1.2", "a", 3)

    assert (tmp_path / DATABASE).stat().st_mode & 0o777 == 0o600
