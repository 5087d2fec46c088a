"""Rename without overwriting, by the one call that does both, where hard links are missing."""

import ctypes
import errno
import os
import sys
from collections.abc import Callable
from functools import cache

_AT_FDCWD = -100
_RENAME_NOREPLACE = 1
_RENAME_EXCL = 4
"""Source: renameat2(2) of Linux, renamex_np(2) of macOS."""
_UNSUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP})


def rename_exclusively(old: str, new: str) -> bool:
    """Rename a file if nothing has its new name, in one step.

    Returns:
        False if this system or this file system cannot do that; nothing is changed then.

    Raises:
        FileExistsError: Something has that name.
        OSError: The disk refuses.
    """
    if (rename := _system_call()) is None:
        return False
    if rename(os.fsencode(old), os.fsencode(new)) == 0:
        return True
    number = ctypes.get_errno()
    if number in _UNSUPPORTED:
        return False
    raise OSError(number, os.strerror(number), new)


@cache
def _system_call() -> Callable[[bytes, bytes], int] | None:
    """Return a function of the C library that returns 0 on success; None if it has none."""
    if sys.platform == "win32":
        return None
    try:
        library = ctypes.CDLL(None, use_errno=True)
    except OSError:
        return None
    if (exclusive := getattr(library, "renamex_np", None)) is not None:
        exclusive.argtypes = (ctypes.c_char_p, ctypes.c_char_p, ctypes.c_uint)
        return lambda old, new: int(exclusive(old, new, _RENAME_EXCL))
    if (at := getattr(library, "renameat2", None)) is not None:
        at.argtypes = (
            ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint,
        )  # fmt: skip
        return lambda old, new: int(at(_AT_FDCWD, old, _AT_FDCWD, new, _RENAME_NOREPLACE))
    return None
