"""What the history remembers, through kills, damage and a second process."""

import json
import os
import sqlite3
import stat
import threading
from contextlib import closing
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.forecast import Kind, Sizes
from dicom_retrieve_tui.model.history_records import JobStudy, StudyEnd
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.storage.lock import LOCK, FolderLock
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER
from tests.sessions import selections

_NOWHERE = Path("/nowhere").absolute()
_BEGUN = datetime(2026, 11, 24, 4, 30, tzinfo=UTC)
_OPTIONS = {"method": "c-get", "parallel": 4, "layout": None}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


def _record(history: History, *uids: str, output: Path = _NOWHERE) -> int:
    return _record_parts(history, selections(*uids), output)


def _record_parts(history: History, asked: tuple[Selection, ...], output: Path = _NOWHERE) -> int:
    return history.record_job(
        begun=_BEGUN, profile="hospital", output=output, options=_OPTIONS, selections=asked
    )


def _end(uid: str, verdict: Verdict = Verdict.COMPLETE, stored: int = 3) -> StudyEnd:
    return StudyEnd(study_instance_uid=uid, verdict=verdict, expected=3, stored=stored)


def test_what_was_asked_for_and_how_it_ended_is_there_the_next_time(path: Path) -> None:
    series = Selection.of("1.4", "1.4.1")
    with closing(History(path)) as history:
        job_id = history.record_job(
            begun=_BEGUN.astimezone(timezone(timedelta(hours=2))),
            profile="hospital",
            output=_NOWHERE,
            options=_OPTIONS,
            selections=(*selections("1.9", "1.2"), series),
        )
        history.record_ends(job_id, [_end("1.9"), _end("1.2", Verdict.CANCELLED, 1)])

    with closing(History(path)) as history:
        (job,) = history.unfinished()

    assert (job.job_id, job.begun, job.profile) == (job_id, _BEGUN, "hospital")
    assert (job.output, job.options) == (_NOWHERE, _OPTIONS)
    assert job.studies == (
        JobStudy(selection=selections("1.9")[0], verdict=Verdict.COMPLETE, expected=3, stored=3),
        JobStudy(selection=selections("1.2")[0], verdict=Verdict.CANCELLED, expected=3, stored=1),
        JobStudy(selection=series),
    )
    assert job.left == (selections("1.2")[0], series)


def test_a_study_that_its_folder_does_not_know_as_ended_is_unfinished_again(
    path: Path, tmp_path: Path
) -> None:
    with closing(History(path)) as history:
        earlier = _record_parts(history, selections("1.2"), tmp_path)
        latest = _record_parts(history, selections("1.2", "1.3"), tmp_path)
        history.record_ends(earlier, [_end("1.2")])
        history.record_ends(latest, [_end("1.2"), _end("1.3")])

        history.reopen(tmp_path, {"1.2", "1.9"})

        (job,) = history.unfinished()
        assert (job.job_id, job.left) == (latest, selections("1.2"))


def test_the_counted_instances_of_a_study_outlast_a_kill(path: Path, tmp_path: Path) -> None:
    with closing(History(path)) as history:
        job_id = history.record_job(
            begun=_BEGUN,
            profile="",
            output=tmp_path,
            options=_OPTIONS,
            selections=selections("1.2", "1.3"),
            instances={"1.2": 56},
        )
        (job,) = history.unfinished()
        assert [each.expected for each in job.studies] == [56, None]

        history.record_ends(job_id, [_end("1.2")])
        history.reopen(tmp_path, {"1.2"})
        (job,) = history.unfinished()

    assert [each.expected for each in job.studies] == [3, None]


