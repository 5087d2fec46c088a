"""The synthetic studies: valid, compressed as the standard says, the same every time, findable."""

import struct
from io import BytesIO

import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames, parse_basic_offsets
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from dicom_retrieve_tui.demo import ultrasound
from dicom_retrieve_tui.demo.catalogue import Catalogue, InvalidIdentifier
from dicom_retrieve_tui.demo.instances import DemoInstance, DemoStudy, assign, build_study
from dicom_retrieve_tui.demo.phantom import Ellipse, Fan, Shape, draw, grained, grey, noise
from dicom_retrieve_tui.demo.report import report_series
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.demo.ultrasound import encode_frame
from dicom_retrieve_tui.model.sop_classes import IMPLICIT_VR_LITTLE_ENDIAN
from dicom_retrieve_tui.model.uids import uid_fault

CT, FILMS, MR, ULTRASOUND = range(4)

_SR = "1.2.840.10008.5.1.4.1.1.88.11"
_CINE = "1.2.840.10008.5.1.4.1.1.3.1"


@pytest.fixture(scope="module")
def studies() -> tuple[DemoStudy, ...]:
    return demo_studies()


@pytest.fixture(scope="module")
def catalogue(studies: tuple[DemoStudy, ...]) -> Catalogue:
    return Catalogue(_instances(studies), ae_title="DEMO")


def _instances(studies: tuple[DemoStudy, ...]) -> list[DemoInstance]:
    return [instance for study in studies for instance in study.instances]


def _one(studies: tuple[DemoStudy, ...], sop_class_uid: str) -> DemoInstance:
    return next(i for i in _instances(studies) if i.sop_class_uid == sop_class_uid)


def test_the_studies_are_those_that_were_announced(studies: tuple[DemoStudy, ...]) -> None:
    held = {s.description: (s.number_of_series, s.number_of_instances) for s in studies}

    assert held == {
        "CT chest": (3, 56),
        "Chest X-ray and report": (2, 3),
        "MR head": (2, 32),
        "Ultrasound abdomen": (2, 9),
    }
    assert all(study.patient_id.startswith("DEMO-") for study in studies)


def test_building_them_again_gives_the_same_bytes(studies: tuple[DemoStudy, ...]) -> None:
    again = demo_studies()

    assert [i.encode() for i in _instances(again)] == [i.encode() for i in _instances(studies)]


def test_uids_are_valid_and_no_two_instances_share_one(studies: tuple[DemoStudy, ...]) -> None:
    instances = _instances(studies)
    uids = [i.sop_instance_uid for i in instances]

    assert len(set(uids)) == len(uids)
    for uid in [*uids, *(i.series_instance_uid for i in instances)]:
        assert uid_fault(uid) is None


def test_no_two_slices_look_alike(studies: tuple[DemoStudy, ...]) -> None:
    pixels = [i.dataset.PixelData for i in _instances(studies) if "PixelData" in i.dataset]

    assert len(set(pixels)) == len(pixels)


def test_every_instance_is_a_file_that_reads_back(studies: tuple[DemoStudy, ...]) -> None:
    for instance in _instances(studies):
        file = BytesIO()
        instance.dataset.save_as(file, enforce_file_format=True)
        file.seek(0)

        read = dcmread(file)

        assert read == instance.dataset
        assert read.file_meta.TransferSyntaxUID == instance.transfer_syntax_uid
        assert file.getvalue().endswith(instance.encode())


def test_native_pixels_fill_the_picture(studies: tuple[DemoStudy, ...]) -> None:
    for modality in ("CT", "MR", "CR"):
        for dataset in (i.dataset for i in _instances(studies) if i.dataset.Modality == modality):
            pixels = struct.unpack(f"<{dataset.Rows * dataset.Columns}H", dataset.PixelData)
            assert max(pixels) < 2**dataset.BitsStored
            assert max(pixels) > 1000


def test_compressed_frames_are_where_the_offset_table_says(studies: tuple[DemoStudy, ...]) -> None:
    cine = _one(studies, _CINE).dataset

    offsets = parse_basic_offsets(cine.PixelData)
    frames = list(generate_frames(cine.PixelData, number_of_frames=cine.NumberOfFrames))

    assert len(offsets) == len(frames) == cine.NumberOfFrames == 16
    first_item = cine.PixelData.index(frames[0]) - 8
    for offset, frame in zip(offsets, frames, strict=True):
        item = cine.PixelData[first_item + offset :]
        assert struct.unpack("<HHL", item[:8]) == (0xFFFE, 0xE000, len(frame))
        assert item[8:].startswith(frame)


