"""A compressed series: colour ultrasound in RLE Lossless, stills and a cine loop.

Source of the attributes: PS3.3 sections A.6 and A.7; of the encapsulation: PS3.5 section A.4.
"""

import re
import struct
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate

from pydicom.encaps import encapsulate

from dicom_retrieve_tui.demo.instances import Attributes, SeriesPlan
from dicom_retrieve_tui.demo.phantom import Ellipse, Fan, Shape, draw, noise

_HEADER_BYTES = 64
_SEGMENTS_MAX = 15
_RUN_MAX = 128

_RUN = re.compile(rb"(.)\1{2,%d}" % (_RUN_MAX - 1), re.DOTALL)
"""Equal bytes that make a run: a run of two saves nothing."""


def encode_frame(planes: Sequence[bytes], *, columns: int) -> bytes:
    """Return one RLE-encoded frame: the header of offsets, then a segment for each byte plane.

    Source: PS3.5 section G.5: 16 unsigned longs, little endian, the number of segments first.

    Args:
        planes: One byte of each pixel, in the order of section G.2: sample by sample, of each
            sample the most significant byte first.
        columns: Bytes in a row of a plane; no run crosses the end of a row (section G.3.1).
    """
    if not 1 <= len(planes) <= _SEGMENTS_MAX:
        raise ValueError(f"an RLE frame has 1 to {_SEGMENTS_MAX} segments, not {len(planes)}")
    segments = [_segment(plane, columns) for plane in planes]
    offsets = list(accumulate((len(s) for s in segments[:-1]), initial=_HEADER_BYTES))
    unused = [0] * (_SEGMENTS_MAX - len(offsets))
    header = struct.pack("<16L", len(segments), *offsets, *unused)
    return header + b"".join(segments)


def _segment(plane: bytes, columns: int) -> bytes:
    rows = (plane[start : start + columns] for start in range(0, len(plane), columns))
    encoded = b"".join(_packed_row(row) for row in rows)
    return encoded + bytes(len(encoded) % 2)


@lru_cache(maxsize=1024)  # the black rows of a picture are all alike
def _packed_row(row: bytes) -> bytes:
    """Return the PackBits of section G.3.1."""
    packed = bytearray()
    done = 0
    for run in _RUN.finditer(row):
        packed += _literals(row[done : run.start()])
        packed.append(257 - len(run[0]))  # -(length - 1) as a signed byte
        packed += run[1]
        done = run.end()
    return bytes(packed + _literals(row[done:]))


def _literals(data: bytes) -> bytes:
    chunks = (data[start : start + _RUN_MAX] for start in range(0, len(data), _RUN_MAX))
    return b"".join(bytes([len(chunk) - 1]) + chunk for chunk in chunks)


RLE_LOSSLESS = "1.2.840.10008.1.2.5"

_COLUMNS = 160
_ROWS = 120

_COMMON: Attributes = {
    "Modality": "US",
    "BodyPartExamined": "ABDOMEN",
    "PatientOrientation": "",
    "ImageType": ["ORIGINAL", "PRIMARY"],
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
    "Rows": _ROWS,
    "Columns": _COLUMNS,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
    "PixelRepresentation": 0,
    "UltrasoundColorDataPresent": 1,
    "LossyImageCompression": "00",
}


def us_stills(study: str, description: str, *, images: int) -> SeriesPlan:
    """Return single-frame images, one fragment each."""
    return SeriesPlan(
        name=description,
        transfer_syntax_uid=RLE_LOSSLESS,
        common={
            **_COMMON,
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.6.1",
            "SeriesDescription": description,
        },
        instances=(_still(study, description, index) for index in range(images)),
    )


def us_cine(study: str, description: str, *, frames: int) -> SeriesPlan:
    """Return one multi-frame image: a fragment for each frame, and a Basic Offset Table."""
    return SeriesPlan(
        name=description,
        transfer_syntax_uid=RLE_LOSSLESS,
        common={
            **_COMMON,
            "SOPClassUID": "1.2.840.10008.5.1.4.1.1.3.1",
            "SeriesDescription": description,
            "NumberOfFrames": frames,
            "FrameTime": 40,
            "FrameIncrementPointer": 0x00181063,  # Frame Time
        },
        instances=_cine(study, description, frames),
    )


def planes(name: str, pulse: float) -> tuple[bytes, bytes, bytes]:
    """Return red, green and blue of one picture: speckle in a fan, a vessel, its flow in colour.

    Args:
        name: Whose speckle it is.
        pulse: How wide the vessel is just now, from 0 to 1.
    """
    tissue: list[Shape] = [
        Fan(0.75, 0.97, b"\x7f"),
        Ellipse(0.42, 0.55, 0.12, 0.14, b"\x3f"),
        Ellipse(0.58, 0.7, 0.06, 0.03 + 0.03 * pulse, b"\x0f"),
    ]
    size = _COLUMNS * _ROWS
    brightness = draw(tissue, over=bytes(size), columns=_COLUMNS)
    speckle = noise(size, name=name, mask=brightness)
    red, green = (
        draw([Ellipse(0.58, 0.7, 0.05, 0.02 + 0.03 * pulse, flow)], over=speckle, columns=_COLUMNS)
        for flow in (b"\xe0", b"\x20")
    )
    return red, green, speckle


def _still(study: str, description: str, index: int) -> Attributes:
    picture = planes(f"{study} {description} {index}", index % 4 / 4)
    frame = encode_frame(picture, columns=_COLUMNS)
    return {"PixelData": encapsulate([frame], has_bot=True)}


def _cine(study: str, description: str, frames: int) -> Iterator[Attributes]:
    pictures = (planes(f"{study} {description} {n}", n % 8 / 8) for n in range(frames))
    encoded = [encode_frame(picture, columns=_COLUMNS) for picture in pictures]
    yield {"PixelData": encapsulate(encoded, has_bot=True)}
