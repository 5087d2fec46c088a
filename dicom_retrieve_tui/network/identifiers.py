"""Identifiers: the small data sets of C-FIND, C-GET and C-MOVE, in Implicit VR Little Endian.

Source: PS3.4 sections C.1.1.3 and C.2.2.2, PS3.5 annex A.1.
"""

import struct
from collections.abc import Mapping

from dicom_retrieve_tui.dataset.encoding import (
    DELIMITER_GROUP,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    ITEM,
    SEQUENCE_END,
    UNDEFINED_LENGTH,
    Encoding,
)
from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet
from dicom_retrieve_tui.dataset.walker import walk_bytes
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.character_sets import SPECIFIC_CHARACTER_SET_UTF_8, decode_text
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import RetrieveRequest
from dicom_retrieve_tui.model.sop_classes import IMPLICIT_VR_LITTLE_ENDIAN
from dicom_retrieve_tui.model.uids import UID_LENGTH_SENT_MAX

_TEXT_CHARACTERS_MAX = 1024
"""Longer texts are cut; no text that we ask for may be as long."""

_HEADER = struct.Struct("<HHL")
_EXPLICIT_HEADER = struct.Struct("<HH2sH")
_VRS = {
    tags.SPECIFIC_CHARACTER_SET: b"CS",
    tags.SOP_CLASS_UID: b"UI",
    tags.SOP_INSTANCE_UID: b"UI",
    tags.STUDY_DATE: b"DA",
    tags.STUDY_TIME: b"TM",
    tags.ACCESSION_NUMBER: b"SH",
    tags.QUERY_RETRIEVE_LEVEL: b"CS",
    tags.FAILED_SOP_INSTANCE_UID_LIST: b"UI",
    tags.MODALITY: b"CS",
    tags.MODALITIES_IN_STUDY: b"CS",
    tags.SOP_CLASSES_IN_STUDY: b"UI",
    tags.PATIENT_NAME: b"PN",
    tags.PATIENT_BIRTH_DATE: b"DA",
    tags.STUDY_INSTANCE_UID: b"UI",
    tags.SERIES_INSTANCE_UID: b"UI",
    tags.SERIES_NUMBER: b"IS",
    tags.INSTANCE_NUMBER: b"IS",
    tags.NUMBER_OF_STUDY_RELATED_SERIES: b"IS",
    tags.NUMBER_OF_STUDY_RELATED_INSTANCES: b"IS",
    tags.NUMBER_OF_SERIES_RELATED_INSTANCES: b"IS",
}
"""VRs of the keys that we send; all others are LO."""
_ENCODINGS = (IMPLICIT_LITTLE, EXPLICIT_LITTLE, EXPLICIT_BIG)
_FAILED_LIST = frozenset({tags.FAILED_SOP_INSTANCE_UID_LIST})
_UID_TAGS = frozenset(
    {tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID, tags.STUDY_INSTANCE_UID, tags.SERIES_INSTANCE_UID}
)


def encode_identifier(
    level: Level, keys: Mapping[int, str], transfer_syntax: str = IMPLICIT_VR_LITTLE_ENDIAN
) -> bytes:
    """Encode the keys of a request, with the level, in ascending order of tags.

    A key with an empty value is a return key, another one a matching key. Texts are Latin-1 unless
    the keys have the character set UTF-8.

    Args:
        transfer_syntax: Implicit VR Little Endian, as we propose, or Explicit VR Little Endian.
    """
    elements = {**keys, tags.QUERY_RETRIEVE_LEVEL: str(level)}
    is_utf_8 = keys.get(tags.SPECIFIC_CHARACTER_SET) == SPECIFIC_CHARACTER_SET_UTF_8
    codec = "utf-8" if is_utf_8 else "latin-1"
    encode = _element if transfer_syntax == IMPLICIT_VR_LITTLE_ENDIAN else _explicit_element
    return b"".join(encode(tag, elements[tag].encode(codec)) for tag in sorted(elements))


def _element(tag: int, value: bytes) -> bytes:
    value = _padded(tag, value)
    return _HEADER.pack(tag >> 16, tag & 0xFFFF, len(value)) + value


