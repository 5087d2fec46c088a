"""The lock of an output folder: one run at a time.

The operating system releases the lock when its process ends, so a lock file that a crash left is
not mistaken for a lock. A file system without locks, or one that other hosts use, too, gets a
heartbeat in addition.
"""

import contextlib
import os
import socket
import sys
import threading
from pathlib import Path
from time import monotonic
from typing import Self

from dicom_retrieve_tui.platform_files import patiently, read_at
from dicom_retrieve_tui.storage.file_system import file_system_of
from dicom_retrieve_tui.storage.heartbeat import (
    HEARTBEAT,
    Busy,
    Heartbeat,
    busy_folder,
    is_claimed,
    owner_of,
)
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.writers import writer_folder, writers_in

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _KERNEL = ctypes.WinDLL("kernel32", use_last_error=True)
else:
    import fcntl

REMOVED_WHILE_OPEN = sys.platform != "win32"
"""False if a file must be closed before it is removed. Removing then fails while others have it."""
_LOCKED_BYTE = 1 << 20
"""Windows lets other processes neither read nor write a locked byte, so that it is a free one."""
_LOCK_VIOLATION = 33
"""Source: winerror.h."""


def lock_open_file(fd: int, *, shared: bool = False) -> None:
    """Lock an open file, without waiting.

    Args:
        shared: Keep out exclusive locks alone, where the system has such a lock.

    Raises:
        BlockingIOError: Another open file has the lock, perhaps in this process.
        OSError: The file system has no locks.
    """
    if sys.platform == "win32":
        _lock_byte(fd)
    else:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)


if sys.platform == "win32":

    def _lock_byte(fd: int) -> None:
        # Not `msvcrt.locking`, whose error does not tell a lock from a disk without locks.
        handle = wintypes.HANDLE(msvcrt.get_osfhandle(fd))
        if _KERNEL.LockFile(handle, wintypes.DWORD(_LOCKED_BYTE), 0, 1, 0):
            return
        number = ctypes.get_last_error()
        error = ctypes.WinError(number)
        if number == _LOCK_VIOLATION:
            raise BlockingIOError(error.errno, error.strerror)
        raise error


LOCK = "lock"
"""The lock file's name in the private folder."""
_NUMBER_S = 0.2
"""Time for a process to write its number into the lock file that it holds."""


_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UNKNOWN_BOOT = "unknown"
_LOCKS = Path("/proc/locks")
_INODE_FIELD = 5
"""`1: FLOCK  ADVISORY  WRITE 4711 08:01:1234567 0 EOF`; a line with `->` is a waiting process."""
_CONTENT_BYTES_MAX = 128


class FolderLock:
    """A lock file, held from `acquire` to `release`.

    It contains the number of the process, and the boot of the machine.
    """

    def __init__(
        self,
        path: Path,
        fd: int,
        left_behind: bytes,
        heartbeat: Heartbeat | None,
        missing: OSError | None,
    ) -> None:
        self._path = path
        self._fd = fd
        self._heartbeat = heartbeat
        self.missing = missing
        """Why the file system has no locks; None if it has."""
        self.boot = boot_id()
        """Identifies this boot of the machine."""
        self.killed_in = _boot_in(left_behind) if left_behind else ""
        """The boot in which an earlier run left its lock behind; empty if none did."""
        # Keep the earlier boot until the journal has recorded it, so that a kill cannot hide it.
        content = f"{os.getpid()}\n{self.killed_in or self.boot}\n".encode()
        os.lseek(fd, 0, os.SEEK_SET)
        os.write(fd, content)
        if len(left_behind) > len(content):
            os.ftruncate(fd, len(content))

    @classmethod
    def acquire(
        cls, path: Path, permissions: Permissions = PRIVATE, busy: Busy | None = None
    ) -> Self:
        """Take the lock, without waiting.

        Args:
            path: The lock file.
            permissions: Of a new one.
            busy: Makes the error for a lock that another run holds.

        Raises:
            ConfigError: Another run holds it; the message names the process.
            FileNotFoundError: The folder is gone.
            OSError: The lock file cannot be created.
        """
        busy = busy or busy_folder(path.parent.parent)
        while True:
            # Windows refuses a file whose removal has begun.
            fd = patiently(lambda: permissions.open(path, os.O_RDWR))
            heartbeat = None
            try:
                missing = cls._lock(fd, busy)
                if missing or file_system_of(path).is_network:
                    heartbeat = Heartbeat.claim(path.with_name(HEARTBEAT), permissions, busy=busy)
                if _still_named(fd, path):
                    content = read_at(fd, _CONTENT_BYTES_MAX, 0)
                    return cls(path, fd, content, heartbeat, missing)
            except BaseException:
                _release(fd, heartbeat)
                raise
            _release(fd, heartbeat)  # removed by its holder after we opened it

    @staticmethod
    def _lock(fd: int, busy: Busy) -> OSError | None:
        """Lock the file; return why that is not possible on its file system."""
        try:
            lock_open_file(fd)
        except BlockingIOError as error:
            raise busy(_holder(fd)) from error
        except OSError as error:
            return error
        return None

    @property
    def lost_to(self) -> str:
        """The run that took the folder while this process was stopped; empty if it is ours."""
        return self._heartbeat.lost_to if self._heartbeat else ""

    @property
    def restarted(self) -> bool:
        """True if the machine may have stopped during an earlier run."""
        return bool(self.killed_in) and (self.killed_in != self.boot or self.boot == UNKNOWN_BOOT)

    def sync(self) -> None:
        """Sync the lock file, if the file system can, before any file gets its name."""
        with contextlib.suppress(OSError):
            os.fsync(self._fd)

    def release(self, *, leave_behind: bool = False) -> None:
        """Release the lock and remove its file.

        Args:
            leave_behind: Leave the file, as a kill does: not every named file is recorded.
        """
        if leave_behind:
            _release(self._fd, self._heartbeat)
        elif REMOVED_WHILE_OPEN:
            with contextlib.suppress(OSError):
                self._path.unlink()
            _release(self._fd, self._heartbeat)
        else:
            # Another run may take the lock between these calls: an empty file is not one that a
            # kill left behind, and it is not removed while that run has it open.
            with contextlib.suppress(OSError):
                os.ftruncate(self._fd, 0)
            _release(self._fd, self._heartbeat)
            with contextlib.suppress(OSError):
                self._path.unlink()


