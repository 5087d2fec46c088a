"""Data sets in bytes, written by hand."""

import struct

IMPLICIT = "1.2.840.10008.1.2"
EXPLICIT = "1.2.840.10008.1.2.1"
DEFLATED = "1.2.840.10008.1.2.1.99"
BIG_ENDIAN = "1.2.840.10008.1.2.2"
JPEG_BASELINE = "1.2.840.10008.1.2.4.50"

UNDEFINED = 0xFFFFFFFF
_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}


def explicit(tag: int, vr: str, value: bytes, *, order: str = "<", length: int = -1) -> bytes:
    """An element with a VR; `length` is what it claims to be, if not its own."""
    size = len(value) if length < 0 else length
    layout = order + ("HH2sxxL" if vr in _LONG else "HH2sH")
    return struct.pack(layout, tag >> 16, tag & 0xFFFF, vr.encode(), size) + value


def implicit(tag: int, value: bytes, *, order: str = "<", length: int = -1) -> bytes:
    """An element without a VR, an item or a delimiter."""
    size = len(value) if length < 0 else length
    return struct.pack(order + "HHL", tag >> 16, tag & 0xFFFF, size) + value


def item(content: bytes, *, defined: bool = False, order: str = "<") -> bytes:
    """An item of a sequence."""
    if defined:
        return implicit(0xFFFEE000, content, order=order)
    end = implicit(0xFFFEE00D, b"", order=order)
    return implicit(0xFFFEE000, content, order=order, length=UNDEFINED) + end


def sequence(tag: int, *items: bytes, vr: str = "SQ", order: str = "<") -> bytes:
    """A sequence of undefined length; without a VR if `vr` is empty."""
    content = b"".join(items) + implicit(0xFFFEE0DD, b"", order=order)
    if not vr:
        return implicit(tag, content, length=UNDEFINED)
    return explicit(tag, vr, content, order=order, length=UNDEFINED)
