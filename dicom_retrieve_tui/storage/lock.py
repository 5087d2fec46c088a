"""One run at a time in an output folder.

The operating system holds the lock and drops it when its process dies, so a lock left by a crash
never has to be told apart from one that is held.
"""

import contextlib
import os
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import Self

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

if sys.platform != "win32":
    import fcntl


LOCK = "lock"
"""The lock file's name in the private folder."""
_NUMBER_S = 0.2
"""Enough for a process to write its number into the lock file that it holds."""


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UNKNOWN_BOOT = "unknown"
_CONTENT_BYTES_MAX = 128


class FolderLock:
    """Holds a lock file from `acquire` to `release`.

    The file names our process and the boot of the machine that it runs in.
    """

    def __init__(self, path: Path, fd: int, left_behind: bytes) -> None:
        self._path = path
        self._fd = fd
        self.boot = _boot_id()
        """What tells this boot of the machine from any other."""
        self.killed_in = _boot_in(left_behind) if left_behind else ""
        """The boot in which an earlier run left its lock behind; empty if none did."""
        # Until the journal has recorded a restart, a kill must not make it look like none.
        content = f"{os.getpid()}\n{self.killed_in or self.boot}\n".encode()
        os.pwrite(fd, content, 0)
        os.ftruncate(fd, len(content))

    @classmethod
    def acquire(cls, path: Path, permissions: Permissions = PRIVATE) -> Self:
        """Take the lock, at once or not at all.

        Raises:
            ConfigError: Another run holds it; the message says which process.
            FileNotFoundError: Its folder is gone.
            OSError: The lock file cannot be made.
        """
        while True:
            fd = permissions.open(path, os.O_RDWR)
            try:
                cls._lock(fd, path)
                if _still_named(fd, path):
                    return cls(path, fd, os.pread(fd, _CONTENT_BYTES_MAX, 0))
            except BaseException:
                os.close(fd)
                raise
            os.close(fd)  # its holder removed it between our open and our lock

    @staticmethod
    def _lock(fd: int, path: Path) -> None:
        if sys.platform == "win32":
            return  # there, the open part files keep a second run out
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ConfigError(
                f"--output {path.parent.parent}: {_holder(fd)} is retrieving into this folder. "
                "Wait for it to end, or choose another folder."
            ) from error

    @property
    def restarted(self) -> bool:
        """True if the machine may have stopped during an earlier run."""
        return bool(self.killed_in) and (self.killed_in != self.boot or self.boot == UNKNOWN_BOOT)

    def sync(self) -> None:
        """Write the lock file to the disk, where the file system can: no name goes before it."""
        with contextlib.suppress(OSError):
            os.fsync(self._fd)

    def release(self, *, leave_behind: bool = False) -> None:
        """Give the lock back and remove its file.

        Args:
            leave_behind: Leave the file, as a kill does: not everything was recorded.
        """
        if not leave_behind:
            with contextlib.suppress(OSError):
                self._path.unlink()
        os.close(self._fd)


def is_locked(path: Path) -> bool:
    """True if somebody, this process included, holds the lock at `path` just now."""
    if sys.platform == "win32":
        return False
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        fcntl.flock(fd, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _holder(fd: int) -> str:
    """The process that has the lock; one that took it just now has yet to write its number."""
    pause, until_s = threading.Event(), monotonic() + _NUMBER_S
    while not (number := _lines_of(os.pread(fd, _CONTENT_BYTES_MAX, 0))[0]):
        if monotonic() > until_s:
            return "another process"
        pause.wait(_NUMBER_S / 20)
    return f"process {number}"


def _lines_of(content: bytes) -> list[str]:
    """The process, and the boot of its machine; empty where they are not known."""
    return [*content.decode("ascii", "replace").strip("\0\n ").split("\n"), "", ""][:2]


def _boot_in(content: bytes) -> str:
    return _lines_of(content)[1] or UNKNOWN_BOOT


def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text("ascii").strip() or UNKNOWN_BOOT
    except (OSError, ValueError):  # it is Linux's
        return UNKNOWN_BOOT


def _still_named(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
