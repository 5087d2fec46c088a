"""Walks an encoded data set, element by element, to its exact end, without decoding a value.

A data set that was cut short, or is none at all, does not come out even. Values are skipped by
their length, so a 2 GiB object costs no more to walk than its headers. Source: PS3.5 section 7.
"""

import struct
from collections.abc import Callable, Iterable

from dicom_retrieve_tui.model.deflated import Inflater
from dicom_retrieve_tui.model.malformed import MalformedDataSet
from dicom_retrieve_tui.model.sop_classes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

Read = Callable[[int, int], bytes]
"""`read(offset, length)` gives `length` bytes at `offset`, fewer at the end; the offsets
never decrease."""

WINDOW_BYTES = 1 << 14
"""Read at once: more than the headers of most images, so that a small instance takes one read."""

VALUE_BYTES_MAX = 1 << 12
"""A wanted value that is longer is no UID, name or number; it is left out."""

DEPTH_MAX = 64
"""Sequences within sequences; real objects stay below ten."""

_UNDEFINED = 0xFFFFFFFF
_DELIMITER_GROUP = 0xFFFE
_ITEM = 0xFFFEE000
_SEQUENCE_END = 0xFFFEE0DD
_PIXEL_DATA = 0x7FE00010
_NOT_IN_A_DATA_SET = frozenset({0x0000, 0x0002, _DELIMITER_GROUP})
"""The groups of the command set, of the file meta and of what ends items and sequences."""

_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
"""VRs with two reserved bytes and a length of four. Source: PS3.5 Table 7.1-1."""

_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
     b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
)  # fmt: skip

_MAY_BE_UNDEFINED = frozenset({b"", b"SQ", b"UN", b"OB", b"OW"})
"""Sequences, unknown values and encapsulated pixel data; the VR is empty where it is implicit."""


class _Syntax:
    """How the header of an element is laid out."""

    __slots__ = ("explicit", "header", "item_end", "length", "tag_length")

    def __init__(self, order: str, *, explicit: bool) -> None:
        self.explicit = explicit
        self.header = struct.Struct(order + "HH2sH").unpack_from
        self.tag_length = struct.Struct(order + "HHL").unpack_from
        self.length = struct.Struct(order + "L").unpack_from
        self.item_end = struct.pack(order + "HHL", _DELIMITER_GROUP, 0xE00D, 0)


_EXPLICIT_LITTLE = _Syntax("<", explicit=True)
_EXPLICIT_BIG = _Syntax(">", explicit=True)
_IMPLICIT_LITTLE = _Syntax("<", explicit=False)


def walk_bytes(data: bytes, transfer_syntax_uid: str, wanted: Iterable[int]) -> dict[int, bytes]:
    """Walk a data set that is in memory; see `walk`."""
    return walk(lambda at, size: data[at : at + size], len(data), transfer_syntax_uid, wanted)


def walk(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: Iterable[int]
) -> dict[int, bytes]:
    """Walk a whole data set, in memory bounded by the window.

    Returns:
        The raw values of the `wanted` elements at the top level, by tag, for those that are there.

    Raises:
        MalformedDataSet: It is cut short, or garbage; the message says where.
    """
    syntax = _EXPLICIT_LITTLE
    if transfer_syntax_uid == IMPLICIT_VR_LITTLE_ENDIAN:
        syntax = _IMPLICIT_LITTLE
    elif transfer_syntax_uid == EXPLICIT_VR_BIG_ENDIAN:
        syntax = _EXPLICIT_BIG
    elif transfer_syntax_uid == DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN:
        inflated_bytes = Inflater(read, size_bytes).measure()
        read, size_bytes = Inflater(read, size_bytes).read, inflated_bytes
    return _Walker(read, size_bytes, wanted).top_level(syntax)