def test_compressed_frames_decode_to_what_was_drawn(studies: tuple[DemoStudy, ...]) -> None:
    cine = _one(studies, _CINE).dataset
    drawn = [
        ultrasound.planes(f"abdomen ultrasound {cine.SeriesDescription} {n}", n % 8 / 8)
        for n in range(cine.NumberOfFrames)
    ]

    decoded = [
        bytes(frame) for frame, _ in get_decoder(UID(ultrasound.RLE_LOSSLESS)).iter_buffer(cine)
    ]

    assert decoded == [b"".join(planes) for planes in drawn]


def test_the_report_is_a_tree_of_coded_headings_and_text(studies: tuple[DemoStudy, ...]) -> None:
    report = _one(studies, _SR).dataset

    headings = [
        (section.ConceptNameCodeSequence[0].CodeMeaning, _texts(section))
        for section in report.ContentSequence
    ]

    assert [name for name, _ in headings] == ["Findings", "Impressions"]
    assert all(texts for _, texts in headings)
    assert "PixelData" not in report


def test_an_instance_is_encoded_in_the_syntax_it_claims() -> None:
    report = report_series("report", findings=["None."], impressions=[])
    common = {"PatientID": "DEMO-0009", "StudyDescription": "a report alone"}
    (instance,) = build_study("a report alone", common, [report]).instances
    explicit = instance.encode()
    instance.dataset.file_meta.TransferSyntaxUID = UID(IMPLICIT_VR_LITTLE_ENDIAN)

    implicit = instance.encode()

    assert explicit[:8] == b"\x08\x00\x05\x00CS\x0a\x00"
    assert implicit[:8] == b"\x08\x00\x05\x00\x0a\x00\x00\x00"


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(bytes(128), id="one full run"),
        pytest.param(bytes(129), id="a run and one byte"),
        pytest.param(bytes(300), id="several runs"),
        pytest.param(bytes(range(256)), id="only literals"),
        pytest.param(b"\x00\x00\x01\x01\x02", id="runs of two"),
        pytest.param(b"abc" + b"\x07" * 40 + b"xyz\n\n\n\n", id="mixed"),
        pytest.param(b"q", id="a single byte"),
    ],
)
def test_a_segment_unpacks_to_the_row_it_was_packed_from(row: bytes) -> None:
    frame = encode_frame([row], columns=len(row))

    assert struct.unpack("<16L", frame[:64]) == (1, 64, *[0] * 14)
    assert len(frame) % 2 == 0
    assert _unpacked(frame[64:], len(row)) == row


def test_no_run_crosses_the_end_of_a_row() -> None:
    frame = encode_frame([bytes(12)], columns=4)

    assert frame[64:] == b"\xfd\x00" * 3


def test_each_plane_has_a_segment_that_starts_where_the_header_says() -> None:
    planes = [b"aaaa", b"bcde", b"ffff"]

    frame = encode_frame(planes, columns=4)

    count, *offsets = struct.unpack("<16L", frame[:64])
    assert count == 3
    assert [_unpacked(frame[offset:], 4) for offset in offsets[:3]] == planes
    assert offsets[3:] == [0] * 12


def test_more_planes_than_the_header_has_room_for_are_refused() -> None:
    with pytest.raises(ValueError, match="1 to 15 segments, not 16"):
        encode_frame([b"x"] * 16, columns=1)


def test_shapes_stay_inside_the_picture() -> None:
    shapes: list[Shape] = [Ellipse(0.0, 0.0, 2.0, 2.0, b"\x05"), Fan(3.0, 2.0, b"\x06")]

    picture = draw(shapes, over=bytes(64), columns=8)

    assert len(picture) == 64
    assert set(picture) <= {5, 6}


def test_an_ellipse_covers_its_middle_and_not_the_corners() -> None:
    picture = draw([Ellipse(0.5, 0.5, 0.25, 0.25, grey(700))], over=bytes(2 * 256), columns=16)

    pixels = struct.unpack("<256H", picture)
    assert pixels[8 * 16 + 8] == 700
    assert pixels[0] == pixels[255] == 0
    assert 30 < pixels.count(700) < 70  # the area of a circle of radius 4 is 50


