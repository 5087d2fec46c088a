import pytest
from pydicom.uid import UID, AllTransferSyntaxes

from dicom_retrieve_tui.dataset.codestream import HEAD_BYTES, codestream_syntax, is_encapsulated
from tests.codestreams import KINDS, UNKNOWN


@pytest.mark.parametrize("kind", KINDS)
def test_a_codestream_names_its_transfer_syntax(kind: str) -> None:
    head, syntax = KINDS[kind]

    assert codestream_syntax(head[:HEAD_BYTES]) == syntax


@pytest.mark.parametrize("head", UNKNOWN)
def test_what_is_not_recognised_names_none(head: bytes) -> None:
    assert codestream_syntax(head) == ""


@pytest.mark.parametrize("syntax", AllTransferSyntaxes, ids=str)
def test_pixel_data_have_the_form_that_pydicom_says(syntax: str) -> None:
    known = is_encapsulated(syntax)

    assert known is None or known == UID(syntax).is_encapsulated
