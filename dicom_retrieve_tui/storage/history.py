"""The history of a user's jobs in all folders: what was asked for, and how it ended.

Unlike the journal of a folder it proves nothing; with it, the application offers to resume
unfinished jobs. It holds UIDs, counts and the user's options; no patient data. If it cannot be
opened, everything else works.
"""

import contextlib
import itertools
import json
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, reason_of
from dicom_retrieve_tui.model.history_records import Job, JobStudy, StudyEnd
from dicom_retrieve_tui.model.selection import Selection, SeriesSelection
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.folder import PRIVATE_FOLDER
from dicom_retrieve_tui.storage.lock import LOCK, is_locked
from dicom_retrieve_tui.storage.permissions import PRIVATE

SCHEMA_VERSION = 1
_BUSY_S = 5.0
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
_PRIMARY_CODE = 0xFF

_SCHEMA = """
CREATE TABLE IF NOT EXISTS jobs (
    job_id INTEGER PRIMARY KEY AUTOINCREMENT,
    begun TEXT NOT NULL,
    profile TEXT NOT NULL,
    output TEXT NOT NULL,
    options TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS studies (
    job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    study_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT,
    sop_instance_uid TEXT,
    verdict TEXT,
    expected INTEGER,
    stored INTEGER NOT NULL DEFAULT 0,
    UNIQUE (job_id, study_instance_uid)
);
"""
_ADD = (
    "INSERT OR REPLACE INTO studies"
    " (job_id, study_instance_uid, series_instance_uid, sop_instance_uid) VALUES (?, ?, ?, ?)"
)
_END = (
    "UPDATE studies SET verdict = ?, expected = ?, stored = ?"
    " WHERE job_id = ? AND study_instance_uid = ?"
)
_DROP = "DELETE FROM studies WHERE job_id = ? AND study_instance_uid = ?"
_UNFINISHED = (
    "SELECT job_id, begun, profile, output, options FROM jobs WHERE EXISTS"
    " (SELECT 1 FROM studies WHERE studies.job_id = jobs.job_id"
    " AND (verdict IS NULL OR verdict IN (?, ?))) ORDER BY job_id DESC"
)
_STUDIES = (
    "SELECT study_instance_uid, series_instance_uid, sop_instance_uid, verdict, expected, stored"
    " FROM studies WHERE job_id = ? ORDER BY rowid"
)
_RECENT = (
    "SELECT job_id FROM jobs WHERE EXISTS"
    " (SELECT 1 FROM studies WHERE studies.job_id = jobs.job_id) ORDER BY job_id DESC LIMIT ?"
)
_SELECTIONS = (
    "SELECT study_instance_uid, series_instance_uid, sop_instance_uid"
    " FROM studies WHERE job_id = ? ORDER BY rowid"
)
_PRUNE = (
    "DELETE FROM jobs WHERE job_id NOT IN (SELECT job_id FROM jobs ORDER BY job_id DESC LIMIT ?)"
)


