"""Preamble, prefix and file meta information of a DICOM file.

Source: PS3.10 section 7.1. The preamble is always zeros: 128 free bytes at the start of a file can
make it a program.
"""

import struct
from dataclasses import dataclass
from functools import lru_cache
from typing import IO

from dicom_retrieve_tui.errors import InstanceUnfit
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.status import DOES_NOT_MATCH_SOP_CLASS
from dicom_retrieve_tui.model.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)

PREAMBLE = b"\0" * 128 + b"DICM"

_SOP_CLASS_UID = 0x0002
_SOP_INSTANCE_UID = 0x0003
_TRANSFER_SYNTAX_UID = 0x0010
_META_BYTES_MAX = 1 << 18
_UID_BYTES_MAX = 0xFFFE
_SHORT_HEADER = struct.Struct("<HH2sH")
_LONG_VRS = frozenset({b"OB", b"UN", b"OW", b"SQ", b"UT"})


@dataclass(frozen=True, slots=True)
class FileHeader:
    """UIDs of the file meta, and the offset of the data set."""

    sop_class_uid: str
    sop_instance_uid: str
    transfer_syntax_uid: str
    data_set_offset: int
    """Byte at which the data set begins."""


def file_header(request: StoreRequest) -> bytes:
    """Return the bytes that precede the data set of `request`.

    Raises:
        InstanceUnfit: A UID is too long for an element.
    """
    before, after = _around_instance(request.sop_class_uid, request.transfer_syntax_uid)
    body = before + _uid(_SOP_INSTANCE_UID, request.sop_instance_uid) + after
    length = _element(0x0000, b"UL", struct.pack("<L", len(body)))
    return PREAMBLE + length + body


@lru_cache(maxsize=64)
def _around_instance(sop_class_uid: str, transfer_syntax_uid: str) -> tuple[bytes, bytes]:
    """Return the elements before and after the SOP Instance UID, the same for most instances."""
    version = struct.pack("<HH2sHL", 0x0002, 0x0001, b"OB", 0, 2) + b"\0\1"
    name = IMPLEMENTATION_VERSION_NAME.encode("ascii")
    after = (
        _uid(_TRANSFER_SYNTAX_UID, transfer_syntax_uid)
        + _uid(0x0012, IMPLEMENTATION_CLASS_UID)
        + _element(0x0013, b"SH", name + b" " * (len(name) % 2))
    )
    return version + _uid(_SOP_CLASS_UID, sop_class_uid), after


def _uid(element: int, uid: str) -> bytes:
    value = uid.encode("latin-1", "replace")
    if len(value) > _UID_BYTES_MAX:
        raise InstanceUnfit(
            f"An instance came with a UID of {len(value)} characters.",
            status=DOES_NOT_MATCH_SOP_CLASS,
        )
    return _element(element, b"UI", value + b"\0" * (len(value) % 2))


def _element(element: int, vr: bytes, value: bytes) -> bytes:
    return _SHORT_HEADER.pack(0x0002, element, vr, len(value)) + value


def read_header(file: IO[bytes]) -> FileHeader:
    """Read the file meta, and leave the file at its data set.

    Raises:
        ValueError: This is not a DICOM file.
    """
    if file.read(len(PREAMBLE))[128:] != b"DICM":
        raise ValueError("not a DICOM file: the prefix is missing")
    values: dict[int, bytes] = {}
    end = _META_BYTES_MAX
    while file.tell() < end:
        element, value = _read_element(file)
        if element == 0x0000 and len(value) == 4:
            end = min(end, file.tell() + int(struct.unpack("<L", value)[0]))
        values[element] = value
    if file.tell() != end:
        raise ValueError("not a DICOM file: the length of its file meta is wrong")
    header = FileHeader(
        sop_class_uid=_text(values, _SOP_CLASS_UID),
        sop_instance_uid=_text(values, _SOP_INSTANCE_UID),
        transfer_syntax_uid=_text(values, _TRANSFER_SYNTAX_UID),
        data_set_offset=file.tell(),
    )
    if not (header.sop_class_uid and header.sop_instance_uid and header.transfer_syntax_uid):
        raise ValueError("not a usable DICOM file: its file meta lacks a UID")
    return header


def _text(values: dict[int, bytes], element: int) -> str:
    return values.get(element, b"").decode("latin-1").rstrip("\0 ")


def _read_element(file: IO[bytes]) -> tuple[int, bytes]:
    header = file.read(_SHORT_HEADER.size)
    if len(header) < _SHORT_HEADER.size:
        raise ValueError("not a DICOM file: it ends within its file meta")
    group, element, vr, length = _SHORT_HEADER.unpack(header)
    if group != 0x0002:
        raise ValueError("not a DICOM file: its file meta has no length")
    if vr in _LONG_VRS:
        length = int.from_bytes(file.read(4), "little")
    if length > _META_BYTES_MAX:
        raise ValueError("not a DICOM file: its file meta is too long")
    value = file.read(length)
    if len(value) < length:
        raise ValueError("not a DICOM file: it ends within its file meta")
    return element, value
