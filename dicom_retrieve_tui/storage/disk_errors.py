"""Messages for errors of the operating system and of SQLite, each with the next step."""

import errno
import sqlite3
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, InstanceUnfit, StoreError, reason_of
from dicom_retrieve_tui.model.status import OUT_OF_RESOURCES
from dicom_retrieve_tui.platform_files import shown

"""Source: PS3.4 Table B.2-1."""
_NO_DESCRIPTOR = frozenset({errno.EMFILE, errno.ENFILE})
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
    sqlite3.SQLITE_IOERR: "Make room, check the disk, or choose another --output.",
    sqlite3.SQLITE_READONLY: _FORBIDDEN,
    sqlite3.SQLITE_CANTOPEN: _LOST,
}
"""By primary result code."""
_OTHERWISE = "Choose another --output."


def next_step(error: BaseException) -> str:
    """Return the advice for an error of the operating system or of SQLite."""
    if isinstance(error, sqlite3.Error):
        return _NEXT_STEPS_OF_SQLITE.get(getattr(error, "sqlite_errorcode", 0) & 0xFF, _OTHERWISE)
    return _NEXT_STEPS.get(getattr(error, "errno", None) or 0, _OTHERWISE)


def is_passing(error: BaseException) -> bool:
    """Return True if the error ends when other work is done: no file descriptor was left."""
    return getattr(error, "errno", None) in _NO_DESCRIPTOR


def disk_failed(error: OSError, path: str, doing: str) -> StoreError:
    """Return the error of an instance that could not be written.

    Without a file descriptor, that instance alone is refused: others in transfer free theirs.
    """
    message = (
        f"Cannot {doing} in {shown(Path(path).parent)}: {reason_of(error)}. {next_step(error)}"
    )
    if is_passing(error):
        return InstanceUnfit(message, status=OUT_OF_RESOURCES)
    return DiskFailed(f"{message} {_KEPT}", path=path)


def journal_not_made(error: ConfigError, path: Path) -> StoreError:
    """Return the error of a journal that cannot be created.

    Without a file descriptor, the instance alone is refused: the journal can be created later.
    """
    message = _of_journal(error, path, "make")
    if is_passing(error.__cause__ or error):
        return InstanceUnfit(message, status=OUT_OF_RESOURCES)
    return DiskFailed(f"{message} {_KEPT}", path=str(path))


def journal_failed(error: Exception, path: Path) -> DiskFailed:
    """Return the error of a journal that can no longer be written, whatever the reason."""
    return DiskFailed(f"{_of_journal(error, path, 'keep')} {_KEPT}", path=str(path))


def _of_journal(error: Exception, path: Path, doing: str) -> str:
    cause = (error.__cause__ or error) if isinstance(error, ConfigError) else error
    return f"Cannot {doing} the journal {shown(path)}: {reason_of(cause)}. {next_step(cause)}"