class History:
    """The history of one user. Safe to use from several threads and processes.

    Every call is one transaction: its records survive a kill.
    """

    def __init__(self, path: Path) -> None:
        """Open or create the database, for this user alone; set a damaged one aside.

        Raises:
            ConfigError: The database is of a newer version, or not accessible.
        """
        self._path = path
        self._using = threading.Lock()
        self.notice = ""
        """A message for the user about the opening; empty if all is well."""
        try:
            PRIVATE.make_folder(path.parent)
            try:
                self._database = _open(path)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                aside = _set_aside(path)
                self.notice = (
                    f"The history {path} was damaged. It is kept as {aside.name}, and a new one "
                    "was created. Retrieved files are not affected."
                )
                self._database = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"The history {path} cannot be used ({reason_of(error)}): unfinished "
                "jobs are not remembered."
            ) from error

    def close(self) -> None:
        """Close the database."""
        with self._using:
            self._database.close()

    def record_job(
        self,
        *,
        begun: datetime,
        profile: str,
        output: Path,
        options: Mapping[str, object],
        selections: Iterable[Selection],
    ) -> int:
        """Record a job; return its number.

        Args:
            begun: The start, with its time zone.
            profile: Name of the PACS profile.
            output: The output folder.
            options: What else is needed to run the job again, as JSON values.
            selections: The studies.

        Raises:
            DiskFailed: The database cannot be written.
        """
        row = (
            begun.astimezone(UTC).isoformat(timespec="seconds"),
            profile,
            str(output.absolute()),
            json.dumps(dict(options)),
        )
        with self._transaction() as database:
            made = database.execute(
                "INSERT INTO jobs (begun, profile, output, options) VALUES (?, ?, ?, ?)", row
            )
            job_id = made.lastrowid or 0
            _add(database, job_id, selections)
        return job_id

    def drop_studies(self, job_id: int, uids: Iterable[str]) -> None:
        """Delete studies that the user removed from a job.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.executemany(_DROP, [(job_id, uid) for uid in uids])

    def record_ends(self, job_id: int, ends: Iterable[StudyEnd]) -> None:
        """Record how studies of a job ended; many at once are faster than one by one.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.executemany(
                _END,
                [(e.verdict, e.expected, e.stored, job_id, e.study_instance_uid) for e in ends],
            )

    def unfinished(self) -> list[Job]:
        """Return jobs with unfinished studies that do not run at present, the latest first.

        A job runs while a retrieval, in this process or another, holds the lock of its folder.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            rows = database.execute(_UNFINISHED, (Verdict.CANCELLED, Verdict.NOT_TRIED)).fetchall()
            found = [_job(database, row) for row in rows]
        return [job for job in found if not is_locked(job.output / PRIVATE_FOLDER / LOCK)]

    def recent(self, most: int) -> list[tuple[Selection, ...]]:
        """Return the selections of the latest jobs with any studies, the latest first.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            jobs = database.execute(_RECENT, (most,)).fetchall()
            return [
                tuple(_selection(*row) for row in database.execute(_SELECTIONS, job).fetchall())
                for job in jobs
            ]

    def prune(self, keep: int) -> None:
        """Delete all but the latest `keep` jobs.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.execute(_PRUNE, (keep,))

    @contextlib.contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        try:
            with self._using, self._database:
                yield self._database
        except sqlite3.Error as error:
            raise DiskFailed(
                f"The history {self._path} cannot be written ({reason_of(error)}). Nothing else is "
                "affected.",
                path=str(self._path),
            ) from error


def _open(path: Path) -> sqlite3.Connection:
    # SQLite gives the files beside a database the permissions that the database has.
    os.close(PRIVATE.open(path, os.O_RDWR))
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        _check(database, path)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        database.executescript(_SCHEMA)
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    except BaseException:
        database.close()
        raise
    return database


def _check(database: sqlite3.Connection, path: Path) -> None:
    """Check the whole database once, so that damage shows now and not later."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise ConfigError(f"The history {path} was written by a newer version of dicom-retrieve.")
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """Return True if the file is damaged, and not only locked or not accessible."""
    return (getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE) in _DAMAGED


def _set_aside(path: Path) -> Path:
    """Rename a database and the files beside it, which SQLite would use for the new one."""
    names = (path.with_name(f"{path.name}.damaged-{number}") for number in itertools.count(1))
    aside = next(name for name in names if not name.exists())
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


def _add(database: sqlite3.Connection, job_id: int, selections: Iterable[Selection]) -> None:
    database.executemany(
        _ADD,
        [(job_id, each.study_instance_uid, *_written(each.series)) for each in selections],
    )


def _written(series: tuple[SeriesSelection, ...]) -> tuple[str | None, str | None]:
    """Return series and instances as two texts, separated by backslashes; None for all of them.

    Commas separate the instances of one series.
    """
    uids = "\\".join(each.series_instance_uid for each in series)
    instances = "\\".join(",".join(each.sop_instance_uids) for each in series)
    return uids or None, (instances.strip("\\") and instances) or None


def _read(series: str | None, instances: str | None) -> tuple[SeriesSelection, ...]:
    """Parse the two texts that `_written` made."""
    uids = series.split("\\") if series else []
    parts = instances.split("\\") if instances else [""] * len(uids)
    return tuple(
        SeriesSelection(
            series_instance_uid=uid, sop_instance_uids=tuple(filter(None, part.split(",")))
        )
        for uid, part in zip(uids, parts, strict=True)
    )


def _selection(study: str, series: str | None, instances: str | None) -> Selection:
    return Selection(study_instance_uid=study, series=_read(series, instances))


def _job(database: sqlite3.Connection, row: tuple[int, str, str, str, str]) -> Job:
    job_id, begun, profile, output, options = row
    return Job(
        job_id=job_id,
        begun=datetime.fromisoformat(begun),
        profile=profile,
        output=Path(output),
        options=json.loads(options),
        studies=tuple(
            JobStudy(
                selection=_selection(study, series, sop),
                verdict=None if verdict is None else Verdict(verdict),
                expected=expected,
                stored=stored,
            )
            for study, series, sop, verdict, expected, stored in database.execute(
                _STUDIES, (job_id,)
            ).fetchall()
        ),
    )
