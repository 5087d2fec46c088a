"""Instances in an output folder, by its journal. Read-only, without the folder's lock."""

from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.file_check import FileCondition, check_file
from dicom_retrieve_tui.storage.folder import JOURNAL, PRIVATE_FOLDER
from dicom_retrieve_tui.storage.journal_database import JournalReader


class KeptInstances:
    """The recorded instances whose files are there with their sizes. Safe for several threads."""

    def __init__(self, root: Path) -> None:
        """Find the journal of a folder; without one that can be read, nothing is there."""
        self._root = root
        self._reader: JournalReader | None = None
        try:
            path = root / PRIVATE_FOLDER / JOURNAL
            if path.exists():
                self._reader = JournalReader(path)
        except (ConfigError, OSError):
            pass

    def of_study(self, study_instance_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of what is there of a study."""
        if self._reader is None:
            return frozenset()
        try:
            return frozenset(
                record.sop_instance_uid
                for record in self._reader.study(study_instance_uid).records
                if check_file(self._root, record, deep=False) is FileCondition.WHOLE
            )
        except (ConfigError, OSError):
            return frozenset()

    def complete_studies(self) -> frozenset[str]:
        """Return the UIDs of studies that an earlier run found complete; no file is looked at."""
        if self._reader is None:
            return frozenset()
        try:
            return self._reader.complete_studies()
        except (ConfigError, OSError):
            return frozenset()
