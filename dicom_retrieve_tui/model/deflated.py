"""Reads a deflated data set forward, in constant memory and to a limit.

Source: PS3.5 annex A.5: a raw deflate stream, padded with a null byte to an even length.
"""

import zlib
from collections.abc import Callable

from dicom_retrieve_tui.model.malformed import MalformedDataSet

INFLATED_BYTES_MAX = 1 << 30
"""A small stream can inflate to anything; real deflated objects are reports and plans."""

_PIECE_BYTES = 1 << 16
_TRAILER_BYTES_MAX = 9
"""The padding, and the checksum and size of gzip that some writers leave behind the stream."""
_RAW = -zlib.MAX_WBITS


class Inflater:
    """Presents the inflated bytes by offset, as long as the offsets do not decrease."""

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._read = read
        self._size_bytes = size_bytes
        self._stream = zlib.decompressobj(_RAW)
        self._fed = 0
        self._at = 0
        """How much was inflated and handed out."""

    def measure(self) -> int:
        """Inflate to the end and forget; returns how much there was, in bytes.

        Raises:
            MalformedDataSet: The stream is damaged, does not end, or inflates beyond the limit.
        """
        while piece := self._inflate(_PIECE_BYTES):
            self._at += len(piece)
            if self._at > INFLATED_BYTES_MAX:
                raise MalformedDataSet(f"deflated data set over {INFLATED_BYTES_MAX} bytes", 0)
        padding = self._size_bytes - self._fed + len(self._stream.unused_data)
        if not self._stream.eof or padding > _TRAILER_BYTES_MAX:
            raise MalformedDataSet("deflated data set does not end where it should", self._fed)
        return self._at

    def read(self, offset: int, length: int) -> bytes:
        """`length` inflated bytes at `offset`, fewer at the end."""
        while self._at < offset:
            skipped = self._inflate(min(_PIECE_BYTES, offset - self._at))
            if not skipped:
                return b""
            self._at += len(skipped)
        pieces = []
        while length > 0 and (piece := self._inflate(length)):
            pieces.append(piece)
            self._at += len(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _inflate(self, most: int) -> bytes:
        """The next bytes, at most `most`; empty at the end of the stream or of its input."""
        stream = self._stream
        try:
            while not stream.eof:
                data = stream.unconsumed_tail
                if not data:
                    data = self._read(self._fed, _PIECE_BYTES)[: self._size_bytes - self._fed]
                    self._fed += len(data)
                if piece := stream.decompress(data, most):
                    return piece
                if not data:
                    return b""
        except zlib.error as error:
            raise MalformedDataSet(f"deflated data set is damaged ({error})", self._fed) from error
        return b""
