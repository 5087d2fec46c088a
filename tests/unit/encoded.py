"""Data sets in bytes: written by hand, and those that pydicom brings along."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pydicom

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


@dataclass(frozen=True)
class Sample:
    """A file's data set."""

    name: str
    path: Path
    transfer_syntax_uid: str
    data_set: bytes
    offset: int
    """Where it begins in the file."""


_DATA = Path(pydicom.__file__).parent / "data"
_WITHOUT_SYNTAX = {
    "ExplVR_BigEndNoMeta.dcm": BIG_ENDIAN,
    "ExplVR_LitEndNoMeta.dcm": EXPLICIT,
    "meta_missing_tsyntax.dcm": IMPLICIT,
    "no_meta.dcm": EXPLICIT,
    "rtstruct.dcm": IMPLICIT,
}
"""Files whose meta does not say in which syntax they are; it does in all others."""


def samples() -> list[Sample]:
    """Every DICOM file within the installed pydicom."""
    paths = sorted(path for path in _DATA.rglob("*") if path.is_file())
    return [sample for path in paths if (sample := _sample(path))]


def _sample(path: Path) -> Sample | None:
    raw = path.read_bytes()
    if raw[128:132] != b"DICM" and path.name not in _WITHOUT_SYNTAX:
        return None
    at, syntax = 132 if raw[128:132] == b"DICM" else 0, _WITHOUT_SYNTAX.get(path.name, "")
    while raw[at : at + 2] == b"\2\0":
        element, vr, length = struct.unpack_from("<H2sH", raw, at + 2)
        at += 8
        if vr.decode() in _LONG:
            (length,) = struct.unpack_from("<L", raw, at)
            at += 4
        if element == 0x0010:
            syntax = raw[at : at + length].decode().rstrip("\0 ")
        at += length
    assert syntax, path
    return Sample(path.name, path, syntax, raw[at:], at)
