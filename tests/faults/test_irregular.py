"""Rows 60 to 66: data sets that depart from the standard, and what is damaged beyond that."""

import io
import json
import zlib
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.filereader import read_file_meta_info

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.model.events import InstanceRefused, InstanceStored
from dicom_retrieve_tui.model.option_values import HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.model.verdict import Verdict
from tests.codestreams import KINDS
from tests.faults.catalogue import Told, fault
from tests.faults.processes import c_get
from tests.peers import wire
from tests.peers.sending_pacs import SendingPacs, Sent
from tests.runs import files_in, get_plan, of_kind, run, settings, verdict_of
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

_CT = wire.CT_IMAGE
_ODD = "1.2.3.1.2"
_UIDS = [(0x00080016, _CT), (0x00080018, _ODD), (0x0020000D, "1.2.3"), (0x0020000E, "1.2.3.1")]


def _head(order: str = "<", *, without: int = 0, sop_class: str = _CT) -> bytes:
    uids = {**dict(_UIDS), 0x00080016: sop_class}
    return b"".join(
        explicit(tag, "UI", wire.uid(uid), order=order)
        for tag, uid in uids.items()
        if tag != without
    )


_PIXELS = explicit(0x7FE00010, "OW", b"\1\2" * 500)
_WHOLE = _head() + _PIXELS
_IMPLICIT = b"".join(implicit(tag, wire.uid(uid)) for tag, uid in _UIDS) + implicit(
    0x7FE00010, b"\1\2" * 500
)
_FRAGMENTS = sequence(
    0x7FE00010, item(b"", defined=True), item(KINDS["jpeg-baseline"][0], defined=True), vr="OB"
)
_CODE = explicit(0x00080100, "SH", b"121022")
_OPEN = explicit(0x00400260, "SQ", item(_CODE)[:-8], length=UNDEFINED)


def _kept(output: Path, data: bytes, syntax: str = EXPLICIT, named: str = "") -> Told:
    """Retrieve a study whose second instance is odd: all of it is there, byte for byte."""
    with SendingPacs.of(data, syntax) as pacs:
        events = run(get_plan(), settings(pacs.port, output))

    assert pacs.statuses == [0, 0, 0]
    finished = verdict_of(events)
    assert (finished.verdict, finished.stored, finished.irregular) == (Verdict.COMPLETE, 3, 1)
    (odd,) = (each for each in of_kind(InstanceStored, events) if each.irregular)
    assert finished.irregular_example == f"{_ODD}: {odd.irregular}"
    content = (output / odd.path).read_bytes()
    assert content.endswith(data)
    assert len(content) == odd.size_bytes
    meta = read_file_meta_info(output / odd.path)
    assert meta.TransferSyntaxUID == odd.transfer_syntax_uid == (named or syntax)
    assert (meta.MediaStorageSOPInstanceUID, meta.MediaStorageSOPClassUID) == (_ODD, _CT)
    assert files_in(output) == [f"1.2.3.1.{n}.dcm" for n in (1, 2, 3)]
    assert main(["verify", str(output), "--deep"], stdout=io.StringIO(), stderr=io.StringIO()) == 0
    return events


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (_WHOLE + bytes(126), EXPLICIT),
        (_WHOLE + b"\xff" * 3, EXPLICIT),
        (_IMPLICIT + bytes(99), IMPLICIT),
        (zlib.compress(_WHOLE, wbits=-15) + bytes(50), DEFLATED),
        (_head() + _FRAGMENTS + bytes(7), JPEG_BASELINE),
    ],
    ids=["zeros", "ones", "implicit", "deflated", "compressed"],
)
@fault(52, user_reads="of padding behind the ")
def test_padding_behind_a_data_set_is_kept(tmp_path: Path, data: bytes, syntax: str) -> Told:
    return _kept(tmp_path, data, syntax)


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (_head() + _OPEN + implicit(0xFFFEE0DD, b"") + _PIXELS, EXPLICIT),
        (_WHOLE + implicit(0xFFFEE00D, b""), EXPLICIT),
        (_head() + implicit(0xFFFEE0DD, b"") + _PIXELS, EXPLICIT),
        (_head() + _FRAGMENTS[:-4] + b"\xff" * 4, JPEG_BASELINE),
        (_head() + _FRAGMENTS[:-8], JPEG_BASELINE),
    ],
    ids=["wrong", "at-end", "stray", "with-length", "missing"],
)
@fault(52, user_reads="1.2.3.1.2: ")
def test_stray_missing_and_wrong_delimiters_are_kept(
    tmp_path: Path, data: bytes, syntax: str
) -> Told:
    return _kept(tmp_path, data, syntax)


