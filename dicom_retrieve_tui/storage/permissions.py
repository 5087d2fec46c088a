"""Permissions of new files and folders: for the owner alone, unless `--umask` sets others.

The umask of the process is shared by all threads and is not changed: each file and folder is
created with its permissions. Existing ones keep theirs.
"""

import contextlib
import os
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path

from dicom_retrieve_tui.platform_files import BINARY

_ALWAYS = getattr(os, "O_CLOEXEC", 0) | BINARY
_OWNER_ALONE = 0o077


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions of all files and folders that a run creates."""

    umask: int = _OWNER_ALONE

    @property
    def file(self) -> int:
        """Mode of a file."""
        return 0o666 & ~self.umask

    @property
    def folder(self) -> int:
        """Mode of a folder."""
        return 0o777 & ~self.umask

    def create(self, path: Path | str, flags: int) -> int:
        """Create a file and open it.

        Raises:
            OSError: The file exists, or cannot be created.
        """
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL | _ALWAYS, self.file)
        if self.umask != _OWNER_ALONE and hasattr(os, "fchmod"):
            # The umask of the process may have removed permissions. A file system without them
            # is reported at the start of a run.
            with contextlib.suppress(OSError):
                os.fchmod(fd, self.file)
        return fd

    def open(self, path: Path | str, flags: int) -> int:
        """Open a file; create it if it is missing.

        Raises:
            OSError: The file cannot be opened.
        """
        try:
            return self.create(path, flags)
        except FileExistsError:
            return os.open(path, flags | os.O_CREAT | _ALWAYS, self.file)

    def make_database(self, path: Path) -> None:
        """Create an empty database, if it is missing; one that exists is not even opened.

        SQLite gives the files beside a database its permissions. Where this process has it open
        already, to open and close it here would drop the locks that SQLite has on it: another
        process would take itself for the last user, and remove the log.
        Source: https://sqlite.org/howtocorrupt.html, section 2.2.

        Raises:
            OSError: The file cannot be created.
        """
        with contextlib.suppress(FileExistsError):
            os.close(self.create(path, os.O_RDWR))

    def make_folder(self, folder: Path) -> None:
        """Create a folder and its parents, if they are missing.

        Raises:
            OSError: One of them cannot be created.
        """
        missing = takewhile(lambda each: not each.exists(), folder.parents)
        for each in reversed([folder, *missing]):
            try:
                each.mkdir(self.folder)
            except FileExistsError:
                if not each.is_dir():
                    raise
            else:
                if self.umask != _OWNER_ALONE:
                    with contextlib.suppress(OSError):
                        each.chmod(self.folder)


PRIVATE = Permissions()
