"""Encode and decode A-ASSOCIATE PDUs; `negotiation` interprets them.

Padding is stripped, unknown items are skipped, and an unreadable item is dropped alone, with an
entry in `Associate.deviations`: no read goes beyond its item.
Source: PS3.8 section 9.3.2 to 9.3.4, PS3.7 annex D.3.3.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from dicom_retrieve_tui.errors import ProtocolError
from dicom_retrieve_tui.model.security import UserIdentity

A_ASSOCIATE_RQ = 0x01
A_ASSOCIATE_AC = 0x02
A_ASSOCIATE_RJ = 0x03

ACCEPTANCE = 0
"""Result of an accepted presentation context; all others are refusals."""
NO_ABSTRACT_SYNTAX = 3
NO_TRANSFER_SYNTAX = 4
"""Results of a context whose syntaxes are not supported. Source: PS3.8 Table 9-18."""

_APPLICATION_CONTEXT_NAME = "1.2.840.10008.3.1.1.1"
_PROTOCOL_VERSION = 1
_AE_TITLE_BYTES = 16
_CAUTIOUS_MAX_PDU_BYTES = 16384
"""For a peer whose limit cannot be read: every implementation takes as much."""

_APPLICATION_CONTEXT = 0x10
_PROPOSED_CONTEXT = 0x20
_ANSWERED_CONTEXT = 0x21
_ABSTRACT_SYNTAX = 0x30
_TRANSFER_SYNTAX = 0x40
_USER_INFORMATION = 0x50
_MAXIMUM_LENGTH = 0x51
_IMPLEMENTATION_CLASS_UID = 0x52
_ROLE_SELECTION = 0x54
_IMPLEMENTATION_VERSION_NAME = 0x55
_USER_IDENTITY = 0x58
_USER_IDENTITY_ANSWER = 0x59

_PDU_HEADER = struct.Struct(">BxL")
_FIXED = struct.Struct(">BxLH2x16s16s32x")
"""Type, length, protocol version, called and calling AE title."""
_ITEM_HEADER = struct.Struct(">BxH")
_CONTEXT = struct.Struct(">BxBx")
"""Presentation context ID, and the result in an answer."""
_US = struct.Struct(">H")
_UL = struct.Struct(">L")
_REJECTION = struct.Struct(">BxLxBBB")


@dataclass(frozen=True, slots=True)
class WireContext:
    """One presentation context, proposed or answered."""

    context_id: int
    result: int
    """0 in a proposal."""
    abstract_syntax: str
    """Empty in an answer."""
    transfer_syntaxes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class UserInformation:
    """User information of one side."""

    max_pdu_bytes: int = 0
    """Largest PDU that it takes; 0 means no limit."""
    implementation_class_uid: str = ""
    implementation_version_name: str = ""
    scp_roles: tuple[str, ...] = ()
    """Abstract syntaxes for which the requestor is the SCP, proposed or accepted."""
    identity: UserIdentity | None = None
    """User identity of the requestor; encoded, but not decoded."""
    confirms_user: bool = False
    """True if the acceptor confirms the user identity; decoded, but not encoded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Associate:
    """An A-ASSOCIATE-RQ or -AC."""

    called_ae_title: str
    calling_ae_title: str
    contexts: tuple[WireContext, ...]
    user: UserInformation
    deviations: tuple[str, ...] = ()
    """What could not be read, in words; not encoded."""


def encode(kind: int, associate: Associate) -> bytes:
    """Encode an A-ASSOCIATE-RQ or -AC.

    Args:
        kind: `A_ASSOCIATE_RQ` or `A_ASSOCIATE_AC`.
    """
    context_kind = _PROPOSED_CONTEXT if kind == A_ASSOCIATE_RQ else _ANSWERED_CONTEXT
    items = [_item(_APPLICATION_CONTEXT, _uid(_APPLICATION_CONTEXT_NAME))]
    items += [_item(context_kind, _context(context)) for context in associate.contexts]
    items.append(_item(_USER_INFORMATION, _user(associate.user)))
    body = b"".join(items)
    length = _FIXED.size - _PDU_HEADER.size + len(body)
    called, calling = _ae(associate.called_ae_title), _ae(associate.calling_ae_title)
    return _FIXED.pack(kind, length, _PROTOCOL_VERSION, called, calling) + body


def decode(pdu: bytes) -> Associate:
    """Decode an A-ASSOCIATE-RQ or -AC.

    Raises:
        ProtocolError: The bytes are neither.
    """
    if len(pdu) < _FIXED.size:
        raise ProtocolError(f"it ends after {len(pdu)} of at least {_FIXED.size} bytes")
    kind, _, _, called, calling = _FIXED.unpack_from(pdu)
    context_kind = _PROPOSED_CONTEXT if kind == A_ASSOCIATE_RQ else _ANSWERED_CONTEXT
    contexts: list[WireContext] = []
    user = UserInformation()
    deviations: list[str] = []
    for item_kind, value in _items(memoryview(pdu)[_FIXED.size :], deviations):
        if item_kind == context_kind:
            contexts += _read_context(value, deviations)
        elif item_kind == _USER_INFORMATION:
            user = _read_user(value, deviations)
    return Associate(
        called_ae_title=_text(called),
        calling_ae_title=_text(calling),
        contexts=tuple(contexts),
        user=user,
        deviations=tuple(deviations),
    )


