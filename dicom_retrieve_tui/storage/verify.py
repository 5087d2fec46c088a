"""Verify a folder offline: is every retrieved instance still there, and whole? Read-only."""

import contextlib
import errno
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
from dicom_retrieve_tui.platform_files import extended, shown
from dicom_retrieve_tui.storage.file_check import FileCondition, check_file, irregularity_of
from dicom_retrieve_tui.storage.file_system import file_system_of
from dicom_retrieve_tui.storage.folder import CONFLICTS
from dicom_retrieve_tui.storage.folder_journals import FolderJournals
from dicom_retrieve_tui.storage.journal_database import InstanceRecord, RecordedStudy
from dicom_retrieve_tui.storage.writers import JOURNAL, PRIVATE_FOLDER

_READ_BYTES = 1 << 20
_FLAWS = {
    FileCondition.MISSING: Flaw.MISSING,
    FileCondition.DAMAGED: Flaw.DAMAGED,
    FileCondition.CHANGED: Flaw.DAMAGED,
}
_OTHER_CONTENT = (
    f"came with other content than the file of that name; kept in {PRIVATE_FOLDER}/{CONFLICTS}"
)
_REASONS = {FileCondition.CHANGED: "its content is not what was received"}
_VERDICTS = {str(verdict): verdict for verdict in Verdict}

_CheckedFile = tuple[InstanceRecord, Flawed | None]
"""A file and its flaw, if it has one."""


def verify_folder(root: Path, *, deep: bool) -> Iterator[VerifiedStudy]:
    """Check every file that the journals of a folder name; yield the result of each study.

    Args:
        root: The output folder of retrievals.
        deep: Read every file and compare its checksum; otherwise check only that it is there and
            its size.

    Raises:
        ConfigError: At once: there is no journal, or it cannot be read. While iterating: the
            journal is damaged.
    """
    root = extended(root)
    journals = _journals_of(root)
    aside = _set_aside(root)
    return (_check_study(root, study, aside, deep=deep) for study in journals.studies())


def _set_aside(root: Path) -> frozenset[str]:
    """Return the SOP Instance UIDs in the names of second versions, if the layout names them so."""
    try:
        names = os.listdir(root / PRIVATE_FOLDER / CONFLICTS)  # noqa: PTH208 - names alone
    except OSError:
        return frozenset()
    return frozenset(name.rpartition(".")[0].removesuffix(".dcm") for name in names)


def _journals_of(root: Path) -> FolderJournals:
    try:
        found, is_folder = FolderJournals(root), root.is_dir()
    except OSError as error:  # not allowed to look, or too long
        reason = reason_of(error)
        raise ConfigError(f"{shown(root)}: cannot be reached: {reason}.") from error
    if found:
        return found
    if not is_folder:
        raise ConfigError(f"{shown(root)}: there is no such folder.")
    raise ConfigError(
        f"{shown(root)}: this folder has no journal ({PRIVATE_FOLDER}/{JOURNAL}), so it is not "
        "known what should be in it. Give the folder that was the --output of a retrieval."
    )


def _check_study(
    root: Path, study: RecordedStudy, aside: frozenset[str], *, deep: bool
) -> VerifiedStudy:
    checked = [
        [(record, flaw_of(root, record, deep=deep)) for record in records]
        for records in study.layouts
    ]
    standing = [record for each in checked for record, flaw in each if flaw is None]
    whole = frozenset(record.sop_instance_uid for record in standing)
    flawed = [
        replace(flaw, whole_elsewhere=flaw.sop_instance_uid in whole)
        for each in checked
        for flaw in _flaws_under_layout(each, whole)
    ]
    known = {record.sop_instance_uid for record in study.records}
    # An instance that arrived after the last verdict of the study is no longer missing.
    flawed += [
        Flawed(
            sop_instance_uid=uid,
            flaw=Flaw.MISSING,
            path=None,
            reason=_OTHER_CONTENT if uid in aside else "",
        )
        for uid in study.missing
        if uid not in known
    ]
    return VerifiedStudy(
        study_instance_uid=study.study_instance_uid,
        verdict=_VERDICTS.get(study.verdict or ""),
        whole=len(whole),
        whole_files=len({record.path for record in standing} - {each.path for each in flawed}),
        left_out=study.left_out,
        flawed=tuple(dict.fromkeys(flawed)),  # two layouts may give an instance the same path
        irregular=dict(_irregular(root, standing, deep=deep)),
        checksums={record.path: record.digest for record in standing if deep and record.digest},
    )


def _irregular(
    root: Path, standing: list[InstanceRecord], *, deep: bool
) -> Iterator[tuple[str, str]]:
    """Yield SOP Instance UID and phrase of each irregular data set.

    A record without a checksum says nothing about that: an earlier version or a repair made it.
    """
    for record in standing:
        irregular = record.irregular
        if deep and not (irregular or record.digest):
            with contextlib.suppress(OSError):
                irregular = irregularity_of(root / record.path)
        if irregular:
            yield record.sop_instance_uid, irregular


def _flaws_under_layout(files: list[_CheckedFile], whole: frozenset[str]) -> list[Flawed]:
    """Return the flaws of the files under one layout, without copies that are not needed.

    If no file of the study is left under a layout, the user has given that layout up. An instance
    that is whole under another layout is then not missing.

    Args:
        files: Each file of the layout, and its flaw.
        whole: SOP Instance UIDs of instances that are whole under any layout.
    """
    flawed = [flaw for _, flaw in files if flaw is not None]
    if len(flawed) < len(files) or any(flaw.flaw is not Flaw.MISSING for flaw in flawed):
        return flawed
    return [flaw for flaw in flawed if flaw.sop_instance_uid not in whole]


def flaw_of(root: Path, record: InstanceRecord, *, deep: bool) -> Flawed | None:
    """Return what is wrong with the file of a record, or None.

    Args:
        root: The output folder.
        record: The record of the file in the journal.
        deep: As for `verify_folder`.
    """
    # After a power cut, the size of a file that was not synced proves nothing.
    unproven = bool(record.digest) and not record.synced
    try:
        condition = check_file(root, record, deep=deep or unproven)
        if deep and condition is FileCondition.WHOLE and not record.digest:
            _read_through(root / record.path)
    except NotADirectoryError:  # a file has replaced a folder of its path
        condition = FileCondition.MISSING
    except OSError as error:
        return _flawed(record, _flaw_of_error(root, error), reason_of(error))
    if condition is FileCondition.WHOLE:
        return None
    return _flawed(record, _FLAWS[condition], _REASONS.get(condition, ""))


def _flawed(record: InstanceRecord, flaw: Flaw, reason: str) -> Flawed:
    uid = record.sop_instance_uid
    return Flawed(sop_instance_uid=uid, flaw=flaw, path=record.path, reason=reason)


def _flaw_of_error(root: Path, error: OSError) -> Flaw:
    """Return the flaw of a file that could not be read: a local disk has a bad sector there."""
    bad_sector = error.errno == errno.EIO and not file_system_of(root).may_vanish
    return Flaw.DAMAGED if bad_sector else Flaw.UNREADABLE


def _read_through(path: Path) -> None:
    """Read every byte: the structure check skips values, which may be in a bad sector.

    Raises:
        OSError: The disk cannot read a part of the file.
    """
    with path.open("rb", buffering=0) as file:
        while file.read(_READ_BYTES):
            pass
