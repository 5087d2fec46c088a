"""Data sets that depart from the standard: those that can be read, and those that cannot."""

import zlib

import pytest

from dicom_retrieve_tui.dataset import irregular
from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, WalkResult
from dicom_retrieve_tui.dataset.walker import walk, walk_bytes
from tests.unit.encoded import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    UNDEFINED,
    explicit,
    implicit,
    item,
    sequence,
)
from tests.unit.model.reading import (
    ID,
    PIXEL_DATA,
    SOP_INSTANCE_UID,
    UID,
    UID_AND_ID,
    VALUES,
    accepts,
)

IMPLICIT_UID = implicit(SOP_INSTANCE_UID, b"1.2.3\0")
IMPLICIT_ID = implicit(0x00100020, b"P1")
PIXELS = explicit(PIXEL_DATA, "OW", b"\1\2" * 50)
IMPLICIT_PIXELS = implicit(PIXEL_DATA, b"\1\2" * 50)
CODE = explicit(0x00080100, "SH", b"121022") + explicit(0x00080102, "SH", b"DCM ")
ITEM_END, SEQUENCE_END = implicit(0xFFFEE00D, b""), implicit(0xFFFEE0DD, b"")
OPEN_ITEM = item(CODE)[:-8]
FRAME = b"\xff\xd8" + b"\1" * 98
FRAGMENTS = sequence(PIXEL_DATA, item(b"", defined=True), item(FRAME, defined=True), vr="OB")
BIG = b"".join(
    [
        explicit(SOP_INSTANCE_UID, "UI", b"1.2.3\0", order=">"),
        explicit(0x00100020, "LO", b"P1", order=">"),
        explicit(PIXEL_DATA, "OW", b"\1\2" * 50, order=">"),
    ]
)


