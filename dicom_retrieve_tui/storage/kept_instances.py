"""Instances in an output folder, by its journals. Read-only, without the folder's lock."""

import contextlib
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.file_check import FileCondition, check_file
from dicom_retrieve_tui.storage.folder_journals import FolderJournals


class KeptInstances:
    """The recorded instances whose files are there with their sizes. Safe for several threads."""

    def __init__(self, root: Path) -> None:
        """Find the journals of a folder; if there is none, or one is bad, nothing is there."""
        self._root = root
        self._journals: FolderJournals | None = None
        with contextlib.suppress(ConfigError, OSError):
            self._journals = FolderJournals(root)

    def of_study(self, study_instance_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of what is there of a study."""
        if not self._journals:
            return frozenset()
        try:
            return frozenset(
                record.sop_instance_uid
                for record in self._journals.study(study_instance_uid).records
                if check_file(self._root, record, deep=False) is FileCondition.WHOLE
            )
        except (ConfigError, OSError):
            return frozenset()

    def complete_studies(self) -> frozenset[str]:
        """Return the UIDs of studies that an earlier run found complete; no file is looked at."""
        if not self._journals:
            return frozenset()
        try:
            return self._journals.complete_studies()
        except (ConfigError, OSError):
            return frozenset()
