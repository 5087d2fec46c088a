import hashlib
import re
import unicodedata

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.layout import (
    clean_component,
    clean_uid,
    parse_layout,
)
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT, HIERARCHICAL_LAYOUT

STUDY, SERIES, SOP = 0x0020000D, 0x0020000E, 0x00080018
PATIENT_NAME, PATIENT_ID, STUDY_ID = 0x00100010, 0x00100020, 0x00200010
VALUES = {STUDY: b"1.2\0", SERIES: b"1.2.3\0", SOP: b"1.2.3.4\0", PATIENT_ID: b"P 1 "}


def rendered(template: str, values: dict[int, bytes]) -> str:
    return "/".join(parse_layout(template).render(values))


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:32]


@pytest.mark.parametrize(
    ("template", "path"),
    [
        (FLAT_LAYOUT, "1.2.3.4.dcm"),
        (HIERARCHICAL_LAYOUT, "1.2/1.2.3/1.2.3.4.dcm"),
        ("{PatientID}/{SOPInstanceUID}", "P 1/1.2.3.4"),
        ("in/{PatientName}_{SOPInstanceUID}.dcm", "in/__1.2.3.4.dcm"),
        ("{SOPInstanceUID}/image {Modality}.dcm", "1.2.3.4/image _.dcm"),
    ],
)
def test_a_template_is_filled_in(template: str, path: str) -> None:
    assert rendered(template, VALUES) == path


def test_only_the_elements_that_the_template_names_are_wanted() -> None:
    layout = parse_layout("{PatientID}/{StudyInstanceUID}/{PatientID}-{SOPInstanceUID}.dcm")

    assert layout.wanted_tags == {PATIENT_ID, STUDY, SOP}


@pytest.mark.parametrize(
    ("template", "why"),
    [
        ("", "give a path below the output folder"),
        ("/{SOPInstanceUID}", "give a path below the output folder"),
        (r"a\{SOPInstanceUID}", "give a path below the output folder"),
        ("../{SOPInstanceUID}", "'..' is not a valid name for a folder or file"),
        ("a/../{SOPInstanceUID}", "'..' is not a valid name for a folder or file"),
        ("./{SOPInstanceUID}", "'.' is not a valid name for a folder or file"),
        ("a//{SOPInstanceUID}", "'' is not a valid name for a folder or file"),
        ("{SOPInstanceUID}/", "'' is not a valid name for a folder or file"),
        ("{SOPInstanceUID}/ ", "' ' is not a valid name for a folder or file"),
        (
            ".{PatientID}/{SOPInstanceUID}",
            "'.{PatientID}' is not a valid name for a folder or file",
        ),
        ("a\x07/{SOPInstanceUID}", r"'a\x07' has a character that file names cannot have"),
        ("C:/{SOPInstanceUID}", "'C:' has a character that file names cannot have"),
        ("a\u202eb/{SOPInstanceUID}", "has a character that file names cannot have"),
        ("{SOPInstanceUID", "the brace '{' has no partner"),
        ("SOPInstanceUID}", "the brace '}' has no partner"),
        ("{{SOPInstanceUID}}", "the brace '{' has no partner"),
        ("{SopInstanceUid}", "there is no field {SopInstanceUid}; did you mean {SOPInstanceUID}?"),
        ("{PatientId}", "there is no field {PatientId}; did you mean {PatientID}?"),
        ("{PatientID!r}/{SOPInstanceUID}", "there is no field {PatientID!r}; did you mean {Pat"),
        ("{PatientID:>9}/{SOPInstanceUID}", "there is no field {PatientID:>9}; did you mean {Pat"),
        ("{SOPInstanceUID.x}", "there is no field {SOPInstanceUID.x}; did you mean {SOPInst"),
        ("{x}/{SOPInstanceUID}", "there is no field {x}; known are AccessionNumber, Body"),
        ("{}/{SOPInstanceUID}", "there is no field {}; known are"),
        ("{PatientID}/{SeriesInstanceUID}.dcm", "it needs {SOPInstanceUID}, so that no two"),
        ("{StudyID}{SOPInstanceUID}.dcm", "put a separator such as _ between {SOPInstanceUID}"),
        ("{SOPInstanceUID}.{StudyID}.dcm", "put a separator such as _ between {SOPInstanceUID}"),
    ],
)
def test_a_template_that_cannot_work_is_refused_in_one_sentence(template: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)) as caught:
        parse_layout(template)

    assert str(caught.value).startswith(f"--layout {template!r}: ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "template", ["{StudyID}_{SOPInstanceUID}.dcm", "{StudyID}{Modality}/1.{SOPInstanceUID}-2.dcm"]
)
def test_a_uid_that_can_be_told_from_its_neighbours_is_taken(template: str) -> None:
    assert SOP in parse_layout(template).wanted_tags


