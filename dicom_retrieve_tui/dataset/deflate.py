"""Inflate a deflated data set sequentially, in constant memory and up to a limit.

Source: PS3.5 annex A.5: a raw deflate stream, padded with a null byte to an even length.
"""

import zlib
from collections.abc import Callable

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet

INFLATED_BYTES_MAX = 1 << 30
"""A small stream can inflate to any size; real deflated objects are reports and plans."""

_PIECE_BYTES = 1 << 16
_TRAILER_BYTES_MAX = 9
"""Padding, and the checksum and size of gzip that some writers append."""
_PADDING = b"\0\xff"
_RAW = -zlib.MAX_WBITS


class Inflater:
    """Returns inflated bytes by offset; offsets must not decrease."""

    def __init__(self, read: Callable[[int, int], bytes], size_bytes: int) -> None:
        self._read = read
        self._size_bytes = size_bytes
        self._stream = zlib.decompressobj(_RAW)
        self._fed = 0
        self._at = 0
        """Number of inflated bytes returned."""
        self.irregular = ""
        """What follows the stream, in a phrase; empty before its end, and if it is regular."""

    def read(self, offset: int, length: int) -> bytes:
        """Return `length` inflated bytes at `offset`; fewer only at the end of the data set.

        Raises:
            MalformedDataSet: The stream is damaged or incomplete, ends before `offset` or before
                the data set does, or inflates beyond the limit.
        """
        while self._at < offset:
            if not self._inflate(min(_PIECE_BYTES, offset - self._at)):
                raise MalformedDataSet("inflated data set is cut short", self._at)
        pieces = []
        while length > 0 and (piece := self._inflate(length)):
            pieces.append(piece)
            length -= len(piece)
        return b"".join(pieces)

    def _inflate(self, most: int) -> bytes:
        """Return the next bytes, at most `most`; none at the end of the stream."""
        stream = self._stream
        try:
            while not stream.eof:
                data = stream.unconsumed_tail or self._next_input()
                if piece := stream.decompress(data, most):
                    self._at += len(piece)
                    if self._at > INFLATED_BYTES_MAX:
                        raise MalformedDataSet(
                            f"data set inflates beyond {INFLATED_BYTES_MAX} bytes", self._fed
                        )
                    return piece
                if not data and not stream.eof:
                    raise MalformedDataSet("deflated data set is cut short", self._fed)
        except zlib.error as error:
            raise MalformedDataSet(f"deflated data set is damaged ({error})", self._fed) from error
        self._check_rest()
        return b""

    def _check_rest(self) -> None:
        """Check what follows the stream."""
        ends_at = self._fed - len(self._stream.unused_data)
        behind = self._size_bytes - ends_at
        if self.irregular or not behind:
            return
        if behind == 1 and self._stream.unused_data == b"\0":
            return
        padded = all(
            not self._read(at, min(_PIECE_BYTES, self._size_bytes - at)).strip(_PADDING)
            for at in range(ends_at, self._size_bytes, _PIECE_BYTES)
        )
        if not padded and behind > _TRAILER_BYTES_MAX:
            raise MalformedDataSet("deflated data set ends too early", ends_at)
        kind = "padding" if padded else "trailer"
        plural = "" if behind == 1 else "s"
        self.irregular = f"{behind:,} byte{plural} of {kind} behind the deflated stream"

    def _next_input(self) -> bytes:
        data = self._read(self._fed, min(_PIECE_BYTES, self._size_bytes - self._fed))
        self._fed += len(data)
        return data