def decode_rejection(pdu: bytes) -> tuple[int, int, int]:
    """Return result, source and reason of an A-ASSOCIATE-RJ; 0 for missing ones."""
    _, _, result, source, reason = _REJECTION.unpack(
        pdu[: _REJECTION.size].ljust(_REJECTION.size, b"\0")
    )
    return result, source, reason


def encode_rejection(result: int, source: int, reason: int) -> bytes:
    """Encode an A-ASSOCIATE-RJ."""
    length = _REJECTION.size - _PDU_HEADER.size
    return _REJECTION.pack(A_ASSOCIATE_RJ, length, result, source, reason)


def _item(kind: int, value: bytes) -> bytes:
    return _ITEM_HEADER.pack(kind, len(value)) + value


def _uid(uid: str) -> bytes:
    """Encode a UID of an item, which has no padding. Source: PS3.8 annex F."""
    return uid.encode("latin-1")


def _ae(title: str) -> bytes:
    return title.encode("latin-1").ljust(_AE_TITLE_BYTES)


def _context(context: WireContext) -> bytes:
    named = context.abstract_syntax
    abstract = _item(_ABSTRACT_SYNTAX, _uid(named)) if named else b""
    transfer = b"".join(_item(_TRANSFER_SYNTAX, _uid(uid)) for uid in context.transfer_syntaxes)
    return _CONTEXT.pack(context.context_id, context.result) + abstract + transfer


def _user(user: UserInformation) -> bytes:
    items = [
        _item(_MAXIMUM_LENGTH, _UL.pack(user.max_pdu_bytes)),
        _item(_IMPLEMENTATION_CLASS_UID, _uid(user.implementation_class_uid)),
    ]
    items += [_item(_ROLE_SELECTION, _scp_role(uid)) for uid in user.scp_roles]
    version = user.implementation_version_name.encode("latin-1")
    items.append(_item(_IMPLEMENTATION_VERSION_NAME, version))
    if user.identity is not None:
        items.append(_item(_USER_IDENTITY, _identity(user.identity)))
    return b"".join(items)


def _scp_role(abstract_syntax: str) -> bytes:
    """Encode SCU role 0 and SCP role 1. Source: PS3.7 annex D.3.3.4.1."""
    uid = _uid(abstract_syntax)
    return _US.pack(len(uid)) + uid + b"\0\1"


def _identity(user: UserIdentity) -> bytes:
    """Encode a user identity: type 1 is a name, 2 a name and a passcode; request a response.

    Source: PS3.7 annex D.3.3.7.1.
    """
    name = user.name.encode()
    passcode = b"" if user.passcode is None else user.passcode.reveal().encode()
    kind = 1 if user.passcode is None else 2
    return b"".join(
        (bytes([kind, 1]), _US.pack(len(name)), name, _US.pack(len(passcode)), passcode)
    )


def _items(data: memoryview, deviations: list[str]) -> Iterator[tuple[int, memoryview]]:
    """Yield type and value of the items of one level, up to the first that does not fit."""
    at = 0
    while at < len(data):
        if len(data) - at < _ITEM_HEADER.size:
            deviations.append("it ends inside an item")
            return
        kind, length = _ITEM_HEADER.unpack_from(data, at)
        at += _ITEM_HEADER.size
        if length > len(data) - at:
            deviations.append(
                f"its item 0x{kind:02X} claims {length} bytes where {len(data) - at} are left"
            )
            return
        yield kind, data[at : at + length]
        at += length


def _read_context(value: memoryview, deviations: list[str]) -> Iterator[WireContext]:
    """Yield the context of an item; nothing if it has no ID."""
    if len(value) < _CONTEXT.size:
        deviations.append("it has a presentation context without an ID")
        return
    context_id, result = _CONTEXT.unpack_from(value)
    items = [(kind, _text(uid)) for kind, uid in _items(value[_CONTEXT.size :], deviations)]
    yield WireContext(
        context_id,
        result,
        abstract_syntax=next(_of_kind(_ABSTRACT_SYNTAX, items), ""),
        transfer_syntaxes=tuple(filter(None, _of_kind(_TRANSFER_SYNTAX, items))),
    )


def _of_kind(wanted: int, items: list[tuple[int, str]]) -> Iterator[str]:
    return (text for kind, text in items if kind == wanted)


def _read_user(value: memoryview, deviations: list[str]) -> UserInformation:
    items = list(_items(value, deviations))
    found = {kind: item for kind, item in items if kind != _ROLE_SELECTION}
    max_length = found.get(_MAXIMUM_LENGTH, b"\0\0\0\0")
    if len(max_length) != _UL.size:
        deviations.append(f"its maximum length has {len(max_length)} bytes, not {_UL.size}")
        max_length = _UL.pack(_CAUTIOUS_MAX_PDU_BYTES)
    return UserInformation(
        max_pdu_bytes=_UL.unpack(max_length)[0],
        implementation_class_uid=_text(found.get(_IMPLEMENTATION_CLASS_UID, b"")),
        implementation_version_name=_text(found.get(_IMPLEMENTATION_VERSION_NAME, b"")),
        confirms_user=_USER_IDENTITY_ANSWER in found,
        scp_roles=tuple(_text(item[2:-2]) for kind, item in items if _grants_scp(kind, item)),
    )


def _grants_scp(kind: int, item: memoryview) -> bool:
    """Return True for a role selection whose last byte makes the requestor the SCP."""
    return kind == _ROLE_SELECTION and len(item) > 4 and item[-1] == 1


def _text(value: memoryview | bytes) -> str:
    return bytes(value).decode("latin-1").strip("\0 ")
