import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.journal_database import JournalReader
from tests.unit.storage.kept import OTHER, STUDY, files_below, journal_of, keep, make_newer


@contextmanager
def a_running_retrieval(journal: Path) -> Iterator[sqlite3.Connection]:
    """Somebody who has committed an instance to the log, and is about to commit another."""
    with closing(sqlite3.connect(journal, isolation_level=None)) as database:
        insert = (
            "INSERT INTO instances (sop_instance_uid, layout, study_instance_uid, path, size_bytes,"
            " synced) VALUES (?, 'layout', ?, 'new.dcm', 1, 0)"
        )
        database.execute(insert, (f"{OTHER}.1", OTHER))
        database.execute("BEGIN IMMEDIATE")
        database.execute(insert, (f"{OTHER}.2", OTHER))
        yield database


def known(reader: JournalReader) -> dict[str, int]:
    return {study.study_instance_uid: len(study.records) for study in reader.studies()}


def test_everything_that_was_recorded_comes_back(tmp_path: Path) -> None:
    keep(tmp_path, 2, verdict="partial", missing=["1.5", "1.4"])
    keep(tmp_path, 1, uid=OTHER, verdict=None)

    first, second = JournalReader(journal_of(tmp_path)).studies()

    assert (first.study_instance_uid, first.verdict) == (STUDY, "partial")
    assert first.missing == ("1.4", "1.5")
    assert [record.path for record in first.records] == [f"{STUDY}.1.1.dcm", f"{STUDY}.1.2.dcm"]
    assert all(record.synced and record.size_bytes > 1000 for record in first.records)
    assert (second.study_instance_uid, second.verdict, second.missing) == (OTHER, None, ())


def test_a_study_of_which_nothing_came_is_known_by_its_verdict(tmp_path: Path) -> None:
    keep(tmp_path, 0, verdict="failed", missing=["1.4"])

    (study,) = JournalReader(journal_of(tmp_path)).studies()

    assert (study.verdict, study.missing, study.records) == ("failed", ("1.4",), ())


def test_many_studies_come_in_order_and_once(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    with closing(sqlite3.connect(journal_of(tmp_path))) as database, database:
        rows = [(f"1.{number:03}", "complete") for number in range(120)]
        database.executemany("INSERT INTO studies VALUES (?, ?)", rows)

    uids = [study.study_instance_uid for study in JournalReader(journal_of(tmp_path)).studies()]

    assert uids == [*(uid for uid, _ in rows), STUDY]


def test_reading_leaves_the_folder_as_it_was(tmp_path: Path) -> None:
    keep(tmp_path)
    before = files_below(tmp_path)

    assert known(JournalReader(journal_of(tmp_path))) == {STUDY: 3}

    assert files_below(tmp_path) == before


def test_beside_a_running_retrieval_all_that_it_committed_is_seen(tmp_path: Path) -> None:
    keep(tmp_path)
    with a_running_retrieval(journal_of(tmp_path)) as database:
        before = sorted(files_below(tmp_path))
        seen = known(JournalReader(journal_of(tmp_path)))
        database.execute("COMMIT")
        after = sorted(files_below(tmp_path))

    assert seen == {STUDY: 3, OTHER: 1}
    assert after == before
    assert known(JournalReader(journal_of(tmp_path))) == {STUDY: 3, OTHER: 2}


def test_a_retrieval_may_write_between_two_studies(tmp_path: Path) -> None:
    keep(tmp_path)
    keep(tmp_path, 1, uid=OTHER)
    studies = JournalReader(journal_of(tmp_path)).studies()
    next(studies)

    with a_running_retrieval(journal_of(tmp_path)) as database:
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    assert [study.study_instance_uid for study in studies] == [OTHER]


@pytest.mark.parametrize("parts", [("", "-wal", "-shm"), ("", "-wal")])
def test_what_a_killed_retrieval_left_in_the_log_is_read(
    parts: tuple[str, ...], tmp_path: Path
) -> None:
    keep(tmp_path / "one")
    killed = journal_of(tmp_path / "two")
    killed.parent.mkdir(parents=True)
    with a_running_retrieval(journal_of(tmp_path / "one")):
        for part in parts:
            shutil.copy(f"{journal_of(tmp_path / 'one')}{part}", f"{killed}{part}")

    log = killed.with_name("journal.db-wal")
    before = killed.read_bytes(), log.read_bytes()

    assert known(JournalReader(killed)) == {STUDY: 3, OTHER: 1}

    assert (killed.read_bytes(), log.read_bytes()) == before


def test_a_folder_may_have_any_name(tmp_path: Path) -> None:
    folder = tmp_path / "a #1?mode=rwc&x=%41 ü"
    keep(folder)

    assert known(JournalReader(journal_of(folder))) == {STUDY: 3}


def test_a_journal_of_a_newer_version_is_named_as_one(tmp_path: Path) -> None:
    keep(tmp_path)
    make_newer(journal_of(tmp_path))

    with pytest.raises(ConfigError, match="newer version"):
        JournalReader(journal_of(tmp_path))


@pytest.mark.parametrize("content", [b"no database at all, but long enough" * 40, b""])
def test_a_damaged_journal_is_named_and_left_alone(content: bytes, tmp_path: Path) -> None:
    journal = tmp_path / "journal.db"
    journal.write_bytes(content)

    with pytest.raises(ConfigError, match=r"journal\.db is damaged"):
        list(JournalReader(journal).studies())

    assert files_below(tmp_path) == {"journal.db": content}