def _deflated(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def _sequence(body: bytes, vr: str = "SQ", length: int = UNDEFINED) -> bytes:
    return explicit(0x00081140, vr, body, length=length)


def _odd(vr: bytes, value: bytes, *, long: bool = False) -> bytes:
    length = b"\0\0" + len(value).to_bytes(4, "little") if long else bytes([len(value), 0])
    return b"\x09\0\x10\x10" + vr + length + value


def _read(data: bytes, syntax: str) -> WalkResult:
    """What is read, the same from memory and from a file."""
    from_memory = walk_bytes(data, syntax, UID_AND_ID)
    from_file = walk(lambda at, n: data[at : at + n], len(data), syntax, UID_AND_ID)
    assert from_file == from_memory
    return from_memory


_PADDED = "bytes of padding behind the last element"


PADDED = [
    (EXPLICIT, UID + ID + PIXELS + bytes(126), f"126 {_PADDED}"),
    (EXPLICIT, UID + ID + PIXELS + b"\0", "1 byte of padding behind the last element"),
    (EXPLICIT, UID + ID + PIXELS + b"\xff" * 7, f"7 {_PADDED}"),
    (EXPLICIT, UID + ID + PIXELS + b"\0\0\xff\xff\0", f"5 {_PADDED}"),
    (EXPLICIT, UID + ID + PIXELS + b"  ", f"2 {_PADDED}"),
    (EXPLICIT, UID + ID + PIXELS + b"\r\n", f"2 {_PADDED}"),
    (JPEG_BASELINE, UID + ID + FRAGMENTS + b"\n", "1 byte of padding"),
    (EXPLICIT, UID + ID + PIXELS + bytes(1 << 20), f"1,048,576 {_PADDED}"),
    (EXPLICIT, UID + ID + bytes(8), f"8 {_PADDED}"),
    (IMPLICIT, IMPLICIT_UID + IMPLICIT_ID + bytes(9), f"9 {_PADDED}"),
    (IMPLICIT, IMPLICIT_UID + IMPLICIT_ID + IMPLICIT_PIXELS + b"\0", "1 byte of padding"),
    (BIG_ENDIAN, BIG + bytes(50), f"50 {_PADDED}"),
    (JPEG_BASELINE, UID + ID + FRAGMENTS + bytes(3), f"3 {_PADDED}"),
    (DEFLATED, _deflated(UID + ID + bytes(33)), f"33 {_PADDED}"),
    (DEFLATED, _deflated(UID + ID) + bytes(50), "50 bytes of padding behind the deflated"),
    (DEFLATED, _deflated(UID + ID) + b"12345678", "8 bytes of trailer behind the deflated"),
]


@pytest.mark.parametrize(("syntax", "data", "why"), PADDED)
def test_padding_is_kept(syntax: str, data: bytes, why: str) -> None:
    walked = _read(data, syntax)

    assert why in walked.irregular
    assert (walked.values, walked.transfer_syntax_uid) == (VALUES, syntax)


MIDDLES = [
    (_sequence(OPEN_ITEM + SEQUENCE_END), "a sequence end in place of an item end"),
    (
        _sequence(OPEN_ITEM + SEQUENCE_END + SEQUENCE_END),
        "a sequence end in place of an item end",
    ),
    (_sequence(item(CODE) + ITEM_END), "an item end in place of a sequence end"),
    (_sequence(OPEN_ITEM + item(CODE) + SEQUENCE_END), "an item without its end"),
    (_sequence(item(CODE)), "no sequence end behind (0008,1140)"),
    (_sequence(item(CODE) + SEQUENCE_END[:4] + b"\xff" * 4), "a sequence end with a length"),
    (
        _sequence(OPEN_ITEM + ITEM_END[:4] + b"\7\0\0\0" + SEQUENCE_END),
        "an item end with a length",
    ),
    (ITEM_END, "a stray delimiter, (FFFE,E00D)"),
    (SEQUENCE_END, "a stray delimiter, (FFFE,E0DD)"),
    (item(b"")[:8], "a stray item, (FFFE,E000)"),
    (implicit(0xFFFEE000, CODE), "a stray item, (FFFE,E000)"),
    (_sequence(item(CODE, defined=True) * 2, length=60), "(0008,1140) has a wrong length"),
    (
        _sequence(implicit(0xFFFEE000, CODE, length=20) + SEQUENCE_END),
        "an item of a wrong length",
    ),
    (_sequence(item(CODE) + SEQUENCE_END, vr="OB"), "(0008,1140) is a sequence of VR 'OB'"),
]


@pytest.mark.parametrize(("middle", "why"), MIDDLES)
def test_stray_missing_and_wrong_delimiters_are_kept(middle: bytes, why: str) -> None:
    walked = _read(UID + middle + ID + PIXELS, EXPLICIT)

    assert walked.irregular == why
    assert walked.values == VALUES


ENDS = [
    (EXPLICIT, ITEM_END, "a stray delimiter, (FFFE,E00D)"),
    (EXPLICIT, SEQUENCE_END, "a stray delimiter, (FFFE,E0DD)"),
    (EXPLICIT, sequence(0x00400260, item(CODE))[:-8], "no sequence end behind the last item"),
    (JPEG_BASELINE, FRAGMENTS[:-8], "no sequence end behind the last item"),
    (JPEG_BASELINE, FRAGMENTS[:-8] + bytes(40), "no sequence end behind the last item"),
    (JPEG_BASELINE, FRAGMENTS[:-4] + b"\xff" * 4, "a sequence end with a length"),
]


@pytest.mark.parametrize(("syntax", "end", "why"), ENDS)
def test_delimiters_at_the_end_are_kept(syntax: str, end: bytes, why: str) -> None:
    walked = _read(UID + ID + end, syntax)

    assert (walked.irregular, walked.values) == (why, VALUES)


def test_fragments_without_an_end_are_cut_short_where_frames_are_missing() -> None:
    frames = explicit(0x00280008, "IS", b"2 ")
    two = FRAGMENTS[:-8] + item(FRAME, defined=True)

    assert accepts(UID + ID + frames + two, JPEG_BASELINE)
    assert not accepts(UID + ID + frames + FRAGMENTS[:-8], JPEG_BASELINE)
    assert not accepts(UID + ID + FRAGMENTS[:-9], JPEG_BASELINE)


ODD_VRS = [
    (_odd(b"\0\0", b"x" * 42), "00 00"),
    (_odd(b"--", b"ab"), "'--'"),
    (_odd(b"lt", b"ab"), "'lt'"),
    (_odd(b"??", b""), "'??'"),
    (_odd(b"  ", b"ab"), "'  '"),
    (_odd(b"RE", b""), "'RE'"),
    (_odd(b"OX", b"ab"), "'OX'"),
    (_odd(b"OX", b"ab", long=True), "'OX'"),
    (_odd(b"\0\0", b"ab", long=True), "00 00"),
    (_odd(b"--", b"ab") * 20, "'--'"),
    (_odd(b"\0\0", b"ab") * 20, "00 00"),
    (_odd(b"--", b"ab") * 3000, "'--'"),
]


@pytest.mark.parametrize(("odd", "shown"), ODD_VRS)
def test_odd_vrs_are_kept(odd: bytes, shown: str) -> None:
    large = explicit(PIXEL_DATA, "OW", bytes(1 << 22))

    for pixels in (PIXELS, large):
        walked = _read(UID + odd + ID + pixels, EXPLICIT)

        assert walked.irregular == f"(0009,1010) has VR {shown}"
        assert walked.values == VALUES


@pytest.mark.parametrize("vr", [b"UN", b"OB", b"OW", b"UT", b"SQ"])
@pytest.mark.parametrize("value", [b"", b"abcd"])
def test_a_short_length_where_a_long_one_is_due_is_kept(vr: bytes, value: bytes) -> None:
    large = explicit(PIXEL_DATA, "OW", bytes(1 << 22))

    for pixels in (PIXELS, large):
        walked = _read(UID + _odd(vr, value) + ID + pixels, EXPLICIT)

        assert (walked.irregular, walked.values) == ("(0009,1010) has a short length", VALUES)


_META = explicit(0x00020002, "UI", b"1.2.840\0") + explicit(0x00020010, "UI", b"1.2.840\0")


OTHERS = [
    (EXPLICIT, _META + UID + ID, "(0002,0002) in a data set"),
    (IMPLICIT, _META + IMPLICIT_UID + IMPLICIT_ID, "(0002,0002) in a data set"),
    (IMPLICIT, implicit(0x00020010, b"1.2\0") + IMPLICIT_UID + IMPLICIT_ID,
     "(0002,0010) in a data set"),
    (EXPLICIT, UID + sequence(0x00082112, item(_META + CODE)) + ID,
     "(0002,0002) in a data set"),
    (EXPLICIT, explicit(0, "UL", b"\4\0\0\0") + UID + ID, "(0000,0000) in a data set"),
    (IMPLICIT, implicit(0, b"\4\0\0\0") + IMPLICIT_UID + IMPLICIT_ID,
     "(0000,0000) in a data set"),
    (EXPLICIT, UID + bytes(8) + ID, "(0000,0000) has VR 00 00"),
    (EXPLICIT, ID + UID, "(0008,0018) is out of order"),
    (EXPLICIT, UID + UID + ID, "(0008,0018) twice"),
    (EXPLICIT, UID + explicit(0x00090010, "LO", b"odd") + ID, "(0009,0010) has an odd length"),
    (IMPLICIT, IMPLICIT_UID + implicit(0x00090010, b"odd") + IMPLICIT_ID,
     "(0009,0010) has an odd length"),
    (JPEG_BASELINE, UID + ID + sequence(PIXEL_DATA, item(b"", defined=True),
     item(FRAME[:-1], defined=True), vr="OB"), "a fragment of odd length"),
    (EXPLICIT, UID + ID + explicit(PIXEL_DATA, "OW", FRAME, length=UNDEFINED) + SEQUENCE_END,
     "(7FE0,0010) has no items"),
    (EXPLICIT, UID + implicit(0x00091001, b"ab") + ID, "(0009,1001) in Implicit VR"),
    (EXPLICIT, UID + sequence(0x00081140, item(IMPLICIT_UID + IMPLICIT_ID)) + ID,
     "items in Implicit VR within Explicit VR"),
    (EXPLICIT, UID + sequence(0x00091001, item(CODE), vr="UN") + ID,
     "items in Explicit VR within Implicit VR"),
    (IMPLICIT, IMPLICIT_UID + sequence(0x00091001, item(CODE), vr="") + IMPLICIT_ID,
     "items in Explicit VR within Implicit VR"),
    (IMPLICIT, IMPLICIT_UID + explicit(0x00090010, "LO", b"ab") + IMPLICIT_ID
     + IMPLICIT_PIXELS, "(0009,0010) in Explicit VR"),
]  # fmt: skip


@pytest.mark.parametrize(("syntax", "data", "why"), OTHERS)
def test_whatever_else_can_be_read_is_kept(syntax: str, data: bytes, why: str) -> None:
    walked = _read(data, syntax)

    assert (walked.irregular, walked.transfer_syntax_uid) == (why, syntax)
    assert walked.values == VALUES


def test_all_values_of_an_element_that_stands_there_twice_are_given() -> None:
    walked = _read(UID + ID + explicit(SOP_INSTANCE_UID, "UI", b"1.2.4\0"), EXPLICIT)

    assert walked.candidates(SOP_INSTANCE_UID) == (b"1.2.3\0", b"1.2.4\0")
    assert walked.values == VALUES


_ICON = explicit(0x00280010, "US", b"\1\0") + explicit(PIXEL_DATA, "OB", b"ab")
_FRAGMENTED_ICON = explicit(0x00280010, "US", b"\1\0") + FRAGMENTS


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (EXPLICIT, UID + sequence(0x00091001, item(IMPLICIT_ID), vr="UN") + ID + PIXELS),
        (EXPLICIT, UID + ID + PIXELS + explicit(0xFFFCFFFC, "OB", bytes(100))),
        (IMPLICIT, IMPLICIT_UID + IMPLICIT_ID + implicit(0xFFFCFFFC, bytes(100))),
        (EXPLICIT, UID + ID + sequence(0xFFFAFFFA, item(CODE))),
        (EXPLICIT, explicit(0x00041130, "CS", b"A ") + UID + ID),
        (EXPLICIT, explicit(0x00080000, "UL", b"\1\0\0\0") + UID + ID),
        (EXPLICIT, UID + sequence(0x00081140) + sequence(0x00081141, item(b"")) + ID),
        (EXPLICIT, UID + explicit(0x00081140, "SQ", item(CODE, defined=True)) + ID),
        (
            EXPLICIT,
            UID + ID + explicit(0x7FE00001, "OV", bytes(8)) + explicit(0x7FE00008, "OF", b""),
        ),
        (JPEG_BASELINE, UID + ID + FRAGMENTS),
        (JPEG_BASELINE, UID + ID + sequence(0x00880200, item(_ICON)) + FRAGMENTS),
        (JPEG_BASELINE, UID + ID + sequence(0x00880200, item(_FRAGMENTED_ICON)) + FRAGMENTS),
        (JPEG_BASELINE, UID + ID + explicit(PIXEL_DATA, "OB", b"")),
        (EXPLICIT, UID + ID + sequence(0x00880200, item(_FRAGMENTED_ICON)) + PIXELS),
        ("1.2.840.10008.1.2.4.94", UID + ID + explicit(0x00287FE0, "UR", b"http://pacs.test")),
        ("1.2.3.4.5", UID + ID + PIXELS),
        ("1.2.3.4.5", UID + ID + FRAGMENTS),
        (BIG_ENDIAN, BIG),
        (DEFLATED, _deflated(UID + ID + PIXELS)),
    ],
)
def test_a_regular_data_set_is_not_irregular(syntax: str, data: bytes) -> None:
    assert _read(data, syntax) == WalkResult(VALUES, syntax)


