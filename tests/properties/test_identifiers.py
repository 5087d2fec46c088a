"""pydicom reads our identifiers, in either encoding, as they are meant."""

from io import BytesIO

import pytest
from pydicom.datadict import dictionary_VR
from pydicom.filereader import read_dataset

from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.sop_classes import (
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
)
from dicom_retrieve_tui.network.identifiers import encode_identifier

_KEYS = {
    value: ""
    for name, value in vars(tags).items()
    if name[0] != "_" and isinstance(value, int) and value != tags.QUERY_RETRIEVE_LEVEL
}


@pytest.mark.parametrize("syntax", [IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN])
def test_every_key_has_its_value_representation(syntax: str) -> None:
    keys = {**_KEYS, tags.STUDY_INSTANCE_UID: "1.2.3"}
    data = encode_identifier(Level.STUDY, keys, syntax)

    read = read_dataset(BytesIO(data), syntax == IMPLICIT_VR_LITTLE_ENDIAN, True)  # noqa: FBT003

    assert {int(tag) for tag in read.keys()} == {*keys, tags.QUERY_RETRIEVE_LEVEL}  # noqa: SIM118
    assert {int(each.tag): each.VR for each in read} == {
        tag: dictionary_VR(tag) for tag in (*keys, tags.QUERY_RETRIEVE_LEVEL)
    }
    assert read.StudyInstanceUID == "1.2.3"
    assert read.QueryRetrieveLevel == "STUDY"
