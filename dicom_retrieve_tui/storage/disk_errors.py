"""Messages for errors of the operating system and of SQLite, each with the next step."""

import errno
import sqlite3
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, InstanceUnfit, StoreError, reason_of
from dicom_retrieve_tui.model.status import OUT_OF_RESOURCES
from dicom_retrieve_tui.platform_files import shown
from dicom_retrieve_tui.storage.file_system import UNKNOWN, FileSystem, file_system_of
from dicom_retrieve_tui.storage.folder_features import too_large_text

_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
_NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT})
_KEPT = "What is finished is kept."

_FULL = "Make room or choose another --output."
_FORBIDDEN = "Make the folder writable or choose another --output."
_LOST = "Check that the folder and its disk are still there, or choose another --output."
_NEXT_STEPS = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: "Make room, have the quota raised, or choose another --output.",
    errno.EFBIG: "Choose an --output whose file system and limits (ulimit -f) allow larger files.",
    errno.EROFS: _FORBIDDEN,
    errno.EACCES: _FORBIDDEN,
    errno.EPERM: _FORBIDDEN,
    errno.EIO: "The disk may be failing: check it, or choose another --output.",
    errno.ENOENT: _LOST,
    errno.ENOTDIR: _LOST,
    errno.ESTALE: _LOST,
    errno.ENODEV: _LOST,
    errno.ENXIO: _LOST,
    errno.ENOTCONN: _LOST,
    errno.EHOSTDOWN: _LOST,
    errno.ETIMEDOUT: _LOST,
    errno.ENAMETOOLONG: "Choose a shorter --layout or --output.",
    errno.EMFILE: "Raise the limit of open files (ulimit -n).",
    errno.ENFILE: "Close other programs or raise the system's limit of open files.",
}
_NEXT_STEPS_OF_SQLITE = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "The disk may be failing: check it, or choose another --output.",
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: _LOST,
}
"""By primary result code."""
_OTHERWISE = "Choose another --output."


_SHARE = (
    "Check the connection to that server and run the same command again, or choose an --output on "
    "a local disk."
)
_ABOUT_THE_SHARE = frozenset(
    {_OTHERWISE, _LOST, _NEXT_STEPS[errno.EIO], _NEXT_STEPS_OF_SQLITE[sqlite3.SQLITE_IOERR]}
)
"""Advice that a network share replaces by its own."""


def next_step(error: BaseException, file_system: FileSystem = UNKNOWN) -> str:
    """Return the advice for an error of the operating system or of SQLite."""
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        step = _NEXT_STEPS_OF_SQLITE.get(code, _OTHERWISE)
    else:
        step = _NEXT_STEPS.get(getattr(error, "errno", None) or 0, _OTHERWISE)
    return _SHARE if file_system.is_network and step in _ABOUT_THE_SHARE else step


def is_passing(error: BaseException) -> bool:
    """Return True if the error ends when other work is done: no file descriptor was left."""
    return getattr(error, "errno", None) in _NO_DESCRIPTOR


def is_want_of_room(error: BaseException) -> bool:
    """Return True if the error ends when there is room on the disk."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code == sqlite3.SQLITE_FULL or getattr(error, "errno", None) in _NO_ROOM


def disk_failed(error: OSError, path: str, doing: str) -> StoreError:
    """Return the error of an instance that could not be written.

    That instance alone is refused if the next one may be kept: without a file descriptor, others
    in transfer free theirs; and one may be too large for FAT.
    """
    file_system = file_system_of(path)
    found = f"Cannot {doing} in {shown(Path(path).parent)}: {reason_of(error)}."
    if error.errno == errno.EFBIG and (limit := too_large_text(file_system)):
        message = f"{found} {limit}. Choose an --output on another file system for this study."
        return InstanceUnfit(message, status=OUT_OF_RESOURCES)
    message = f"{found} {_where(file_system)}{next_step(error, file_system)}"
    if is_passing(error):
        return InstanceUnfit(message, status=OUT_OF_RESOURCES)
    return DiskFailed(f"{message} {_KEPT}", path=path, no_room=is_want_of_room(error))


def _where(file_system: FileSystem) -> str:
    """Return a sentence if the folder is on a share: users take it for a disk."""
    return f"It is on a {file_system}. " if file_system.is_network else ""


def journal_not_made(error: ConfigError, path: Path) -> StoreError:
    """Return the error of a journal that cannot be created.

    Without a file descriptor, the instance alone is refused: the journal can be created later.
    """
    message = _of_journal(error, path, "make")
    if is_passing(error.__cause__ or error):
        return InstanceUnfit(message, status=OUT_OF_RESOURCES)
    no_room = is_want_of_room(error.__cause__ or error)
    return DiskFailed(f"{message} {_KEPT}", path=str(path), no_room=no_room)


def journal_failed(error: Exception, path: Path, *, no_room: bool = False) -> DiskFailed:
    """Return the error of a journal that cannot be written, whatever the reason.

    Args:
        error: What failed.
        path: The database.
        no_room: It is written again once there is room.
    """
    message = f"{_of_journal(error, path, 'keep')} {_KEPT}"
    return DiskFailed(message, path=str(path), no_room=no_room)


def _of_journal(error: Exception, path: Path, doing: str) -> str:
    cause = (error.__cause__ or error) if isinstance(error, ConfigError) else error
    file_system = file_system_of(path)
    advice = f"{_where(file_system)}{next_step(cause, file_system)}"
    return f"Cannot {doing} the journal {shown(path)}: {reason_of(cause)}. {advice}"
