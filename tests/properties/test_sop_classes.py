"""What we negotiate is all that the standard has: our tables beside pydicom's dictionary."""

import pynetdicom  # noqa: F401 - adds what is newer than pydicom to its dictionary
from pydicom._uid_dict import UID_dictionary

from dicom_retrieve_tui.model.sop_classes import IMAGE_CLASSES, STORAGE_CLASSES, TRANSFER_SYNTAXES

_NOT_OF_A_STUDY = {
    "1.2.840.10008.1.3.10": "Media Storage Directory Storage",
    "1.2.840.10008.1.20.1": "Storage Commitment Push Model SOP Class",
    "1.2.840.10008.1.20.2": "Storage Commitment Pull Model SOP Class",
}


def _of_kind(kind: str) -> dict[str, str]:
    return {uid: name for uid, (name, its_kind, *_) in UID_dictionary.items() if its_kind == kind}


def test_every_transfer_syntax_of_the_standard_can_be_asked_for() -> None:
    known = _of_kind("Transfer Syntax")

    assert known.keys() - set(TRANSFER_SYNTAXES) == set(), "add these"
    assert set(TRANSFER_SYNTAXES) - known.keys() == set(), "not in the standard"
    assert len(set(TRANSFER_SYNTAXES)) == len(TRANSFER_SYNTAXES)


def test_every_storage_class_of_the_standard_can_be_asked_for() -> None:
    named = {uid for uid, name in _of_kind("SOP Class").items() if "Storage" in name}
    known = named - _NOT_OF_A_STUDY.keys()

    assert known - set(STORAGE_CLASSES) == set(), "add these"
    assert set(STORAGE_CLASSES) - known == set(), "not in the standard"
    assert len(set(STORAGE_CLASSES)) == len(STORAGE_CLASSES)


def test_what_the_standard_calls_an_image_is_asked_for_compressed() -> None:
    images = {uid for uid, name in _of_kind("SOP Class").items() if "Image Storage" in name} & set(
        STORAGE_CLASSES
    )
    printed = {"1.2.840.10008.5.1.1.29", "1.2.840.10008.5.1.1.30"}

    assert images - printed <= set(IMAGE_CLASSES)
