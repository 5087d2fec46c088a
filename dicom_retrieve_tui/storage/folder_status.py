"""Reads the status of an output folder beside a run: no file is written, and no lock is taken."""

import os
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.folder_account import UNFINISHED, StudyAccount, total_of
from dicom_retrieve_tui.model.folder_status import FolderStatus, Life
from dicom_retrieve_tui.model.run_state import RunState
from dicom_retrieve_tui.platform_files import WINDOWS
from dicom_retrieve_tui.storage.folder import JOURNAL, PRIVATE_FOLDER
from dicom_retrieve_tui.storage.folder_account import JournalAccount, failed_list_of
from dicom_retrieve_tui.storage.journal_database import JournalDamaged
from dicom_retrieve_tui.storage.lock import LOCK, boot_id, host_name, lock_is_held
from dicom_retrieve_tui.storage.run_recorder import RUN_STATE, read_run_state

_SILENT_S = 60.0
"""A run on another host that has not written its state for longer may be gone."""


def read_status(root: Path, *, examples_max: int, now: datetime | None = None) -> FolderStatus:
    """Read the account of a folder and the state of its run.

    Args:
        root: The output folder.
        examples_max: Studies to name for each reason of a failure.
        now: The time of day, with its zone.

    Raises:
        ConfigError: Nothing was retrieved into the folder, or its journal cannot be read.
    """
    at = now or datetime.now(UTC)
    run, life = _run_in(root, at)
    journal = root / PRIVATE_FOLDER / JOURNAL
    if not _exists(journal):
        if run is None and life is not Life.RUNNING:
            raise _nothing_in(root)
        return FolderStatus(
            folder=root, at=at, life=life, run=run, totals=total_of([], examples_max)
        )
    try:
        totals = total_of(_studies(journal, run, life), examples_max)
    except JournalDamaged:
        # A run that began between two reads may have changed what the first one saw.
        totals = total_of(_studies(journal, run, life), examples_max)
    return FolderStatus(
        folder=root, at=at, life=life, run=run, totals=totals, failed_list=failed_list_of(root)
    )


def accounted_studies(status: FolderStatus, *, failed_only: bool = False) -> Iterator[StudyAccount]:
    """Yield the studies of a folder, or those that are not complete, in the order of the UIDs.

    Raises:
        ConfigError: The journal cannot be read.
    """
    journal = status.folder / PRIVATE_FOLDER / JOURNAL
    if not _exists(journal):
        return iter(())
    return _studies(journal, status.run, status.life, failed_only=failed_only)


def _studies(
    journal: Path, run: RunState | None, life: Life, *, failed_only: bool = False
) -> Iterator[StudyAccount]:
    """Yield the recorded studies; those that the run retrieves now are unfinished."""
    running = {}
    if run is not None and life is Life.RUNNING:
        running = {each.study_instance_uid: each for each in run.running}
    for study in JournalAccount(journal).studies(failed_only=failed_only):
        if (now := running.get(study.study_instance_uid)) is None:
            yield study
        else:
            yield replace(
                study,
                verdict=UNFINISHED,
                reason="",
                expected=now.expected,
                stored=max(study.stored, now.stored),
            )


def _run_in(root: Path, at: datetime) -> tuple[RunState | None, Life]:
    run = read_run_state(root / PRIVATE_FOLDER / RUN_STATE)
    held = lock_is_held(root / PRIVATE_FOLDER / LOCK)
    if run is None:
        return None, Life.RUNNING if held else Life.IDLE
    if run.finished is not None:
        return run, Life.ENDED
    if run.identity.host != host_name() or WINDOWS:  # where a process is not found by its number
        silent_s = (at - run.updated).total_seconds()
        return run, Life.RUNNING if silent_s <= _SILENT_S else Life.SILENT
    alive = _lives(run) if held is None else held
    return run, Life.RUNNING if alive else Life.GONE


def _lives(run: RunState) -> bool:
    """Return True if a process has the number of the run's, in the same boot of the machine."""
    if run.identity.boot != boot_id():
        return False
    try:
        os.kill(run.identity.process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return True


def _exists(journal: Path) -> bool:
    try:
        return journal.is_file()
    except OSError as error:
        reason = reason_of(error)
        raise ConfigError(f"{journal.parent.parent}: cannot be reached: {reason}.") from error


def _nothing_in(root: Path) -> ConfigError:
    if not root.is_dir():
        return ConfigError(f"{root}: there is no such folder.")
    return ConfigError(
        f"{root}: no retrieval has recorded anything in this folder (there is no "
        f"{PRIVATE_FOLDER}/{JOURNAL}). Give the folder that was the --output of a retrieval."
    )
