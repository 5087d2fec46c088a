"""Who may read what we write: its owner alone, unless `--umask` says otherwise.

The process's own umask belongs to all of its threads and is left alone: each file and each folder
of ours is made with the permissions that it shall have. What exists keeps those that it has.
"""

import os
from dataclasses import dataclass
from pathlib import Path

_CLOSE_ON_EXEC = getattr(os, "O_CLOEXEC", 0)
_OWNER_ALONE = 0o077


@dataclass(frozen=True, slots=True)
class Permissions:
    """The permissions of everything that a run makes."""

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
        """Make a file that is not there yet, and open it.

        Raises:
            OSError: It is there, or cannot be made.
        """
        fd = os.open(path, flags | os.O_CREAT | os.O_EXCL | _CLOSE_ON_EXEC, self.file)
        if self.umask != _OWNER_ALONE and hasattr(os, "fchmod"):
            os.fchmod(fd, self.file)  # the process's umask may have taken something away
        return fd

    def open(self, path: Path | str, flags: int) -> int:
        """Open a file, made if it is missing.

        Raises:
            OSError: It cannot be opened.
        """
        try:
            return self.create(path, flags)
        except FileExistsError:
            return os.open(path, flags | os.O_CREAT | _CLOSE_ON_EXEC, self.file)

    def make_folder(self, folder: Path) -> None:
        """Make a folder, and those that it lies in, where they are missing.

        Raises:
            OSError: One of them cannot be made.
        """
        missing = [folder]
        while not missing[-1].parent.exists():
            missing.append(missing[-1].parent)
        for each in reversed(missing):
            try:
                each.mkdir(self.folder)
            except FileExistsError:
                if not each.is_dir():
                    raise
            else:
                if self.umask != _OWNER_ALONE:
                    each.chmod(self.folder)


PRIVATE = Permissions()
