"""Walks an encoded data set, element by element, to its exact end, without decoding a value.

A data set that was cut short, or is none at all, does not come out even. Values are skipped by
their length, so a 2 GiB object costs no more to walk than its headers. Strict is only what proves
that nothing is missing: the order of elements, odd lengths and unknown VRs are the sender's affair,
because archives hold such instances and nobody else would ever deliver them better. Source: PS3.5
section 7.
"""

import struct
from collections.abc import Callable

from dicom_retrieve_tui.model.deflated import Inflater
from dicom_retrieve_tui.model.encoding import (
    DELIMITER_GROUP,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    FOREIGN_GROUPS,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONGEST_HEADER_BYTES,
    SEQUENCE_END,
    UNDEFINED_LENGTH,
    Encoding,
)
from dicom_retrieve_tui.model.malformed import MalformedDataSet
from dicom_retrieve_tui.model.sop_classes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

Read = Callable[[int, int], bytes]
"""`read(offset, length)` gives `length` bytes at `offset`, fewer at the end; nothing that was
given is asked for again."""

WINDOW_BYTES = 1 << 14
"""Read at once: more than the headers of most images, so that a small instance takes one read."""

VALUE_BYTES_MAX = 1 << 12
"""A wanted value in a file that is longer is no UID, name or number; it is left out."""

DEPTH_MAX = 64
"""Sequences of undefined length within each other; real objects stay below ten."""

_ENCODINGS = {
    IMPLICIT_VR_LITTLE_ENDIAN: IMPLICIT_LITTLE,
    EXPLICIT_VR_BIG_ENDIAN: EXPLICIT_BIG,
}
"""Every other transfer syntax, compressed ones included, is explicit and little endian."""

_PIXEL_DATA = 0x7FE00010
_NOTHING: frozenset[int] = frozenset()
_UNKNOWN_SIZE = 1 << 62


def walk(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: frozenset[int]
) -> dict[int, bytes]:
    """Walk a whole data set, in memory bounded by the window.

    Returns:
        The raw values of the `wanted` elements at the top level, by tag, for those that are there
        and have at most `VALUE_BYTES_MAX` bytes.

    Raises:
        MalformedDataSet: It is cut short, or garbage; the message says where.
    """
    if transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        read, size_bytes = Inflater(read, size_bytes).read, _UNKNOWN_SIZE
    encoding = _ENCODINGS.get(transfer_syntax_uid, EXPLICIT_LITTLE)
    return _Walker(_Window(read, size_bytes), encoding, wanted, VALUE_BYTES_MAX).run()


def walk_bytes(data: bytes, transfer_syntax_uid: str, wanted: frozenset[int]) -> dict[int, bytes]:
    """Walk a data set that is in memory; see `walk`. A wanted value may have any length."""
    if transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        return walk(lambda at, n: data[at : at + n], len(data), transfer_syntax_uid, wanted)
    encoding = _ENCODINGS.get(transfer_syntax_uid, EXPLICIT_LITTLE)
    if encoding is IMPLICIT_LITTLE and data:  # C-FIND matches come by the thousand
        values: dict[int, bytes] = {}
        if encoding.skip(data, 0, wanted, values, len(data)) == len(data):
            return values
    return _Walker(_Window(_no_more, len(data), data), encoding, wanted, len(data)).run()


def _no_more(_offset: int, _length: int) -> bytes:
    return b""


class _Window:
    """The bytes of a data set around the current element."""

    __slots__ = ("_read", "data", "size_bytes", "start")

    def __init__(self, read: Read, size_bytes: int, data: bytes = b"") -> None:
        self._read = read
        self.size_bytes = size_bytes
        """Of the whole data set; `_UNKNOWN_SIZE` until a read comes back short."""
        self.data = data
        self.start = 0
        """Where in the data set the window begins."""

    def reach(self, at: int, length: int) -> int:
        """Have `length` bytes from `at` in the window, or as many as there are left.

        Returns where `at` is in the window. What the window holds from `at` on is kept: an
        inflated data set cannot be read twice.
        """
        end = self.start + len(self.data)
        if at + length > end and end < self.size_bytes > at:
            kept = self.data[at - self.start :] if at < end else b""
            begin = at + len(kept)
            asked = min(WINDOW_BYTES, self.size_bytes - begin)
            more = bytes(self._read(begin, asked))
            if len(more) < asked and self.size_bytes == _UNKNOWN_SIZE:
                self.size_bytes = begin + len(more)
            self.data = kept + more
            self.start = at
        return at - self.start


