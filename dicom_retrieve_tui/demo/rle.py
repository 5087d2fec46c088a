"""RLE Lossless frames in pure Python, from pixels to segments. Source: PS3.5 annex G.

This module does no I/O and knows nothing of data sets.
"""

import re
import struct
from collections.abc import Sequence
from functools import lru_cache
from itertools import accumulate

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
