"""The mode in which SQLite keeps a database, by what the file system of its folder can do.

A write-ahead log needs memory that processes share, and locks on ranges of bytes. Without the
first, the database has a rollback journal; without the second, it is locked by a folder beside it
(SQLite's VFS `unix-dotfile`); without `fsync`, SQLite is told not to call it.
"""

import contextlib
import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from shutil import copyfile
from typing import Self

from dicom_retrieve_tui.platform_files import sqlite_uri
from dicom_retrieve_tui.storage.folder_features import Feature, FolderFeatures

if sys.platform != "win32":
    import fcntl

_BUSY_S = 10.0
_DOTFILE = "unix-dotfile"
_LOCK_SUFFIX = ".lock"
"""Of the folder that this VFS locks a database with. Source: https://sqlite.org/vfs.html."""
BESIDE = ("-wal", "-shm", "-journal")
"""Suffixes of the files that SQLite keeps beside a database."""

_NEEDS_A_WRITER = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
    }
)


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
        return f"{sqlite_uri(path)}?{text}" if text else sqlite_uri(path)


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


def remove_empty_rollback(path: Path) -> None:
    """Remove the rollback journal that TRUNCATE leaves; readers take it for the sign of a writer.

    Call it only after the last connection is closed. Never raises.
    """
    rollback = path.with_name(f"{path.name}-journal")
    with contextlib.suppress(OSError):
        if not rollback.stat().st_size:
            rollback.unlink()


@contextlib.contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """Open a database that another process may be writing; nothing is created beside it.

    Raises:
        sqlite3.Error: The database cannot be read.
        OSError: It cannot be copied.
    """
    log, rollback = (path.with_name(path.name + suffix) for suffix in ("-wal", "-journal"))
    # A writer keeps one of these files and removes it at the end. Without them there is no writer,
    # and the database is opened as immutable: SQLite then creates no log, which it could not
    # remove, and could not create in a read-only folder.
    if log.exists():
        opened = _opened(path, BEST)
    elif rollback.exists():
        opened = _opened(
            path, DatabaseMode(shares_memory=False, locks_bytes=_locks_bytes(rollback))
        )
    else:
        opened = _connection(BEST.uri(path, "mode=ro&immutable=1"))
    if opened is not None:
        with contextlib.closing(opened):
            yield opened
        return
    # A killed run left what only a writer may apply to the database, or the folder lacks what the
    # log needs.
    from tempfile import TemporaryDirectory  # noqa: PLC0415 - few runs need it

    with TemporaryDirectory() as folder:
        copy = Path(folder) / path.name
        for suffix in ("", "-wal", "-journal"):
            with contextlib.suppress(FileNotFoundError):
                copyfile(path.with_name(path.name + suffix), copy.with_name(copy.name + suffix))
        with contextlib.closing(_connection(BEST.uri(copy))) as database:
            yield database


def _connection(uri: str) -> sqlite3.Connection:
    """Open a database for callers that use it in one thread at a time."""
    return sqlite3.connect(uri, uri=True, check_same_thread=False)


def _opened(path: Path, mode: DatabaseMode) -> sqlite3.Connection | None:
    """Open a database for reading, beside its writer; return None if that is not possible."""
    database = _connection(mode.uri(path, "mode=ro"))
    try:
        database.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        database.close()
        if (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _NEEDS_A_WRITER:
            return None
        raise
    except BaseException:
        database.close()
        raise
    return database


def _locks_bytes(path: Path) -> bool:
    """Try a lock on a file that SQLite does not lock; it is closed, which would unlock others."""
    if sys.platform != "win32":
        with contextlib.suppress(BlockingIOError), path.open("rb") as file:
            try:
                fcntl.lockf(file, fcntl.LOCK_SH | fcntl.LOCK_NB, 1)
            except BlockingIOError:
                raise
            except OSError:
                return False
    return True