class _Walker:
    """One walk: fast over plain elements, with care over each of the others."""

    __slots__ = ("_encoding", "_most", "_open", "_values", "_wanted", "_window")

    def __init__(
        self, window: _Window, encoding: Encoding, wanted: frozenset[int], most: int
    ) -> None:
        self._window = window
        self._encoding = encoding
        self._wanted = wanted
        self._most = most
        self._values: dict[int, bytes] = {}
        self._open: list[tuple[Encoding, Encoding]] = []
        """The sequences that we are in, each in an item of undefined length: the encoding around
        the sequence, and that of its items."""

    def run(self) -> dict[int, bytes]:
        """Walk to the end."""
        window = self._window
        offset = window.reach(0, LONGEST_HEADER_BYTES)
        self._encoding = self._encoding.settle(window.data, offset)
        at = self._step(0)  # an empty data set is none
        while True:
            wanted = _NOTHING if self._open else self._wanted
            offset = at - window.start
            at = window.start + self._encoding.skip(
                window.data, offset, wanted, self._values, self._most
            )
            window.reach(at, LONGEST_HEADER_BYTES)
            if at == window.size_bytes and not self._open:
                return self._values
            at = self._step(at)

    def _step(self, at: int) -> int:
        """Step over any one element, or into it, or out of an item; returns what comes next."""
        window = self._window
        offset = window.reach(at, LONGEST_HEADER_BYTES)
        try:
            tag, vr, length, offset = self._encoding.element(window.data, offset)
        except struct.error:
            raise self._cut_short(at) from None
        value = window.start + offset
        if tag >> 16 == DELIMITER_GROUP:
            if tag != ITEM_END or not self._open:
                raise MalformedDataSet(f"{_name(tag)} stands where an element was due", at)
            return self._next_item(at + 8)
        if tag >> 16 in FOREIGN_GROUPS:
            raise MalformedDataSet(f"element {_name(tag)} has no place in a data set", at)
        if length == UNDEFINED_LENGTH:
            return self._enter(value, tag, vr)
        if tag in self._wanted and not self._open and length <= self._most:
            self._take(value, tag, length)
        return value + length

    def _take(self, at: int, tag: int, length: int) -> None:
        offset = self._window.reach(at, length)
        value = self._window.data[offset : offset + length]
        if self._values.setdefault(tag, value) != value:
            raise MalformedDataSet(f"element {_name(tag)} stands there twice", at)

    def _enter(self, at: int, tag: int, vr: bytes) -> int:
        """Step into a value of undefined length: a sequence, or pixel data in fragments."""
        if len(self._open) == DEPTH_MAX:
            raise MalformedDataSet(f"sequences are nested deeper than {DEPTH_MAX}", at)
        around = self._encoding
        inside = IMPLICIT_LITTLE if vr == b"UN" else around  # PS3.5 section 6.2.2, note 2
        self._open.append((around, inside))
        return self._next_item(at, fragments=tag == _PIXEL_DATA)

    def _next_item(self, at: int, *, fragments: bool = False) -> int:
        """Step over items, into the next of undefined length or out of the sequence."""
        around, inside = self._open[-1]
        window = self._window
        while True:
            offset = window.reach(at, 8)
            try:
                tag, length = inside.item(window.data, offset)
            except struct.error:
                raise self._cut_short(at) from None
            at += 8
            if tag == SEQUENCE_END:
                self._open.pop()
                self._encoding = around
                return at
            if tag != ITEM or (fragments and length == UNDEFINED_LENGTH):
                raise MalformedDataSet(f"{_name(tag)} stands where an item was due", at - 8)
            if length == UNDEFINED_LENGTH:
                self._encoding = inside.settle(window.data, window.reach(at, 8))
                return at
            at += length

    def _cut_short(self, at: int) -> MalformedDataSet:
        at = min(at, self._window.size_bytes)
        return MalformedDataSet("data set is cut short, or no data set", at)


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