@pytest.mark.parametrize(
    "middle",
    [
        b"\x20\0\0\x40\0\0\x2a\0" + b"x" * 42,
        b"\x20\0\0\x40--\x2a\0" + b"x" * 42,
        b"\x21\0\0\x10UN\4\0abcd",
        b"\x21\0\0\x10OB\0\0",
        explicit(0x00204000, "LT", b"odd"),
        explicit(0x00020010, "UI", b"1.2\0"),
        explicit(0x00080060, "CS", b"MR"),
        explicit(0x00080018, "UI", b"1.2.3.1.9\0"),
    ],
    ids=["nul", "dashes", "short", "empty", "odd", "meta", "order", "twice"],
)
@fault(53, user_reads="1.2.3.1.2: (")
def test_odd_elements_are_kept(tmp_path: Path, middle: bytes) -> Told:
    return _kept(tmp_path, _head() + middle + _PIXELS)


@pytest.mark.parametrize(
    "data",
    [
        *(_head(without=tag) + _PIXELS for tag, _ in _UIDS),
        _head(sop_class="1.2.840.10008.5.1.4.1.1.2.1") + _PIXELS,
        explicit(0x00100020, "LO", b"P1") + _PIXELS,
    ],
    ids=["no-class", "no-instance", "no-study", "no-series", "other-class", "nothing"],
)
@fault(54, user_reads="1.2.3.1.2: its data set ")
def test_what_the_data_set_does_not_say_the_command_and_the_request_do(
    tmp_path: Path, data: bytes
) -> Told:
    return _kept(tmp_path, data)


@fault(54, user_reads="its data set has no Study Instance UID")
def test_an_instance_without_its_uids_stands_in_the_folders_of_its_study_and_series(
    tmp_path: Path,
) -> Told:
    data = explicit(0x00080016, "UI", wire.uid(_CT)) + explicit(0x00080018, "UI", wire.uid(_ODD))
    with SendingPacs.of(data + _PIXELS) as pacs:
        given = settings(pacs.port, tmp_path)
        given = replace(given, layout=HIERARCHICAL_LAYOUT)
        events = run(get_plan(), given)
        again = run(get_plan(), given)

    assert files_in(tmp_path) == [f"1.2.3/1.2.3.1/1.2.3.1.{n}.dcm" for n in (1, 2, 3)]
    assert not of_kind(InstanceStored, again)
    assert verdict_of(again).irregular == 1
    return events


@fault(54, user_reads="its data set is of SOP class '1.2.840.10008.5.1.4.1.1.2.1', unlike its")
def test_a_layout_uses_the_class_of_the_command(tmp_path: Path) -> Told:
    data = _head(sop_class="1.2.840.10008.5.1.4.1.1.2.1") + _PIXELS
    with SendingPacs.of(data) as pacs:
        layout = "{SOPClassUID}/{SOPInstanceUID}.dcm"
        events = run(get_plan(), replace(settings(pacs.port, tmp_path), layout=layout))

    assert files_in(tmp_path) == [f"{_CT}/1.2.3.1.{n}.dcm" for n in (1, 2, 3)]
    return events


