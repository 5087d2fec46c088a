import io
import struct
import zlib

import pytest

from dicom_retrieve_tui.dataset import deflate as deflated
from dicom_retrieve_tui.dataset.encoding import DEPTH_MAX
from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet
from dicom_retrieve_tui.dataset.walker import (
    VALUE_BYTES_MAX,
    WINDOW_BYTES,
    walk,
    walk_bytes,
)
from tests.unit.encoded import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    explicit,
    implicit,
    item,
    sequence,
)
from tests.unit.model.reading import (
    ID,
    NOTHING,
    PATIENT_ID,
    PIXEL_DATA,
    SOP_INSTANCE_UID,
    UID,
    UID_AND_ID,
    VALUES,
    accepts,
    reading,
)

# Encodings


@pytest.mark.parametrize(
    ("syntax", "data"),
    [
        (EXPLICIT, UID + ID),
        (JPEG_BASELINE, UID + ID),
        (IMPLICIT, implicit(SOP_INSTANCE_UID, b"1.2.3\0") + implicit(PATIENT_ID, b"P1")),
        (
            BIG_ENDIAN,
            explicit(SOP_INSTANCE_UID, "UI", b"1.2.3\0", order=">")
            + sequence(0x00081140, item(explicit(0x00081150, "UI", b"1.2\0", order=">"), order=">"),
                       order=">")
            + explicit(PATIENT_ID, "LO", b"P1", order=">"),
        ),
        (DEFLATED, zlib.compress(UID + ID, wbits=-15)),
        ("1.2.3.4.5", UID + ID),
    ],
)  # fmt: skip
def test_each_transfer_syntax_is_walked(syntax: str, data: bytes) -> None:
    assert walk_bytes(data, syntax, UID_AND_ID).values == VALUES
    assert walk(reading(data), len(data), syntax, UID_AND_ID).values == VALUES


@pytest.mark.parametrize(
    "middle",
    [
        sequence(0x00081140),
        sequence(0x00081140, item(b""), item(b"", defined=True), item(UID)),
        sequence(0x00081140, item(sequence(0x00081140, item(ID), item(UID)) + ID)),
        explicit(0x00081140, "SQ", item(UID, defined=True)),
        sequence(0x00091001, item(implicit(PATIENT_ID, b"P2")), vr="UN"),
        sequence(0x00091001, item(sequence(0x00091002, item(implicit(0x00091003, b"")), vr="")),
                 vr="UN"),
        sequence(0x00091001, item(explicit(PATIENT_ID, "LO", b"P2")), vr="UN"),
    ],
)  # fmt: skip
def test_sequences_are_stepped_over(middle: bytes) -> None:
    assert walk_bytes(UID + middle + ID, EXPLICIT, UID_AND_ID).values == VALUES


def test_implicit_sequences_are_stepped_over() -> None:
    uid, patient_id = implicit(SOP_INSTANCE_UID, b"1.2.3\0"), implicit(PATIENT_ID, b"P1")
    middle = sequence(0x00081140, item(implicit(0x00081150, b"1.2\0")), item(b""), vr="")

    assert walk_bytes(uid + middle + patient_id, IMPLICIT, UID_AND_ID).values == VALUES


def test_fragments_are_stepped_over_whatever_they_hold() -> None:
    fragment = item(implicit(0xFFFEE0DD, b"") + b"\0" * 50, defined=True)
    icon = sequence(0x00880200, item(sequence(PIXEL_DATA, item(b"", defined=True), vr="OB")))
    pixels = sequence(PIXEL_DATA, item(b"", defined=True), fragment, fragment, vr="OB")

    assert walk_bytes(UID + ID + icon + pixels, JPEG_BASELINE, UID_AND_ID).values == VALUES


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(ID + UID, id="not ascending"),
        pytest.param(UID + UID + ID, id="the same element twice"),
        pytest.param(UID + explicit(0x00080068, "UK", b"ab") + ID, id="unknown VR, short"),
        pytest.param(
            UID + b"\x08\0\x68\0UK\0\0\2\0\0\0ab" + ID, id="unknown VR, long as the standard says"
        ),
        pytest.param(UID + explicit(0x00090010, "??", b"") + ID, id="?? for a VR"),
        pytest.param(UID + explicit(0x00090010, "  ", b"ab") + ID, id="blanks for a VR"),
        pytest.param(UID + implicit(0x00091001, b"ab") + ID, id="one implicit element"),
        pytest.param(UID + explicit(0x00091001, "LO", b"a") + ID, id="odd length"),
        pytest.param(
            implicit(SOP_INSTANCE_UID, b"1.2.3\0") + implicit(PATIENT_ID, b"P1"),
            id="implicit throughout",
        ),
        pytest.param(
            UID
            + sequence(0x00081140)[:-8]
            + b"\xfe\xff\0\xe0\xff\xff\xff\xff\xfe\xff\r\xe0\x07\0\0\0"
            + implicit(0xFFFEE0DD, b"", length=9)
            + ID,
            id="delimiters with a length",
        ),
    ],
)
def test_what_other_readers_take_is_taken(data: bytes) -> None:
    assert walk_bytes(data, EXPLICIT, UID_AND_ID).values == VALUES


