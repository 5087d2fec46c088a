"""How SQLite keeps a database, by what the file system of its folder can do.

A write-ahead log needs memory that processes share, and locks on ranges of bytes. Without the
first, the database has a rollback journal; without the second, it is locked by a folder beside it
(SQLite's VFS `unix-dotfile`); without `fsync`, SQLite is told not to call it.
"""

import contextlib
import sqlite3
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from dicom_retrieve_tui.storage.folder_features import Feature, FolderFeatures

_BUSY_S = 10.0
_DOTFILE = "unix-dotfile"
_LOCK_SUFFIX = ".lock"
"""Of the folder that this VFS locks a database with. Source: https://sqlite.org/vfs.html."""
BESIDE = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps beside a database."""


@dataclass(frozen=True, slots=True)
class DatabaseMode:
    """Settings of every connection to a database."""

    shares_memory: bool = True
    locks_bytes: bool = True
    syncs: bool = True

    @classmethod
    def of(cls, features: FolderFeatures | None) -> Self:
        """Return the best mode that a folder allows; None stands for one with all features."""
        if features is None:
            return cls()
        locks_bytes = features.has(Feature.BYTE_RANGE_LOCKS)
        return cls(
            shares_memory=locks_bytes and features.has(Feature.SHARED_MEMORY),
            locks_bytes=locks_bytes,
            syncs=features.has(Feature.FILE_SYNC),
        )

    @property
    def uses_dotfile(self) -> bool:
        """True if the database is locked by a folder beside it."""
        return not self.locks_bytes and sys.platform != "win32"

    def uri(self, path: Path, parameters: str = "") -> str:
        """Return the address of a database for `sqlite3.connect`."""
        vfs = f"vfs={_DOTFILE}" if self.uses_dotfile else ""
        text = "&".join(filter(None, (parameters, vfs)))
        return f"{path.absolute().as_uri()}?{text}" if text else path.absolute().as_uri()


BEST = DatabaseMode()
PLAINEST = DatabaseMode(shares_memory=False, locks_bytes=False, syncs=False)
"""Needs nothing but files and folders."""


def prepare(path: Path, mode: DatabaseMode) -> None:
    """Bring a database of another mode into this one, before any other connection to it is open.

    Call it only while the output folder is locked: the lock of a killed run is removed.

    Raises:
        sqlite3.Error: The database cannot be read or written.
    """
    if mode.uses_dotfile:
        with contextlib.suppress(OSError):
            path.with_name(path.name + _LOCK_SUFFIX).rmdir()
    if mode.shares_memory:
        return
    # A single connection reads a write-ahead log without shared memory.
    database = sqlite3.connect(mode.uri(path), uri=True, timeout=_BUSY_S)
    with contextlib.closing(database):
        database.execute("PRAGMA locking_mode = EXCLUSIVE")
        database.execute("PRAGMA journal_mode = DELETE")


def connect(path: Path, mode: DatabaseMode) -> sqlite3.Connection:
    """Open a database that is in this mode, for reading and writing. Raises `sqlite3.Error`."""
    database = sqlite3.connect(mode.uri(path), uri=True, timeout=_BUSY_S, check_same_thread=False)
    try:
        # TRUNCATE: creating and removing a file for each transaction is slow on shares.
        log = "WAL" if mode.shares_memory else "TRUNCATE"
        database.execute(f"PRAGMA journal_mode = {log}")
        # A kill loses no transaction; a power cut may lose the last ones, and their instances are
        # then retrieved again.
        database.execute(f"PRAGMA synchronous = {'NORMAL' if mode.syncs else 'OFF'}")
    except BaseException:
        database.close()
        raise
    return database