@pytest.mark.parametrize(
    ("data", "syntax", "named"),
    [
        (_IMPLICIT, EXPLICIT, IMPLICIT),
        (_WHOLE, IMPLICIT, EXPLICIT),
        (_head(">") + explicit(0x7FE00010, "OW", b"\1\2" * 500, order=">"), EXPLICIT, BIG_ENDIAN),
        (zlib.compress(_WHOLE, wbits=-15), EXPLICIT, DEFLATED),
        (_WHOLE, DEFLATED, EXPLICIT),
        (_IMPLICIT, JPEG_BASELINE, IMPLICIT),
        (_IMPLICIT + bytes(100), EXPLICIT, IMPLICIT),
    ],
    ids=["implicit", "explicit", "big", "deflated", "inflated", "in-jpeg", "padded"],
)
@fault(55, user_reads="unlike its presentation context")
def test_a_data_set_in_another_syntax_gets_the_file_meta_that_fits_it(
    tmp_path: Path, data: bytes, syntax: str, named: str
) -> Told:
    return _kept(tmp_path, data, syntax, named)


@fault(55, user_reads="a whole file, with preamble and file meta, in place of its data set")
def test_a_whole_file_in_place_of_a_data_set_gets_one_file_meta(tmp_path: Path) -> Told:
    before = b"MZ" + bytes(126) + b"DICM" + explicit(0x00020010, "UI", wire.uid(EXPLICIT))
    with SendingPacs.of(before + _WHOLE) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    content = (tmp_path / f"{_ODD}.dcm").read_bytes()
    assert content.endswith(_WHOLE)
    assert content.count(b"DICM") == 1
    assert dcmread(io.BytesIO(content)).SOPInstanceUID == _ODD
    return events


@pytest.mark.parametrize("kind", KINDS)
@fault(56, user_reads="unlike its presentation context")
def test_compressed_pixel_data_are_recognised_by_their_codestream(
    tmp_path: Path, kind: str
) -> Told:
    codestream, syntax = KINDS[kind]
    codestream += b"\0" * (len(codestream) % 2)
    frames = item(b"", defined=True), item(codestream, defined=True)
    data = _head() + sequence(0x7FE00010, *frames, vr="OB")
    return _kept(tmp_path, data, EXPLICIT, syntax)


@fault(56, user_reads="in Explicit VR Little Endian, unlike its presentation context")
def test_native_pixel_data_in_a_compressed_context_are_named_native(tmp_path: Path) -> Told:
    return _kept(tmp_path, _WHOLE, JPEG_BASELINE, EXPLICIT)


@fault(56, user_reads="pixel data in fragments, of unknown compression")
def test_pixel_data_of_unknown_compression_are_set_aside(tmp_path: Path) -> Told:
    fragments = sequence(0x7FE00010, item(b"", defined=True), item(b"what", defined=True), vr="OB")
    return _set_aside(tmp_path, _head() + fragments)


def _set_aside(output: Path, data: bytes, syntax: str = EXPLICIT) -> Told:
    """Retrieve a study whose second instance is damaged: its bytes are kept, once."""
    with SendingPacs.of(data, syntax) as pacs:
        events = run(get_plan(retries=3), settings(pacs.port, output))

    finished = verdict_of(events)
    assert (finished.verdict, finished.missing) == (Verdict.PARTIAL, (_ODD,))
    assert pacs.statuses.count(0xC000) in {1, 2}
    (kept,) = {each.path for each in of_kind(InstanceRefused, events)}
    assert files_in(output) == [kept, "1.2.3.1.1.dcm", "1.2.3.1.3.dcm"]
    assert kept.startswith(".dicom-retrieve/damaged/")
    assert kept in of_kind(InstanceRefused, events)[0].reason
    assert (output / kept).read_bytes().endswith(data)
    return events


@pytest.mark.parametrize(
    ("data", "syntax"),
    [
        (_WHOLE[:-10], EXPLICIT),
        (_head() + explicit(0x7FE00010, "OW", bytes(1000))[:-10], EXPLICIT),
        (_IMPLICIT[:-10], EXPLICIT),
        (_head() + _FRAGMENTS[:-20], JPEG_BASELINE),
        (_head() + explicit(0x00280010, "US", b"\1\0") + bytes(1000), EXPLICIT),
        (zlib.compress(_WHOLE, wbits=-15)[:-10], DEFLATED),
        (b"\xff" * 300, EXPLICIT),
    ],
    ids=["cut", "black", "other", "fragment", "zeros-for-pixels", "deflated", "garbage"],
)
@fault(57, user_reads="is damaged: ")
def test_a_damaged_data_set_is_set_aside_and_named(
    tmp_path: Path, data: bytes, syntax: str
) -> Told:
    return _set_aside(tmp_path, data, syntax)


