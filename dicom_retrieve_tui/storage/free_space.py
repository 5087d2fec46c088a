"""`--keep-free`: end the run before it uses the disk space to leave free."""

import shutil
import threading
from dataclasses import dataclass
from pathlib import Path

from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.humanize import size_text
from dicom_retrieve_tui.model.option_values import KeepFree
from dicom_retrieve_tui.platform_files import below, shown
from dicom_retrieve_tui.storage.disk_errors import disk_failed
from dicom_retrieve_tui.storage.transient import Retrying

_RETRYING = Retrying()
_LOOK_EVERY_BYTES = 1 << 26
"""Bytes between two questions to the operating system: other programs write to the disk, too."""

_WANTED_PART = 50
"""Part of a small disk that must be free before a run goes on."""


@dataclass(frozen=True, slots=True)
class Room:
    """The free space of a disk, and how much of it is to stay free."""

    free_bytes: int
    kept_bytes: int

    @property
    def usable_bytes(self) -> int:
        """The bytes that may be written."""
        return max(self.free_bytes - self.kept_bytes, 0)


def room_of(root: Path, spare: KeepFree) -> Room | None:
    """Return the room for a folder that need not exist yet; None if the system does not tell."""
    place = root.absolute()
    while True:
        try:
            disk = shutil.disk_usage(place)
        except (FileNotFoundError, NotADirectoryError):
            if place == place.parent:
                return None
            place = place.parent
        except OSError:
            return None
        else:
            return Room(disk.free, spare.of(disk.total))


class FreeSpace:
    """Counts the bytes that are written, and asks for the free space now and then. Thread-safe."""

    def __init__(self, root: Path, spare: KeepFree) -> None:
        self._root = root
        self._spare = spare
        self._left = 0
        """Bytes to write before the next question; a race between threads only makes it earlier."""
        self._looking = threading.Lock()

    def require(self, size_bytes: int) -> None:
        """Raise an error if there is no room for so many further bytes.

        Raises:
            DiskFailed: They would use space to leave free, or the folder is gone.
        """
        self._left -= size_bytes
        if self._left < 0:
            with self._looking:
                self._left = self._look(size_bytes)

    def is_enough(self) -> bool:
        """Return True if there is room for a while.

        Raises:
            OSError: The folder is gone.
        """
        disk = shutil.disk_usage(self._root)
        wanted = min(_LOOK_EVERY_BYTES, disk.total // _WANTED_PART)
        return disk.free - self._spare.of(disk.total) >= wanted

    def _look(self, size_bytes: int) -> int:
        try:
            disk = _RETRYING(lambda: shutil.disk_usage(self._root))
        except OSError as error:
            doing = "look how much is free"
            raise disk_failed(error, below(self._root, "parts"), doing) from error
        if not disk.total:  # some shares do not count; reported at the start of the run
            return _LOOK_EVERY_BYTES
        kept = self._spare.of(disk.total)
        if kept and disk.free - kept < size_bytes:
            raise DiskFailed(
                f"The disk of {shown(self._root)} has {size_text(disk.free)} left, and "
                f"{size_text(kept)} are to stay free. Make room, or choose another --output or a "
                "smaller --keep-free; what is finished is kept.",
                path=str(self._root),
                no_room=True,
            )
        return min(disk.free - kept - size_bytes, _LOOK_EVERY_BYTES) if kept else _LOOK_EVERY_BYTES