def _explicit_element(tag: int, value: bytes) -> bytes:
    value = _padded(tag, value)
    vr = _VRS.get(tag, b"LO")
    return _EXPLICIT_HEADER.pack(tag >> 16, tag & 0xFFFF, vr, len(value)) + value


def _padded(tag: int, value: bytes) -> bytes:
    return value + (b"\0" if tag in _UID_TAGS else b" ") * (len(value) % 2)


def retrieve_keys(request: RetrieveRequest, patient_id: str | None) -> dict[int, str]:
    """Return the unique keys of a C-GET or C-MOVE, none empty. Source: PS3.4 section C.4.2.2.1.

    Args:
        request: What to retrieve.
        patient_id: The Patient ID that the Patient Root model needs; None: without it.
    """
    keys = {tags.STUDY_INSTANCE_UID: request.study_instance_uid}
    if request.series_instance_uid:
        keys[tags.SERIES_INSTANCE_UID] = request.series_instance_uid
    if request.sop_instance_uids:
        keys[tags.SOP_INSTANCE_UID] = "\\".join(request.sop_instance_uids)
    if patient_id:
        keys[tags.PATIENT_ID] = patient_id
    return keys


def decode_identifier(data: bytes, wanted: frozenset[int]) -> dict[int, str]:
    """Return the wanted elements of a match as text, without padding; skip unreadable ones.

    Only for UIDs, codes and numbers: the character set is ignored.
    """
    values = _read(data, wanted)
    return {tag: tags.uid_text(value) for tag, value in values.items()}


def decode_texts(data: bytes, wanted: frozenset[int]) -> dict[int, str]:
    """Return the wanted elements as text, decoded by their character set and safe for a screen.

    Unreadable elements are skipped.
    """
    values = _read(data, wanted | {tags.SPECIFIC_CHARACTER_SET})
    character_set = tags.uid_text(values.pop(tags.SPECIFIC_CHARACTER_SET, b""))
    return {
        tag: _clean_uid(value)
        if tag in _UID_TAGS
        else clean_text(decode_text(value, character_set), _TEXT_CHARACTERS_MAX)
        for tag, value in values.items()
    }


def _clean_uid(value: bytes) -> str:
    """Return a UID that is safe for a screen, and never equal to another valid UID.

    Control characters are replaced and not dropped: `uid_fault` refuses the replacement. A UID that
    is too long to be sent is cut where it is still too long.
    """
    text = tags.uid_text(value)[: UID_LENGTH_SENT_MAX + 1]
    return text if text.isprintable() else "".join(map(_printable, text))


def _printable(character: str) -> str:
    return character if character.isprintable() else "\ufffd"


def _read(data: bytes, wanted: frozenset[int]) -> dict[int, bytes]:
    try:
        return walk_bytes(data, IMPLICIT_VR_LITTLE_ENDIAN, wanted).values
    except MalformedDataSet:
        pass
    # Its encoding is the one that finds most of the wanted elements.
    readings = [_salvage(data, encoding, wanted) for encoding in _ENCODINGS]
    return max(readings, key=len)


def _salvage(data: bytes, encoding: Encoding, wanted: frozenset[int]) -> dict[int, bytes]:
    """Return the wanted elements at the top level, up to the first invalid byte.

    Foreign groups and stray delimiters are skipped.
    """
    values: dict[int, bytes] = {}
    at, depth = 0, 0
    try:
        while True:
            tag, _, length, value = encoding.element(data, at)
            if tag >> 16 == DELIMITER_GROUP:
                tag, length = encoding.item(data, at)
                depth = max(depth - (tag == SEQUENCE_END), 0)
                at += 8
                if depth or tag != ITEM or length == UNDEFINED_LENGTH:
                    continue
                at += length
            elif length == UNDEFINED_LENGTH:
                depth, at = depth + 1, value
            elif value + length > len(data):
                return values
            else:
                if tag in wanted and not depth:
                    values.setdefault(tag, data[value : value + length])
                at = value + length
    except struct.error:
        return values


def failed_sop_instance_uids(identifier: bytes) -> tuple[str, ...]:
    """Return the failed UIDs (0008,0058) of a final response; empty if it has no list."""
    if not identifier:
        return ()
    text = decode_identifier(identifier, _FAILED_LIST).get(tags.FAILED_SOP_INSTANCE_UID_LIST, "")
    return tuple(uid for uid in text.split("\\") if uid)
