"""Reads the status of an output folder beside a run: no file is written, and no lock is taken."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.folder_account import UNFINISHED, StudyAccount, total_of
from dicom_retrieve_tui.model.folder_status import FolderRun, FolderStatus, Life
from dicom_retrieve_tui.storage.folder_account import FolderAccount, failed_list_of, found_journals
from dicom_retrieve_tui.storage.folder_runs import current_runs
from dicom_retrieve_tui.storage.journal_database import patiently_read
from dicom_retrieve_tui.storage.writers import JOURNAL, PRIVATE_FOLDER


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
    runs = _runs(root, at)
    if not runs and not found_journals(root):
        raise _nothing_in(root)
    totals = patiently_read(lambda: total_of(_studies(root, runs), examples_max))
    failed_list = failed_list_of(root)
    return FolderStatus(folder=root, at=at, runs=runs, totals=totals, failed_list=failed_list)


def accounted_studies(status: FolderStatus, *, failed_only: bool = False) -> Iterator[StudyAccount]:
    """Yield the studies of a folder, or those that are not complete, in the order of the UIDs.

    Raises:
        ConfigError: The journal cannot be read.
    """
    return _studies(status.folder, status.runs, failed_only=failed_only)


def _studies(
    root: Path, runs: Sequence[FolderRun], *, failed_only: bool = False
) -> Iterator[StudyAccount]:
    """Yield the recorded studies; those that a run retrieves now are unfinished."""
    states = [run.state for run in runs if run.state is not None and run.life is Life.RUNNING]
    running = {each.study_instance_uid: each for state in states for each in state.running}
    for study in FolderAccount(root).studies(failed_only=failed_only):
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


def _runs(root: Path, at: datetime) -> tuple[FolderRun, ...]:
    try:
        return current_runs(root, at)
    except OSError as error:
        raise ConfigError(f"{root}: cannot be reached: {reason_of(error)}.") from error


def _nothing_in(root: Path) -> ConfigError:
    if not root.is_dir():
        return ConfigError(f"{root}: there is no such folder.")
    return ConfigError(
        f"{root}: no retrieval has recorded anything in this folder (there is no "
        f"{PRIVATE_FOLDER}/{JOURNAL}). Give the folder that was the --output of a retrieval."
    )
