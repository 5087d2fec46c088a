"""What we propose, and which of several transfer syntaxes our Storage SCP takes."""

import pytest

from dicom_retrieve_tui.model.sop_classes import (
    COMPRESSED_SYNTAXES,
    EXPLICIT_VR_BIG_ENDIAN,
    EXPLICIT_VR_LITTLE_ENDIAN,
    IMAGE_CLASSES,
    IMPLICIT_VR_LITTLE_ENDIAN,
    NATIVE_SYNTAXES,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
    plainest_classes,
    preferred_syntax,
)
from dicom_retrieve_tui.network.negotiation import (
    all_contexts,
    guessed_contexts,
    known_contexts,
)

_JPEG, _JPEG_LOSSLESS = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70"
_JPIP = "1.2.840.10008.1.2.4.94"


def test_every_class_comes_in_every_syntax_that_it_may_have() -> None:
    contexts = list(all_contexts())

    assert len(set(contexts)) == len(contexts)
    assert {uid for uid, _ in contexts} == set(STORAGE_CLASSES)
    assert {(uid, syntax) for uid in IMAGE_CLASSES for syntax in TRANSFER_SYNTAXES} <= set(contexts)
    assert {(uid, syntax) for uid in STORAGE_CLASSES for syntax in NATIVE_SYNTAXES} <= set(contexts)


def test_the_first_proposals_are_all_of_the_standard() -> None:
    classes = plainest_classes().values()
    contexts = [*guessed_contexts(frozenset({"CT"})), *known_contexts(classes)]

    assert {uid for uid, _ in contexts} <= set(STORAGE_CLASSES)
    assert {syntax for _, syntax in contexts} <= set(TRANSFER_SYNTAXES)
    assert set(COMPRESSED_SYNTAXES) <= {syntax for _, syntax in contexts}


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
