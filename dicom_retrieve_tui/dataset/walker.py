"""Walk an encoded data set, element by element, to its exact end, without decoding values.

A truncated data set, or other bytes, do not end at an element. Values are skipped by their length,
so a 2 GiB object costs no more than its headers. This module accepts what the standard allows;
`irregular` reads the rest.
Source: PS3.5 section 7.
"""

import struct
from functools import lru_cache

from dicom_retrieve_tui.dataset.codestream import is_encapsulated
from dicom_retrieve_tui.dataset.deflate import Inflater
from dicom_retrieve_tui.dataset.encoding import (
    DEFLATED_SYNTAXES,
    DELIMITER_GROUP,
    DEPTH_MAX,
    FIRST_TAG,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONGEST_HEADER_BYTES,
    PIXEL_DATA,
    SEQUENCE_END,
    SEQUENCE_VRS,
    UNDEFINED_LENGTH,
    VRS,
    Encoding,
    Wanted,
    encoding_of,
)
from dicom_retrieve_tui.dataset.irregular import looks_like_elements, read_irregular
from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, Read, WalkResult

WINDOW_BYTES = 1 << 14
"""Bytes a read: more than the headers of most images, so that a small instance takes one read."""

VALUE_BYTES_MAX = 1 << 12
"""A longer value in a file is not a UID, name or number, and is left out."""

_NOTHING = Wanted(frozenset(), 0)
_UNKNOWN_SIZE = 1 << 62


def walk(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: frozenset[int]
) -> WalkResult:
    """Walk a whole data set, in memory bounded by the window.

    An irregular one is read twice, and held in memory if it is deflated.

    Returns:
        The raw values of the `wanted` elements at the top level, by tag, for those that are there
        and have at most `VALUE_BYTES_MAX` bytes; and what is irregular.

    Raises:
        MalformedDataSet: It is truncated or invalid; the message has the offset.
    """
    return _walk(read, size_bytes, transfer_syntax_uid, wanted, VALUE_BYTES_MAX)


def walk_bytes(data: bytes, transfer_syntax_uid: str, wanted: frozenset[int]) -> WalkResult:
    """Walk a data set in memory; see `walk`. A wanted value may have any length."""

    def read(offset: int, length: int) -> bytes:
        return data[offset : offset + length]

    return _walk(read, len(data), transfer_syntax_uid, wanted, max(len(data), VALUE_BYTES_MAX))


def _walk(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: frozenset[int], most: int
) -> WalkResult:
    values: dict[int, bytes] | None
    if transfer_syntax_uid in DEFLATED_SYNTAXES:
        values = _walk_deflated(read, size_bytes, transfer_syntax_uid, wanted, most)
    else:
        values = _walk_regular(read, size_bytes, transfer_syntax_uid, wanted, most)
    if values is not None:
        return WalkResult(values, transfer_syntax_uid)
    return read_irregular(read, size_bytes, transfer_syntax_uid, wanted, most)


def _walk_deflated(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: frozenset[int], most: int
) -> dict[int, bytes] | None:
    inflater = Inflater(read, size_bytes)
    try:
        values = _walk_regular(inflater.read, _UNKNOWN_SIZE, transfer_syntax_uid, wanted, most)
    except MalformedDataSet:
        if looks_like_elements(read(0, WINDOW_BYTES)):
            return None
        raise
    return None if inflater.irregular else values


def _walk_regular(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: frozenset[int], most: int
) -> dict[int, bytes] | None:
    """Return the wanted values, or None if the data set is irregular or damaged."""
    encoding, encapsulated = encoding_of(transfer_syntax_uid), is_encapsulated(transfer_syntax_uid)
    # Native pixel data do not stop the fast loop unless they are wanted.
    looked_for = Wanted(_with_pixel_data(wanted) if encapsulated else wanted, most)
    data = bytes(read(0, min(WINDOW_BYTES, size_bytes)))
    at, last = encoding.skip(data, 0, FIRST_TAG, looked_for)
    if at != size_bytes or last == FIRST_TAG:
        window = _Window(read, size_bytes, data)
        walker = _Walker(window, encoding, looked_for, encapsulated=encapsulated)
        if not walker.is_regular_from(at, last):
            return None
    values = looked_for.values
    if encapsulated and values.pop(PIXEL_DATA, b""):
        return None
    return values


@lru_cache(maxsize=32)
def _with_pixel_data(wanted: frozenset[int]) -> frozenset[int]:
    return wanted | {PIXEL_DATA}


