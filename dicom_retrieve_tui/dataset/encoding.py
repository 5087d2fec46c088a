"""Encodings of data elements, and a fast loop over regular ones.

Each received instance and each C-FIND match passes through the two loops of this module, so they
check only what an unpacked header shows, and leave everything unusual to their caller.
Source: PS3.5 section 7.1.
"""

import struct
from functools import lru_cache

from dicom_retrieve_tui.model.sop_classes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

DEFLATED_SYNTAXES = frozenset(
    {
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
        "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    }
)

UNDEFINED_LENGTH = 0xFFFFFFFF
DELIMITER_GROUP = 0xFFFE
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

FILE_META_GROUP = 0x0002
"""The file meta is not part of a data set, and neither is the command set, group 0000."""

PIXEL_DATA = 0x7FE00010

LONGEST_HEADER_BYTES = 12

DEPTH_MAX = 64
"""Sequences of undefined length within each other; real objects stay below ten."""

FIRST_TAG = FILE_META_GROUP << 16 | 0xFFFF
"""Every element of a regular data set has a higher tag."""

SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
     b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US"}
)  # fmt: skip
"""Their length has two bytes. Source: PS3.5 Table 7.1-2."""

LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
"""Two reserved bytes, then a length of four. Source: PS3.5 Table 7.1-1."""

VRS = SHORT_VRS | LONG_VRS

SEQUENCE_VRS = frozenset({b"SQ", b"UN", b""})
"""VRs whose values may be sequences; the empty one is that of implicit elements."""

_TRAILING_GROUPS = 0xFFFC
"""From this group on, the caller of the loop checks elements and delimiters."""


@lru_cache(maxsize=32)
def _elements(wanted: frozenset[int]) -> frozenset[int]:
    """Return the element numbers of `wanted`, which exclude most elements without their group."""
    return frozenset(tag & 0xFFFF for tag in wanted)


class Wanted:
    """The elements to find, and the values found."""

    __slots__ = ("most_bytes", "tags", "unpacked", "values")

    def __init__(self, tags: frozenset[int], most_bytes: int) -> None:
        """Find the elements with `tags`; skip values longer than `most_bytes`."""
        self.tags = tags
        self.most_bytes = most_bytes
        self.values: dict[int, bytes] = {}
        self.unpacked = tags, _elements(tags), self.values, most_bytes
        """All fields, for the loops."""


