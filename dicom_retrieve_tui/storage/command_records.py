"""The queue of `--on-study` and what it has done: a database beside the journal of the folder.

It holds UIDs, folders and counts. If it is lost, commands are run once more, and nothing else.
"""

import contextlib
import os
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path

from dicom_retrieve_tui.errors import DiskFailed, reason_of
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage import database_mode
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.writers import writer_folder, writers_in

COMMANDS = "commands.db"
_WAITING, _RUNNING, _DONE = range(3)
_SCHEMA = """
CREATE TABLE IF NOT EXISTS studies (
    number INTEGER PRIMARY KEY,
    study_instance_uid TEXT NOT NULL,
    command TEXT NOT NULL,
    folder TEXT NOT NULL,
    instances INTEGER NOT NULL,
    state INTEGER NOT NULL,
    UNIQUE (study_instance_uid, command)
);
CREATE INDEX IF NOT EXISTS waiting ON studies (number) WHERE state = 0;
"""
_FORGET_UNFINISHED = "DELETE FROM studies WHERE state <> ?"
_IS_DONE = (
    "SELECT 1 FROM studies WHERE study_instance_uid = ? AND command = ? AND instances = ?"
    " AND state = ?"
)
_STATE = "SELECT state FROM studies WHERE study_instance_uid = ? AND command = ?"
_ADD = (
    "INSERT OR REPLACE INTO studies (study_instance_uid, command, folder, instances, state)"
    " VALUES (?, ?, ?, ?, ?)"
)
_NEXT = (
    "SELECT number, study_instance_uid, folder, instances FROM studies"
    " WHERE state = 0 ORDER BY number LIMIT 1"
)
_BEGIN = "UPDATE studies SET state = ? WHERE number = ?"
_SET_DONE = (
    "UPDATE studies SET state = ? WHERE study_instance_uid = ? AND command = ? AND state = ?"
)
_FORGET = "DELETE FROM studies WHERE study_instance_uid = ? AND command = ? AND state = ?"
_DROP = "DELETE FROM studies WHERE state = 0"


class SqliteCommandRecords:
    """The records of one command in one output folder. Thread-safe.

    Every method raises `DiskFailed` if the database cannot be used.
    """

    def __init__(
        self,
        root: Path,
        command: str,
        permissions: Permissions = PRIVATE,
        writer: Writer | None = None,
    ) -> None:
        """Open nothing until it is needed.

        Args:
            root: The output folder, which this run has locked.
            command: As the user wrote it; another text is another command.
            permissions: Of a new database.
            writer: The named writer that the run is; None for a plain run.
        """
        self._path = writer_folder(root, writer) / COMMANDS
        folders = [writer_folder(root, each) for each in (None, *writers_in(root))]
        self._others = [folder / COMMANDS for folder in folders if folder != self._path.parent]
        self._command = command
        self._permissions = permissions
        self._lock = threading.Lock()
        self._database: sqlite3.Connection | None = None

    def is_done(self, study_instance_uid: str, instances: int) -> bool:
        """Return True if the command succeeded for the study when it had so many instances."""
        with self._using() as database:
            values = (study_instance_uid, self._command, instances, _DONE)
            if database.execute(_IS_DONE, values).fetchone() is not None:
                return True
        return any(_is_done(path, values) for path in filter(os.path.exists, self._others))

    def add(self, study_instance_uid: str, folder: str, instances: int) -> bool:
        """Append a study to the queue; return False if it was in the queue already."""
        key = (study_instance_uid, self._command)
        with self._using() as database:
            before = database.execute(_STATE, key).fetchone()
            database.execute(_ADD, (*key, folder, instances, _WAITING))
            return before is None or before[0] != _WAITING

    def take(self) -> tuple[str, str, int] | None:
        """Take the next study: its UID, folder and instances; None if the queue is empty."""
        with self._using() as database:
            if (row := database.execute(_NEXT).fetchone()) is None:
                return None
            number, uid, folder, instances = row
            database.execute(_BEGIN, (_RUNNING, number))
            return uid, folder, instances

    def finish(self, study_instance_uid: str, *, done: bool) -> None:
        """Record how the command of a study that was taken ended."""
        key = (study_instance_uid, self._command, _RUNNING)
        with self._using() as database:
            if done:
                database.execute(_SET_DONE, (_DONE, *key))
            else:
                database.execute(_FORGET, key)

    def drop_waiting(self) -> int:
        """Empty the queue; return how many studies were in it."""
        with self._using() as database:
            return database.execute(_DROP).rowcount

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            if self._database is not None:
                self._database.close()
                self._database = None

    @contextlib.contextmanager
    def _using(self) -> Iterator[sqlite3.Connection]:
        """Yield the database within one transaction."""
        try:
            with self._lock:
                if self._database is None:
                    self._database = self._open()
                with self._database:
                    yield self._database
        except (OSError, sqlite3.Error) as error:
            reason = reason_of(error)
            message = f"Cannot use {self._path}: {reason}."
            raise DiskFailed(message, path=str(self._path)) from error

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # locked, full or not readable, and not damaged
            for suffix in ("", "-wal", "-shm"):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            return self._connect()

    def _connect(self) -> sqlite3.Connection:
        self._permissions.make_folder(self._path.parent)
        self._permissions.make_database(self._path)
        database = sqlite3.connect(self._path, check_same_thread=False)
        try:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute("PRAGMA synchronous = NORMAL")
            database.executescript(_SCHEMA)
            with database:
                database.execute(_FORGET_UNFINISHED, (_DONE,))
        except BaseException:
            database.close()
            raise
        return database


def _is_done(path: Path, values: tuple[str, str, int, int]) -> bool:
    """Return True if another writer has recorded that a command succeeded.

    If its database cannot be read, the command is run once more.
    """
    try:
        with database_mode.reading(path) as database:
            return database.execute(_IS_DONE, values).fetchone() is not None
    except (OSError, sqlite3.Error):
        return False