def test_compressed_pixel_data_among_implicit_elements_are_kept_in_their_syntax() -> None:
    data = IMPLICIT_UID + IMPLICIT_ID + implicit(PIXEL_DATA, FRAGMENTS[12:], length=UNDEFINED)

    walked = _read(data, JPEG_BASELINE)

    assert walked.transfer_syntax_uid == JPEG_BASELINE
    assert walked.irregular == "its elements are not encoded as its transfer syntax has them"


# Other syntaxes than the presentation context's


@pytest.mark.parametrize(
    ("context", "data", "syntax"),
    [
        (EXPLICIT, IMPLICIT_UID + IMPLICIT_ID + IMPLICIT_PIXELS, IMPLICIT),
        (EXPLICIT, IMPLICIT_UID + IMPLICIT_ID + IMPLICIT_PIXELS + bytes(20), IMPLICIT),
        (IMPLICIT, UID + ID + PIXELS, EXPLICIT),
        (IMPLICIT, UID + ID + PIXELS + bytes(20), EXPLICIT),
        (EXPLICIT, BIG, BIG_ENDIAN),
        (IMPLICIT, BIG, BIG_ENDIAN),
        (BIG_ENDIAN, UID + ID + PIXELS, EXPLICIT),
        (BIG_ENDIAN, IMPLICIT_UID + IMPLICIT_ID, IMPLICIT),
        (EXPLICIT, _deflated(UID + ID + PIXELS), DEFLATED),
        (IMPLICIT, _deflated(UID + ID + PIXELS), DEFLATED),
        (DEFLATED, UID + ID + PIXELS, EXPLICIT),
        (DEFLATED, IMPLICIT_UID + IMPLICIT_ID, IMPLICIT),
        (JPEG_BASELINE, UID + ID + PIXELS, EXPLICIT),
        (JPEG_BASELINE, UID + ID + explicit(PIXEL_DATA, "OW", bytes(1 << 16)), EXPLICIT),
        (JPEG_BASELINE, IMPLICIT_UID + IMPLICIT_ID + IMPLICIT_PIXELS, IMPLICIT),
    ],
)
def test_a_data_set_in_another_syntax_is_recognised(context: str, data: bytes, syntax: str) -> None:
    walked = _read(data, context)

    assert walked.transfer_syntax_uid == syntax
    assert walked.irregular.endswith("unlike its presentation context")
    assert walked.values == VALUES


