"""Which of several transfer syntaxes our Storage SCP takes."""

import pytest

from dicom_retrieve_tui.model.sop_classes import (
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMPLICIT_VR_LITTLE_ENDIAN,
    preferred_syntax,
)

_JPEG, _JPEG_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
_JPIP = "1.2.840.10008.1.2.4.94"


@pytest.mark.parametrize(
    ("offered", "taken"),
    [
        ([IMPLICIT_VR_LITTLE_ENDIAN, EXPLICIT_VR_LITTLE_ENDIAN], IMPLICIT_VR_LITTLE_ENDIAN),
        ([EXPLICIT_VR_BIG_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN], IMPLICIT_VR_LITTLE_ENDIAN),
        ([_JPEG_LOSSLESS, EXPLICIT_VR_LITTLE_ENDIAN], _JPEG_LOSSLESS),
        ([_JPEG, _JPEG_LOSSLESS], _JPEG_LOSSLESS),
        ([_JPEG, EXPLICIT_VR_BIG_ENDIAN], _JPEG),
        ([_JPEG, EXPLICIT_VR_LITTLE_ENDIAN], EXPLICIT_VR_LITTLE_ENDIAN),
        ([_JPIP, EXPLICIT_VR_BIG_ENDIAN], EXPLICIT_VR_BIG_ENDIAN),
        (["1.2.3", _JPEG], _JPEG),
        (["1.2.3", "1.2.4"], "1.2.3"),
        ([EXPLICIT_VR_BIG_ENDIAN], EXPLICIT_VR_BIG_ENDIAN),
    ],
)
def test_of_several_syntaxes_the_first_that_loses_nothing_is_taken(
    offered: list[str], taken: str
) -> None:
    assert preferred_syntax(offered) == taken