class _Walker:
    """A data set, with a window on the bytes around the current element."""

    def __init__(self, read: Read, size_bytes: int, wanted: Iterable[int]) -> None:
        self._read = read
        self._size_bytes = size_bytes
        self._wanted = frozenset(wanted)
        self._window = b""
        self._start = 0
        """Where the window begins."""

    def top_level(self, syntax: _Syntax) -> dict[int, bytes]:
        """Walk all elements outside of sequences."""
        values: dict[int, bytes] = {}
        size, wanted = self._size_bytes, self._wanted
        at = last_tag = 0
        if syntax.explicit and not self._looks_explicit():
            syntax = _IMPLICIT_LITTLE
        while at < size:
            tag, vr, length, at = self._element(at, syntax)
            if tag <= last_tag or tag >> 16 in _NOT_IN_A_DATA_SET:
                raise MalformedDataSet(f"element {_name(tag)} is out of place", at)
            last_tag = tag
            if length == _UNDEFINED:
                at = self._skip_undefined(at, syntax, vr, fragments=tag == _PIXEL_DATA)
                continue
            if tag in wanted and length <= VALUE_BYTES_MAX:
                offset = self._reach(at, length)
                values[tag] = self._window[offset : offset + length]
            at += length
        if at != size or not last_tag:
            raise self._cut_short(at)
        return values

    def _looks_explicit(self) -> bool:
        """Some archives send implicit data sets under a compressed syntax; kept as they are."""
        offset = self._reach(0, 8)
        return self._window[offset + 4 : offset + 6] in _LONG_VRS | _SHORT_VRS

    def _element(self, at: int, syntax: _Syntax) -> tuple[int, bytes, int, int]:
        """The header at `at`: tag, VR (empty if implicit), length, and where the value begins."""
        offset = at - self._start
        if offset + 12 > len(self._window):  # the longest header
            offset = self._reach(at, 12)
        try:
            if not syntax.explicit:
                group, element, length = syntax.tag_length(self._window, offset)
                return group << 16 | element, b"", length, at + 8
            group, element, vr, length = syntax.header(self._window, offset)
            if vr in _LONG_VRS:
                (length,) = syntax.length(self._window, offset + 8)
                return group << 16 | element, vr, length, at + 12
        except struct.error:
            raise self._cut_short(at) from None
        if vr not in _SHORT_VRS:
            raise MalformedDataSet(f"{vr!r} is no value representation", at)
        return group << 16 | element, vr, length, at + 8

    def _skip_undefined(self, at: int, syntax: _Syntax, vr: bytes, *, fragments: bool) -> int:
        """Step over a value of undefined length; returns where the next element begins.

        `frames` holds the syntax of each open sequence, and of the item that is open in it.
        """
        if vr not in _MAY_BE_UNDEFINED:
            raise MalformedDataSet(f"a value of VR {vr!r} has no length", at)
        inner = _IMPLICIT_LITTLE if vr == b"UN" else syntax  # PS3.5 section 6.2.2, note 2
        frames = [_Frame(inner, in_item=False)]
        while frames:
            frame = frames[-1]
            if frame.in_item:
                at = self._in_item(at, frames)
                continue
            tag, length, at = self._delimiter(at, frame.syntax)
            if tag == _SEQUENCE_END:
                frames.pop()
            elif tag != _ITEM or (length == _UNDEFINED and fragments):
                raise MalformedDataSet(f"{_name(tag)} stands where an item was due", at)
            elif length == _UNDEFINED:
                frame.in_item = True
            else:
                at += length
        return at

    def _in_item(self, at: int, frames: list["_Frame"]) -> int:
        """Step over one element of an item of undefined length, or leave the item."""
        frame = frames[-1]
        self._reach(at, 8)
        offset = at - self._start
        if self._window[offset : offset + 8] == frame.syntax.item_end:
            frame.in_item = False
            return at + 8
        tag, vr, length, at = self._element(at, frame.syntax)
        if tag >> 16 == _DELIMITER_GROUP:
            raise MalformedDataSet(f"{_name(tag)} stands where an element was due", at)
        if length != _UNDEFINED:
            return at + length
        if vr not in _MAY_BE_UNDEFINED or len(frames) == DEPTH_MAX:
            raise MalformedDataSet(f"element {_name(tag)} is nested too deep or has no length", at)
        inner = _IMPLICIT_LITTLE if vr == b"UN" else frame.syntax
        frames.append(_Frame(inner, in_item=False))
        return at

    def _delimiter(self, at: int, syntax: _Syntax) -> tuple[int, int, int]:
        """The item or delimiter at `at`: tag, length, and what comes after."""
        offset = self._reach(at, 8)
        try:
            group, element, length = syntax.tag_length(self._window, offset)
        except struct.error:
            raise self._cut_short(at) from None
        return group << 16 | element, length, at + 8

    def _reach(self, at: int, length: int) -> int:
        """Have `length` bytes from `at` in the window, as far as there are so many.

        Returns where `at` is in the window. What the window holds from `at` on is kept, so that
        the offsets that are read never decrease.
        """
        start, window = self._start, self._window
        end = start + len(window)
        if at + length > end and end < self._size_bytes:
            if at > self._size_bytes:
                raise self._cut_short(at)
            kept = window[at - start :] if at < end else b""
            begin = at + len(kept)
            self._window = kept + bytes(self._read(begin, WINDOW_BYTES))
            self._start = start = at
        return at - start

    def _cut_short(self, at: int) -> MalformedDataSet:
        return MalformedDataSet("data set is cut short, or no data set", min(at, self._size_bytes))


class _Frame:
    """A sequence of undefined length that is being stepped over."""

    __slots__ = ("in_item", "syntax")

    def __init__(self, syntax: _Syntax, *, in_item: bool) -> None:
        self.syntax = syntax
        self.in_item = in_item


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
