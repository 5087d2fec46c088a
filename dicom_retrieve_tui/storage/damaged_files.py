"""Move files that `verify` found damaged out of the way, so that a run retrieves them again."""

import itertools
from collections.abc import Iterable
from pathlib import Path

from dicom_retrieve_tui.errors import DiskFailed, reason_of
from dicom_retrieve_tui.model.verify_result import Flaw
from dicom_retrieve_tui.platform_files import below, extended, shown
from dicom_retrieve_tui.storage.folder import rename_to_free_name
from dicom_retrieve_tui.storage.folder_journals import FolderJournals
from dicom_retrieve_tui.storage.journal import DAMAGED_FOLDER
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.verify import flaw_of
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER


def set_damaged_aside(
    root: Path, study_instance_uids: Iterable[str], permissions: Permissions = PRIVATE
) -> int:
    """Move the damaged files of studies to the folder of damaged files; return their number.

    A run looks at the size of a recorded file alone: one that is damaged at equal size would count
    as present. Once it is moved away, it is missing for every later run. Needs no lock of the
    folder: each file is read again just before it is moved, and nothing is overwritten. A run that
    has looked at the file before does not retrieve it.

    Args:
        root: The output folder.
        study_instance_uids: The studies; none of them is being retrieved.
        permissions: Of the folder of damaged files.

    Raises:
        ConfigError: The journal cannot be read.
        DiskFailed: A file cannot be moved.
    """
    root = extended(root)
    try:
        journals = FolderJournals(root)
        return sum(
            _moved(root, path, permissions)
            for uid in study_instance_uids
            for path in _damaged_paths(root, journals, uid)
        )
    except OSError as error:
        # The message does not name the file: its path may contain the name of a patient.
        raise DiskFailed(
            f"Cannot move damaged files away in {shown(root)}: {reason_of(error)}.",
            path=str(root),
        ) from error


def _damaged_paths(root: Path, journals: FolderJournals, uid: str) -> set[str]:
    """Return the paths of a study's damaged files.

    Two layouts may give an instance the same path: one record that the file agrees with is enough.
    """
    records = journals.study(uid).records
    flaws = [(each.path, flaw_of(root, each, deep=True)) for each in records]
    damaged = {path for path, flaw in flaws if flaw is not None and flaw.flaw is Flaw.DAMAGED}
    return damaged - {path for path, flaw in flaws if flaw is None}


def _moved(root: Path, relative: str, permissions: Permissions) -> bool:
    """Move a file away; return False if it is gone meanwhile."""
    damaged, folder = root / relative, root / PRIVATE_FOLDER / DAMAGED_FOLDER
    permissions.make_folder(folder)
    names = (below(folder, f"{damaged.name}.{number}") for number in itertools.count(1))
    try:
        return any(rename_to_free_name(str(damaged), name) for name in names)
    except FileNotFoundError:
        return False
