"""The studies that failed, as a list that `--uid-list` and the UID line read."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.storage.permissions import PRIVATE

NAME = "failed-studies.txt"


def write_failed_list(folder: Path, failed: Iterable[tuple[str, str]]) -> Path:
    """Write UIDs and the reasons beside them, in the place of an earlier list.

    Raises:
        OSError: The folder takes no file.
    """
    PRIVATE.make_folder(folder)
    path = folder / NAME
    replace_file(path, [f"{uid}  # {clean_text(reason)}\n" for uid, reason in failed])
    return path


class FailedLists:
    """The lists that this application has written; safe from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._written: set[Path] = set()

    def of(self, folder: Path) -> Path | None:
        """The list of a folder, if this application has written one that still holds."""
        with self._lock:
            path = folder / NAME
            return path if path in self._written else None

    def keep(self, folder: Path, failed: Sequence[tuple[str, str]]) -> Path | None:
        """Let the folder's list say what failed; one that says what no longer holds goes.

        A list that an earlier run left is not touched where nothing has failed.

        Raises:
            OSError: The folder takes no file.
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
        """Do as `keep`, and return a sentence about it; empty if nothing failed."""
        try:
            path = self.keep(folder, failed)
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            return f"Could not write {NAME}: {reason}."
        return f"Failed studies are listed in {path}" if path else ""
