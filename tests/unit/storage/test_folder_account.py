"""The account of an output folder: failures stay until they are mended or removed."""

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.folder_account import StudyAccount, total_of
from dicom_retrieve_tui.model.selection import SeriesSelection
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.uid_list import parse_uid_list
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.folder_account import (
    FAILED_LIST,
    FolderAccount,
    FolderAccounts,
    failed_list_of,
    forget_studies,
)
from dicom_retrieve_tui.storage.lock import FolderLock
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.storage.writers import JOURNAL, writer_folder
from tests.unit.storage.kept import DEEP, FLAT, STUDY, journal_of, keep

_ABSENT = "The PACS has nothing that matches these UIDs."


def _run(
    root: Path, *ends: StudyRecord, planned: Iterable[str] = (), peer: str = "PACS@host:104"
) -> list[str]:
    """One run in which these studies end so; return its notes."""
    notes: list[str] = []
    store = InstanceStore(root, FLAT, peer=peer, note=notes.append)
    store.plan([*planned, *(end.study_instance_uid for end in ends)])
    for end in ends:
        store.finish(end)
    store.close()
    return notes


def _end(uid: str, verdict: str = "not found", **more: object) -> StudyRecord:
    reason = _ABSENT if verdict == "not found" else ""
    values: dict[str, object] = {
        "study_instance_uid": uid,
        "verdict": verdict,
        "asked": frozenset(),
        "missing": frozenset(),
        "reason": reason,
        **more,
    }
    return StudyRecord(**values)  # type: ignore[arg-type]


def _account(root: Path) -> dict[str, StudyAccount]:
    studies = FolderAccount(root).studies()
    return {study.study_instance_uid: study for study in studies}


def _listed(root: Path) -> list[str]:
    return (root / FAILED_LIST).read_text().splitlines()[1:]