@fault(57, user_reads="What came is kept as .dicom-retrieve/damaged/1.2.3.1.2.dcm")
def test_another_run_puts_what_it_kept_in_the_place_of_what_an_earlier_one_kept(
    tmp_path: Path,
) -> Told:
    for lost_bytes in (10, 20):
        data = _WHOLE[:-lost_bytes]
        with SendingPacs.of(data) as pacs:
            events = run(get_plan(), settings(pacs.port, tmp_path))
    kept = tmp_path / ".dicom-retrieve/damaged/1.2.3.1.2.dcm"

    assert kept.read_bytes().endswith(data)
    assert len(files_in(tmp_path)) == 3
    return events


@fault(58, user_reads="irregular, and kept as sent: 1 instance, 1.2.3.1.2: 100 bytes of padding")
def test_irregular_instances_of_an_earlier_run_are_reported_again(tmp_path: Path) -> str:
    out = io.StringIO()
    output, report = tmp_path / "out", tmp_path / "report"
    with SendingPacs.of(_WHOLE + bytes(100)) as pacs:
        run(get_plan(), settings(pacs.port, output))
        order = [*c_get(pacs, output), "--report", report]
        code = main([str(each) for each in order], stdout=out, stderr=io.StringIO())
        assert len(pacs.statuses) == 3

    assert code == 0
    told = json.loads(report.read_text())
    assert told["totals"]["irregular"] == told["studies"][0]["irregular"] == 1
    assert told["studies"][0]["irregular_example"].startswith("1.2.3.1.2: 100 bytes of padding")
    return out.getvalue()


@fault(58, user_reads="2 instances of 2 studies irregular, and kept as sent:\n  1.2.3  1 instance,")
def test_each_study_with_irregular_instances_is_named_once(tmp_path: Path) -> str:
    out = io.StringIO()
    holdings = [
        Sent(study, f"{study}.1", f"{study}.1.1", raw=_of(study) + bytes(50)) for study in
        ("1.2.3", "1.2.4")
    ]  # fmt: skip
    with SendingPacs(*holdings) as pacs:
        url, uids = f"pacs://127.0.0.1:{pacs.port}", tmp_path / "uids"
        uids.write_text("1.2.3\n1.2.4\n")
        order = [url, "--method", "c-get", "--output", tmp_path / "out", "--uid-list", uids]
        code = main([str(each) for each in order], stdout=out, stderr=io.StringIO())

    assert code == 0
    return out.getvalue()


def _of(study: str) -> bytes:
    uids = {0x00080016: _CT, 0x00080018: f"{study}.1.1", 0x0020000D: study,
            0x0020000E: f"{study}.1"}  # fmt: skip
    return b"".join(explicit(tag, "UI", wire.uid(uid)) for tag, uid in uids.items()) + _PIXELS


@fault(58, user_reads="1 instance irregular, and kept as sent: for example 1.2.3.1.2: 100 bytes")
def test_verify_reports_irregular_instances_without_calling_them_flawed(tmp_path: Path) -> str:
    plain, as_json = io.StringIO(), io.StringIO()
    with SendingPacs.of(_WHOLE + bytes(100)) as pacs:
        run(get_plan(), settings(pacs.port, tmp_path))

    assert main(["verify", str(tmp_path), "--deep"], stdout=plain, stderr=io.StringIO()) == 0
    code = main(["verify", str(tmp_path), "--json"], stdout=as_json, stderr=io.StringIO())
    assert code == 0
    lines = [json.loads(line) for line in as_json.getvalue().splitlines()]
    (study,) = (line for line in lines if "study_instance_uid" in line)
    reason = "100 bytes of padding behind the last element"
    assert study["irregular"] == [{"sop_instance_uid": _ODD, "reason": reason}]
    return plain.getvalue()
