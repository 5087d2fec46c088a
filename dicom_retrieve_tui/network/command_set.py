"""DIMSE command sets: the elements of group 0000 that precede a data set.

They are in Implicit VR Little Endian, whatever was negotiated; Explicit VR is read, too.
Source: PS3.7 section 6.3.1, and annex E for the elements and command field values.
"""

import struct
from collections.abc import Mapping

from dicom_retrieve_tui.dataset.encoding import EXPLICIT_LITTLE, LONGEST_HEADER_BYTES
from dicom_retrieve_tui.errors import ProtocolError
from dicom_retrieve_tui.model.sanitize import clean_text

C_STORE_RQ = 0x0001
C_STORE_RSP = 0x8001
C_GET_RQ = 0x0010
C_GET_RSP = 0x8010
C_FIND_RQ = 0x0020
C_FIND_RSP = 0x8020
C_MOVE_RQ = 0x0021
C_MOVE_RSP = 0x8021
C_ECHO_RQ = 0x0030
C_ECHO_RSP = 0x8030
C_CANCEL_RQ = 0x0FFF

AFFECTED_SOP_CLASS_UID = 0x0002
COMMAND_FIELD = 0x0100
MESSAGE_ID = 0x0110
MESSAGE_ID_RESPONDED_TO = 0x0120
MOVE_DESTINATION = 0x0600
PRIORITY = 0x0700
COMMAND_DATA_SET_TYPE = 0x0800
STATUS = 0x0900
OFFENDING_ELEMENT = 0x0901
ERROR_COMMENT = 0x0902
AFFECTED_SOP_INSTANCE_UID = 0x1000
REMAINING = 0x1020
COMPLETED = 0x1021
FAILED = 0x1022
WARNING = 0x1023
"""Element numbers in group 0000."""

NO_DATA_SET = 0x0101
WITH_DATA_SET = 0x0001
MEDIUM = 0x0000

_COMMENTS = frozenset({OFFENDING_ELEMENT, ERROR_COMMENT})

COMMENT_CHARACTERS_MAX = 200
"""The standard allows 64; some peers send more, which may help."""
OFFENDING_ELEMENTS_MAX = 8

_HEADER = struct.Struct("<HHL")
_TAG_LENGTH = struct.Struct("<LL")
_US = struct.Struct("<H")
_TAG = struct.Struct("<HH")
_STORE_RESPONSE = struct.Struct("<" + 4 * "HHLH")
"""Between the two UIDs of a C-STORE response: four US elements, each with its header."""


class Command:
    """One received command set; every accessor tolerates missing elements."""

    __slots__ = ("_values", "deviation", "field")

    def __init__(self, values: Mapping[int, bytes], deviation: str = "") -> None:
        self._values = values
        self.deviation = deviation
        """The deviation from the standard, in words; empty if there is none."""
        self.field = self.number(COMMAND_FIELD)
        """Command Field (0000,0100)."""

    def number(self, element: int) -> int | None:
        """Return the value of a US element; None if it is absent, or not a number of 16 bits.

        Some peers write 32 bits.
        """
        value = self._values.get(element)
        if value is None or len(value) not in {2, 4}:
            return None
        number = int.from_bytes(value, "little")
        return number if number <= 0xFFFF else None

    def text(self, element: int) -> str:
        """Return the value of a text or UID element without padding; empty if it is absent."""
        return self._values.get(element, b"").decode("latin-1").strip("\0 ")

    def padded_uid(self, element: int) -> bytes:
        """Return the value of a UID element as encoded, padded to an even length."""
        value = self._values.get(element, b"")
        return value + b"\0" * (len(value) % 2)

    @property
    def comment(self) -> str:
        """The peer's explanation of a failure, cleaned for the screen: comment and elements.

        Source: PS3.7 annex C, Error Comment (0000,0902) and Offending Element (0000,0901).
        """
        # Thousands of pending responses have none.
        if not self._values.keys() & _COMMENTS:
            return ""
        comment = clean_text(self.text(ERROR_COMMENT), COMMENT_CHARACTERS_MAX)
        raw = self._values.get(OFFENDING_ELEMENT, b"")[: 4 * OFFENDING_ELEMENTS_MAX]
        tags = [_TAG.unpack_from(raw, at) for at in range(0, len(raw) - 3, 4)]
        offending = ", ".join(f"({group:04X},{element:04X})" for group, element in tags)
        return "; ".join(filter(None, [comment, offending and f"offending element {offending}"]))

    @property
    def has_data_set(self) -> bool:
        """True if a data set follows: anything but 0x0101. Source: PS3.7 annex E.1."""
        return self.number(COMMAND_DATA_SET_TYPE) != NO_DATA_SET

    @property
    def says_if_data_set(self) -> bool:
        """True if the element that `has_data_set` depends on is there."""
        return self.number(COMMAND_DATA_SET_TYPE) is not None


