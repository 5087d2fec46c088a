"""Read data sets that deviate from the standard, and name the deviation.

Archives have such instances, so a data set that can be read to its end is kept. Each element is
read by the standard if possible. Another reading is tried only if the header is irregular, and used
only if a regular element follows: a truncated regular data set is never taken for a whole irregular
one.
Source: PS3.5 section 7, and what DCMTK and pydicom read.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

from dicom_retrieve_tui.dataset.codestream import HEAD_BYTES, codestream_syntax, is_encapsulated
from dicom_retrieve_tui.dataset.deflate import Inflater
from dicom_retrieve_tui.dataset.encoding import (
    DEFLATED_SYNTAXES,
    DELIMITER_GROUP,
    DEPTH_MAX,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    FILE_META_GROUP,
    IMPLICIT_LITTLE,
    ITEM,
    ITEM_END,
    LONG_VRS,
    LONGEST_HEADER_BYTES,
    PIXEL_DATA,
    SEQUENCE_END,
    SEQUENCE_VRS,
    SHORT_VRS,
    UNDEFINED_LENGTH,
    VRS,
    Encoding,
    encoding_of,
    plain_syntax,
)
from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, Read, WalkResult
from dicom_retrieve_tui.model.sop_classes import (
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)

IRREGULAR_INFLATED_BYTES_MAX = 1 << 26
"""An irregular deflated data set is read in memory; real ones are reports."""

STEPS_MAX = 5_000_000
"""Limit of elements, items and fragments: irregular ones take longer to read."""

_WINDOW_BYTES = 1 << 14
_SCAN_BYTES = 1 << 20
_PREAMBLE_BYTES = 128
_PREFIX = b"DICM"
_META_SYNTAX = 0x00020010
_ROWS, _NUMBER_OF_FRAMES = 0x00280010, 0x00280008
_DIGITS_MAX = 12
"""Digits of a number in a text, as in VR IS."""
_FOREIGN_GROUPS = frozenset({0x0000, FILE_META_GROUP})
_FORBIDDEN_GROUPS = frozenset({0x0001, 0x0003, 0x0005, 0x0007})
"""Source: PS3.5 section 7.1."""
_ODD_IN_A_ROW_MAX = 10_000
"""Limit of consecutive elements with unknown VRs."""
_LIKELY_GROUP_MAX = 0x0028
_LIKELY_LENGTH_MAX = 1 << 16
_PADDING, _BLANK = b"\0\xff", b" "
_LINE_ENDS = frozenset({b"\n", b"\r\n"})
"""What is left behind a part of a multipart message by gateways that do not cut it off."""
_ELSEWISE = "its elements are not encoded as its transfer syntax has them"
_CUT_SHORT = "data set is cut short, or no data set"
_OTHER_VALUES = frozenset({b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"UN"})
_SYNTAX_NAMES = {
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN: "Deflated Explicit VR Little Endian",
    EXPLICIT_VR_BIG_ENDIAN: "Explicit VR Big Endian",
    EXPLICIT_VR_LITTLE_ENDIAN: "Explicit VR Little Endian",
    IMPLICIT_VR_LITTLE_ENDIAN: "Implicit VR Little Endian",
}


def read_irregular(
    read: Read, size_bytes: int, transfer_syntax_uid: str, wanted: frozenset[int], most: int
) -> WalkResult:
    """Read a data set that is not regular in the transfer syntax of its presentation context.

    Args:
        read: May read bytes more than once.
        most: Longer wanted values are left out.

    Raises:
        MalformedDataSet: It is truncated or invalid; the message has the offset.
    """
    source = _Source(read, size_bytes)
    if source.get(_PREAMBLE_BYTES, len(_PREFIX)) == _PREFIX:
        return _read_file(source, transfer_syntax_uid, wanted, most)
    if transfer_syntax_uid in DEFLATED_SYNTAXES and not looks_like_elements(source.get(0, 8)):
        return _read_deflated(source, transfer_syntax_uid, wanted, most)
    plain = transfer_syntax_uid
    if plain in DEFLATED_SYNTAXES:
        plain = EXPLICIT_VR_LITTLE_ENDIAN
    likely = _likely_encoding(source.get(0, LONGEST_HEADER_BYTES))
    if plain == IMPLICIT_VR_LITTLE_ENDIAN and not _has_second_vr(source, likely):
        # The first length looks like a VR.
        likely = IMPLICIT_LITTLE
    try:
        walked = _Reader(source, likely or encoding_of(plain), wanted, most).read(plain)
    except MalformedDataSet:
        if likely is None and _inflates(source):
            return _read_deflated(source, transfer_syntax_uid, wanted, most)
        raise
    syntax = walked.transfer_syntax_uid
    if syntax == transfer_syntax_uid:
        return walked
    return walked._replace(irregular=_not_as_negotiated(syntax))


def looks_like_elements(head: bytes) -> bool:
    """Return True if bytes begin like a data set that is not deflated."""
    encoding = _likely_encoding(head)
    if encoding is None or encoding.explicit:
        return encoding is not None
    tag, length = encoding.item(head, 0)
    return tag >> 16 <= _LIKELY_GROUP_MAX and length <= _LIKELY_LENGTH_MAX


def _likely_encoding(head: bytes) -> Encoding | None:
    """Return the encoding that the first element seems to have; None if unknown.

    A data set begins with a low group, whose bytes in the wrong order make a high one.
    """
    if len(head) < 8:
        return None
    little, big = struct.unpack_from("<H", head)[0], struct.unpack_from(">H", head)[0]
    if head[4:6] in VRS:
        return EXPLICIT_LITTLE if little <= big else EXPLICIT_BIG
    plausible = FILE_META_GROUP < little <= big and not struct.unpack_from("<L", head, 4)[0] & 1
    return IMPLICIT_LITTLE if plausible and little <= _LIKELY_GROUP_MAX else None


def _has_second_vr(source: "_Source", encoding: Encoding | None) -> bool:
    """Return False if a data set begins like an explicit one, but does not go on like one."""
    if encoding is not EXPLICIT_LITTLE:
        return True
    head = source.get(0, LONGEST_HEADER_BYTES)
    header = encoding.value(head, 0) if len(head) == LONGEST_HEADER_BYTES else None
    if header is None or header[1] == UNDEFINED_LENGTH:
        return True
    second = source.get(header[1] + header[2] + 4, 2)
    return not second or second in VRS


def _read_file(source: "_Source", context: str, wanted: frozenset[int], most: int) -> WalkResult:
    """Read a data set that was sent after a preamble and a file meta."""
    at, syntax = _PREAMBLE_BYTES + len(_PREFIX), context
    while source.get(at, 2) == b"\2\0":
        head = source.get(at, LONGEST_HEADER_BYTES)
        try:
            header = EXPLICIT_LITTLE.value(head, 0)
            tag, _ = EXPLICIT_LITTLE.item(head, 0)
        except struct.error:
            header = None
        if header is None:
            raise MalformedDataSet(_CUT_SHORT, at)
        _, length, offset = header
        if tag == _META_SYNTAX and length < _WINDOW_BYTES:
            syntax = source.get(at + offset, length).decode("latin-1").strip("\0 ")
        at += offset + length
    if at >= source.size_bytes:
        raise MalformedDataSet(_CUT_SHORT, min(at, source.size_bytes))

    def read(offset: int, length: int) -> bytes:
        return source.read(at + offset, length)

    inner = read_irregular(read, source.size_bytes - at, syntax, wanted, most)
    why = "a whole file, with preamble and file meta, in place of its data set"
    return inner._replace(irregular=why, start=at + inner.start)


def _inflates(source: "_Source") -> bool:
    """Return True if bytes are a deflate stream that begins like a data set."""
    try:
        head = Inflater(source.read, source.size_bytes).read(0, LONGEST_HEADER_BYTES)
    except MalformedDataSet:
        return False
    return looks_like_elements(head)


def _read_deflated(
    source: "_Source", context: str, wanted: frozenset[int], most: int
) -> WalkResult:
    inflater = Inflater(source.read, source.size_bytes)
    data = inflater.read(0, IRREGULAR_INFLATED_BYTES_MAX + 1)
    if len(data) > IRREGULAR_INFLATED_BYTES_MAX:
        raise MalformedDataSet(
            f"irregular data set inflates beyond {IRREGULAR_INFLATED_BYTES_MAX} bytes", 0
        )
    inflated = _Source(lambda at, length: data[at : at + length], len(data))
    named = context if context in DEFLATED_SYNTAXES else DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN
    # The inflated bytes must have that syntax, or no reader can use them.
    reader = _Reader(inflated, EXPLICIT_LITTLE, wanted, most)
    walked = reader.read(EXPLICIT_VR_LITTLE_ENDIAN)
    if walked.transfer_syntax_uid != EXPLICIT_VR_LITTLE_ENDIAN:
        raise MalformedDataSet("deflated data set is not in Explicit VR Little Endian", 0)
    why = _not_as_negotiated(named)
    if named == context:
        why = walked.irregular
        if inflater.irregular and why == _ELSEWISE:
            why = inflater.irregular
    return walked._replace(transfer_syntax_uid=named, irregular=why)


def _not_as_negotiated(transfer_syntax_uid: str) -> str:
    name = _SYNTAX_NAMES.get(transfer_syntax_uid, f"transfer syntax {transfer_syntax_uid}")
    return f"in {name}, unlike its presentation context"


class _Source:
    """Returns bytes at any offset, read in windows."""

    def __init__(self, read: Read, size_bytes: int) -> None:
        self.read = read
        self.size_bytes = size_bytes
        self._window = b""
        self._start = 0

    def get(self, at: int, length: int) -> bytes:
        """Return `length` bytes at `at`, or as many as there are."""
        offset = at - self._start
        if offset < 0 or offset + length > len(self._window):
            asked = min(max(length, _WINDOW_BYTES), self.size_bytes - at)
            if asked <= 0:
                return b""
            self._window, self._start = bytes(self.read(at, asked)), at
            offset = 0
        return self._window[offset : offset + length]

    def pieces(self, at: int) -> Iterator[bytes]:
        """Yield all bytes from `at` on, in growing pieces."""
        length = _WINDOW_BYTES
        while at < self.size_bytes:
            piece = bytes(self.read(at, min(length, self.size_bytes - at)))
            if not piece:
                return
            yield piece
            at += len(piece)
            length = min(2 * length, _SCAN_BYTES)


@dataclass(frozen=True, slots=True)
class _Element:
    """One reading of an element header."""

    tag: int
    vr: bytes
    length: int
    value_at: int
    encoding: Encoding
    why: str = ""
    """The irregularity, in words."""
    wrong_length: bool = False
    """True for a sequence that does not end at its length."""

    @property
    def end(self) -> int:
        return self.value_at + self.length


@dataclass(slots=True)
class _Sequence:
    """An open sequence, or pixel data in fragments."""

    around: Encoding
    inside: Encoding
    tag: int
    fragments: bool
    end: int | None
    """Its end by its length; None if undefined."""
    in_item: bool = False
    """True in an item that ends with a delimiter."""
    count: int = 0
    """Number of items so far."""


class _Reader:
    """One reading of a data set, from first to last byte."""

    def __init__(
        self, source: _Source, encoding: Encoding, wanted: frozenset[int], most: int
    ) -> None:
        self._source = source
        self._size = source.size_bytes
        self._encoding = encoding
        self._wanted = wanted
        self._most = most
        self._values: dict[int, bytes] = {}
        self._others: dict[int, tuple[bytes, ...]] = {}
        self._why = ""
        self._open: list[_Sequence] = []
        self._last = -1
        self._elements: dict[Encoding, int] = {}
        """Number of elements at the top level by encoding."""
        self._frames = 1
        self._has_rows = False
        self._pixels: bool | None = None
        """True for pixel data in fragments, False for native ones, None without."""
        self._codestream = b""
        self._padded = False
        self._odd: dict[int, bool] = {}
        """By offset: True if elements with unknown VRs are followed by a regular one."""
        self._steps = 0

    def read(self, context: str) -> WalkResult:
        """Read to the end.

        Args:
            context: The transfer syntax of the presentation context.
        """
        at = 0
        while at < self._size or self._open:
            sequence = self._open[-1] if self._open else None
            if sequence and sequence.end is not None and at >= sequence.end:
                # An item of a wrong length ends with its sequence.
                sequence.in_item = False
            in_item = sequence is None or sequence.in_item
            self._steps += 1
            if self._steps > STEPS_MAX:
                raise MalformedDataSet(f"irregular data set of more than {STEPS_MAX} elements", at)
            at = self._element_due(at) if in_item else self._item_due(at)
        if not self._elements:
            raise self._cut_short(0)
        syntax = self._syntax(context)
        why = self._why or _ELSEWISE
        return WalkResult(self._values, syntax, why, 0, self._others, padded=self._padded)

    # Elements

    def _element_due(self, at: int) -> int:
        head = self._source.get(at, LONGEST_HEADER_BYTES)
        if not self._open and self._is_padding(at, head):
            return self._pad(at)
        if len(head) < 8:
            raise self._cut_short(at)
        tag, length = self._encoding.item(head, 0)
        if tag >> 16 == DELIMITER_GROUP:
            return self._delimiter(at, tag, length)
        return self._take(self._read_header(at, head, tag))

    def _read_header(self, at: int, head: bytes, tag: int) -> _Element:
        """Return the best reading of a header.

        Raises:
            MalformedDataSet: No reading is possible.
        """
        at_start = self._encoding.little or not self._elements
        if at_start and head[:2] == b"\2\0" and head[4:6] in VRS:
            # A file meta is the same in all encodings.
            tag, encoding = EXPLICIT_LITTLE.item(head, 0)[0], EXPLICIT_LITTLE
        else:
            encoding = self._encoding
        if (regular := self._regular(at, head, tag, encoding)) is not None:
            return self._best_of_regular(regular)
        # A first element of a higher group means other data, or a shift by a byte.
        plausible = self._open or self._elements or tag >> 16 <= _LIKELY_GROUP_MAX
        readings = [*self._irregular(at, head, tag)] if plausible else []
        for is_good in (self._has_vr_behind, self._fits):
            for reading in readings:
                if self._begins(reading) and is_good(reading):
                    return reading
        raise self._cut_short(at)

    def _best_of_regular(self, regular: _Element) -> _Element:
        """Return the best reading of a regular header: nearly always that of the standard."""
        begins = self._begins(regular)
        is_good = self._has_vr_behind if regular.vr else self._fits
        if begins and is_good(regular):
            return regular
        if (other := self._instead_of(regular)) is not None:
            return other
        if not begins:
            raise self._without_value(regular)
        return regular

    def _without_value(self, element: _Element) -> MalformedDataSet:
        head = self._source.get(element.value_at, 8)
        if element.length != UNDEFINED_LENGTH or len(head) < 8:
            return self._cut_short(self._size)
        return self._misplaced(element.encoding.item(head, 0)[0], element.value_at)

    def _regular(self, at: int, head: bytes, tag: int, encoding: Encoding) -> _Element | None:
        """Return the reading of a header by the standard."""
        if not encoding.explicit and head[4:6] in VRS:
            # It may be a VR, or a length that looks like one.
            return None
        try:
            header = encoding.value(head, 0)
        except struct.error:
            return None
        if header is None:
            return None
        vr, length, offset = header
        return _Element(tag, vr, length, at + offset, encoding)

    def _irregular(self, at: int, head: bytes, tag: int) -> Iterator[_Element]:
        """Yield the readings of any other header, the likeliest first."""
        vr, length = head[4:6], struct.unpack_from("<L", head, 4)[0]
        if vr in LONG_VRS and head[6:8] == b"\0\0" and len(head) < LONGEST_HEADER_BYTES:
            # Truncated before its length.
            return
        implicit = _Element(tag, b"", length, at + 8, IMPLICIT_LITTLE)
        if not self._encoding.explicit:
            yield from self._in_implicit(at, head, implicit)
        odd = [*self._with_vr(at, head, tag)]
        yield odd[0]
        if self._encoding is EXPLICIT_LITTLE and vr not in VRS:
            yield replace(implicit, why=f"{_name(tag)} in Implicit VR")
        yield from odd[1:]

    def _in_implicit(self, at: int, head: bytes, implicit: _Element) -> Iterator[_Element]:
        """Yield the readings of a header that seems to have a VR among implicit ones."""
        regular = self._regular(at, head, implicit.tag, EXPLICIT_LITTLE)
        if regular is None:
            yield implicit
            return
        explicit = replace(regular, why=f"{_name(regular.tag)} in Explicit VR")
        surely = self._begins(explicit) and self._has_vr_behind(explicit)
        yield from (explicit, implicit) if surely else (implicit, explicit)

    def _with_vr(self, at: int, head: bytes, tag: int) -> Iterator[_Element]:
        """Yield the readings of a header with an unknown VR, or an impossible length."""
        encoding = self._encoding if self._encoding.explicit else EXPLICIT_LITTLE
        vr, short = head[4:6], encoding.short_length(head, 0)
        has = "a short length" if vr in VRS else f"VR {_shown(vr)}"
        with_short = _Element(tag, vr, short, at + 8, encoding, f"{_name(tag)} has {has}")
        if len(head) < LONGEST_HEADER_BYTES or vr in SHORT_VRS:
            yield with_short
            return
        with_long = replace(with_short, length=encoding.long_length(head, 8), value_at=at + 12)
        # A new VR of the standard has a long length. Source: PS3.5 section 7.1.2.
        new = not short and vr.isalpha() and vr.isupper()
        yield from (with_long, with_short) if new else (with_short, with_long)

    def _instead_of(self, regular: _Element) -> _Element | None:
        """Return another reading of a regular header that is followed by invalid bytes."""
        tag, at = regular.tag, regular.value_at - LONGEST_HEADER_BYTES
        if regular.vr in LONG_VRS and regular.length:
            empty = _Element(
                tag, regular.vr, 0, at + 8, regular.encoding, f"{_name(tag)} has a short length"
            )
            if self._fits(empty) and self._goes_on(empty):
                return empty
        is_sequence = regular.vr in SEQUENCE_VRS and self._has_items(regular)
        if is_sequence and regular.length != UNDEFINED_LENGTH and regular.end <= self._size:
            return replace(regular, wrong_length=True)
        return None

    def _goes_on(self, element: _Element) -> bool:
        """Return True if an element is followed by a regular one in order, and by another."""
        head = self._source.get(element.end, LONGEST_HEADER_BYTES)
        if len(head) < 8:
            return False
        tag, _ = element.encoding.item(head, 0)
        after = self._regular(element.end, head, tag, element.encoding)
        return after is not None and tag > element.tag and self._begins(after) and self._fits(after)

    def _begins(self, element: _Element) -> bool:
        """Return True if the value of an element fits into the data set."""
        if element.length != UNDEFINED_LENGTH:
            return element.end <= self._size
        return self._has_items(element) or self._end_of_bytes(element) is not None

    def _has_items(self, element: _Element) -> bool:
        """Return True if a value of undefined length begins like a sequence."""
        begins = self._source.get(element.value_at, 4)
        return begins in {_encoded(ITEM, element), _encoded(SEQUENCE_END, element)}

    def _fits(self, element: _Element) -> bool:
        """Return True if a regular element or the end follows an element."""
        if element.length == UNDEFINED_LENGTH or self._has_vr_behind(element):
            return True
        at = element.end
        head = self._source.get(at, LONGEST_HEADER_BYTES)
        if not self._open and self._is_padding(at, head):
            # A length in implicit VR may look like a VR, and the zeros after it may be pixels.
            is_sure = self._encoding.explicit or not element.vr
            return is_sure and element.vr != b"\0\0"
        if len(head) < 8:
            return False
        tag, length = element.encoding.item(head, 0)
        if tag >> 16 in _FOREIGN_GROUPS:
            return False
        if self._encoding.explicit and element.vr:
            return self._goes_on_oddly(at)
        in_bounds = length == UNDEFINED_LENGTH or at + 8 + length <= self._size
        return tag > element.tag and in_bounds and tag >> 16 < DELIMITER_GROUP

    def _has_vr_behind(self, element: _Element) -> bool:
        """Return True if a delimiter, a header with a VR or the end follows an element."""
        if element.length == UNDEFINED_LENGTH:
            return True
        head = self._source.get(element.end, 8)
        if len(head) < 8:
            return element.end == self._size and not self._open
        tag, _ = element.encoding.item(head, 0)
        if tag in {ITEM, ITEM_END, SEQUENCE_END}:
            return True
        vr, reserved = head[4:6], head[6:8]
        known = vr in SHORT_VRS or (vr in LONG_VRS and reserved == bytes(2))
        return known and (tag >> 16 not in _FOREIGN_GROUPS or head[:2] == b"\2\0")

    def _goes_on_oddly(self, at: int) -> bool:
        """Return True if elements with unknown VRs from `at` on are followed by a regular one."""
        came_from: dict[int, int | None] = {at: None}
        ways = [at]
        while ways and len(came_from) < _ODD_IN_A_ROW_MAX:
            here = ways.pop()
            for end in () if self._odd.get(here) is False else self._odd_ends(here):
                came_from.setdefault(end, here)
                if end < 0 or self._odd.get(end):
                    step: int | None = here
                    while step is not None:
                        self._odd[step] = True
                        step = came_from[step]
                    return True
                ways.append(end)
        self._odd |= {each: False for each in came_from if not self._odd.get(each)}
        return False

    def _odd_ends(self, at: int) -> list[int]:
        """Yield possible ends of an element with an unknown VR; -1 if a regular one follows."""
        head = self._source.get(at, LONGEST_HEADER_BYTES)
        if len(head) < 8 or head[4:6] in VRS:
            return []
        tag, _ = self._encoding.item(head, 0)
        if tag >> 16 in _FOREIGN_GROUPS:
            return []
        readings = [each for each in self._irregular(at, head, tag) if each.vr]
        begun = [each for each in readings if self._begins(each)]
        if any(self._has_vr_behind(each) for each in begun):
            return [-1]
        return [each.end for each in reversed(begun) if each.length != UNDEFINED_LENGTH]

    def _take(self, element: _Element) -> int:
        """Process an element; return the next offset."""
        tag, length = element.tag, element.length
        if element.why:
            self._note(element.why)
        if tag >> 16 in _FOREIGN_GROUPS:
            self._note(f"{_name(tag)} in a data set")
            return self._skip_foreign(element)
        self._keep_order(element)
        if not self._open:
            self._elements[element.encoding] = self._elements.get(element.encoding, 0) + 1
            self._look_at(element)
        if length == UNDEFINED_LENGTH:
            return self._enter(element)
        if length & 1:
            self._note(f"{_name(tag)} has an odd length")
        if element.wrong_length:
            self._push(element, end=element.end)
            return element.value_at
        return element.end

    def _keep_order(self, element: _Element) -> None:
        tag = element.tag
        if tag >> 16 in _FORBIDDEN_GROUPS:
            self._note(f"{_name(tag)} is of a group that is not to be used")
        if tag <= self._last:
            self._note(f"{_name(tag)} {'is out of order' if tag < self._last else 'twice'}")
        self._last = tag
        if element.encoding is not self._encoding and (
            element.encoding.explicit or self._source.get(element.end + 4, 2) not in VRS
        ):
            # The following elements have the same encoding.
            self._encoding = element.encoding

    def _skip_foreign(self, element: _Element) -> int:
        if element.length == UNDEFINED_LENGTH:
            raise self._cut_short(element.value_at)
        return element.end

    def _look_at(self, element: _Element) -> None:
        """Collect the value of a wanted element at the top level."""
        tag, length = element.tag, element.length
        if tag in self._wanted and length <= self._most:
            value = self._source.get(element.value_at, length)
            if self._values.setdefault(tag, value) != value:
                self._others[tag] = (*self._others.get(tag, ()), value)
                self._note(f"{_name(tag)} twice, with other values")
        if tag == _ROWS:
            self._has_rows = True
        elif tag == _NUMBER_OF_FRAMES and length <= _DIGITS_MAX:
            digits = self._source.get(element.value_at, length).strip(b"\0 ")
            self._frames = int(digits) if digits.isdigit() else 1
        elif tag == PIXEL_DATA and length:
            self._pixels = length == UNDEFINED_LENGTH and self._has_items(element)

    # Between elements

    def _is_padding(self, at: int, head: bytes) -> bool:
        """Return True if only padding is left, in which no truncated value can be."""
        if head in _LINE_ENDS and at + len(head) == self._size:
            return self._last >= PIXEL_DATA  # no tag behind it begins like that
        if not head or head[:1] not in {b"\0", b"\xff", b" "}:
            return False
        characters = _BLANK if head[:1] == _BLANK else _PADDING
        if self._size - at == 1:  # the first byte of a tag may look like padding
            odd = at % 2 == 1
            return head == b"\xff" or (head == b"\0" and (self._encoding.little or odd))
        if head.strip(characters):
            return False
        return not any(piece.strip(characters) for piece in self._source.pieces(at))

    def _pad(self, at: int) -> int:
        if not self._elements or (self._has_rows and self._pixels is None):
            raise MalformedDataSet("padding stands where elements were due", at)
        length = self._size - at
        plural = "" if length == 1 else "s"
        self._note(f"{length:,} byte{plural} of padding behind the last element")
        self._padded = True
        return self._size

    def _delimiter(self, at: int, tag: int, length: int) -> int:
        """Process an item or a delimiter where an element was expected."""
        if not self._open:
            return self._stray(at, tag, length)
        sequence = self._open[-1]
        if tag == ITEM:
            self._note("an item without its end")
            sequence.in_item = False
            return at
        if tag == ITEM_END:
            if length:
                self._note("an item end with a length")
            sequence.in_item = False
            return at + 8
        if tag != SEQUENCE_END:
            raise self._misplaced(tag, at, "an element")
        self._note("a sequence end in place of an item end")
        sequence.in_item = False
        if self._tag_at(at + 8) not in {ITEM, SEQUENCE_END}:
            self._close()
        return at + 8

    def _stray(self, at: int, tag: int, length: int) -> int:
        if tag not in {ITEM, ITEM_END, SEQUENCE_END}:
            raise self._misplaced(tag, at, "an element")
        self._note(f"a stray {'item' if tag == ITEM else 'delimiter'}, {_name(tag)}")
        skipped = length if tag == ITEM and length != UNDEFINED_LENGTH else 0
        if at + 8 + skipped > self._size:
            raise self._cut_short(at)
        return at + 8 + skipped

    # Sequences and fragments

    def _enter(self, element: _Element) -> int:
        if self._has_items(element):
            if element.vr not in SEQUENCE_VRS and element.tag != PIXEL_DATA:
                self._note(f"{_name(element.tag)} is a sequence of VR {_shown(element.vr)}")
            self._push(element, end=None)
            return element.value_at
        self._note(f"{_name(element.tag)} has no items")
        end = self._end_of_bytes(element)
        if end is None:
            raise self._cut_short(element.value_at)
        return end

    def _push(self, element: _Element, *, end: int | None) -> None:
        if len(self._open) == DEPTH_MAX:
            raise MalformedDataSet(
                f"sequences are nested deeper than {DEPTH_MAX}", element.value_at
            )
        # Source for UN: PS3.5 section 6.2.2, note 2.
        inside = IMPLICIT_LITTLE if element.vr == b"UN" else self._encoding
        fragments = element.tag == PIXEL_DATA
        self._open.append(_Sequence(self._encoding, inside, element.tag, fragments, end))

    def _end_of_bytes(self, element: _Element) -> int | None:
        """Return the end of a value of undefined length without items: after a sequence end."""
        if element.vr not in _OTHER_VALUES and element.tag != PIXEL_DATA:
            return None
        mark, at, before = _encoded(SEQUENCE_END, element) + bytes(4), element.value_at, b""
        for piece in self._source.pieces(at):
            if (found := (before + piece).find(mark)) >= 0:
                return at - len(before) + found + len(mark)
            at += len(piece)
            before = (before + piece)[-len(mark) + 1 :]
        return None

    def _item_due(self, at: int) -> int:
        """Step over an item, into it, or out of the sequence."""
        sequence = self._open[-1]
        head = self._source.get(at, 8)
        if len(head) < 8:
            return self._end_unmarked(at, sequence)
        tag, length = sequence.inside.item(head, 0)
        if tag == ITEM:
            return self._item(at + 8, length, sequence)
        if tag == SEQUENCE_END:
            if length:
                self._note("a sequence end with a length")
            self._close()
            return at + 8
        if tag == ITEM_END:
            self._note("an item end in place of a sequence end")
            if self._tag_at(at + 8) not in {ITEM, SEQUENCE_END}:
                self._close()
            return at + 8
        return self._end_unmarked(at, sequence)

    def _item(self, at: int, length: int, sequence: _Sequence) -> int:
        """Step over an item of defined length, or into another."""
        if sequence.fragments:
            return self._fragment(at, length, sequence)
        sequence.count += 1
        if length != UNDEFINED_LENGTH:
            if at + length > self._size:
                raise self._cut_short(at - 8)
            if length & 1:
                self._note("an item of odd length")
            whole = _Element(sequence.tag, b"SQ", length, at, sequence.around)
            if whole.end in {sequence.end, self._size} or self._fits(whole):
                return whole.end
            self._note("an item of a wrong length")
        sequence.in_item = True
        self._last = -1
        self._encoding = self._settled(at, sequence.inside)
        return at

    def _fragment(self, at: int, length: int, sequence: _Sequence) -> int:
        if length == UNDEFINED_LENGTH:
            raise self._misplaced(ITEM, at - 8)
        if at + length > self._size:
            raise self._cut_short(at - 8)
        if length & 1:
            self._note("a fragment of odd length")
        # The first item is the offset table, unless it is the only one.
        if length and len(self._open) == 1 and sequence.count <= 1:
            self._codestream = self._source.get(at, min(length, HEAD_BYTES))
        sequence.count += 1
        return at + length

    def _settled(self, at: int, inside: Encoding) -> Encoding:
        """Return the real encoding of the elements of an item."""
        head = self._source.get(at, LONGEST_HEADER_BYTES)
        if len(head) < 8 or inside is EXPLICIT_BIG:
            return inside
        tag, length = inside.item(head, 0)
        if tag >> 16 == DELIMITER_GROUP:
            return inside
        if inside.explicit:
            implicit = _Element(tag, b"", length, at + 8, IMPLICIT_LITTLE)
            if head[4:6] not in VRS and self._begins(implicit) and self._fits(implicit):
                self._note("items in Implicit VR within Explicit VR")
                return IMPLICIT_LITTLE
            return inside
        explicit = self._regular(at, head, tag, EXPLICIT_LITTLE) if head[4:6] in VRS else None
        if explicit and self._begins(explicit) and self._has_vr_behind(explicit):
            self._note("items in Explicit VR within Implicit VR")
            return EXPLICIT_LITTLE
        return inside

    def _end_unmarked(self, at: int, sequence: _Sequence) -> int:
        """Close a sequence without its delimiter, if it has clearly ended.

        Raises:
            MalformedDataSet: More than the delimiter may be missing.
        """
        head = self._source.get(at, LONGEST_HEADER_BYTES)
        if sequence.end is not None:
            if at != sequence.end:
                self._note(f"{_name(sequence.tag)} has a wrong length")
        elif sequence.fragments and sequence.count - 1 < self._frames:
            raise self._unfinished(at, head)
        elif at >= self._size or self._is_padding(at, head):
            if (at < self._size and not sequence.fragments) or len(self._open) > 1:
                raise self._cut_short(at)
            self._note("no sequence end behind the last item")
        else:
            after = _Element(sequence.tag, b"SQ", 0, at, sequence.around)
            tag, _ = sequence.around.item(head + bytes(8), 0)
            if not sequence.count or tag <= sequence.tag or not self._fits(after):
                raise self._unfinished(at, head)
            self._note(f"no sequence end behind {_name(sequence.tag)}")
        self._close()
        return at

    def _unfinished(self, at: int, head: bytes) -> MalformedDataSet:
        if len(head) < 8:
            return self._cut_short(at)
        return self._misplaced(self._open[-1].inside.item(head, 0)[0], at)

    def _close(self) -> None:
        sequence = self._open.pop()
        self._encoding, self._last = sequence.around, sequence.tag

    def _tag_at(self, at: int) -> int | None:
        head = self._source.get(at, 8)
        return self._encoding.item(head, 0)[0] if len(head) == 8 else None

    # The whole data set

    def _syntax(self, context: str) -> str:
        """Return the transfer syntax in which the data set can be read.

        Raises:
            MalformedDataSet: No transfer syntax has such pixel data.
        """
        most = max(self._elements.values())
        expected = encoding_of(context)
        encodings = (expected, *self._elements)
        encoding = next(each for each in encodings if self._elements.get(each, 0) == most)
        syntax = context if encoding is expected else plain_syntax(encoding)
        if self._pixels is None or is_encapsulated(syntax) in {None, self._pixels}:
            return syntax
        if self._pixels and is_encapsulated(context):
            # Compressed, in the wrong encoding: pydicom reads it in this syntax.
            return context
        if not self._pixels:
            return plain_syntax(encoding)
        recognised = codestream_syntax(self._codestream)
        if not recognised or encoding is not EXPLICIT_LITTLE:
            kind = "unknown compression" if not recognised else "compression in another encoding"
            raise MalformedDataSet(f"pixel data in fragments, of {kind}", self._size)
        return recognised

    def _note(self, why: str) -> None:
        self._why = self._why or why

    def _cut_short(self, at: int) -> MalformedDataSet:
        return MalformedDataSet(_CUT_SHORT, min(at, self._size))

    @staticmethod
    def _misplaced(tag: int, at: int, due: str = "an item") -> MalformedDataSet:
        return MalformedDataSet(f"{_name(tag)} stands where {due} was due", at)


def _encoded(tag: int, element: _Element) -> bytes:
    return struct.pack("<HH" if element.encoding.little else ">HH", tag >> 16, tag & 0xFFFF)


def _name(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def _shown(vr: bytes) -> str:
    text = vr.decode("latin-1")
    return f"'{text}'" if text.isascii() and text.isprintable() else vr.hex(" ").upper()