def test_a_whole_file_in_place_of_a_data_set_is_read_from_its_data_set_on() -> None:
    meta = explicit(0x00020010, "UI", IMPLICIT.encode() + b"\0")
    before = b"MZ" + bytes(126) + b"DICM" + meta

    walked = _read(before + IMPLICIT_UID + IMPLICIT_ID, EXPLICIT)

    assert (walked.start, walked.transfer_syntax_uid) == (len(before), IMPLICIT)
    assert walked.irregular == "a whole file, with preamble and file meta, in place of its data set"
    assert walked.values == VALUES


# Damage


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (EXPLICIT, b"\xff" * 300),
        (EXPLICIT, bytes(300)),
        (EXPLICIT, b" " + UID + ID + PIXELS),
        (EXPLICIT, UID + ID + PIXELS + b" "),
        (EXPLICIT, UID + ID + PIXELS + b" \0"),
        (EXPLICIT, UID + ID + PIXELS + b"more" * 5),
        (BIG_ENDIAN, BIG + b"\0"),
        (EXPLICIT, UID + ID + explicit(0x00280010, "US", b"\1\0") + bytes(1000)),
        (EXPLICIT, UID + ID + SEQUENCE_END[:4]),
        (EXPLICIT, UID + sequence(0x00081140, item(sequence(0x00081140, item(CODE))))[:-16]),
        (EXPLICIT, UID + ID + FRAGMENTS),
        (IMPLICIT, IMPLICIT_UID + implicit(PIXEL_DATA, FRAGMENTS[12:], length=UNDEFINED)),
        (EXPLICIT, bytes(128) + b"DICM"),
        (EXPLICIT, bytes(128) + b"DICM" + _META),
        (EXPLICIT, bytes(128) + b"DICM" + _META + UID + ID[:-1]),
        (EXPLICIT, UID + explicit(0x00090010, "UT", b"")[:8]),
        (EXPLICIT, UID + ID + b"\r\n"),
    ],
)
def test_damage_is_refused(syntax: str, data: bytes) -> None:
    assert not accepts(data, syntax)


