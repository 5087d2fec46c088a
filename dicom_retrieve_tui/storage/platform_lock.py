"""The lock of an open file: `flock`, or on Windows the lock of one byte beyond the content.

The operating system releases it when the file is closed or its process ends.
"""

import os
import sys

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl

REMOVED_WHILE_OPEN = sys.platform != "win32"
"""False if a file must be closed before it is removed. Removing then fails while others have it."""
_LOCKED_BYTE = 1 << 20
"""Windows lets other processes neither read nor write a locked byte, so that it is a free one."""


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
        at = os.lseek(fd, 0, os.SEEK_CUR)
        os.lseek(fd, _LOCKED_BYTE, os.SEEK_SET)
        try:
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:
            raise BlockingIOError(error.errno, error.strerror) from error
        finally:
            os.lseek(fd, at, os.SEEK_SET)
