"""Is a file under its final name one instance from beginning to end, and the one recorded?"""

from pathlib import Path

import pytest

from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.storage.file_check import (
    FileCondition,
    check_file,
    irregularity_of,
    is_cut_short,
    study_of,
)
from dicom_retrieve_tui.storage.file_meta import file_header
from dicom_retrieve_tui.storage.journal_database import InstanceRecord
from tests.unit.encoded import EXPLICIT, explicit

_SOP = explicit(0x00080018, "UI", b"1.2.3.4\0")
_STUDY = explicit(0x0020000D, "UI", b"1.2\0")
_OTHER = explicit(0x0020000D, "UI", b"1.9\0")
_PIXELS = explicit(0x7FE00010, "OW", b"\1\2" * 50)


def _file(folder: Path, data: bytes) -> Path:
    request = StoreRequest(
        sop_class_uid="1.2.840", sop_instance_uid="1.2.3.4", transfer_syntax_uid=EXPLICIT
    )
    path = folder / "1.2.3.4.dcm"
    path.write_bytes(file_header(request) + data)
    return path


@pytest.mark.parametrize(
    ("data", "condition"),
    [
        (_SOP + _STUDY + _PIXELS, FileCondition.WHOLE),
        (_SOP + _PIXELS, FileCondition.WHOLE),
        (_STUDY + _PIXELS, FileCondition.WHOLE),
        (_PIXELS, FileCondition.WHOLE),
        (_SOP + _OTHER + _STUDY + _PIXELS, FileCondition.WHOLE),
        (_SOP + _STUDY + _PIXELS + bytes(20), FileCondition.WHOLE),
        (_SOP + _OTHER + _PIXELS, FileCondition.DAMAGED),
        (explicit(0x00080018, "UI", b"1.2.3.5\0") + _STUDY + _PIXELS, FileCondition.DAMAGED),
        (_SOP + _STUDY + _PIXELS[:-1], FileCondition.DAMAGED),
    ],
)
def test_a_file_is_whole_if_it_does_not_say_that_it_is_another(
    tmp_path: Path, data: bytes, condition: FileCondition
) -> None:
    path = _file(tmp_path, data)
    record = InstanceRecord("1.2", "1.2.3.4", path.name, path.stat().st_size)

    assert check_file(tmp_path, record, deep=True) is condition


def test_what_is_irregular_in_a_file_is_named(tmp_path: Path) -> None:
    assert irregularity_of(_file(tmp_path, _SOP + _STUDY + _PIXELS)) == ""
    assert irregularity_of(_file(tmp_path, _STUDY + _SOP + _PIXELS)) != ""
    assert study_of(_file(tmp_path, _SOP + _PIXELS)) == ""


@pytest.mark.parametrize(
    ("data", "torn"),
    [
        (_SOP + _STUDY + _PIXELS, False),
        (_STUDY + _SOP + _PIXELS, False),
        (_SOP + _STUDY + _PIXELS[:-1], True),
        (_SOP + _STUDY + bytes(100), True),
    ],
)
def test_zeros_behind_a_data_set_may_be_what_a_power_cut_left(
    tmp_path: Path, data: bytes, *, torn: bool
) -> None:
    assert is_cut_short(_file(tmp_path, data)) is torn
