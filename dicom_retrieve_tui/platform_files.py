"""File operations that a platform has in another form, or not at all.

On POSIX, each is the system call that it is named after, or the one that does it in one step.
"""

import ctypes
import errno
import os
import sys
import threading
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from time import monotonic
from typing import TypeVar
from urllib.parse import quote

_T = TypeVar("_T")

WINDOWS = os.name == "nt"

BINARY = getattr(os, "O_BINARY", 0)
"""Without it, Windows changes line ends in files that are opened by number."""
SYNCS_FOLDERS = not WINDOWS
"""Windows opens no folder as a file; its file systems keep a journal of names."""
RENAMES_TO_FREE_NAMES = WINDOWS
"""True if a rename fails where its target exists, also between processes."""

_writev: Callable[[int, Sequence[bytes | memoryview]], int] | None = getattr(os, "writev", None)
_pread: Callable[[int, int, int], bytes] | None = getattr(os, "pread", None)
_sysconf: Callable[[str], int] = getattr(os, "sysconf", lambda _: 0)
_PIECES_MAX = _sysconf("SC_IOV_MAX")
"""Pieces that `writev` takes: 1,024 on Linux, macOS and the BSDs; POSIX promises 16."""
_JOINED_BYTES_MAX = 1 << 20
_HELD_S = 2.0
"""Time for another program, such as a virus scanner, to close a file that it examines."""
_LOOK_S = 0.02
_LINK_TAGS = frozenset({0xA000000C, 0xA0000003})
"""IO_REPARSE_TAG_SYMLINK, IO_REPARSE_TAG_MOUNT_POINT. Source: winnt.h."""
_HELD_BY_OTHERS = frozenset({5, 32, 33})
"""ERROR_ACCESS_DENIED, which a rename to a name in use reports, ERROR_SHARING_VIOLATION,
ERROR_LOCK_VIOLATION."""
_VERBATIM, _DEVICE, _SHARE, _SEPARATOR = "\\\\?\\", "\\\\.\\", "\\\\?\\UNC\\", "\\"


def write_pieces(fd: int, pieces: Sequence[bytes | memoryview]) -> int:
    """Write pieces in one call where that is possible; return the number of bytes written.

    Raises:
        OSError: The file cannot be written.
    """
    if _writev is not None and len(pieces) <= _PIECES_MAX:
        return _writev(fd, pieces)
    written = 0
    for piece in _joined(pieces):
        taken = os.write(fd, piece)
        written += taken
        if taken < len(piece):
            break
    return written


def _joined(pieces: Sequence[bytes | memoryview]) -> Sequence[bytes | memoryview]:
    """Return fewer and longer pieces, if they are not too long to copy."""
    if len(pieces) > 1 and sum(map(len, pieces)) <= _JOINED_BYTES_MAX:
        return [b"".join(pieces)]
    return pieces


def read_at(fd: int, length: int, offset: int) -> bytes:
    """Read from `offset` of a file that no other thread uses meanwhile.

    Raises:
        OSError: The file cannot be read.
    """
    if _pread is not None:
        return _pread(fd, length, offset)
    at = os.lseek(fd, 0, os.SEEK_CUR)
    os.lseek(fd, offset, os.SEEK_SET)
    try:
        return os.read(fd, length)
    finally:
        os.lseek(fd, at, os.SEEK_SET)


def patiently(operation: Callable[[], _T]) -> _T:
    """Rename, remove or open a file; on Windows, wait until other programs have closed it.

    Raises:
        OSError: The file is still in use after `_HELD_S`, or the operation failed otherwise.
    """
    if not WINDOWS:
        return operation()
    until_s = monotonic() + _HELD_S
    while True:
        try:
            return operation()
        except PermissionError as error:
            # `os.open` has no number of Windows.
            number = getattr(error, "winerror", None)
            if number not in {None, *_HELD_BY_OTHERS} or monotonic() > until_s:
                raise
        threading.Event().wait(_LOOK_S)


def extended(path: Path) -> Path:
    r"""Return a folder below which names may be long: on Windows, an absolute path as `\\?\C:\a`.

    Windows takes 260 characters of other paths, unless its registry says otherwise. Such a path has
    no `/` between its folders, see `below`, and is shown without its prefix, see `shown`.
    """
    if not WINDOWS:
        return path
    text = os.path.abspath(path)  # noqa: PTH100 - Windows' own rules, for a text
    if text.startswith((_VERBATIM, _DEVICE)):
        return path
    return Path(_SHARE + text[2:] if text.startswith("\\\\") else _VERBATIM + text)


def below(folder: Path | str, relative: str) -> str:
    """Return the path of `relative`, which has `/` between its folders, below `folder`."""
    if not WINDOWS:
        return f"{folder}/{relative}"
    return f"{folder}\\{relative.replace('/', _SEPARATOR)}"


def closest_existing(path: Path) -> Path:
    """Return a path, or the closest folder above it that exists.

    Raises:
        FileNotFoundError: Not even its drive or share exists.
        OSError: A folder above it cannot be read, or the path is too long.
        ValueError: The path has a null character.
    """
    for place in (path, *path.parents):
        if place.exists():
            return place
    kind = "share" if path.drive.startswith("\\\\") else "drive"
    raise FileNotFoundError(errno.ENOENT, f"the {kind} does not exist")


def leads_out(folder: Path, root: Path) -> bool:
    """Return True if a link on the way from `root` to a folder below it leads out of `root`.

    On Windows, any link or junction counts.
    """
    if not WINDOWS:
        return not folder.resolve().is_relative_to(root.resolve())
    return any(
        getattr(os.lstat(place), "st_reparse_tag", 0) in _LINK_TAGS
        for place in (folder, *folder.parents)
        if place != root and place.is_relative_to(root)
    )


def sqlite_uri(path: Path) -> str:
    """Return the URI of a database, without parameters."""
    if not WINDOWS:
        return path.absolute().as_uri()
    return f"file:{quote(str(extended(path)), safe='')}"


def shown(path: Path | str) -> str:
    """Return a path as a user would write it."""
    text = str(path)
    if text.startswith(_SHARE):
        return f"\\\\{text[len(_SHARE) :]}"
    return text.removeprefix(_VERBATIM)


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
