"""Are the files that the journal names there, and whole?"""

import os
from enum import Enum
from pathlib import Path

from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.elements import walk
from dicom_retrieve_tui.model.malformed import MalformedDataSet
from dicom_retrieve_tui.storage.checksum import checksum_of
from dicom_retrieve_tui.storage.file_meta import PREAMBLE, read_header
from dicom_retrieve_tui.storage.journal import Entry


class Condition(Enum):
    """How a file was found."""

    WHOLE = "whole"
    MISSING = "missing"
    DAMAGED = "damaged"
    CHANGED = "changed"
    """Of the right size, and not what was received."""


def inspect(root: Path, entry: Entry, *, deep: bool) -> Condition:
    """Look at one file.

    Args:
        root: The output folder.
        entry: What the journal says of it.
        deep: Read it to its end and compare it with its checksum, or look at its structure if none
            is recorded; otherwise its presence and its size are all that is looked at.

    Raises:
        OSError: It cannot be looked at.
    """
    path = root / entry.path
    try:
        size_bytes = path.stat().st_size
    except FileNotFoundError:
        return Condition.MISSING
    if size_bytes != entry.size_bytes:
        return Condition.DAMAGED
    if not deep:
        return Condition.WHOLE
    if entry.digest:
        return Condition.WHOLE if checksum_of(path) == entry.digest else Condition.CHANGED
    return Condition.WHOLE if _is_whole(path, entry) else Condition.DAMAGED


def is_torn(path: Path) -> bool:
    """True if a file begins as those of ours do, or with nothing, and does not come to its end.

    A power cut leaves such a file under its name where neither it nor its record was synced.

    Raises:
        OSError: It cannot be looked at.
    """
    with path.open("rb") as file:
        head = file.read(len(PREAMBLE))
    if head.strip(b"\0") and head != PREAMBLE:
        return False
    return _identity(path) is None


def study_of(path: Path) -> str:
    """Return the Study Instance UID of a DICOM file; empty if the file is not whole.

    Raises:
        OSError: It cannot be looked at.
    """
    _, study = _identity(path) or ("", "")
    return study


def _is_whole(path: Path, entry: Entry) -> bool:
    """True if the file is one DICOM instance from beginning to end, and the one recorded."""
    return _identity(path) == (entry.sop_instance_uid, entry.study_instance_uid)


def _identity(path: Path) -> tuple[str, str] | None:
    """SOP and Study Instance UID of a DICOM file that is whole; None for any other file."""
    with path.open("rb") as file:
        try:
            header = read_header(file)
            start, fd = header.data_set_offset, file.fileno()
            values = walk(
                lambda offset, length: os.pread(fd, length, start + offset),
                os.fstat(fd).st_size - start,
                header.transfer_syntax_uid,
                tags.IDENTITY,
            )
        except (ValueError, MalformedDataSet):
            return None
    sop = tags.uid_text(values.get(tags.SOP_INSTANCE_UID, b""))
    study = tags.uid_text(values.get(tags.STUDY_INSTANCE_UID, b""))
    return sop, study