@pytest.mark.parametrize("uid", ["1.2.840.10008", "0", "1" * 64, "1.02", "007.1", "2.25.1"])
def test_a_uid_names_its_own_file(uid: str) -> None:
    assert clean_uid(uid) == uid


@pytest.mark.parametrize(
    "uid",
    [
        *("", ".", "..", "../x", "/x", ".1", "1.", "1..2", "C:\\x", "con", "1" * 65, "1.2.x"),
        *("1.2\n", "1\0", "\x1b[1m", "\u0661.\u0662", "1.2\\1.3", "1 .2", "1/2", "1/../../2"),
    ],
)
def test_whatever_else_stands_for_a_uid_is_hashed(uid: str) -> None:
    assert clean_uid(uid) == hashed(uid)


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"Doe^John ", "Doe^John"),
        ("Müller^Jürgen".encode(), "Müller^Jürgen"),
        ("Müller".encode("latin-1"), "Müller"),
        (unicodedata.normalize("NFD", "Müller").encode(), "Müller"),
        (b"../../etc/passwd", "_.._etc_passwd"),
        (b"..", "_"),
        (b"a\0b\nc\x1b[31m", "a_b_c__31m"),
        ("a\u202eb\u200bc\u2066".encode(), "a_b_c_"),
        (rb"a\b:c*d?e\"f<g>h|i", "a_b_c_d_e__f_g_h_i"),
        (b"[red]{x}", "_red__x_"),
        (b"  a   b  ", "a b"),
        (b".hidden.", "hidden"),
        (b"", "_"),
        (b"\0\0 ", "_"),
        (b"x" * 70, "x" * 64),
        ("é".encode() * 40, "é" * 32),
        (b"x" + "é".encode() * 40, "x" + "é" * 31),
        (b"x" * 63 + b" y", "x" * 63),
    ],
)
def test_a_value_is_cleaned(sent: bytes, kept: str) -> None:
    assert (
        rendered("{PatientName}/{SOPInstanceUID}", {PATIENT_NAME: sent, SOP: b"1"}) == kept + "/1"
    )


@pytest.mark.parametrize("name", ["con", "NUL", "com1.dcm", "LPT9", "aux .x", "com¹", "Prn.a.b"])
def test_a_name_is_no_device(name: str) -> None:
    assert clean_component(name) == f"_{name}"


@pytest.mark.parametrize(
    ("name", "kept"),
    [("a. ", "a"), ("...", "_"), ("", "_"), ("console", "console"), ("a.con", "a.con")],
)
def test_a_component_is_a_name(name: str, kept: str) -> None:
    assert clean_component(name) == kept


def test_names_that_are_too_long_are_cut_and_stay_different() -> None:
    one, other = clean_component("é" * 300 + "1.dcm"), clean_component("é" * 300 + "2.dcm")

    assert one != other
    assert one.endswith(".dcm")
    assert len(one.encode()) <= 255
    assert len(clean_component("x" * 300 + ".日本語字").encode()) <= 255


@pytest.mark.parametrize(
    ("template", "depth", "folder"),
    [
        (FLAT_LAYOUT, 0, ""),
        (HIERARCHICAL_LAYOUT, 1, "1.2"),
        ("in/{StudyInstanceUID}/{SOPInstanceUID}.dcm", 2, "in/1.2"),
        ("{StudyInstanceUID} x/{SOPInstanceUID}.dcm", 1, "1.2 x"),
        ("{PatientID}/{StudyInstanceUID}/{Modality}/{SOPInstanceUID}.dcm", 2, ""),
        ("{PatientID}/{SOPInstanceUID}.dcm", 0, ""),
        ("{Modality}/{StudyInstanceUID}/{SOPInstanceUID}.dcm", 0, ""),
        ("{StudyInstanceUID}_{SeriesNumber}/{SOPInstanceUID}.dcm", 0, ""),
        ("{StudyInstanceUID}_{SOPInstanceUID}.dcm", 0, ""),
    ],
)
def test_a_study_has_a_folder_of_its_own_or_none(template: str, depth: int, folder: str) -> None:
    layout = parse_layout(template)

    assert layout.study_folder_depth == depth
    assert layout.study_folder("1.2") == folder


def test_the_folder_of_a_study_never_leads_out() -> None:
    folder = parse_layout(HIERARCHICAL_LAYOUT).study_folder("../../etc")

    assert folder == hashed("../../etc")
