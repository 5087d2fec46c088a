"""Checksum of a file as it was received: CRC-32 of all its bytes, in text `crc32:0123abcd`.

It finds what a power cut or a bad disk leaves, not forgery. Any tool for CRC-32 can check it.
"""

from pathlib import Path
from zlib import crc32

_PREFIX = "crc32:"
_READ_BYTES = 1 << 20


def checksum_text(crc: int) -> str:
    """Return the text of a CRC-32, as the journal and `verify` have it."""
    return f"{_PREFIX}{crc:08x}"


def checksum_of(path: Path | str) -> str:
    """Read a file to its end, and return its checksum.

    Raises:
        OSError: The file cannot be read.
    """
    crc = 0
    with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a text, mostly
        while piece := file.read(_READ_BYTES):
            crc = crc32(piece, crc)
    return checksum_text(crc)
