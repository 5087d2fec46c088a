"""The DICOM files that pydicom brings along."""

import struct
from dataclasses import dataclass
from pathlib import Path

import pydicom

from tests.unit.encoded import BIG_ENDIAN, EXPLICIT, IMPLICIT

_LONG = {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"}


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
