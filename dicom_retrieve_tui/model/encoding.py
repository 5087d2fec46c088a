"""How the elements of a data set lie in bytes, and how to run over the plain ones fast.

Each instance received and each C-FIND match passes through the two loops here, so they unpack a
tag as one number in the byte order of the data set, and leave everything unusual to their caller.
Source: PS3.5 section 7.1.
"""

import struct
from collections.abc import Mapping
from functools import lru_cache

UNDEFINED_LENGTH = 0xFFFFFFFF
DELIMITER_GROUP = 0xFFFE
ITEM = 0xFFFEE000
ITEM_END = 0xFFFEE00D
SEQUENCE_END = 0xFFFEE0DD

FOREIGN_GROUPS = frozenset({0x0000, 0x0002})
"""The command set and the file meta are no part of a data set; zeros look like group 0000."""

LONGEST_HEADER_BYTES = 12

_SHORT_VRS = frozenset(
    {b"AE", b"AS", b"AT", b"CS", b"DA", b"DS", b"DT", b"FD", b"FL", b"IS", b"LO", b"LT", b"PN",
     b"SH", b"SL", b"SS", b"ST", b"TM", b"UI", b"UL", b"US", b"??", b"  "}
)  # fmt: skip
"""Their length has two bytes. Source: PS3.5 Table 7.1-2, and DCMTK for what old writers put where
they knew no VR."""

_LONG_VRS = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
"""Two reserved bytes, then a length of four. Source: PS3.5 Table 7.1-1."""

_VRS = _SHORT_VRS | _LONG_VRS


class Encoding:
    """A byte order, and whether elements say their VR."""

    __slots__ = ("_header", "_item", "_length", "_tag_length", "explicit", "little")

    def __init__(self, *, explicit: bool, little: bool = True) -> None:
        order = "<" if little else ">"
        self.explicit = explicit
        self.little = little
        self._header = struct.Struct(order + "L2sH").unpack_from
        self._tag_length = struct.Struct(order + "LL").unpack_from
        self._length = struct.Struct(order + "L").unpack_from
        self._item = struct.Struct(order + "HHL").unpack_from

    def element(self, data: bytes, at: int) -> tuple[int, bytes, int, int]:
        """The header at `at`: tag, VR (empty if it has none), length, and where the value begins.

        An element without a VR among others that have one is read as implicit: such data sets
        exist (pydicom issue 1067). A VR that nobody knows has a length of four bytes, as PS3.5
        section 7.1.2 wants it of new ones and DCMTK reads it, unless the reserved bytes are none:
        then it has one of two, as pydicom reads it.

        Raises:
            struct.error: The data end within the header.
        """
        tag, length = self.item(data, at)
        if not self.explicit:
            return tag, b"", length, at + 8
        _, vr, short_length = self._header(data, at)
        if vr in _SHORT_VRS or (vr not in _LONG_VRS and short_length and _is_vr(vr)):
            return tag, vr, short_length, at + 8
        if not _is_vr(vr):
            return tag, b"", length, at + 8
        return tag, vr, self._length(data, at + 8)[0], at + 12

    def item(self, data: bytes, at: int) -> tuple[int, int]:
        """Tag and length at `at`, without a VR: items and delimiters always, implicit elements."""
        group, element, length = self._item(data, at)
        return group << 16 | element, length

    def settle(self, data: bytes, at: int) -> "Encoding":
        """The encoding that elements from `at` on really have.

        What should be implicit is sometimes explicit, within values of VR UN above all: pydicom
        and DCMTK both read it. No first element is so long that its length looks like a VR.
        """
        if not self.explicit and data[at + 4 : at + 6] in _VRS and any(data[at + 6 : at + 8]):
            return EXPLICIT_LITTLE
        return self

    def skip(
        self, data: bytes, at: int, wanted: frozenset[int], values: dict[int, bytes], most: int
    ) -> int:
        """Run over plain elements from `at`; returns where the first that is not plain begins.

        That is one of undefined length, a delimiter, one that the data do not reach, and one that
        is wanted but too long or known already. Beyond the end of the data means that the last
        value goes on there.

        Args:
            wanted: Tags whose values go to `values`, if they have at most `most` bytes.
        """
        keys = (_swapped if self.little else _as_they_are)(wanted)
        run = self._skip_explicit if self.explicit else self._skip_implicit
        return run(data, at, keys, values, most)

    def _skip_explicit(
        self, data: bytes, at: int, keys: Mapping[int, int], values: dict[int, bytes], most: int
    ) -> int:
        header, long_length, short_vrs, long_vrs = self._header, self._length, _SHORT_VRS, _LONG_VRS
        try:
            while True:
                key, vr, length = header(data, at)
                if vr in short_vrs:
                    value = at + 8
                elif vr in long_vrs:
                    (length,) = long_length(data, at + 8)
                    value = at + 12
                    if length == UNDEFINED_LENGTH:
                        return at
                else:
                    return at
                end = value + length
                if key in keys:
                    if length > most or end > len(data) or keys[key] in values:
                        return at
                    values[keys[key]] = data[value:end]
                at = end
        except struct.error:
            return at

    def _skip_implicit(
        self, data: bytes, at: int, keys: Mapping[int, int], values: dict[int, bytes], most: int
    ) -> int:
        tag_length = self._tag_length
        try:
            while True:
                key, length = tag_length(data, at)
                if length == UNDEFINED_LENGTH or key & 0xFFFF in _SPECIAL_GROUPS:
                    return at
                end = at + 8 + length
                if key in keys:
                    if length > most or end > len(data) or keys[key] in values:
                        return at
                    values[keys[key]] = data[at + 8 : end]
                at = end
        except struct.error:
            return at


_SPECIAL_GROUPS = FOREIGN_GROUPS | {DELIMITER_GROUP}


def _is_vr(vr: bytes) -> bool:
    return vr.isalpha() and vr.isupper()


@lru_cache(maxsize=32)
def _swapped(wanted: frozenset[int]) -> Mapping[int, int]:
    """Tags by the number that four little-endian bytes of theirs make."""
    return {(tag & 0xFFFF) << 16 | tag >> 16: tag for tag in wanted}


@lru_cache(maxsize=32)
def _as_they_are(wanted: frozenset[int]) -> Mapping[int, int]:
    return {tag: tag for tag in wanted}


EXPLICIT_LITTLE = Encoding(explicit=True)
EXPLICIT_BIG = Encoding(explicit=True, little=False)
IMPLICIT_LITTLE = Encoding(explicit=False)
