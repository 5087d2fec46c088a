"""A journal in every mode: written, read beside its writer, and taken over by another mode."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.storage import database_mode
from dicom_retrieve_tui.storage.database_mode import BEST, PLAINEST, DatabaseMode, reading
from dicom_retrieve_tui.storage.journal_database import connect, open_database
from dicom_retrieve_tui.storage.permissions import PRIVATE

_MODES = {
    "best": BEST,
    "no shared memory": DatabaseMode(shares_memory=False),
    "plainest": PLAINEST,
}
_ADD = "INSERT INTO studies VALUES (?, 'complete')"


@pytest.fixture(params=_MODES)
def mode(request: pytest.FixtureRequest) -> DatabaseMode:
    return _MODES[request.param]


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    yield tmp_path / "journal.db"
    assert not (tmp_path / "journal.db.lock").exists()


def _studies(database: sqlite3.Connection) -> list[str]:
    return [uid for (uid,) in database.execute("SELECT study_instance_uid FROM studies ORDER BY 1")]


def _read(path: Path) -> list[str]:
    with reading(path) as database:
        return _studies(database)


def test_two_connections_and_a_reader_see_what_is_written(path: Path, mode: DatabaseMode) -> None:
    with (
        closing(open_database(path, PRIVATE, mode)) as first,
        closing(connect(path, mode)) as other,
    ):
        for number in range(3):
            with other:
                other.execute(_ADD, (f"1.{number}",))
            assert len(_studies(first)) == len(_read(path)) == number + 1
    database_mode.remove_empty_rollback(path)
    assert [each.name for each in path.parent.iterdir()] == ["journal.db"]


@pytest.mark.parametrize("later", _MODES)
def test_a_journal_that_a_killed_run_left_is_read_and_taken_over_in_another_mode(
    path: Path, mode: DatabaseMode, later: str, tmp_path: Path
) -> None:
    left = tmp_path / "left" / "journal.db"
    left.parent.mkdir()
    with closing(open_database(path, PRIVATE, mode)) as database:
        with database:
            database.execute(_ADD, ("1.1",))
        # As a kill leaves it: with the files beside it, and a lock without a holder.
        for each in path.parent.glob("journal.db*"):
            shutil.copy(each, left.parent)
    if mode.uses_dotfile:
        (left.parent / "journal.db.lock").mkdir()
    if later != "best" or not mode.uses_dotfile:
        assert _read(left) == ["1.1"]

    with closing(open_database(left, PRIVATE, _MODES[later])) as database, database:
        database.execute(_ADD, ("1.2",))
        assert _studies(database) == ["1.1", "1.2"]


def test_a_transaction_that_a_kill_cut_short_is_undone_by_a_reader_in_a_copy(
    path: Path, tmp_path: Path
) -> None:
    mode, left = DatabaseMode(shares_memory=False), tmp_path / "left" / "journal.db"
    left.parent.mkdir()
    with closing(open_database(path, PRIVATE, mode)) as database:
        with database:
            database.executemany(_ADD, [(f"1.{number}",) for number in range(2000)])
        database.execute("PRAGMA cache_size = 1")  # so that it writes pages before the commit
        database.execute("UPDATE studies SET verdict = 'partial'")
        for each in path.parent.glob("journal.db*"):
            shutil.copy(each, left.parent)
        database.rollback()
    before = {each.name: each.read_bytes() for each in left.parent.iterdir()}
    assert len(before["journal.db-journal"]) > 0

    with reading(left) as database:
        verdicts = {row for (row,) in database.execute("SELECT verdict FROM studies")}

    assert verdicts == {"complete"}
    assert {each.name: each.read_bytes() for each in left.parent.iterdir()} == before
