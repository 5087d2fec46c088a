"""Paths that are an open stream by another name: `/dev/stdout`, `/dev/fd/3`, `/proc/self/fd/1`.

Such a path leads on to whatever the stream was redirected to, and that may be a file. It is the
stream that is meant all the same: what was written to it before stays, and what is written next
goes behind it.
"""

import errno
import os
import re
import sys
from pathlib import Path

from dicom_retrieve_tui.errors import reason_of

if sys.platform != "win32":  # which has no such names
    import fcntl

_FOLDER = re.compile(r"/dev/fd|/proc/[0-9]+(/task/[0-9]+)?/fd")
_LINKS_MAX = 40
"""As many as Linux follows."""
_NOT_OPEN = frozenset({errno.EBADF, errno.ENOENT})


def is_stream(path: Path) -> bool:
    """True for the name of a stream, or of a link to one, whether it is open or not."""
    return _name(path) is not None


def stream_fault(path: Path) -> str | None:
    """Why a stream cannot be written to; None if it can, or if it is none."""
    try:
        stream = open_stream(path)
    except OSError as error:
        if error.errno in _NOT_OPEN:
            return "this stream is not open"
        return f"this stream cannot be written to: {reason_of(error)}"
    if stream is None:
        return None
    try:
        access = fcntl.fcntl(stream, fcntl.F_GETFL) & os.O_ACCMODE
    finally:
        os.close(stream)
    return "this stream is open for reading only" if access == os.O_RDONLY else None


def open_stream(path: Path) -> int | None:
    """A descriptor that writes behind what was written to the stream; None if it is none.

    Raises:
        OSError: It is not open, or another process's and not for us.
    """
    name = _name(path)
    if name is None:
        return None
    if name.parent == Path("/dev/fd") or name.is_relative_to(os.path.realpath("/proc/self")):
        return os.dup(int(name.name))
    # Not blocking, for a pipe that has no reader is waited for otherwise.
    stream = os.open(name, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK)
    os.set_blocking(stream, True)
    return stream


def _name(path: Path) -> Path | None:
    """Where the links end at a stream's number; they are not followed any further."""
    for _ in range(_LINKS_MAX):
        try:
            folder = os.path.realpath(path.parent)
            if re.fullmatch("[0-9]{1,9}", path.name) and _FOLDER.fullmatch(folder):
                return Path(folder, path.name)
            path = Path(folder, path.readlink())
        except (OSError, ValueError):  # no link, or no path at all
            return None
    return None
