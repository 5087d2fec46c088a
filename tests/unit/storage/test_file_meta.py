import io

import pytest

from dicom_retrieve_tui import __version__
from dicom_retrieve_tui.errors import InstanceUnfit
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
    uid_fault,
)
from dicom_retrieve_tui.storage.file_meta import file_header, read_header
from tests.unit.encoded import EXPLICIT, explicit

CT = "1.2.840.10008.5.1.4.1.1.2"
DATA_SET = explicit(0x00100020, "LO", b"P1")


def offer_of(sop_instance_uid: str = "1.2.3.4", syntax: str = EXPLICIT) -> StoreRequest:
    return StoreRequest(
        sop_class_uid=CT, sop_instance_uid=sop_instance_uid, transfer_syntax_uid=syntax
    )


def test_values_are_padded_to_an_even_length() -> None:
    assert b"UI\x06\0" + b"1.2.3\0" in file_header(offer_of("1.2.3"))
    assert b"UI\x08\0" + b"1.2.34.5" + b"\2\0" in file_header(offer_of("1.2.34.5"))


def test_the_preamble_is_zeros() -> None:
    assert file_header(offer_of())[:132] == bytes(128) + b"DICM"


def test_our_names_obey_the_standard() -> None:
    assert IMPLEMENTATION_CLASS_UID.startswith("2.25.")
    assert uid_fault(IMPLEMENTATION_CLASS_UID) is None
    assert len(IMPLEMENTATION_VERSION_NAME) <= 16
    assert IMPLEMENTATION_VERSION_NAME.endswith(".".join(__version__.split(".")[:2]))


@pytest.mark.parametrize("length", [0xFFFD, 0xFFFE])
def test_the_longest_uid_that_an_element_holds_is_written_and_read(length: int) -> None:
    raw = file_header(offer_of("1" * length))

    assert read_header(io.BytesIO(raw)).sop_instance_uid == "1" * length


def test_a_uid_that_no_element_holds_makes_the_instance_unfit() -> None:
    with pytest.raises(InstanceUnfit, match="a UID of 65535 characters") as caught:
        file_header(offer_of("1" * 0xFFFF))

    assert caught.value.status == 0xA900


def test_no_beginning_of_a_header_passes_for_one() -> None:
    raw = file_header(offer_of())

    for size in range(len(raw)):
        with pytest.raises(ValueError, match="not a DICOM file"):
            read_header(io.BytesIO(raw[:size]))


@pytest.mark.parametrize(
    "damage",
    [
        lambda raw: raw[4:],
        lambda raw: raw[:140] + b"\xff\xff" + raw[142:],
        lambda raw: raw[:140] + bytes([raw[140] - 2]) + raw[141:],
        lambda raw: raw[:132] + DATA_SET * 20,
        lambda raw: raw[:132] + explicit(0x00020000, "UL", bytes(4)) + DATA_SET,
        lambda raw: raw[:132] + explicit(0x00020001, "OB", b"", length=1 << 30),
    ],
)
def test_a_damaged_header_is_refused(damage: "type[bytes]") -> None:
    with pytest.raises(ValueError, match="DICOM file"):
        read_header(io.BytesIO(damage(file_header(offer_of()) + DATA_SET)))