def test_a_study_that_was_not_tried_is_unfinished(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = history.record_job(
            begun=_BEGUN,
            profile="",
            output=Path("/nowhere"),
            options=_OPTIONS,
            selections=selections("1.2"),
        )
        history.record_ends(job_id, [_end("1.2", Verdict.NOT_TRIED, 0)])
        (job,) = history.unfinished()

    assert job.left == selections("1.2")


def test_parts_of_a_study_are_remembered_as_they_were_asked_for(path: Path) -> None:
    asked = join(
        [
            Selection.of("1.4", "1.4.1"),
            Selection.of("1.4", "1.4.2", "1.4.2.1"),
            Selection.of("1.4", "1.4.2", "1.4.2.2"),
            Selection.of("1.5", "1.5.1", "1.5.1.1"),
            Selection.of("1.6", "1.6.1"),
            Selection.of("1.6", "1.6.2"),
        ]
    )
    with closing(History(path)) as history:
        _record_parts(history, asked)
        (job,) = history.unfinished()

    assert job.left == asked


def test_a_job_is_unfinished_until_every_study_ended_well_or_not(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.1", "1.2")
        history.record_ends(job_id, [_end("1.1")])
        assert len(history.unfinished()) == 1
        history.record_ends(job_id, [_end("1.2", Verdict.FAILED, 0)])
        assert history.unfinished() == []


def test_what_was_taken_out_of_a_job_is_not_left_of_it(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.1", "1.2", "1.3")
        history.drop_studies(job_id, ["1.1", "1.3"])
        (job,) = history.unfinished()
        assert job.left == selections("1.2")
        history.drop_studies(job_id, ["1.2"])
        assert history.unfinished() == []


def test_what_a_later_request_took_up_stays_in_its_job_and_is_not_left_of_it(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.1", "1.2")
        history.record_ends(job_id, [_end("1.1", Verdict.CANCELLED, 1)])
        history.close_studies(job_id, ["1.1", "1.9"])
        (job,) = history.unfinished()
        assert job.left == selections("1.2")

        history.close_studies(job_id, ["1.2"])
        assert history.unfinished() == []
        (past,) = history.past_jobs()
        assert past.verdicts == {Verdict.CANCELLED: 1, None: 1}
        history.forget([job_id])
        assert history.past_jobs() == []


def test_a_failed_study_comes_back_until_a_later_job_has_it(path: Path) -> None:
    with closing(History(path)) as history:
        first = _record(history, "1.1", "1.2", "1.3", "1.4")
        history.record_ends(
            first,
            [
                _end("1.1", Verdict.FAILED, 1),
                _end("1.2", Verdict.FAILED, 0),
                _end("1.3", Verdict.CANCELLED, 1),
                _end("1.4"),
            ],
        )
        later = _record(history, "1.2")
        elsewhere = _record(history, "1.2", output=Path("/elsewhere").absolute())
        history.record_ends(later, [_end("1.2")])
        history.record_ends(elsewhere, [_end("1.2", Verdict.PARTIAL, 1)])

        found = {job.job_id: job.studies for job in history.failed()}
        assert [each.selection for each in found[first]] == [*selections("1.1")]
        assert [each.selection for each in found[elsewhere]] == [*selections("1.2")]
        assert len(found) == 2
        history.close_studies(first, ["1.1"])
        assert [job.job_id for job in history.failed()] == [elsewhere]


def test_what_was_asked_for_lately_comes_back_the_latest_first(path: Path) -> None:
    with closing(History(path)) as history:
        _record(history, "1.1")
        emptied = _record(history, "1.2")
        last = _record(history, "1.9", "1.3")
        history.record_ends(last, [_end("1.9")])
        history.drop_studies(emptied, ["1.2"])

        assert history.recent(9) == [selections("1.9", "1.3"), selections("1.1")]
        assert history.recent(1) == [selections("1.9", "1.3")]


def test_what_was_asked_for_lately_comes_back_no_wider_than_it_was(path: Path) -> None:
    asked = (Selection.of("1.4", "1.4.1"), Selection.of("1.5", "1.5.1", "1.5.1.1"))
    with closing(History(path)) as history:
        _record_parts(history, asked)

    with closing(History(path)) as history:
        assert history.recent(9) == [asked]


def test_the_latest_job_comes_first_and_old_ones_are_pruned(path: Path) -> None:
    with closing(History(path)) as history:
        jobs = [_record(history, "1.1") for _ in range(5)]
        history.prune(keep=2)

        assert [job.job_id for job in history.unfinished()] == [jobs[4], jobs[3]]

    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM studies").fetchone() == (2,)


def test_a_job_under_way_is_not_offered(path: Path, tmp_path: Path) -> None:
    (tmp_path / PRIVATE_FOLDER).mkdir()
    with closing(History(path)) as history:
        _record(history, "1.1", output=tmp_path)
        lock = FolderLock.acquire(tmp_path / PRIVATE_FOLDER / LOCK)
        under_way = history.unfinished()
        lock.release()

        assert under_way == []
        assert len(history.unfinished()) == 1


def test_it_is_the_users_alone(path: Path) -> None:
    mask = os.umask(0)
    try:
        with closing(History(path)) as history:
            _record(history, "1.1")
            files = list(path.parent.iterdir())
            modes = {stat.S_IMODE(file.stat().st_mode) for file in files}
    finally:
        os.umask(mask)

    assert {file.name for file in files} >= {"history.db", "history.db-wal"}
    assert modes == {0o600}
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def _broken(path: Path) -> None:
    """Many jobs, with the middle of the database overwritten."""
    with closing(History(path)) as history:
        for _ in range(50):
            _record(history, *(f"1.{number}" for number in range(50)))
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2)
        file.write(b"\xff" * 8192)


def _nonsense(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"no database at all" * 100)


@pytest.mark.parametrize("damage", [_broken, _nonsense], ids=lambda damage: damage.__name__)
def test_a_damaged_history_is_set_aside_and_a_new_one_begun(path: Path, damage: object) -> None:
    assert callable(damage)
    damage(path)
    before = path.read_bytes()

    with closing(History(path)) as history:
        _record(history, "1.1")
        notice, jobs = history.notice, history.unfinished()

    assert "was damaged" in notice
    assert "history.db.damaged-1" in notice
    assert len(jobs) == 1
    assert path.with_name("history.db.damaged-1").read_bytes() == before
    with closing(History(path)) as again:
        assert again.notice == ""


def test_a_history_of_a_newer_version_is_left_alone(path: Path) -> None:
    History(path).close()
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")
    before = path.read_bytes()

    with pytest.raises(ConfigError, match="newer version"):
        History(path)

    assert path.read_bytes() == before


def test_a_history_that_cannot_be_made_says_so(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")

    with pytest.raises(ConfigError, match="cannot be used"):
        History(tmp_path / "data" / "history.db")


def test_a_history_that_is_gone_wrong_since_it_was_opened_is_no_crash(path: Path) -> None:
    with closing(History(path)) as history:
        with closing(sqlite3.connect(path)) as database:
            database.execute("DROP TABLE studies")

        with pytest.raises(DiskFailed, match="cannot be written"):
            _record(history, "1.1")


def test_it_is_used_by_two_at_once(path: Path) -> None:
    with closing(History(path)) as one, closing(History(path)) as two:
        writers = [
            threading.Thread(target=lambda h=h: [_record(h, "1.1") for _ in range(30)])
            for h in (one, two, one, two)
        ]
        for writer in writers:
            writer.start()
        for writer in writers:
            writer.join()

        assert len(one.unfinished()) == len(two.unfinished()) == 120


def test_only_two_tables_have_anything_of_patients(path: Path) -> None:
    with closing(History(path)) as history:
        _record(history, "1.1")
    with closing(sqlite3.connect(path)) as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        columns = {
            column
            for table in tables
            if table not in {"identities", "missed_lines"}
            for _, column, *_ in database.execute(f"PRAGMA table_info({table})")
        }
        (options,) = database.execute("SELECT options FROM jobs").fetchone()

    assert columns - {"name", "seq"} == {
        *("job_id", "begun", "profile", "output", "options"),
        *("study_instance_uid", "series_instance_uid", "sop_instance_uid"),
        *("verdict", "expected", "stored"),
        *("sop_class_uid", "modality", "studies", "instances", "size_bytes"),
        *("log_sum", "log_square_sum"),
    }
    assert "missed_lines" in tables
    assert json.loads(options) == _OPTIONS


_ADA = StudyIdentity(
    patient_name="Example^Ada=山田",
    patient_id="T-0001",
    study_date="20260311",
    modalities=("CT", "SR"),
    study_description="Chest",
    accession_number="A1",
)


def _bytes_beside(path: Path) -> bytes:
    return b"".join(each.read_bytes() for each in path.parent.iterdir())


def test_whose_a_study_is_comes_back_by_its_uid_from_any_job(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.1", "1.2")
        history.record_identities(job_id, {"1.1": _ADA, "1.9": _ADA})
    with closing(History(path)) as history:
        assert history.identities([*(f"2.{n}" for n in range(1200)), "1.1", "1.2", "1.9"]) == {
            "1.1": _ADA
        }


def test_whose_a_study_was_is_in_no_file_once_it_is_forgotten(path: Path) -> None:
    with closing(History(path)) as history:
        kept, job_id, dropped = (_record(history, uid) for uid in ("1.1", "1.2", "1.3"))
        for job, uid in ((kept, "1.1"), (job_id, "1.2"), (dropped, "1.3")):
            history.record_identities(job, {uid: replace(_ADA, patient_name=f"Test^No{uid}")})
        assert b"Test^No1.2" in _bytes_beside(path)

        history.drop_studies(dropped, ["1.3"])
        history.forget([job_id])
        left = _bytes_beside(path)
        assert b"Test^No1.1" in left
        assert b"Test^No1.2" not in left
        assert b"Test^No1.3" not in left
        assert [each.job_id for each in history.past_jobs()] == [kept]

        history.forget_identities()
        assert b"T-0001" not in _bytes_beside(path)
        assert [each.job_id for each in history.past_jobs()] == [kept]


_LINES = [
    Missed(Lookup(line=7, accession_number="A7"), "the PACS has no study with 'A7'"),
    Missed(
        Lookup(
            line=8,
            patient_id="T-0001",
            study_date=DateRange(date(2026, 3, 1), None),
            modalities=("CT", "SR"),
            study_description="Chest*",
            series_instance_uid="1.2.3",
        ),
        "the PACS has no study with this patient ID",
    ),
]


def test_lines_without_a_study_are_counted_and_come_back_until_they_are_looked_up_again(
    path: Path,
) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.1")
        history.record_ends(job_id, [_end("1.1")])
        history.record_missed(job_id, _LINES, named=True)
        alone = _record_parts(history, ())
        history.record_missed(alone, _LINES[:1], named=True)
    with closing(History(path)) as history:
        assert [each.missed for each in history.open_lines()] == [*_LINES, _LINES[0]]
        first, _, last = history.open_lines()
        history.close_missed([first.line_id])
        history.drop_missed([last.line_id])
        assert [each.missed for each in history.open_lines()] == _LINES[1:]
        assert [each.missed for each in history.missed_lines(job_id)] == _LINES
        (job,) = history.past_jobs()
        assert job.verdicts == {Verdict.COMPLETE: 1, Verdict.NOT_FOUND: 2}
        assert (job.studies, job.lines, job.expected) == (3, 2, 3)


def test_what_lines_name_is_in_no_file_once_it_is_forgotten(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.1")
        lines = history.record_missed(job_id, _LINES, named=False)
        assert b"T-0001" not in _bytes_beside(path)
        history.name_missed(lines)
        assert b"T-0001" in _bytes_beside(path)

        history.forget_identities()
        assert b"T-0001" not in _bytes_beside(path)
        assert b"A7" not in _bytes_beside(path)
        assert [(each.line, each.missed) for each in history.missed_lines(job_id)] == [
            (7, None),
            (8, None),
        ]
        assert history.open_lines() == []


def test_past_jobs_are_counted_by_verdict_the_latest_first(path: Path) -> None:
    with closing(History(path)) as history:
        first = _record(history, "1.1", "1.2", "1.3")
        history.record_ends(first, [_end("1.1"), _end("1.2", Verdict.PARTIAL, 1)])
        emptied = _record(history, "1.4")
        history.drop_studies(emptied, ["1.4"])
        last = _record(history, "1.1")
        history.record_ends(last, [_end("1.1")])
        latest, earlier = history.past_jobs()

        assert (latest.job_id, latest.verdicts) == (last, {Verdict.COMPLETE: 1})
        assert (latest.stored, latest.expected, latest.studies) == (3, 3, 1)
        assert earlier.verdicts == {Verdict.COMPLETE: 1, Verdict.PARTIAL: 1, None: 1}
        assert (earlier.stored, earlier.expected, earlier.studies) == (4, None, 3)
        assert (earlier.profile, earlier.output, earlier.begun) == ("hospital", _NOWHERE, _BEGUN)
        uids = [each.selection.study_instance_uid for each in history.studies(first, 2)]
        assert uids == ["1.2", "1.3"]
        assert len(history.studies(first)) == 3


_CT = Kind("1.2.840.10008.5.1.4.1.1.2", "CT")


def test_sizes_add_up_over_processes(path: Path) -> None:
    news = {_CT: Sizes.of_study(10, 5_000), Kind(modality="*"): Sizes.of_study(1, 5_000)}
    with closing(History(path)) as history:
        history.add_sizes(news)
        assert history.sizes() == news

    with closing(History(path)) as history:
        history.add_sizes({_CT: Sizes.of_study(5, 9_000)})

        assert history.sizes()[_CT] == Sizes.of_study(10, 5_000) + Sizes.of_study(5, 9_000)


def test_a_history_of_version_1_0_gets_the_table_of_sizes(path: Path) -> None:
    with closing(History(path)) as history:
        job_id = _record(history, "1.2")
    with closing(sqlite3.connect(path)) as database:
        database.execute("DROP TABLE sizes")

    with closing(History(path)) as history:
        assert history.sizes() == {}
        history.add_sizes({_CT: Sizes.of_study(10, 5_000)})
        assert [job.job_id for job in history.unfinished()] == [job_id]
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)
