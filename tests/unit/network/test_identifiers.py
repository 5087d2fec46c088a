"""What a peer gets wrong in an identifier costs no element beside it."""

import struct

import pytest

from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.sop_classes import EXPLICIT_VR_LITTLE_ENDIAN, NATIVE_SYNTAXES
from dicom_retrieve_tui.network.identifiers import (
    decode_identifier,
    encode_identifier,
    failed_sop_instance_uids,
)

_WANTED = frozenset({tags.STUDY_INSTANCE_UID, tags.SERIES_INSTANCE_UID, tags.MODALITY})
_VALUES = {
    tags.MODALITY: "CT",
    tags.STUDY_INSTANCE_UID: "1.2.3",
    tags.SERIES_INSTANCE_UID: "1.2.3.4",
}
_UNDEFINED = 0xFFFFFFFF


def _element(tag: int, value: bytes, length: int | None = None) -> bytes:
    size = len(value) if length is None else length
    return struct.pack("<HHL", tag >> 16, tag & 0xFFFF, size) + value


def _explicit(tag: int, vr: bytes, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH2sH", tag >> 16, tag & 0xFFFF, vr, len(value)) + value


_PLAIN = [
    _element(tag, (value + "\0" * (len(value) % 2)).encode()) for tag, value in _VALUES.items()
]
_SEQUENCE = _element(0x31091000, b"", _UNDEFINED) + _element(0xFFFEE000, b"", _UNDEFINED)
_SEQUENCE += _element(tags.MODALITY, b"MR") + _element(0xFFFEE00D, b"") + _element(0xFFFEE0DD, b"")
_DEVIATIONS = {
    "group 0002 first": b"".join([_element(0x00020010, b"1.2.840.10008.1.2\0"), *_PLAIN]),
    "group 0002 in explicit VR": b"".join([_explicit(0x00020010, b"UI", b"1.2.84"), *_PLAIN]),
    "zeros behind": b"".join([*_PLAIN, bytes(2)]),
    "many zeros behind": b"".join([*_PLAIN, bytes(100)]),
    "stray ends": b"".join([_element(0xFFFEE00D, b""), *_PLAIN, _element(0xFFFEE0DD, b"")]),
    "a stray item": b"".join([_element(0xFFFEE000, b"xx"), *_PLAIN]),
    "a sequence, and a stray end": b"".join([_SEQUENCE, _element(0xFFFEE00D, b""), *_PLAIN]),
    "an element twice": b"".join([*_PLAIN, _element(tags.MODALITY, b"MR")]),
    "a length beyond the end": b"".join([*_PLAIN, _element(0x00204000, b"x", 100)]),
    "explicit VR, cut short": b"".join(
        [_explicit(tag, b"UI", value.encode()) for tag, value in _VALUES.items()] + [b"\x20\0"]
    ),
    "big endian": b"".join(
        _explicit(tag, b"UI", value.encode(), ">") for tag, value in _VALUES.items()
    ),
}


@pytest.mark.parametrize("deviation", _DEVIATIONS)
def test_what_can_be_read_is_read(deviation: str) -> None:
    assert decode_identifier(_DEVIATIONS[deviation], _WANTED) == _VALUES


@pytest.mark.parametrize("transfer_syntax", NATIVE_SYNTAXES)
def test_what_we_write_is_what_we_read(transfer_syntax: str) -> None:
    keys = {tag: value for tag, value in _VALUES.items() if tag in _WANTED}

    data = encode_identifier(Level.SERIES, keys, transfer_syntax)

    read = decode_identifier(data, _WANTED | {tags.QUERY_RETRIEVE_LEVEL})
    assert read == keys | {tags.QUERY_RETRIEVE_LEVEL: "SERIES"}
    assert (b"\x20\0\r\0UI" in data) is (transfer_syntax == EXPLICIT_VR_LITTLE_ENDIAN)


@pytest.mark.parametrize("garbage", [b"", b"\xff", b"\xff" * 40, b"\0" * 40])
def test_garbage_has_no_values(garbage: bytes) -> None:
    assert decode_identifier(garbage, _WANTED) == {}
    assert failed_sop_instance_uids(garbage) == ()


def test_a_failed_list_is_read_as_far_as_it_makes_sense() -> None:
    listed = _element(tags.FAILED_SOP_INSTANCE_UID_LIST, b"1.2.3\\1.2.4")

    assert failed_sop_instance_uids(listed + bytes(3)) == ("1.2.3", "1.2.4")
