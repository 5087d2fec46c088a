import pytest

from dicom_retrieve_tui.model.uids import ae_title_fault, uid_fault


@pytest.mark.parametrize("uid", ["0", "1", "1.2.840.10008.1.2", "0.0.1", "9" * 64, "2.25.0"])
def test_a_uid_has_no_fault(uid: str) -> None:
    assert uid_fault(uid) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("1" * 65, "has 65 characters; a UID has at most 64"),
        ("1.2.x", "has characters other than digits and periods"),
        ("1.2\n", "has characters other than digits and periods"),
        ("1.2 ", "has characters other than digits and periods"),
        ("\u0661.\u0662", "has characters other than digits and periods"),
        ("1..2", "has an empty component (a period at an end, or two in a row)"),
        (".1", "has an empty component (a period at an end, or two in a row)"),
        ("1.", "has an empty component (a period at an end, or two in a row)"),
        (".", "has an empty component (a period at an end, or two in a row)"),
        ("1.02", "has a component with a leading zero"),
        ("00.1", "has a component with a leading zero"),
    ],
)
def test_the_fault_of_a_uid_is_named(text: str, fault: str) -> None:
    assert uid_fault(text) == fault


@pytest.mark.parametrize("title", ["A", "DICOMRETRIEVE", "A" * 16, "my pacs", "!#~", " PADDED "])
def test_an_ae_title_has_no_fault(title: str) -> None:
    assert ae_title_fault(title) is None


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("A" * 17, "has 17 characters; an AE title has at most 16"),
        ("A\\B", "has a backslash, a control character or a character outside ASCII"),
        ("A\n", "has a backslash, a control character or a character outside ASCII"),
        ("PÄCS", "has a backslash, a control character or a character outside ASCII"),
        ("A\x7f", "has a backslash, a control character or a character outside ASCII"),
    ],
)
def test_the_fault_of_an_ae_title_is_named(text: str, fault: str) -> None:
    assert ae_title_fault(text) == fault