def test_a_run_without_an_instance_records_its_failures(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1", expected=0))

    study = _account(tmp_path)["1.2.1"]
    assert (study.verdict, study.reason, study.peer) == ("not found", _ABSENT, "PACS@host:104")
    assert study.ended
    assert _listed(tmp_path) == [f"1.2.1  # not found: {_ABSENT}"]


def test_failures_of_three_runs_stay_until_they_are_mended(tmp_path: Path) -> None:
    _run(tmp_path, *(_end(f"1.2.{n}") for n in range(12)))
    _run(tmp_path, _end("1.3.1", "complete", asked=frozenset({"1"})))
    _run(tmp_path, _end("1.2.5", "complete", asked=frozenset({"2"})), _end("1.4.1", "failed"))

    failed = [uid for uid, study in _account(tmp_path).items() if study.failed]
    assert failed == sorted({*(f"1.2.{n}" for n in range(12)), "1.4.1"} - {"1.2.5"})
    assert [line.split()[0] for line in _listed(tmp_path)] == failed


def test_complete_studies_are_told_from_failed_and_unknown_ones(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1", "complete", asked=frozenset({"1"})), _end("1.2.2"))

    assert FolderAccounts().complete(tmp_path, {"1.2.1", "1.2.2", "1.2.3"}) == {"1.2.1"}
    assert FolderAccounts().complete(tmp_path / "none", {"1.2.1"}) == set()


def test_the_list_goes_with_the_last_failure(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1"))
    _run(tmp_path, _end("1.2.1", "complete", asked=frozenset({"1"})))

    assert not (tmp_path / FAILED_LIST).exists()


def test_a_file_of_that_name_which_is_not_ours_stays(tmp_path: Path) -> None:
    (tmp_path / FAILED_LIST).write_text("1.2.9\n")

    _run(tmp_path, _end("1.2.1", "complete", asked=frozenset({"1"})), _end("1.2.2", "delivered"))

    assert failed_list_of(tmp_path) is None
    assert (tmp_path / FAILED_LIST).read_text() == "1.2.9\n"


@pytest.mark.parametrize("end", [_end("1.2.1", "delivered"), _end("1.2.1", "cancelled")])
def test_a_folder_that_got_nothing_is_left_alone(tmp_path: Path, end: StudyRecord) -> None:
    _run(tmp_path / "out", end)
    _run(tmp_path / "out", _end("1.2.2", "failed", answered=False))

    assert list(tmp_path.iterdir()) == []


def test_a_study_that_ended_before_the_first_instance_came_is_not_unfinished(
    tmp_path: Path,
) -> None:
    _run(tmp_path, _end("1.2.1"), _end("1.2.2", "failed", asked=frozenset({"1"})))

    assert {study.verdict for study in _account(tmp_path).values()} == {"not found", "failed"}


def test_a_failure_without_an_answer_is_recorded_once_there_is_a_journal(tmp_path: Path) -> None:
    refused = _end("1.2.1", "failed", answered=False, reason="the association was rejected")
    _run(tmp_path, refused, _end("1.2.2"))

    assert _account(tmp_path)["1.2.1"].outcome == "failed: the association was rejected"


def test_a_study_that_no_run_began_is_named(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1"), planned=["1.2.2"])
    _run(tmp_path, _end("1.2.1", "complete", asked=frozenset({"1"})))

    assert _listed(tmp_path) == ["1.2.2  # unfinished: a run ended before this study had ended"]


@pytest.mark.parametrize("early", [True, False], ids=["before the journal began", "later"])
def test_studies_that_a_run_gave_up_have_its_reason(tmp_path: Path, *, early: bool) -> None:
    _run(tmp_path, _end("1.2.1"))
    store = InstanceStore(tmp_path, FLAT, peer="PACS@host:104")
    store.plan(["1.2.1", "1.2.2", "1.2.3"])
    if not early:
        store.finish(_end("1.2.4"))
    store.give_up(["1.2.1", "1.2.3"], "The PACS went away.")
    store.finish(_end("1.2.5"))
    store.close()

    assert _listed(tmp_path)[:3] == [
        f"1.2.1  # not found: {_ABSENT}",
        "1.2.2  # unfinished: a run ended before this study had ended",
        "1.2.3  # not tried: The PACS went away.",
    ]
    assert not _account(tmp_path)["1.2.3"].failed


def test_a_stopped_run_does_not_hide_why_a_study_failed(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1"))
    _run(tmp_path, _end("1.2.1", "cancelled"))

    assert _account(tmp_path)["1.2.1"].outcome == f"not found: {_ABSENT}"


def test_the_list_keeps_what_a_study_was_narrowed_to(tmp_path: Path) -> None:
    series = SeriesSelection(series_instance_uid="1.5", sop_instance_uids=("1.6", "1.7"))
    _run(tmp_path, _end("1.2.1", selected=(series,)), _end("1.2.2"))

    found = parse_uid_list((tmp_path / FAILED_LIST).read_text())

    assert {each.study_instance_uid: each.series for each in found.selections} == {
        "1.2.1": (series,),
        "1.2.2": (),
    }


def test_a_plain_list_is_read_back(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1", "failed", reason="no # way\nout, 1.2.3; A,B"), _end("1.2.2"))

    found = parse_uid_list((tmp_path / FAILED_LIST).read_text())

    assert [each.study_instance_uid for each in found.selections] == ["1.2.1", "1.2.2"]


def test_what_is_removed_from_the_account_leaves_its_files(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict="partial")
    _run(tmp_path, _end("1.2.1"))

    forget_studies(tmp_path, ["1.2.1", STUDY])

    assert _account(tmp_path) == {}
    assert len(list(tmp_path.glob("*.dcm"))) == 3
    assert not (tmp_path / FAILED_LIST).exists()


def test_the_account_has_the_size_of_the_files_and_counts_no_instance_twice(
    tmp_path: Path,
) -> None:
    keep(tmp_path, 3, verdict="partial")
    size_bytes = sum(path.stat().st_size for path in tmp_path.glob("*.dcm"))
    keep(tmp_path, 2, verdict="partial", **DEEP)

    study = _account(tmp_path)[STUDY]

    assert (study.stored, study.stored_bytes) == (3, size_bytes)


def test_an_unknown_study_is_an_error_and_nothing_is_removed(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1"))

    with pytest.raises(ConfigError, match=r"1\.2\.9"):
        forget_studies(tmp_path, ["1.2.1", "1.2.9"])

    assert "1.2.1" in _account(tmp_path)


def test_nothing_is_removed_while_a_run_has_the_folder(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1"))
    lock = FolderLock.acquire(tmp_path / ".dicom-retrieve" / "lock")

    with pytest.raises(ConfigError, match=f"process {os.getpid()}"):
        forget_studies(tmp_path, ["1.2.1"])
    lock.release()


def test_removing_keeps_what_a_killed_run_left_for_the_next_one(tmp_path: Path) -> None:
    _run(tmp_path, _end("1.2.1"))
    path = tmp_path / ".dicom-retrieve" / "lock"
    path.write_text("1\nanother-boot\n")

    forget_studies(tmp_path, ["1.2.1"])

    assert path.read_text().splitlines()[1] == "another-boot"


def test_totals_know_what_is_still_to_come() -> None:
    totals = total_of(
        [
            StudyAccount(study_instance_uid="1", verdict="complete", expected=10, stored=10),
            StudyAccount(
                study_instance_uid="2", verdict="partial", expected=10, stored=7, missing=3
            ),
            StudyAccount(study_instance_uid="3", verdict="unfinished", expected=20, stored=5),
            StudyAccount(study_instance_uid="4", verdict="unfinished", stored=2),
        ],
        examples_max=1,
    )

    assert (totals.studies, totals.good, totals.failed, totals.waiting) == (4, 1, 1, 2)
    assert (totals.left, totals.unknown, totals.unknown_stored) == (15, 1, 2)
    assert [(each.verdict, each.studies) for each in totals.failures()] == [
        ("partial", 1),
        ("unfinished", 2),
    ]


_DAMAGES = (
    "INSERT OR REPLACE INTO turns VALUES ('1.2.3', X'616263')",
    "UPDATE studies SET verdict = X'616263'",
    "UPDATE failures SET reason = X'616263'",
    "UPDATE failures SET series = X'616263'",
)


def _damage(root: Path, statement: str) -> None:
    with closing(sqlite3.connect(journal_of(root))) as database:
        database.execute(statement)
        database.commit()


@pytest.mark.parametrize("damage", _DAMAGES)
def test_a_value_of_another_kind_is_damage_of_the_journal(tmp_path: Path, damage: str) -> None:
    _run(tmp_path, _end("1.2.3"))
    _damage(tmp_path, damage)
    account = FolderAccount(tmp_path)

    with pytest.raises(ConfigError, match=r"journal\.db is damaged \(it holds a bytes where"):
        list(account.failed_studies())
    with pytest.raises(ConfigError, match=r"journal\.db is damaged \(it holds a bytes where"):
        list(account.studies())


@pytest.mark.parametrize("damage", _DAMAGES)
def test_the_next_run_sets_a_journal_aside_that_holds_values_of_another_kind(
    tmp_path: Path, damage: str
) -> None:
    _run(tmp_path, _end("1.2.3"))
    _damage(tmp_path, damage)

    (note,) = _run(tmp_path, _end("1.2.4"))

    assert note.startswith("The journal was damaged (it holds values of another kind) and has been")
    assert _run(tmp_path) == []


def test_a_list_that_cannot_be_written_is_reported_in_one_sentence(tmp_path: Path) -> None:
    notes: list[str] = []
    store = InstanceStore(tmp_path, FLAT, peer="PACS", note=notes.append)
    store.plan(["1.2.3"])
    store.finish(_end("1.2.3"))
    other = writer_folder(tmp_path, Writer.of_shard(1, 2))
    other.mkdir(parents=True)
    (other / JOURNAL).write_text("no database")
    store.close()

    assert len(notes) == 1
    assert notes[0].startswith(f"Could not write {FAILED_LIST}: The journal ")
    assert notes[0].endswith("it checks the files.")
