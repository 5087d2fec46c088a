"""What the user asked for and how it ended, over all folders: a small database of the user's own.

Unlike the journal of a folder it proves nothing; it lets the application offer what was left
unfinished. It holds UIDs, counts, and what the user chose himself; no patient data. Nothing
depends on it: whoever cannot open it works without.
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
    " AND (verdict IS NULL OR verdict = ?)) ORDER BY job_id DESC"
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
    """The history of one user. Safe to use from several threads, and in several processes.

    Every call is one transaction: what it has recorded outlives a kill.
    """

    def __init__(self, path: Path) -> None:
        """Open or create it, readable by the user alone; one that is damaged is set aside.

        Raises:
            ConfigError: It cannot be used: it is of a newer version, or there is no access.
        """
        self._path = path
        self._using = threading.Lock()
        self.notice = ""
        """What the user should know of the opening; empty if all is well."""
        try:
            PRIVATE.make_folder(path.parent)
            try:
                self._database = _open(path)
            except sqlite3.DatabaseError as error:
                if not _is_damage(error):
                    raise
                aside = _set_aside(path)
                self.notice = (
                    f"The history {path} was damaged; it is kept as {aside.name}, and a new one "
                    "begun. What was retrieved is not touched."
                )
                self._database = _open(path)
        except (OSError, sqlite3.Error) as error:
            raise ConfigError(
                f"The history {path} cannot be used ({reason_of(error)}): what is left "
                "unfinished is not remembered."
            ) from error

    def close(self) -> None:
        """Close it; all is recorded already."""
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
        """Remember a job; returns the number that stands for it.

        Args:
            begun: When, with its time zone.
            options: What else it takes to run it again, as JSON can hold it.

        Raises:
            DiskFailed: It cannot be written.
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
        """Forget studies that the user took out of a job.

        Raises:
            DiskFailed: It cannot be written.
        """
        with self._transaction() as database:
            database.executemany(_DROP, [(job_id, uid) for uid in uids])

    def record_ends(self, job_id: int, ends: Iterable[StudyEnd]) -> None:
        """Remember how studies of a job ended; better many at once than one by one.

        Raises:
            DiskFailed: It cannot be written.
        """
        with self._transaction() as database:
            database.executemany(
                _END,
                [(e.verdict, e.expected, e.stored, job_id, e.study_instance_uid) for e in ends],
            )

    def unfinished(self) -> list[Job]:
        """Jobs of which something is left, the latest first; none that is under way just now.

        A job is under way while somebody, here or in another process, retrieves into its folder.

        Raises:
            DiskFailed: It cannot be read.
        """
        with self._transaction() as database:
            rows = database.execute(_UNFINISHED, (Verdict.CANCELLED,)).fetchall()
            found = [_job(database, row) for row in rows]
        return [job for job in found if not is_locked(job.output / PRIVATE_FOLDER / LOCK)]

    def recent(self, most: int) -> list[tuple[Selection, ...]]:
        """What the latest jobs that have any studies asked for, the latest first.

        Raises:
            DiskFailed: It cannot be read.
        """
        with self._transaction() as database:
            jobs = database.execute(_RECENT, (most,)).fetchall()
            return [
                tuple(_selection(*row) for row in database.execute(_SELECTIONS, job).fetchall())
                for job in jobs
            ]

    def prune(self, keep: int) -> None:
        """Forget all but the latest `keep` jobs.

        Raises:
            DiskFailed: It cannot be written.
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
                f"The history {self._path} cannot be kept ({reason_of(error)}). Nothing else is "
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
    """Read through it once: damage that shows later would show at a worse time."""
    version = database.execute("PRAGMA user_version").fetchone()[0]
    if version > SCHEMA_VERSION:
        raise ConfigError(f"The history {path} is of a newer version of dicom-retrieve.")
    (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if verdict != "ok":
        error = sqlite3.DatabaseError(verdict)
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def _is_damage(error: sqlite3.DatabaseError) -> bool:
    """True for a damaged file; one that is merely locked or out of reach is nobody's to move."""
    return (getattr(error, "sqlite_errorcode", 0) & _PRIMARY_CODE) in _DAMAGED


def _set_aside(path: Path) -> Path:
    """Move a database away, with the files beside it, which would be taken for the new one's."""
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
    """Series and instances as two texts, between backslashes as in DICOM; None where all are meant.

    The instances of one series stand between commas, those of the next behind a backslash.
    """
    uids = "\\".join(each.series_instance_uid for each in series)
    instances = "\\".join(",".join(each.sop_instance_uids) for each in series)
    return uids or None, (instances.strip("\\") and instances) or None


def _read(series: str | None, instances: str | None) -> tuple[SeriesSelection, ...]:
    """What `_written` wrote."""
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