def decode(data: bytes) -> Command:
    """Decode one command set.

    Elements of other groups are skipped, as is padding after the last.

    Raises:
        ProtocolError: The bytes are not a sequence of elements, or none is of group 0000.
    """
    values: dict[int, bytes] = {}
    at, end, tag_length = 0, len(data), _TAG_LENGTH.unpack_from
    try:
        # Each instance has two command sets, so the tag is read as one number.
        while at < end:
            tag, length = tag_length(data, at)
            value = at + 8
            if tag & 0xFFFF or length > end - value:
                return _decode_irregular(data)
            at = value + length
            values[tag >> 16] = data[value:at]
    except struct.error:
        return _decode_irregular(data)
    return Command(values)


def _decode_irregular(data: bytes) -> Command:
    """Decode a command set with elements of other groups, or in Explicit VR."""
    values: dict[int, bytes] = {}
    explicit, at, end = False, 0, len(data)
    padded = data + bytes(LONGEST_HEADER_BYTES)
    while end - at >= _HEADER.size:
        tag, vr, length, value = EXPLICIT_LITTLE.element(padded, at)
        if length > end - value:
            raise ProtocolError(f"Received a command set with garbage at byte {value}.")
        explicit |= bool(vr)
        at = value + length
        if tag >> 16 == 0:
            values.setdefault(tag & 0xFFFF, data[value:at])
    if any(data[at:]):
        raise ProtocolError(f"Received a command set that ends inside an element, at byte {at}.")
    if COMMAND_FIELD not in values:
        raise ProtocolError("Received a command set with garbage: it has no command field.")
    return Command(values, "elements in Explicit VR" if explicit else "elements of other groups")


def encode(values: Mapping[int, bytes | str | int]) -> bytes:
    """Encode a command set, group length first; `values` must be in ascending order."""
    body = b"".join(_element(number, value) for number, value in values.items())
    return _element(0, struct.pack("<L", len(body))) + body


def _element(number: int, value: bytes | str | int) -> bytes:
    if isinstance(value, int):
        value = _US.pack(value)
    elif isinstance(value, str):
        value = padded_uid(value)
    return _HEADER.pack(0, number, len(value)) + value


def padded_uid(uid: str) -> bytes:
    """Encode a UID, padded with a null to an even length. Source: PS3.5 section 9.1."""
    value = uid.encode("latin-1")
    return value + b"\0" * (len(value) % 2)


def padded_text(text: str) -> bytes:
    """Encode a text or AE title, padded with a space to an even length."""
    value = text.encode("latin-1")
    return value + b" " * (len(value) % 2)


def encode_store_response(request: Command, status: int) -> bytes:
    """Encode the response to a C-STORE request, in one step: each instance has one.

    Source: PS3.7 section 9.3.1.2.
    """
    sop_class = request.padded_uid(AFFECTED_SOP_CLASS_UID)
    sop_instance = request.padded_uid(AFFECTED_SOP_INSTANCE_UID)
    numbers = _STORE_RESPONSE.pack(
        *(0, COMMAND_FIELD, 2, C_STORE_RSP),
        *(0, MESSAGE_ID_RESPONDED_TO, 2, request.number(MESSAGE_ID) or 0),
        *(0, COMMAND_DATA_SET_TYPE, 2, NO_DATA_SET),
        *(0, STATUS, 2, status),
    )
    size = 2 * _HEADER.size + len(sop_class) + len(numbers) + len(sop_instance)
    return b"".join(
        (
            _element(0, struct.pack("<L", size)),
            _HEADER.pack(0, AFFECTED_SOP_CLASS_UID, len(sop_class)),
            sop_class,
            numbers,
            _HEADER.pack(0, AFFECTED_SOP_INSTANCE_UID, len(sop_instance)),
            sop_instance,
        )
    )


def encode_cancel(message_id: int) -> bytes:
    """Encode a C-CANCEL of the operation `message_id`. Source: PS3.7 section 9.3.2.3."""
    return encode(
        {
            COMMAND_FIELD: C_CANCEL_RQ,
            MESSAGE_ID_RESPONDED_TO: message_id,
            COMMAND_DATA_SET_TYPE: NO_DATA_SET,
        }
    )
