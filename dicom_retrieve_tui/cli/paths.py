"""Paths that the user gave: checked before anything is sent; some name an open stream.

`/dev/stdout`, `/dev/fd/3` and `/proc/self/fd/1` may lead to a file to which the stream was
redirected. We write to the stream, after what was written to it before, and never replace that
file. Windows has no such paths.
"""

import errno
import os
import re
import sys
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.layout import is_device
from dicom_retrieve_tui.platform_files import WINDOWS, closest_existing

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


def check_output(path: Path) -> Path:
    """Return the output folder, which need not exist yet.

    Raises:
        ConfigError: The path, or a parent of it, is a file, or cannot be reached; on Windows, also
            a device, or on a drive that does not exist.
    """
    if WINDOWS and (device := next(filter(is_device, path.parts), None)):
        raise ConfigError(f"--output {path}: Windows reserves the name {device!r} for a device.")
    try:
        place = closest_existing(path)
    except FileNotFoundError as error:
        raise ConfigError(f"--output {path}: {reason_of(error)}.") from error
    except (OSError, ValueError) as error:
        raise _unreachable("--output", path, error) from error
    if not place.is_dir():
        raise ConfigError(
            f"--output {path}: {_this(place, path)} is a file; files go into a folder."
        )
    return path


def file_to_write(
    flag: str, text: str | None, *, about_to_exist: Path | None = None
) -> Path | None:
    """Return the file or stream that will be written; see `fd_paths`.

    Args:
        flag: The flag, for messages.
        text: Its value; None if the flag was not given.
        about_to_exist: A folder that may be missing now, because the run creates it.

    Raises:
        ConfigError: It is not a regular file, its folder does not exist, or the stream is closed
            or open for reading only.
    """
    if text is None:
        return None
    path = Path(text)
    if is_stream(path):
        if fault := stream_fault(path):
            raise ConfigError(f"{flag} {path}: {fault}.")
        return path
    if not text or (_exists(flag, path) and not path.is_file()):
        # The rename after writing would replace a device or a pipe, and opening a pipe waits for
        # its reader.
        raise ConfigError(
            f"{flag} {text!r}: expected the name of a file, or of an open stream such as "
            "/dev/stderr."
        )
    folder = path.parent
    if not _exists(flag, folder) and folder != about_to_exist:
        raise ConfigError(f"{flag} {path}: the folder {folder} does not exist.")
    return path


def _this(place: Path, path: Path) -> str:
    return "this" if place == path else str(place)


def _exists(flag: str, path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError) as error:
        raise _unreachable(flag, path, error) from error


def _unreachable(flag: str, path: Path, error: Exception) -> ConfigError:
    """Return the error of a path without permission, one that is too long, or has a null."""
    return ConfigError(f"{flag} {path}: cannot be reached: {reason_of(error)}.")
