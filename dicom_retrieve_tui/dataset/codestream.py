"""Find the transfer syntax of compressed pixel data by the header of their codestream.

Used only if pixel data do not have the transfer syntax of their presentation context: the file meta
needs the syntax in which they can be read. Source: PS3.5 section A.4 and the
standards that it names.
"""

import struct
from collections.abc import Iterator
from functools import lru_cache

from dicom_retrieve_tui.model.sop_classes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

HEAD_BYTES = 1 << 14
"""Enough of a codestream to have its headers after comments and colour profiles."""

_SYNTAX = "1.2.840.10008.1.2."
_NATIVE = {
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
}
_REFERENCED = frozenset(_SYNTAX + end for end in ("4.94", "4.95", "4.204", "4.205"))
"""JPIP: the pixel data are elsewhere."""

_JPEG = {0xC0: "4.50", 0xC1: "4.51", 0xC2: "4.55"}
"""Baseline, extended and progressive, by the SOF marker."""
_JPEG_LOSSLESS, _JPEG_LS = 0xC3, 0xF7
_WITHOUT_LENGTH = frozenset({0x01, *range(0xD0, 0xD9)})
_SCAN = 0xDA
_RLE_SEGMENTS_MAX = 15
_RLE_HEADER = struct.Struct("<16L")
_J2K = b"\xff\x4f\xff\x51"
_J2K_BOX = b"\0\0\0\x0cjP  \r\n\x87\n"
_JXL = (b"\xff\x0a", b"\0\0\0\x0cJXL \r\n\x87\n")
_MPEG2_SEQUENCE = b"\0\0\1\xb3"
_MPEG2_MAIN_LEVEL_COLUMNS = 720
_NAL_STARTS = (b"\0\0\0\1", b"\0\0\1")
_AVC_FIRST = frozenset({7, 9})
"""Sequence parameter set and access unit delimiter, in five bits."""
_HEVC_FIRST = frozenset({32, 33, 35})
"""Video and sequence parameter set and access unit delimiter, in six bits."""


@lru_cache(maxsize=64)
def is_encapsulated(transfer_syntax_uid: str) -> bool | None:
    """Return True if pixel data have fragments in this transfer syntax; None if unknown."""
    if transfer_syntax_uid in _NATIVE:
        return False
    if transfer_syntax_uid in _REFERENCED:
        return None
    family = ("4.", "5", "1.98", "8.")
    return True if transfer_syntax_uid.startswith(tuple(_SYNTAX + end for end in family)) else None


def codestream_syntax(head: bytes) -> str:
    """Return the transfer syntax of compressed pixel data; empty if it is unknown.

    Args:
        head: The first `HEAD_BYTES` of the first fragment, or all of it.
    """
    for recognise in (_jpeg, _jpeg_2000, _jpeg_xl, _rle, _video):
        if end := recognise(head):
            return _SYNTAX + end
    return ""


def _jpeg(head: bytes) -> str:
    if head[:2] != b"\xff\xd8":
        return ""
    frame = 0
    for marker, segment in _segments(head):
        if marker in {*_JPEG, _JPEG_LOSSLESS, _JPEG_LS}:
            frame = marker
        elif marker == _SCAN and frame and segment:
            # After the components: the predictor (JPEG), or the allowed error (JPEG-LS).
            parameter = segment[1 + 2 * segment[0] :][:1]
            if frame == _JPEG_LS:
                return "4.80" if parameter == b"\0" else "4.81"
            if frame == _JPEG_LOSSLESS:
                return "4.70" if parameter == b"\1" else "4.57"
            return _JPEG[frame]
    return ""


def _segments(head: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the marker segments of a JPEG or JPEG-LS codestream up to its first scan."""
    at = 2
    while at + 4 <= len(head) and head[at] == 0xFF:
        marker = head[at + 1]
        if marker == 0xFF or marker in _WITHOUT_LENGTH:
            at += 1 if marker == 0xFF else 2
            continue
        (length,) = struct.unpack_from(">H", head, at + 2)
        yield marker, head[at + 4 : at + 2 + length]
        at += 2 + length


def _jpeg_2000(head: bytes) -> str:
    start = head.find(_J2K) if head.startswith(_J2K_BOX) else 0
    if start < 0 or head[start : start + 4] != _J2K:
        return ""
    high_throughput, at = False, start + 2
    while at + 4 <= len(head):
        marker, length = struct.unpack_from(">HH", head, at)
        # CAP; bit 15 from above means part 15 of the standard.
        if marker == 0xFF50:
            high_throughput = bool(int.from_bytes(head[at + 4 : at + 8]) & (1 << 17))
        # COD; its last fixed byte is the transformation.
        elif marker == 0xFF52:
            transformation = head[at + 13 : at + 14]
            syntaxes = ("4.201", "4.203") if high_throughput else ("4.90", "4.91")
            return syntaxes[transformation != b"\1"] if transformation else ""
        at += 2 + length
    return ""


def _jpeg_xl(head: bytes) -> str:
    return "4.112" if head.startswith(_JXL) else ""


def _rle(head: bytes) -> str:
    if len(head) < _RLE_HEADER.size:
        return ""
    count, *offsets = _RLE_HEADER.unpack_from(head)
    if not 1 <= count <= _RLE_SEGMENTS_MAX or offsets[0] != _RLE_HEADER.size:
        return ""
    used, unused = offsets[:count], offsets[count:]
    return "5" if used == sorted(set(used)) and not any(unused) else ""


def _video(head: bytes) -> str:
    if head.startswith(_MPEG2_SEQUENCE) and len(head) > 5:
        columns = head[4] << 4 | head[5] >> 4
        return "4.100" if columns <= _MPEG2_MAIN_LEVEL_COLUMNS else "4.101"
    for start in _NAL_STARTS:
        if head.startswith(start) and len(head) > len(start):
            first = head[len(start)]
            if first & 0x1F in _AVC_FIRST and not first & 0x80:
                return "4.102"
            if first >> 1 in _HEVC_FIRST:
                return "4.107"
            return ""
    return ""
