"""`failed-studies.txt`: failed studies as a list for `--uid-list` and the UID line."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.storage.permissions import PRIVATE

NAME = "failed-studies.txt"


def write_failed_list(folder: Path, failed: Iterable[tuple[str, str]]) -> Path:
    """Write UIDs with their reasons as comments, replacing an earlier list.

    Without a UID, the reason alone is a comment.

    Raises:
        OSError: The folder is not writable.
    """
    PRIVATE.make_folder(folder)
    path = folder / NAME
    replace_file(path, [f"{uid}  # {clean_text(reason)}\n".lstrip() for uid, reason in failed])
    return path


class FailedLists:
    """The lists that this application has written. Safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: set[Path] = set()

    def of(self, folder: Path) -> Path | None:
        """Return the list of a folder if this application has written one that is current."""
        with self._lock:
            path = folder / NAME
            return path if path in self._written else None

    @property
    def written(self) -> list[Path]:
        """Return every current list that this application has written."""
        with self._lock:
            return sorted(self._written)

    def keep(self, folder: Path, failed: Sequence[tuple[str, str]]) -> Path | None:
        """Write the list of a folder; delete our earlier one if nothing failed.

        A list of an earlier run stays if nothing failed.

        Raises:
            OSError: The folder is not writable.
        """
        with self._lock:
            if failed:
                path = write_failed_list(folder, failed)
                self._written.add(path)
                return path
            if (path := folder / NAME) in self._written:
                path.unlink(missing_ok=True)
                self._written.discard(path)
            return None

    def report(self, folder: Path, failed: Sequence[tuple[str, str]]) -> str:
        """Do as `keep`, and return a sentence for the user; empty if nothing failed."""
        try:
            path = self.keep(folder, failed)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return f"Could not write {NAME}: {reason}."
        return f"Failed studies are listed in {path}" if path else ""
