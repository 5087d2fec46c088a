"""The part of the disk that stays free: the run ends as on a full disk before it is touched."""

import shutil
import threading
from pathlib import Path

from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.humanize import size_text
from dicom_retrieve_tui.model.options import KeepFree
from dicom_retrieve_tui.storage.disk_errors import disk_failed

_LOOK_EVERY_BYTES = 1 << 26
"""Others write to the disk, too; asking the operating system for each piece would show."""


class FreeSpace:
    """Counts what is written, and looks at the disk now and then. Safe from several threads."""

    def __init__(self, root: Path, spare: KeepFree) -> None:
        self._root = root
        self._spare = spare
        self._left = 0
        """Bytes that may be written before the next look; threads that race for them look early."""
        self._looking = threading.Lock()

    def require(self, size_bytes: int) -> None:
        """Have room for so many bytes more.

        Raises:
            DiskFailed: They would eat into what stays free, or the folder is gone.
        """
        self._left -= size_bytes
        if self._left < 0:
            with self._looking:
                self._left = self._look(size_bytes)

    def _look(self, size_bytes: int) -> int:
        try:
            disk = shutil.disk_usage(self._root)
        except OSError as error:
            doing = "look how much is free"
            raise disk_failed(error, f"{self._root}/parts", doing) from error
        kept = self._spare.of(disk.total)
        if kept and disk.free - kept < size_bytes:
            raise DiskFailed(
                f"The disk of {self._root} has {size_text(disk.free)} left, and {size_text(kept)} "
                "are to stay free. Make room, or choose another --output or a smaller --keep-free; "
                "what is finished is kept.",
                path=str(self._root),
            )
        return min(disk.free - kept - size_bytes, _LOOK_EVERY_BYTES) if kept else _LOOK_EVERY_BYTES
