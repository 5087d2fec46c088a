"""Reads DICOM files with pydicom alone: nothing here is the code under test.

Data sets are kept as bytes, because bit for bit is what the tests are about.
"""

from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

from pydicom import dcmread

_GROUP_LENGTH_END = 128 + 4 + 12
"""Preamble, prefix, and the element (0002,0000). Source: PS3.10 section 7.1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredInstance:
    """One SOP Instance as a file has it."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set: bytes
    """What follows the file meta information."""


def read_part10(raw: bytes) -> StoredInstance:
    """The instance in the bytes of a DICOM file."""
    meta = dcmread(BytesIO(raw), stop_before_pixels=True, specific_tags=[]).file_meta
    return StoredInstance(
        sop_class_uid=str(meta.MediaStorageSOPClassUID),
        sop_instance_uid=str(meta.MediaStorageSOPInstanceUID),
        transfer_syntax_uid=str(meta.TransferSyntaxUID),
        data_set=raw[_GROUP_LENGTH_END + meta.FileMetaInformationGroupLength :],
    )


def is_part10(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(132)[128:] == b"DICM"


def instances_below(folder: Path) -> list[StoredInstance]:
    """Every DICOM file below a folder, however it is named; hidden folders are left out."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    visible = [p for p in paths if not any(x.startswith(".") for x in p.relative_to(folder).parts)]
    return [read_part10(path.read_bytes()) for path in visible if is_part10(path)]


class StorageFolder:
    """The folder in which a peer keeps its instances; an unknown UID makes it read again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, StoredInstance] = {}

    def find(self, sop_instance_uid: str) -> StoredInstance:
        """Return an instance from its file.

        Raises:
            LookupError: No file below the folder holds it.
        """
        if sop_instance_uid not in self._known:
            self._known = {i.sop_instance_uid: i for i in instances_below(self._folder)}
        if sop_instance_uid not in self._known:
            raise LookupError(f"{self._folder} holds no instance {sop_instance_uid}")
        return self._known[sop_instance_uid]