class _Window:
    """The bytes of a data set around the current element."""

    __slots__ = ("_read", "data", "size_bytes", "start")

    def __init__(self, read: Read, size_bytes: int, data: bytes) -> None:
        self._read = read
        self.size_bytes = size_bytes
        """Size of the data set; `_UNKNOWN_SIZE` until a read returns fewer bytes."""
        self.data = data
        self.start = 0
        """Offset of the window in the data set."""
        self._end_if_short(0, WINDOW_BYTES, data)

    def reach(self, at: int, length: int) -> int:
        """Have `length` bytes from `at` in the window, or as many as there are.

        Return the position of `at` in the window. The window keeps its bytes from `at` on, because
        an inflated data set cannot be read twice.
        """
        end = self.start + len(self.data)
        if at + length > end and end < self.size_bytes > at:
            kept = self.data[at - self.start :] if at < end else b""
            begin = at + len(kept)
            asked = min(max(WINDOW_BYTES, length), self.size_bytes - begin)
            more = bytes(self._read(begin, asked))
            self._end_if_short(begin, asked, more)
            self.data = kept + more
            self.start = at
        return at - self.start

    def _end_if_short(self, begin: int, asked: int, given: bytes) -> None:
        if len(given) < asked and self.size_bytes == _UNKNOWN_SIZE:
            self.size_bytes = begin + len(given)


class _Walker:
    """One walk: a fast loop over plain elements, and a step for each other one."""

    __slots__ = ("_encapsulated", "_encoding", "_last", "_open", "_wanted", "_window")

    def __init__(
        self, window: _Window, encoding: Encoding, wanted: Wanted, *, encapsulated: bool | None
    ) -> None:
        self._window = window
        self._encoding = encoding
        self._wanted = wanted
        self._encapsulated = encapsulated
        self._last = FIRST_TAG
        self._open: list[tuple[Encoding, Encoding, int]] = []
        """The open sequences, each in an item of undefined length: the encoding around it, that of
        its items, and its tag."""

    def is_regular_from(self, at: int, last: int) -> bool:
        """Walk from an element to the end; return False at the first irregularity."""
        window = self._window
        self._last = last
        window.reach(at, LONGEST_HEADER_BYTES)
        try:
            while at != window.size_bytes or self._open or self._last == FIRST_TAG:
                after = self._step(at)
                if after is None:
                    return False
                wanted = _NOTHING if self._open else self._wanted
                offset, self._last = self._encoding.skip(
                    window.data, after - window.start, self._last, wanted
                )
                at = window.start + offset
                window.reach(at, LONGEST_HEADER_BYTES)
        except struct.error:
            return False
        return True

    def _step(self, at: int) -> int | None:
        """Step over one element, into it, or out of an item; return the next offset.

        None if it is irregular.
        """
        window, encoding = self._window, self._encoding
        offset = window.reach(at, LONGEST_HEADER_BYTES)
        tag, length = encoding.item(window.data, offset)
        if tag >> 16 == DELIMITER_GROUP:
            closes = tag == ITEM_END and self._open and not length
            return self._next_item(at + 8) if closes else None
        header = encoding.value(window.data, offset)
        if header is None or tag <= self._last:
            return None
        self._last = tag
        vr, length, offset = header
        value = window.start + offset
        if length == UNDEFINED_LENGTH:
            return self._enter(value, tag, vr)
        if length & 1 or (tag == PIXEL_DATA and self._encapsulated and not self._open and length):
            return None
        if tag in self._wanted.tags and not self._open and length <= self._wanted.most_bytes:
            return self._take(value, tag, length)
        return value + length

    def _take(self, at: int, tag: int, length: int) -> int:
        offset = self._window.reach(at, length)
        self._wanted.values[tag] = self._window.data[offset : offset + length]
        return at + length

    def _enter(self, at: int, tag: int, vr: bytes) -> int | None:
        """Step into a value of undefined length: a sequence, or pixel data in fragments."""
        fragments = tag == PIXEL_DATA
        if len(self._open) == DEPTH_MAX:
            return None
        native = not self._open and self._encapsulated is False
        if native if fragments else vr not in SEQUENCE_VRS:
            return None
        around = self._encoding
        # Source for UN: PS3.5 section 6.2.2, note 2.
        inside = IMPLICIT_LITTLE if vr == b"UN" else around
        self._open.append((around, inside, tag))
        return self._next_item(at, fragments=fragments)

    def _next_item(self, at: int, *, fragments: bool = False) -> int | None:
        """Step over items, into the next of undefined length or out of the sequence."""
        around, inside, sequence = self._open[-1]
        window = self._window
        while True:
            offset = window.reach(at, 8)
            tag, length = inside.item(window.data, offset)
            at += 8
            if tag == SEQUENCE_END and not length:
                self._open.pop()
                self._encoding, self._last = around, sequence
                return at
            if tag != ITEM:
                return None
            if length == UNDEFINED_LENGTH:
                self._encoding, self._last = inside, FIRST_TAG
                offset = window.reach(at, LONGEST_HEADER_BYTES)
                looks_explicit = not inside.explicit and window.data[offset + 4 : offset + 6] in VRS
                return None if fragments or looks_explicit else at
            if length & 1:
                return None
            at += length
