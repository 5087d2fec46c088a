"""What is written is read back, by us and by pydicom; of others, files are read, garbage is not."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataset import FileMetaDataset

from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)
from dicom_retrieve_tui.storage.file_meta import FileHeader, file_header, read_header
from tests.properties.samples import samples
from tests.unit.encoded import EXPLICIT, explicit

WITHOUT_FILE_META = {
    *("ExplVR_BigEndNoMeta.dcm", "ExplVR_LitEndNoMeta.dcm", "no_meta.dcm", "rtstruct.dcm"),
    "empty_charset_LEI.dcm",  # its SOP Instance UID is empty
    "meta_missing_tsyntax.dcm",
    "nested_priv_SQ.dcm",  # it has no SOP Instance UID
    "no_meta_group_length.dcm",
}
DATA_SET = explicit(0x00100020, "LO", b"P1")
CT = "1.2.840.10008.5.1.4.1.1.2"
JPEG_2000 = "1.2.840.10008.1.2.4.91"


def offer_of(sop_instance_uid: str = "1.2.3.4", syntax: str = EXPLICIT) -> StoreRequest:
    return StoreRequest(
        sop_class_uid=CT, sop_instance_uid=sop_instance_uid, transfer_syntax_uid=syntax
    )


def pydicom_reads(raw: bytes) -> FileMetaDataset:
    meta = dcmread(io.BytesIO(raw)).file_meta
    assert isinstance(meta, FileMetaDataset)
    return meta


@pytest.mark.parametrize("uid", ["1.2.3", "1.2.34", "2.25." + "9" * 39, "1.2." + "3" * 60])
def test_pydicom_reads_what_we_write(uid: str) -> None:
    raw = file_header(offer_of(uid, JPEG_2000)) + DATA_SET

    meta = pydicom_reads(raw)

    assert meta.MediaStorageSOPClassUID == CT
    assert meta.MediaStorageSOPInstanceUID == uid
    assert meta.TransferSyntaxUID == JPEG_2000
    assert meta.ImplementationClassUID == IMPLEMENTATION_CLASS_UID
    assert meta.ImplementationVersionName == IMPLEMENTATION_VERSION_NAME
    assert meta.FileMetaInformationVersion == b"\0\1"
    assert meta.FileMetaInformationGroupLength == len(raw) - len(DATA_SET) - 132 - 12
    assert dcmread(io.BytesIO(raw)).PatientID == "P1"


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    *[st.text(st.characters(max_codepoint=255), max_size=80).filter(lambda t: t.strip("\0 ") == t)]
    * 2
)
def test_what_is_written_is_read_back(sop_class_uid: str, sop_instance_uid: str) -> None:
    request = StoreRequest(
        sop_class_uid="1" + sop_class_uid,
        sop_instance_uid="1" + sop_instance_uid,
        transfer_syntax_uid=EXPLICIT,
    )
    raw = file_header(request)
    file = io.BytesIO(raw + DATA_SET)

    header = read_header(file)

    assert header == FileHeader(
        request.sop_class_uid, request.sop_instance_uid, request.transfer_syntax_uid, len(raw)
    )
    assert file.read() == DATA_SET


def test_the_files_of_others_are_read() -> None:
    refused = set()
    for sample in samples():
        try:
            header = read_header(io.BytesIO(sample.path.read_bytes()))
        except ValueError:
            refused.add(sample.name)
            continue
        assert header.data_set_offset == sample.offset
        assert header.transfer_syntax_uid == sample.transfer_syntax_uid

    assert refused == WITHOUT_FILE_META


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.binary(max_size=200))
def test_garbage_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="DICOM file"):
        read_header(io.BytesIO(bytes(128) + b"DICM" + data))
