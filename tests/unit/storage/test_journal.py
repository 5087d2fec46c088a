"""What the journal keeps of studies, from one run to the next."""

import os
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.storage import fsync
from dicom_retrieve_tui.storage.database_mode import DatabaseMode
from dicom_retrieve_tui.storage.journal import SET_SYNCED, Journal
from dicom_retrieve_tui.storage.journal_database import InstanceRecord, JournalReader, connect
from tests.faults.processes import until
from tests.unit.storage.kept import make_newer

_STUDY = "1.2.3"


def _run(
    folder: Path,
    verdict: str = "",
    *,
    asked: Iterable[str] = (),
    missing: Iterable[str] = (),
    retired: Iterable[str] = (),
    planned: Iterable[str] = (_STUDY,),
) -> None:
    """One run that ended like this; without a verdict, one that was killed before it had one."""
    journal = Journal(folder / "journal.db", folder, "{SOPInstanceUID}.dcm", tuple(planned))
    if verdict:
        record = StudyRecord(
            study_instance_uid=_STUDY,
            verdict=verdict,
            asked=frozenset(asked),
            missing=frozenset(missing),
            retired=frozenset(retired),
        )
        journal.finish(record)
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


def test_what_is_no_longer_listed_is_no_longer_missing(tmp_path: Path) -> None:
    _run(tmp_path, "partial", asked=["1", "2"], missing=["2"])
    _run(tmp_path, "complete", asked=["1"], retired=["2"])

    (study,) = JournalReader(tmp_path / "journal.db").studies()
    assert (study.verdict, study.missing) == ("complete", ())


def test_what_is_no_longer_listed_stays_recorded_only_where_its_file_is(tmp_path: Path) -> None:
    for layout, below in [("{SOPInstanceUID}.dcm", ""), ("deep/{SOPInstanceUID}.dcm", "deep/")]:
        with closing(Journal(tmp_path / "journal.db", tmp_path, layout)) as journal:
            for sop in ("1", "2", "3"):
                path = tmp_path / f"{below}{sop}.dcm"
                path.parent.mkdir(exist_ok=True)
                path.touch()
                journal.record(InstanceRecord(_STUDY, sop, f"{below}{sop}.dcm", 0))
    for gone in ("1.dcm", "deep/1.dcm", "2.dcm", "3.dcm"):
        (tmp_path / gone).unlink()

    _run(tmp_path, "complete", asked=["3"], retired=["1", "2"])

    (study,) = JournalReader(tmp_path / "journal.db").studies()
    assert {record.path for record in study.records} == {"3.dcm", "deep/2.dcm", "deep/3.dcm"}


def test_a_run_that_was_killed_leaves_the_last_verdict(tmp_path: Path) -> None:
    _run(tmp_path, "partial", asked=["1"], missing=["1"])
    _run(tmp_path)

    assert _verdicts(tmp_path) == {_STUDY: "partial"}


class _Disk:
    """Syncs the first file, while `again` is recorded once more, and fails from then on."""

    def __init__(self) -> None:
        self.journal: Journal | None = None
        self.again: list[InstanceRecord] = []
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
    record = InstanceRecord(_STUDY, "1.2.3.4", "1.2.3.4.dcm", 100)
    (tmp_path / record.path).write_bytes(b"")
    disk = _Disk()
    monkeypatch.setattr(os, "fsync", disk.fsync)
    monkeypatch.setattr(fsync, "_PAUSES_S", (0.001,))
    disk.journal = journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm")
    disk.again.append(record)
    journal.record(record)

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
            "INSERT INTO instances (sop_instance_uid, layout, study_instance_uid, path, size_bytes,"
            " synced) VALUES (?, ?, ?, ?, ?, 0)",
            ("1.2.3.4", layout, "1.2.4", "1.2.4/1.2.3.4.dcm", 100),
        )
    journal = Journal(path, tmp_path, layout)
    journal.record(InstanceRecord(_STUDY, "1.2.3.4", f"{_STUDY}/1.2.3.4.dcm", 100))
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
        journal.record(InstanceRecord(_STUDY, str(n), name, 0))
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
    journal.record(InstanceRecord(_STUDY, "1", "1.dcm", 0))

    with pytest.raises(RuntimeError, match="a bug"):
        journal.close()


def _open_below(folder: Path) -> list[Path]:
    files = [each.resolve() for each in Path("/proc/self/fd").iterdir()]
    return [file for file in files if file.is_relative_to(folder)]


