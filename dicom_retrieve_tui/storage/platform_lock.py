"""The lock of an open file: `flock`, or on Windows the lock of one byte beyond the content.

The operating system releases it when the file is closed or its process ends.
"""

import sys

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


def lock(fd: int, *, shared: bool = False) -> None:
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
