"""Any UID that is written is read back; the files of others are read, and garbage is refused."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.offer import InstanceOffer
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


@settings(deadline=None, max_examples=50, derandomize=True)
@given(
    *[st.text(st.characters(max_codepoint=255), max_size=80).filter(lambda t: t.strip("\0 ") == t)]
    * 2
)
def test_what_is_written_is_read_back(sop_class_uid: str, sop_instance_uid: str) -> None:
    offer = InstanceOffer(
        sop_class_uid="1" + sop_class_uid,
        sop_instance_uid="1" + sop_instance_uid,
        transfer_syntax_uid=EXPLICIT,
    )
    raw = file_header(offer)
    file = io.BytesIO(raw + DATA_SET)

    header = read_header(file)

    assert header == FileHeader(
        offer.sop_class_uid, offer.sop_instance_uid, offer.transfer_syntax_uid, len(raw)
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
