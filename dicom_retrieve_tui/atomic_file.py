"""Replace a small file at once: a crash or a full disk leaves the file as it was."""

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

from dicom_retrieve_tui.platform_files import patiently

_OWNER_ALONE = 0o077
_NAME_MAX = 200
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
    from tempfile import mkstemp  # noqa: PLC0415 - most runs replace no file

    path = Path(os.path.realpath(named))
    fd, temporary = mkstemp(dir=path.parent, prefix=f".{path.name[:_NAME_MAX]}.")
    try:
        with os.fdopen(fd, "w", encoding="utf-8", newline="") as file:
            if umask != _OWNER_ALONE and hasattr(os, "fchmod"):
                os.fchmod(fd, 0o666 & ~umask)  # mkstemp makes files for their owner alone
            file.writelines(pieces)
            file.flush()
            os.fsync(fd)
        patiently(lambda: Path(temporary).replace(path))
    except BaseException:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise
