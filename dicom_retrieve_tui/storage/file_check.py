"""Check a file: is it there, and whole? By its size, its structure, or its checksum.

The checksum is CRC-32 of all bytes, as text `crc32:0123abcd`: it finds what a power cut or a bad
disk leaves, not forgery. Every tool for CRC-32 can check it.
"""

import os
from enum import Enum
from pathlib import Path
from zlib import crc32

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, WalkResult
from dicom_retrieve_tui.dataset.walker import walk
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.platform_files import read_at
from dicom_retrieve_tui.storage.file_meta import PREAMBLE, read_header
from dicom_retrieve_tui.storage.journal_database import InstanceRecord

_PREFIX = "crc32:"
_READ_BYTES = 1 << 20


class FileCondition(Enum):
    """The result of a check."""

    WHOLE = "whole"
    MISSING = "missing"
    DAMAGED = "damaged"
    CHANGED = "changed"
    """The size is right; the content is not what was received."""


def check_file(root: Path, record: InstanceRecord, *, deep: bool) -> FileCondition:
    """Check one file.

    Args:
        root: The output folder.
        record: The record of the file in the journal.
        deep: Read the file and compare its checksum, or check its structure if no checksum is
            recorded; otherwise check only that it is there and its size.

    Raises:
        OSError: The file cannot be read.
    """
    path = root / record.path
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return FileCondition.MISSING
    if size_bytes != record.size_bytes:
        return FileCondition.DAMAGED
    if not deep:
        return FileCondition.WHOLE
    if record.digest:
        return FileCondition.WHOLE if checksum_of(path) == record.digest else FileCondition.CHANGED
    return FileCondition.WHOLE if _is_whole(path, record) else FileCondition.DAMAGED


def is_cut_short(path: Path) -> bool:
    """Return True if a file begins as ours do, or with zeros, and is cut short.

    A power cut leaves such a file under its name if neither it nor its record was synced.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(len(PREAMBLE))
    if head.strip(b"\0") and head != PREAMBLE:
        return False
    found = _walk(path)
    # Zeros at the end may be what the power cut left.
    return found is None or found[1].padded


def study_of(path: Path) -> str:
    """Return the Study Instance UID of a DICOM file; empty if the file is not whole.

    Raises:
        OSError: The file cannot be read.
    """
    found = _walk(path)
    return tags.uid_text(found[1].values.get(tags.STUDY_INSTANCE_UID, b"")) if found else ""


def irregularity_of(path: Path) -> str:
    """Return how the data set of a DICOM file departs from the standard; empty if it does not.

    Raises:
        OSError: The file cannot be read.
    """
    found = _walk(path)
    return found[1].irregular if found else ""


def _is_whole(path: Path, record: InstanceRecord) -> bool:
    """Return True if the file is one DICOM instance from beginning to end, and the recorded one.

    A data set that names no study or instance was identified by the request that brought it.
    """
    if (found := _walk(path)) is None:
        return False
    meta_uid, walked = found
    sop_uids = _uids(walked, tags.SOP_INSTANCE_UID) or {meta_uid}
    study_uids = _uids(walked, tags.STUDY_INSTANCE_UID) or {record.study_instance_uid}
    return record.sop_instance_uid in sop_uids and record.study_instance_uid in study_uids


def _uids(walked: WalkResult, tag: int) -> set[str]:
    return {uid for value in walked.candidates(tag) if (uid := tags.uid_text(value))}


def _walk(path: Path) -> tuple[str, WalkResult] | None:
    """Return SOP Instance UID and data set of a DICOM file; None if the file is not whole.

    Raises:
        OSError: The file cannot be read.
    """
    with path.open("rb") as file:
        try:
            header = read_header(file)
            start, fd = header.data_set_offset, file.fileno()
            walked = walk(
                lambda offset, length: read_at(fd, length, start + offset),
                os.fstat(fd).st_size - start,
                header.transfer_syntax_uid,
                tags.IDENTITY,
            )
        except (ValueError, MalformedDataSet):
            return None
    return header.sop_instance_uid, walked


def checksum_text(crc: int) -> str:
    """Return the text of a CRC-32, as the journal and `verify` have it."""
    return f"{_PREFIX}{crc:08x}"


def checksum_of(path: Path | str) -> str:
    """Read a file and return its checksum.

    Raises:
        OSError: The file cannot be read.
    """
    crc = 0
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a text is faster than a Path
        while piece := file.read(_READ_BYTES):
            crc = crc32(piece, crc)
    return checksum_text(crc)