def is_in_use(root: Path) -> bool:
    """Return True if any run, perhaps of this process, has an output folder. Never raises."""
    if is_locked(writer_folder(root, None) / LOCK):
        return True
    with contextlib.suppress(OSError):
        locks = [writer_folder(root, each) / LOCK for each in writers_in(root)]
        return any(is_locked(path) for path in locks if _may_be_held(path))
    return False


def _may_be_held(path: Path) -> bool:
    """Return False for a lock that is free; it is not touched, as many writers may start now."""
    return is_claimed(path.with_name(HEARTBEAT)) or lock_is_held(path) is not False


def holder_of(folder: Path) -> str:
    """Return the process that holds the lock in a folder, for messages; empty if none does."""
    path = folder / LOCK
    if not is_locked(path):
        return ""
    if is_claimed(path.with_name(HEARTBEAT)):
        return owner_of(path.with_name(HEARTBEAT))
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return "another process"
    try:
        return _holder(fd)
    finally:
        os.close(fd)


def boot_left_in(folder: Path, *, resting: bool) -> str:
    """Return the boot in which a run left its lock behind in a folder; empty if none did.

    Args:
        folder: The folder of a writer.
        resting: No run can hold the lock, or be about to take it.
    """
    path = folder / LOCK
    if not resting and _may_be_held(path):
        return ""
    try:
        content = path.read_bytes()[:_CONTENT_BYTES_MAX]
    except OSError:
        return ""
    return _boot_in(content) if content.strip(b"\0\n ") else ""


def is_locked(path: Path) -> bool:
    """Return True if a process, perhaps this one, holds the lock at `path`."""
    if is_claimed(path.with_name(HEARTBEAT)):
        return True
    try:
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_CLOEXEC", 0))
    except OSError:
        return False
    try:
        lock_open_file(fd, shared=True)
    except BlockingIOError:
        return True
    except OSError:
        return False
    finally:
        os.close(fd)
    return False


def _release(fd: int, heartbeat: Heartbeat | None) -> None:
    if heartbeat is not None:
        heartbeat.release()
    with contextlib.suppress(OSError):  # a share may fail here, after everything was written
        os.close(fd)


def lock_is_held(path: Path) -> bool | None:
    """Return True if a process holds the lock at `path`; None if that cannot be found out.

    Unlike `is_locked`, it takes no lock for that, so it cannot get in the way of a run that starts.
    """
    try:
        inode = path.stat().st_ino
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        locks = _LOCKS.read_text("ascii", "replace").splitlines()
    except OSError:
        return None
    held = (line.split() for line in locks if "->" not in line)
    return any(fields[_INODE_FIELD].endswith(f":{inode}") for fields in held)


def _holder(fd: int) -> str:
    """Return the name of the process that holds the lock; wait for it to write its number."""
    pause, until_s = threading.Event(), monotonic() + _NUMBER_S
    while not (number := _lines_of(read_at(fd, _CONTENT_BYTES_MAX, 0))[0]):
        if monotonic() > until_s:
            return "another process"
        pause.wait(_NUMBER_S / 20)
    return f"process {number}"


def _lines_of(content: bytes) -> list[str]:
    """Return the number of the process and the boot of its machine; empty if unknown."""
    return [*content.decode("ascii", "replace").strip("\0\n ").split("\n"), "", ""][:2]


def _boot_in(content: bytes) -> str:
    return _lines_of(content)[1] or UNKNOWN_BOOT


def host_name() -> str:
    """Return the name of this machine; empty if it has none."""
    return socket.gethostname()


def boot_id() -> str:
    """Return what identifies this boot of the machine."""
    try:
        return _BOOT_ID.read_text("ascii").strip() or UNKNOWN_BOOT
    except (OSError, ValueError):  # only Linux has the file
        return UNKNOWN_BOOT


def _still_named(fd: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(fd), path.stat())
    except FileNotFoundError:
        return False