class Encoding:
    """A byte order, with explicit or implicit VR."""

    __slots__ = ("_header", "_item", "_length", "explicit", "little")

    def __init__(self, *, explicit: bool, little: bool = True) -> None:
        order = "<" if little else ">"
        self.explicit = explicit
        self.little = little
        self._header = struct.Struct(order + "HH2sH").unpack_from
        self._length = struct.Struct(order + "L").unpack_from
        self._item = struct.Struct(order + "HHL").unpack_from

    def item(self, data: bytes, at: int) -> tuple[int, int]:
        """Return tag and length at `at`, for items, delimiters and implicit elements.

        Raises:
            struct.error: The data end within the header.
        """
        group, element, length = self._item(data, at)
        return group << 16 | element, length

    def element(self, data: bytes, at: int) -> tuple[int, bytes, int, int]:
        """Return tag, VR, length and value offset of the element at `at`, with any VR.

        For identifiers, which are read as far as possible. An element without a VR among explicit
        ones is read as implicit. An unknown VR has a length of four bytes, as PS3.5 section 7.1.2
        requires for new ones, unless the reserved bytes are in use.

        Raises:
            struct.error: The data end within the header.
        """
        tag, length = self.item(data, at)
        if not self.explicit:
            return tag, b"", length, at + 8
        vr, short = data[at + 4 : at + 6], self.short_length(data, at)
        is_vr = vr.isalpha() and vr.isupper()
        if vr in SHORT_VRS or (vr not in LONG_VRS and short and is_vr):
            return tag, vr, short, at + 8
        if not is_vr:
            return tag, b"", length, at + 8
        return tag, vr, self.long_length(data, at + 8), at + 12

    def short_length(self, data: bytes, at: int) -> int:
        """Return the two bytes after the VR of the element at `at`: its length, or reserved."""
        length: int = self._header(data, at)[3]
        return length

    def long_length(self, data: bytes, at: int) -> int:
        """Return the four bytes at `at` as a length."""
        length: int = self._length(data, at)[0]
        return length

    def value(self, data: bytes, at: int) -> tuple[bytes, int, int] | None:
        """Return VR (empty if implicit), length and value offset of the element at `at`.

        None if its header is not regular.

        Raises:
            struct.error: The data end within the header.
        """
        if not self.explicit:
            return b"", self.item(data, at)[1], at + 8
        _, _, vr, length = self._header(data, at)
        if vr in SHORT_VRS:
            return vr, length, at + 8
        if vr in LONG_VRS and not length:
            return vr, self.long_length(data, at + 8), at + 12
        return None

    def skip(self, data: bytes, at: int, last: int, wanted: Wanted) -> tuple[int, int]:
        """Skip regular elements from `at`.

        Return the offset of the first other element: of undefined or odd length, a delimiter, out
        of order, with an unknown VR, beyond the data, or wanted but too long; and the tag of the
        last regular one. An offset beyond the end of the data means that the last value goes on
        there.

        Args:
            last: The tag of the previous element.
            wanted: Collects the wanted values.
        """
        run = self._skip_explicit if self.explicit else self._skip_implicit
        return run(data, at, last, wanted)

    def _skip_explicit(self, data: bytes, at: int, last: int, wanted: Wanted) -> tuple[int, int]:
        header, long_length, short_vrs, long_vrs = self._header, self._length, SHORT_VRS, LONG_VRS
        tags, elements, values, most = wanted.unpacked
        last_group, last_element = last >> 16, last & 0xFFFF
        try:
            while True:
                group, element, vr, length = header(data, at)
                if vr in short_vrs:
                    value = at + 8
                elif vr in long_vrs and not length:
                    (length,) = long_length(data, at + 8)
                    value = at + 12
                else:
                    break
                # An undefined length is odd, too.
                if (
                    length & 1
                    or group < last_group
                    or (element <= last_element and group == last_group)
                ):
                    break
                if element in elements and (tag := group << 16 | element) in tags:
                    end = value + length
                    if length > most or end > len(data):
                        break
                    values[tag] = data[value:end]
                last_group, last_element = group, element
                at = value + length
        except struct.error:
            pass
        return at, last_group << 16 | last_element

    def _skip_implicit(self, data: bytes, at: int, last: int, wanted: Wanted) -> tuple[int, int]:
        header = self._item
        tags, elements, values, most = wanted.unpacked
        last_group, last_element = last >> 16, last & 0xFFFF
        try:
            while True:
                group, element, length = header(data, at)
                if length & 1 or not last_group <= group < _TRAILING_GROUPS:
                    break
                if element <= last_element and group == last_group:
                    break
                if element in elements and (tag := group << 16 | element) in tags:
                    end = at + 8 + length
                    if length > most or end > len(data):
                        break
                    values[tag] = data[at + 8 : end]
                last_group, last_element = group, element
                at += 8 + length
        except struct.error:
            pass
        return at, last_group << 16 | last_element


EXPLICIT_LITTLE = Encoding(explicit=True)
EXPLICIT_BIG = Encoding(explicit=True, little=False)
IMPLICIT_LITTLE = Encoding(explicit=False)

_BY_SYNTAX = {
    IMPLICIT_VR_LITTLE_ENDIAN: IMPLICIT_LITTLE,
    EXPLICIT_VR_BIG_ENDIAN: EXPLICIT_BIG,
}
_PLAIN_SYNTAXES = {
    IMPLICIT_LITTLE: IMPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_BIG: EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_LITTLE: EXPLICIT_VR_LITTLE_ENDIAN,
}


def encoding_of(transfer_syntax_uid: str) -> Encoding:
    """Return the encoding of a transfer syntax; compressed ones are explicit little endian."""
    return _BY_SYNTAX.get(transfer_syntax_uid, EXPLICIT_LITTLE)


def plain_syntax(encoding: Encoding) -> str:
    """Return the uncompressed transfer syntax with this encoding."""
    return _PLAIN_SYNTAXES[encoding]
