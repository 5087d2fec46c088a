"""Replace a small file at once: a crash or a full disk leaves the file as it was."""

import contextlib
import itertools
import os
import threading
from collections.abc import Iterable
from pathlib import Path

from dicom_retrieve_tui.platform_files import patiently

_OWNER_ALONE = 0o077
_NAME_MAX = 160
"""Characters of the name that the temporary file takes over; file systems allow 255 bytes."""


def replace_file(named: Path, pieces: Iterable[str], umask: int = _OWNER_ALONE) -> None:
    """Write a file beside `named`, sync it, and rename it. A link to the file stays a link.

    Args:
        named: The file, in a folder that exists.
        pieces: The text, in UTF-8.
        umask: Permissions to hold back.

    Raises:
        OSError: The disk or the folder refuses; the file is as it was.
    """
    path = Path(os.path.realpath(named))
    fd, temporary = _create_beside(path)
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            if umask != _OWNER_ALONE and hasattr(os, "fchmod"):
                os.fchmod(fd, 0o666 & ~umask)
            file.writelines(pieces)
            file.flush()
            os.fsync(fd)
        patiently(lambda: temporary.replace(path))
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def _create_beside(path: Path) -> tuple[int, Path]:
    """Create a new file for its owner alone; `tempfile` would take some milliseconds to load."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0)
    for number in itertools.count():
        name = f".{path.name[:_NAME_MAX]}.{os.getpid()}-{threading.get_ident()}-{number}"
        temporary = path.with_name(name)
        with contextlib.suppress(FileExistsError):
            return os.open(temporary, flags, 0o666 & ~_OWNER_ALONE), temporary
    raise AssertionError  # the count has no end