def test_grain_stays_within_its_bits_and_depends_on_the_name() -> None:
    flat = grey(100) * 500

    one, other = (grained(flat, mask=grey(0x1F), name=name) for name in ("one", "other"))

    assert one != other
    assert {p // 32 for p in (v - 100 for v in struct.unpack("<500H", one))} == {0}
    assert noise(4, name="x", mask=bytes(4)) == bytes(4)


def _find(catalogue: Catalogue, **keys: object) -> list[Dataset]:
    identifier = Dataset()
    assign(identifier, {"QueryRetrieveLevel": "STUDY", "StudyInstanceUID": "", **keys})
    return list(catalogue.find(identifier, root="STUDY"))


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        pytest.param({"PatientName": "exam*"}, [CT, FILMS], id="wildcard in any case"),
        pytest.param({"PatientName": "Example^Ada^^"}, [CT, FILMS], id="empty components"),
        pytest.param({"PatientName": "?uster*"}, [ULTRASOUND], id="one character"),
        pytest.param({"PatientName": "Example"}, [], id="no wildcard, no part of a name"),
        pytest.param({"PatientID": "DEMO-0002"}, [MR], id="single value"),
        pytest.param({"PatientID": "DEMO.0002"}, [], id="a dot is a dot"),
        pytest.param({"StudyDate": "20260311"}, [CT], id="one day"),
        pytest.param({"StudyDate": "20260301-20260320"}, [CT, MR], id="range"),
        pytest.param({"StudyDate": "20260318-"}, [MR, ULTRASOUND], id="open end"),
        pytest.param({"StudyDate": "-20260227"}, [FILMS], id="open start"),
        pytest.param({"StudyTime": "14-1630"}, [FILMS, MR], id="times, less precise"),
        pytest.param({"ModalitiesInStudy": "SR"}, [FILMS], id="one of several"),
        pytest.param({"ModalitiesInStudy": ["MR", "US"]}, [MR, ULTRASOUND], id="list"),
        pytest.param({"PatientName": "*", "StudyDate": "19990101-"}, [0, 1, 2, 3], id="all"),
        pytest.param({"PatientID": "DEMO-0001", "StudyDate": "20260311"}, [CT], id="both keys"),
        pytest.param({"StudyInstanceUID": "1.2.3"}, [], id="unknown UID"),
    ],
)
def test_matching_keys_select(
    catalogue: Catalogue,
    studies: tuple[DemoStudy, ...],
    keys: dict[str, object],
    expected: list[int],
) -> None:
    answers = _find(catalogue, **keys)

    order = [study.study_instance_uid for study in studies]
    assert [order.index(a.StudyInstanceUID) for a in answers] == expected


def test_a_list_of_uids_finds_each_of_them(
    catalogue: Catalogue, studies: tuple[DemoStudy, ...]
) -> None:
    uids = [studies[MR].study_instance_uid, studies[CT].study_instance_uid, "1.2.3"]

    answers = _find(catalogue, StudyInstanceUID=uids)

    assert {a.StudyInstanceUID for a in answers} == set(uids[:2])


def test_only_the_return_keys_asked_for_come_back(
    catalogue: Catalogue, studies: tuple[DemoStudy, ...]
) -> None:
    uid = studies[CT].study_instance_uid

    (answer,) = _find(catalogue, StudyInstanceUID=uid, PixelSpacing=None)

    assert {element.keyword for element in answer} == {
        "QueryRetrieveLevel",
        "RetrieveAETitle",
        "SpecificCharacterSet",
        "StudyInstanceUID",
    }


def test_a_key_of_an_unknown_level_is_refused(catalogue: Catalogue) -> None:
    for level in ("", "FRAME", "PATIENT"):
        with pytest.raises(InvalidIdentifier):
            _find(catalogue, QueryRetrieveLevel=level)


def _texts(section: Dataset) -> list[str]:
    return [str(item.TextValue) for item in section.ContentSequence]


def _unpacked(segment: bytes, length: int) -> bytes:
    """PS3.5 section G.3.2."""
    out = bytearray()
    position = 0
    while len(out) < length:
        control = segment[position]
        if control <= 127:
            out += segment[position + 1 : position + control + 2]
            position += control + 2
        else:
            assert control != 128
            out += segment[position + 1 : position + 2] * (257 - control)
            position += 2
    return bytes(out)