def test_a_length_that_looks_like_a_vr_is_a_length_where_no_vr_is_due() -> None:
    uids = b"1.2.3456\\".ljust(0x4144, b"1")  # 41 44 is "DA" when read as a VR
    data = implicit(0x00080058, uids) + implicit(PATIENT_ID, b"P1")

    assert walk(reading(data), len(data), IMPLICIT, UID_AND_ID).values == {PATIENT_ID: b"P1"}
    assert walk_bytes(data, IMPLICIT, frozenset({0x00080058})).values == {0x00080058: uids}


def test_an_explicit_data_set_is_walked_where_an_implicit_one_was_due() -> None:
    assert walk_bytes(UID + ID, IMPLICIT, UID_AND_ID).values == VALUES


# Refusals


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED])
def test_nothing_is_no_data_set(syntax: str) -> None:
    assert not accepts(b"", syntax)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (UID + b"\x10", "data set is cut short, or no data set, at byte 14"),
        (UID + ID[:-1], "data set is cut short, or no data set, at byte 23"),
        (
            UID + explicit(PIXEL_DATA, "OW", b"", length=0x7FFFFFFE),
            "data set is cut short, or no data set, at byte 26",
        ),
        (b"\0" * 16, "padding stands where elements were due, at byte 0"),
        (
            explicit(0x00020010, "UI", b"1.2\0"),
            "data set is cut short, or no data set, at byte 0",
        ),
        (
            UID + implicit(0xFFFEE001, b""),
            "(FFFE,E001) stands where an element was due, at byte 14",
        ),
        (
            UID + explicit(0x00280010, "US", b"\1\0") + bytes(1000),
            "padding stands where elements were due, at byte 24",
        ),
        (
            sequence(0x00081140, UID),
            "(0008,0018) stands where an item was due, at byte 12",
        ),
        (
            sequence(PIXEL_DATA, item(b""), vr="OB"),
            "(FFFE,E000) stands where an item was due, at byte 12",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_refusal_says_what_is_wrong_and_where(data: bytes, message: str) -> None:
    with pytest.raises(MalformedDataSet) as caught:
        walk_bytes(data, EXPLICIT, UID_AND_ID)

    assert str(caught.value) == message


@pytest.mark.parametrize("missing", [*range(1, 8), *range(9, 17)])
def test_an_open_sequence_is_cut_short(missing: int) -> None:
    whole = UID + sequence(0x00081140, item(ID))

    assert not accepts(whole[:-missing], EXPLICIT)


def test_nesting_is_walked_to_its_limit_and_no_further() -> None:
    data = UID
    for _ in range(DEPTH_MAX):
        data = sequence(0x00081140, item(data))
    deeper = sequence(0x00081140, item(data))

    assert accepts(data, EXPLICIT)
    with pytest.raises(MalformedDataSet, match="nested deeper than 64"):
        walk_bytes(deeper, EXPLICIT, NOTHING)


def test_a_reader_that_gives_less_than_it_said_is_cut_short() -> None:
    with pytest.raises(MalformedDataSet, match="cut short"):
        walk(lambda at, n: (UID + ID)[at : at + n], len(UID + ID) + 1, EXPLICIT, NOTHING)


# Costs


def test_a_small_instance_takes_one_read() -> None:
    calls: list[tuple[int, int]] = []
    for pixels in (512, 2 * WINDOW_BYTES):
        data = UID + ID + explicit(PIXEL_DATA, "OW", b"\1" * pixels)
        calls.clear()

        walk(reading(data, calls), len(data), EXPLICIT, UID_AND_ID)

        assert len(calls) == 1


def test_skipping_two_gigabytes_costs_two_reads() -> None:
    gap = (1 << 31) + 100
    head = UID + ID + explicit(PIXEL_DATA, "OW", b"", length=gap)
    tail = explicit(0xFFFCFFFC, "OB", b"ab")
    size = len(head) + gap + len(tail)
    asked: list[int] = []

    def read(offset: int, length: int) -> bytes:
        asked.append(length)
        if offset >= len(head) + gap:
            return tail[offset - len(head) - gap :][:length]
        return (head[offset:] + b"\1" * length)[:length]

    values = walk(read, size, EXPLICIT, UID_AND_ID).values

    assert values == VALUES
    assert len(asked) == 2
    assert max(asked) <= WINDOW_BYTES


def test_a_value_across_the_edge_of_the_window_is_whole() -> None:
    for before in range(WINDOW_BYTES - 60, WINDOW_BYTES, 2):
        data = explicit(0x00080005, "OB", b"\1" * before) + UID + ID

        assert walk(reading(data), len(data), EXPLICIT, UID_AND_ID).values == VALUES


def test_a_wanted_value_that_is_too_long_is_left_out_of_a_file_and_kept_in_memory() -> None:
    long = b"x" * (VALUE_BYTES_MAX + 2)
    data = explicit(SOP_INSTANCE_UID, "UN", long) + ID

    assert walk(reading(data), len(data), EXPLICIT, UID_AND_ID).values == {PATIENT_ID: b"P1"}
    assert walk_bytes(data, EXPLICIT, UID_AND_ID).values[SOP_INSTANCE_UID] == long


# Deflated


PLENTY = UID + ID + explicit(PIXEL_DATA, "OW", bytes(range(256)) * 2048)


def test_a_deflated_data_set_over_many_pieces_is_walked() -> None:
    data = zlib.compress(PLENTY, 0, wbits=-15)
    tail = explicit(0xFFFCFFFC, "OB", b"\0" * 4)
    with_tail = zlib.compress(PLENTY + tail, 0, wbits=-15)

    assert walk(reading(data), len(data), DEFLATED, UID_AND_ID).values == VALUES
    assert walk(reading(with_tail), len(with_tail), DEFLATED, UID_AND_ID).values == VALUES


def test_elements_across_the_edges_of_deflated_windows_are_walked() -> None:
    texts = b"".join(explicit(0x00091001 + n, "LO", b"xy" * (n % 25)) for n in range(3000))
    data = zlib.compress(UID + texts + ID, wbits=-15)

    assert walk(reading(data), len(data), DEFLATED, UID_AND_ID).values == VALUES


def test_a_deflated_data_set_may_be_padded() -> None:
    data = zlib.compress(UID + ID, wbits=-15) + b"\0"

    assert walk_bytes(data, DEFLATED, UID_AND_ID).values == VALUES


def test_no_beginning_of_a_deflated_data_set_passes_for_whole() -> None:
    data = zlib.compress(UID + ID + explicit(0x00204000, "LT", b"text " * 50), wbits=-15)

    assert not any(accepts(data[:size], DEFLATED) for size in range(len(data)))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\xff" * 40, "deflated data set is damaged"),
        (zlib.compress(UID + ID, wbits=-15) + b"more" * 5, "deflated data set ends too early"),
        (zlib.compress(UID + ID[:-1], wbits=-15), "data set is cut short"),
        (
            zlib.compress(
                UID + explicit(PIXEL_DATA, "OW", bytes(1 << 15), length=1 << 16), wbits=-15
            ),
            "inflated data set is cut short",
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_damaged_deflated_data_set_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(MalformedDataSet, match=message):
        walk_bytes(data, DEFLATED, NOTHING)


def test_a_deflated_bomb_is_refused_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deflated, "INFLATED_BYTES_MAX", 1 << 20)
    pixels = explicit(PIXEL_DATA, "OW", bytes((1 << 20) + 100))
    data = zlib.compress(UID + pixels, wbits=-15)

    with pytest.raises(MalformedDataSet, match="inflates beyond 1048576 bytes"):
        walk_bytes(data, DEFLATED, NOTHING)


def test_the_inflater_gives_what_is_asked_by_offset() -> None:
    plain = struct.pack("<5000L", *range(5000))
    compressed = io.BytesIO(zlib.compress(plain, wbits=-15))

    def read(offset: int, length: int) -> bytes:
        compressed.seek(offset)
        return compressed.read(min(length, 7))  # a reader may give little at a time

    inflater = deflated.Inflater(read, len(compressed.getvalue()))

    assert inflater.read(0, 10) == plain[:10]
    assert inflater.read(10, 0) == b""
    assert inflater.read(9000, 30) == plain[9000:9030]
    assert inflater.read(19990, 30) == plain[19990:]
    assert inflater.read(20000, 30) == b""
