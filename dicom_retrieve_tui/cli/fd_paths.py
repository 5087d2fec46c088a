"""Paths that name an open stream: `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/1`.

Such a path may lead to a file to which the stream was redirected. We write to the stream, after
what was written to it before, and never replace that file. Windows has no such paths.
"""

import errno
import os
import re
import sys
from pathlib import Path

from dicom_retrieve_tui.errors import reason_of

if sys.platform != "win32":
    import fcntl

_FOLDER = re.compile(r"/dev/fd|/proc/[0-9]+(/task/[0-9]+)?/fd")
_LINKS_MAX = 40
"""The limit of Linux."""
_NOT_OPEN = frozenset({errno.EBADF, errno.ENOENT})


def is_stream(path: Path) -> bool:
    """Return True for the name of a stream or a link to one, open or not."""
    return _name(path) is not None


def stream_fault(path: Path) -> str | None:
    """Return why a stream cannot be written to; None if it can, or if `path` names no stream."""
    try:
        stream = open_stream(path)
    except OSError as error:
        if error.errno in _NOT_OPEN:
            return "this stream is not open"
        return f"this stream cannot be written to: {reason_of(error)}"
    if stream is None:
        return None
    try:
        only_reads = _only_reads(stream)
    finally:
        os.close(stream)
    return "this stream is open for reading only" if only_reads else None


def _only_reads(stream: int) -> bool:
    if sys.platform == "win32":
        return False  # it has no such paths
    else:  # noqa: RET505 - mypy calls the rest unreachable otherwise
        return fcntl.fcntl(stream, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY


def open_stream(path: Path) -> int | None:
    """Open a stream to write after what it has; return None if `path` names no stream.

    Raises:
        OSError: It is not open, or belongs to a process that we may not access.
    """
    name = _name(path)
    if sys.platform == "win32" or name is None:
        return None
    if name.parent == Path("/dev/fd") or name.is_relative_to(os.path.realpath("/proc/self")):
        return os.dup(int(name.name))
    # A blocking open would wait for the reader of a pipe.
    stream = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(stream, True)
    return stream


def _name(path: Path) -> Path | None:
    """Follow links up to the number of a stream, and no further; return None without one."""
    if sys.platform == "win32":
        return None
    for _ in range(_LINKS_MAX):
        try:
            folder = os.path.realpath(path.parent)
            if re.fullmatch("[0-9]{1,9}", path.name) and _FOLDER.fullmatch(folder):
                return Path(folder, path.name)
            path = Path(folder, path.readlink())
        except (OSError, ValueError):  # not a link, or not a path
            return None
    return None