@pytest.mark.parametrize("missing", range(1, 60_000, 997))
@pytest.mark.parametrize("context", [EXPLICIT, IMPLICIT, BIG_ENDIAN, JPEG_BASELINE, DEFLATED])
def test_black_pixels_that_are_cut_short_are_never_padding(context: str, missing: int) -> None:
    pixels = bytes(60_000)

    assert not accepts((UID + ID + explicit(PIXEL_DATA, "OW", pixels))[:-missing], context)
    assert not accepts((IMPLICIT_UID + implicit(PIXEL_DATA, pixels))[:-missing], context)
    assert not accepts((BIG[:-112] + explicit(PIXEL_DATA, "OW", pixels, order=">"))[:-missing],
                       context)  # fmt: skip


def test_what_has_no_end_of_elements_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(irregular, "STEPS_MAX", 20)
    texts = b"".join(explicit(0x00090011 + n, "LO", b"") for n in range(30))

    assert accepts(UID + texts + ID, EXPLICIT)
    with pytest.raises(MalformedDataSet, match="irregular data set of more than 20 elements"):
        walk_bytes(UID + texts + ID + bytes(2), EXPLICIT, UID_AND_ID)


def test_a_deflated_data_set_that_is_irregular_is_read_up_to_a_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(irregular, "IRREGULAR_INFLATED_BYTES_MAX", 5000)
    large = UID + ID + explicit(PIXEL_DATA, "OW", bytes(6000))

    assert accepts(_deflated(large), DEFLATED)
    with pytest.raises(MalformedDataSet, match="irregular data set inflates beyond 5000 bytes"):
        walk_bytes(_deflated(large + bytes(2)), DEFLATED, UID_AND_ID)


def test_an_implicit_length_that_looks_like_a_vr_hides_no_cut() -> None:
    pixels = implicit(PIXEL_DATA, bytes(0x80000))  # its length begins with two zeros

    assert accepts(UID + ID + pixels, EXPLICIT)
    assert not any(accepts((UID + ID + pixels)[:-missing], EXPLICIT) for missing in (1, 2, 5000))


def test_a_fragment_of_unknown_compression_is_refused_with_the_reason() -> None:
    with pytest.raises(MalformedDataSet, match="pixel data in fragments, of unknown compression"):
        walk_bytes(UID + ID + FRAGMENTS, EXPLICIT, UID_AND_ID)


READABLE: list[tuple[str, bytes, str]] = [
    *PADDED,
    *((EXPLICIT, UID + middle + ID + PIXELS, why) for middle, why in MIDDLES),
    *((syntax, UID + ID + end, why) for syntax, end, why in ENDS),
    *((EXPLICIT, UID + odd + ID + PIXELS, f"VR {shown}") for odd, shown in ODD_VRS),
    *OTHERS,
]
"""All of the above: transfer syntax, data set, and why it is irregular."""