@pytest.mark.parametrize("why", ["newer", "folder"])
def test_a_journal_that_is_refused_is_closed(why: str, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    if why == "newer":
        make_newer(path)
    else:
        path.mkdir()

    with pytest.raises(ConfigError) as refusal:
        Journal(path, tmp_path, "{SOPInstanceUID}.dcm")

    assert "journal.db" in str(refusal.value)
    assert _open_below(tmp_path) == []
    assert not (tmp_path / "damaged").exists()


_VERSION_1 = """
CREATE TABLE instances (
    sop_instance_uid TEXT NOT NULL,
    layout TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    synced INTEGER NOT NULL,
    PRIMARY KEY (study_instance_uid, sop_instance_uid, layout)
) WITHOUT ROWID;
CREATE TABLE studies (
    study_instance_uid TEXT PRIMARY KEY,
    verdict TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE missing (
    study_instance_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, sop_instance_uid)
) WITHOUT ROWID;
INSERT INTO instances VALUES ('1.2.3.4', '{SOPInstanceUID}.dcm', '1.2.3', '1.2.3.4.dcm', 100, 1);
INSERT INTO studies VALUES ('1.2.3', 'partial');
INSERT INTO missing VALUES ('1.2.3', '1.2.3.5');
"""


@pytest.mark.parametrize("version", [1, 0], ids=["finished", "killed while it was made"])
def test_a_journal_of_version_1_is_read_and_taken_over(version: int, tmp_path: Path) -> None:
    path = tmp_path / "journal.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"{_VERSION_1} PRAGMA user_version = {version};")
    old = InstanceRecord(_STUDY, "1.2.3.4", "1.2.3.4.dcm", 100, synced=True)
    new = InstanceRecord(
        _STUDY,
        "1.2.3.6",
        "1.2.3.6.dcm",
        200,
        series_instance_uid="1.2.3.0",
        digest="crc32:00000000",
        irregular="trailing padding",
    )

    before = list(JournalReader(path).studies())
    with closing(Journal(path, tmp_path, "{SOPInstanceUID}.dcm")) as journal:
        recalled, missing = journal.records(_STUDY), journal.missing(_STUDY)
        journal.record(new)
    after = list(JournalReader(path).studies())

    assert [(study.records, study.verdict, study.missing) for study in before] == [
        ((old,), "partial", ("1.2.3.5",))
    ]
    assert (recalled, missing) == ([old], frozenset(["1.2.3.5"]))
    assert [(study.records, study.verdict, study.missing) for study in after] == [
        ((old, replace(new, synced=True)), "partial", ("1.2.3.5",))
    ]


def _part(
    folder: Path,
    verdict: str,
    series: str,
    left_out: tuple[tuple[str, str], ...] = (),
    *,
    comes: bool = True,
) -> None:
    """One run that asked for one series; without a verdict, one that was killed."""
    journal = Journal(folder / "journal.db", folder, "{SOPInstanceUID}.dcm", (_STUDY,))
    sop = f"{series}.1"
    if comes:
        (folder / f"{sop}.dcm").touch()
        journal.record(InstanceRecord(_STUDY, sop, f"{sop}.dcm", 0, series_instance_uid=series))
    if verdict:
        journal.finish(
            StudyRecord(
                study_instance_uid=_STUDY,
                verdict=verdict,
                asked=frozenset({sop}),
                missing=frozenset(() if comes else {sop}),
                series=frozenset({series}),
                left_out=left_out,
            )
        )
    journal.close()


def _left_out(folder: Path) -> tuple[tuple[str, str], ...]:
    (study,) = JournalReader(folder / "journal.db").studies()
    return study.left_out


def test_what_a_filter_left_out_is_kept(tmp_path: Path) -> None:
    _part(tmp_path, "complete", "ct", (("pt", "PT"), ("sr", "SR")))

    assert _verdicts(tmp_path) == {_STUDY: "complete"}
    assert _left_out(tmp_path) == (("pt", "PT"), ("sr", "SR"))


def test_a_run_with_another_filter_leaves_out_what_neither_asked_for(tmp_path: Path) -> None:
    _part(tmp_path, "complete", "ct", (("pt", "PT"), ("sr", "SR")))
    _part(tmp_path, "complete", "pt", (("ct", "CT"), ("sr", "SR")))

    assert _verdicts(tmp_path) == {_STUDY: "complete"}
    assert _left_out(tmp_path) == (("sr", "SR"),)


def test_a_series_that_another_filter_missed_stays_missing(tmp_path: Path) -> None:
    _part(tmp_path, "failed", "ct", (("pt", "PT"),), comes=False)
    _part(tmp_path, "complete", "pt", (("ct", "CT"),))

    assert _verdicts(tmp_path) == {_STUDY: "partial"}


def test_a_run_without_a_filter_leaves_nothing_out(tmp_path: Path) -> None:
    _part(tmp_path, "complete", "ct", (("sr", "SR"),))
    _run(tmp_path, "complete", asked=["ct.1", "sr.1"])

    assert _left_out(tmp_path) == ()


def test_a_series_that_is_named_later_is_not_left_out_any_more(tmp_path: Path) -> None:
    _part(tmp_path, "complete", "ct", (("pt", "PT"), ("sr", "SR")))
    _part(tmp_path, "complete", "sr")

    assert _left_out(tmp_path) == (("pt", "PT"),)


@pytest.mark.parametrize("earlier", ["", "unverified", "cancelled"])
def test_a_part_that_is_complete_does_not_prove_what_an_earlier_run_left(
    earlier: str, tmp_path: Path
) -> None:
    _part(tmp_path, earlier, "sr")
    _part(tmp_path, "complete", "ct", (("sr", "SR"),))

    assert _verdicts(tmp_path) == {_STUDY: earlier or "unfinished"}


def test_the_same_part_again_is_complete_after_a_kill(tmp_path: Path) -> None:
    _part(tmp_path, "", "ct")
    _part(tmp_path, "complete", "ct", (("sr", "SR"),))

    assert _verdicts(tmp_path) == {_STUDY: "complete"}


def test_a_filter_that_nothing_matches_proves_nothing_of_earlier_files(tmp_path: Path) -> None:
    _part(tmp_path, "unverified", "ct")
    journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm")
    none: frozenset[str] = frozenset()
    journal.finish(
        StudyRecord(
            study_instance_uid=_STUDY,
            verdict="complete",
            asked=none,
            missing=none,
            left_out=(("ct", "CT"),),
        )
    )
    journal.close()

    assert _verdicts(tmp_path) == {_STUDY: "unverified"}
    assert _left_out(tmp_path) == ()


def test_a_journal_from_before_the_filter_is_read(tmp_path: Path) -> None:
    _part(tmp_path, "complete", "ct")
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database, database:
        database.execute("DROP TABLE left_out")

    assert _left_out(tmp_path) == ()


def test_a_journal_that_finds_no_room_keeps_its_records_until_there_is_some(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def connect_without_room(path: Path, mode: DatabaseMode) -> sqlite3.Connection:
        """The first connection that writes cannot make the database larger."""
        database = connect(path, mode)
        if not opened:
            database.execute("PRAGMA max_page_count = 1")
        opened.append(path)
        return database

    monkeypatch.setattr("dicom_retrieve_tui.storage.journal.connect", connect_without_room)
    journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm", (_STUDY,))
    for number in range(300):
        path = f"{_STUDY}.{number}.dcm"
        (tmp_path / path).write_bytes(b"x")
        journal.record(InstanceRecord(_STUDY, path.removesuffix(".dcm"), path, 1))
    until(lambda: journal.failed)
    with pytest.raises(DiskFailed) as failure:
        journal.raise_failure()
    recovered = journal.recovers()
    journal.close()

    assert recovered
    assert failure.value.no_room
    assert len(opened) == 2
    with closing(sqlite3.connect(tmp_path / "journal.db")) as database:
        assert database.execute("SELECT count(*) FROM instances").fetchone() == (300,)


def test_a_journal_without_room_at_the_end_raises_that_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect_without_room(path: Path, mode: DatabaseMode) -> sqlite3.Connection:
        database = connect(path, mode)
        database.execute("PRAGMA max_page_count = 1")
        return database

    monkeypatch.setattr("dicom_retrieve_tui.storage.journal.connect", connect_without_room)
    journal = Journal(tmp_path / "journal.db", tmp_path, "{SOPInstanceUID}.dcm", (_STUDY,))
    for number in range(300):
        journal.record(InstanceRecord(_STUDY, f"{_STUDY}.{number}", f"{number}.dcm", 1))

    with pytest.raises(DiskFailed, match="Cannot keep the journal"):
        journal.close()
