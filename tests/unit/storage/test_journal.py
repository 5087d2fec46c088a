"""What the journal keeps of studies, from one run to the next."""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.journalled import StudyEntry
from dicom_retrieve_tui.storage.journal import SET_SYNCED, Entry, Journal
from dicom_retrieve_tui.storage.journal_reader import JournalReader

_STUDY = "1.2.3"


def _run(
    folder: Path,
    verdict: str = "",
    *,
    asked: Iterable[str] = (),
    missing: Iterable[str] = (),
    planned: Iterable[str] = (_STUDY,),
) -> None:
    """One run that ended like this; without a verdict, one that was killed before it had one."""
    journal = Journal(folder / "journal.db", folder, "{SOPInstanceUID}.dcm", tuple(planned))
    if verdict:
        entry = StudyEntry(
            study_instance_uid=_STUDY,
            verdict=verdict,
            asked=frozenset(asked),
            missing=frozenset(missing),
        )
        journal.finish(entry)
    journal.close()


def _verdicts(folder: Path) -> dict[str, str | None]:
    studies = JournalReader(folder / "journal.db").studies()
    return {study.study_instance_uid: study.verdict for study in studies}


def test_what_was_planned_and_never_begun_is_unfinished(tmp_path: Path) -> None:
    _run(tmp_path, "complete", asked=["1"], planned=[_STUDY, "1.2.4"])

    assert _verdicts(tmp_path) == {_STUDY: "complete", "1.2.4": "unfinished"}


def test_a_complete_part_does_not_make_up_for_another_part(tmp_path: Path) -> None:
    _run(tmp_path, "partial", asked=["1", "2"], missing=["2"])
    _run(tmp_path, "complete", asked=["3", "4"])

    assert _verdicts(tmp_path) == {_STUDY: "partial"}


def test_what_was_missing_and_came_since_is_complete(tmp_path: Path) -> None:
    _run(tmp_path, "partial", asked=["1", "2"], missing=["2"])
    _run(tmp_path, "complete", asked=["1", "2"])

    assert _verdicts(tmp_path) == {_STUDY: "complete"}


def test_a_pacs_that_is_down_does_not_undo_what_was_proven(tmp_path: Path) -> None:
    _run(tmp_path, "complete", asked=["1", "2"])
    _run(tmp_path, "failed")

    assert _verdicts(tmp_path) == {_STUDY: "complete"}


def test_a_run_that_was_killed_leaves_the_last_verdict(tmp_path: Path) -> None:
    _run(tmp_path, "partial", asked=["1"], missing=["1"])
    _run(tmp_path)

    assert _verdicts(tmp_path) == {_STUDY: "partial"}


class _Disk:
    """Syncs the first file, while `again` is recorded once more, and fails from then on."""

    def __init__(self) -> None:
        self.journal: Journal | None = None
        self.again: list[Entry] = []
        self.syncs = 0

    def fsync(self, _fd: int) -> None:
        self.syncs += 1
        if self.syncs > 2:  # a file and its folder
            raise OSError(5, "Input/output error")
        if self.journal is not None and self.again:
            self.journal.record(self.again.pop())


def test_an_instance_that_came_again_is_not_synced_because_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry = Entry(_STUDY, "1.2.3.4", "1.2.3.4.dcm", 100)
    (tmp_path / entry.path).write_bytes(b"")
    disk = _Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    disk.journal = journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm")
    disk.again.append(entry)
    journal.record(entry)

    with pytest.raises(DiskFailed):
        journal.close()

    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        assert database.execute("SELECT synced FROM instances").fetchall() == [(0,)]


def test_an_instance_of_two_studies_is_synced_for_the_one_that_was(tmp_path: Path) -> None:
    layout = "{StudyInstanceUID}/{SOPInstanceUID}.dcm"
    path = tmp_path / "journal.db"
    Journal(path, tmp_path, layout).close()
    with closing(sqlite3.connect(path)) as database, database:  # what a kill left unsynced
        database.execute(
            "INSERT INTO instances VALUES (?, ?, ?, ?, ?, 0)",
            ("1.2.3.4", layout, "1.2.4", "1.2.4/1.2.3.4.dcm", 100),
        )
    journal = Journal(path, tmp_path, layout)
    journal.record(Entry(_STUDY, "1.2.3.4", f"{_STUDY}/1.2.3.4.dcm", 100))
    (tmp_path / _STUDY).mkdir()

    journal.close()

    with closing(sqlite3.connect(path)) as database:
        rows = dict(database.execute("SELECT study_instance_uid, synced FROM instances"))
    assert rows == {_STUDY: 1, "1.2.4": 0}


def test_the_journal_is_not_read_through_for_each_instance(tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    Journal(path, tmp_path, "{SOPInstanceUID}.dcm").close()

    with closing(sqlite3.connect(path)) as database:
        steps = database.execute(f"EXPLAIN QUERY PLAN {SET_SYNCED}", ("1", "2", "3")).fetchall()

    assert ["SEARCH" in str(step) for step in steps] == [True]


def test_the_names_of_the_folders_above_an_instance_are_synced_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: synced.append(Path(f"/proc/self/fd/{fd}").readlink())
    )
    (tmp_path / "study" / "series").mkdir(parents=True)
    names = [f"study/series/{n}.dcm" for n in range(3)]
    journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm")

    for n, name in enumerate(names):
        (tmp_path / name).touch()
        journal.record(Entry(_STUDY, str(n), name, 0))
    journal.close()

    found = Counter(str(path.relative_to(tmp_path)) for path in synced)
    assert found.keys() == {*names, "study/series", "study", "."}
    assert (found["study"], found["."]) == (1, 1)


def test_a_bug_in_the_writer_does_not_end_the_journal_in_silence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_fd: int) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(os, "fsync", broken)
    (tmp_path / "1.dcm").write_bytes(b"")
    journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm")
    journal.record(Entry(_STUDY, "1", "1.dcm", 0))

    with pytest.raises(RuntimeError, match="a bug"):
        journal.close()


def _open_below(folder: Path) -> list[Path]:
    files = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    return [file for file in files if file.is_relative_to(folder)]


@pytest.mark.parametrize("damage", ["newer", "no database"])
def test_a_journal_that_is_refused_is_closed(damage: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    if damage == "newer":
        with closing(sqlite3.connect(path)) as database:
            database.execute("PRAGMA user_version = 99")
    else:
        path.write_bytes(b"no database at all" * 100)

    with pytest.raises(ConfigError) as refusal:
        Journal(path, tmp_path, "{SOPInstanceUID}.dcm")

    assert "journal.db" in str(refusal.value)
    assert _open_below(tmp_path) == []
