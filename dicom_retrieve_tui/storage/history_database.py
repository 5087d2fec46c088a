"""The database of the history, with the sizes of instances by SOP class and modality.

A retrieval by the command, which forecasts by the sizes, loads no more of the history than this.
"""

import contextlib
import itertools
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, reason_of
from dicom_retrieve_tui.model.forecast import Kind, Sizes
from dicom_retrieve_tui.storage.database_mode import BESIDE
from dicom_retrieve_tui.storage.file_system import file_system_of
from dicom_retrieve_tui.storage.permissions import PRIVATE

SCHEMA_VERSION = 1
"""Raised if an older version could not use the database; a further table, such as `sizes`, is
created where it is missing, and older versions leave it alone. `identities` loses its rows with
those of `studies` also in older versions, by its foreign key."""
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
CREATE TABLE IF NOT EXISTS sizes (
    sop_class_uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    studies INTEGER NOT NULL,
    instances INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    log_sum REAL NOT NULL,
    log_square_sum REAL NOT NULL,
    PRIMARY KEY (sop_class_uid, modality)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identities (
    job_id INTEGER NOT NULL,
    study_instance_uid TEXT NOT NULL,
    patient_name TEXT NOT NULL,
    patient_id TEXT NOT NULL,
    study_date TEXT NOT NULL,
    modalities TEXT NOT NULL,
    study_description TEXT NOT NULL,
    accession_number TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, job_id),
    FOREIGN KEY (job_id, study_instance_uid)
        REFERENCES studies (job_id, study_instance_uid) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identities_of_job ON identities (job_id, study_instance_uid);
CREATE TABLE IF NOT EXISTS closed (
    job_id INTEGER NOT NULL,
    study_instance_uid TEXT NOT NULL,
    PRIMARY KEY (job_id, study_instance_uid),
    FOREIGN KEY (job_id, study_instance_uid)
        REFERENCES studies (job_id, study_instance_uid) ON DELETE CASCADE
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missed_lines (
    line_id INTEGER PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES jobs ON DELETE CASCADE,
    line INTEGER NOT NULL,
    closed INTEGER NOT NULL DEFAULT 0,
    lookup TEXT,
    reason TEXT
);
CREATE INDEX IF NOT EXISTS missed_lines_of_job ON missed_lines (job_id);
"""
_SIZES = (
    "SELECT sop_class_uid, modality, studies, instances, size_bytes, log_sum, log_square_sum"
    " FROM sizes"
)
_ADD_SIZES = (
    "INSERT INTO sizes VALUES (?, ?, ?, ?, ?, ?, ?)"
    " ON CONFLICT DO UPDATE SET studies = studies + excluded.studies,"
    " instances = instances + excluded.instances, size_bytes = size_bytes + excluded.size_bytes,"
    " log_sum = log_sum + excluded.log_sum,"
    " log_square_sum = log_square_sum + excluded.log_square_sum"
)


class HistoryDatabase:
    """The database of one user. Safe to use from several threads and processes.

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

    def sizes(self) -> dict[Kind, Sizes]:
        """Return what instances of complete studies took, by kind.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            rows = database.execute(_SIZES).fetchall()
        return {
            Kind(uid, modality): Sizes(
                studies=studies,
                instances=instances,
                size_bytes=size_bytes,
                log_sum=log_sum,
                log_square_sum=log_square_sum,
            )
            for uid, modality, studies, instances, size_bytes, log_sum, log_square_sum in rows
        }

    def add_sizes(self, news: Mapping[Kind, Sizes]) -> None:
        """Add what complete studies took.

        Raises:
            DiskFailed: The database cannot be written.
        """
        rows = [
            (
                *kind,
                sizes.studies,
                sizes.instances,
                sizes.size_bytes,
                sizes.log_sum,
                sizes.log_square_sum,
            )
            for kind, sizes in news.items()
        ]
        with self._transaction() as database:
            database.executemany(_ADD_SIZES, rows)

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
    PRIVATE.make_database(path)
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        _check(database, path)
        # On a share, a write-ahead log is damaged when two hosts use it.
        log = "TRUNCATE" if file_system_of(path).is_network else "WAL"
        database.execute(f"PRAGMA journal_mode = {log}")
        database.execute("PRAGMA synchronous = NORMAL")
        database.execute("PRAGMA foreign_keys = ON")
        database.execute("PRAGMA secure_delete = ON")
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
    for suffix in BESIDE:
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


class HistorySizes:
    """The sizes of instances in the history. Not safe for several threads."""

    def __init__(self, open_history: Callable[[], HistoryDatabase]) -> None:
        """Keep the opener, which may raise `ConfigError`."""
        self._open_history = open_history
        self._history: HistoryDatabase | None = None

    def sizes(self) -> Mapping[Kind, Sizes]:
        """Return what is known.

        Raises:
            ConfigError, DiskFailed: The history cannot be read.
        """
        return self._opened().sizes()

    def add_sizes(self, news: Mapping[Kind, Sizes]) -> None:
        """Add what complete studies took.

        Raises:
            ConfigError, DiskFailed: The history cannot be written.
        """
        self._opened().add_sizes(news)

    def close(self) -> None:
        """Close the history."""
        if self._history is not None:
            self._history.close()
            self._history = None

    def _opened(self) -> HistoryDatabase:
        if self._history is None:
            self._history = self._open_history()
        return self._history
