import pytest

from dicom_retrieve_tui.model.uids import ae_title_fault, irregular_uids, uid_fault, uid_note


@pytest.mark.parametrize("uid", ["0", "1", "1.2.840.10008.1.2", "0.0.1", "9" * 64, "2.25.0"])
def test_a_uid_by_the_rules_has_neither_fault_nor_note(uid: str) -> None:
    assert (uid_fault(uid), uid_note(uid)) == (None, None)


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("1" * 65, "has 65 characters; a UID has at most 64"),
        ("1.2.x", "has characters other than digits and periods"),
        ("STUDY-A", "has characters other than digits and periods"),
        ("1.2 3", "has characters other than digits and periods"),
        ("1.2.\xfc", "has characters other than digits and periods"),
        ("1..2", "has an empty component (a period at an end, or two in a row)"),
        (".1", "has an empty component (a period at an end, or two in a row)"),
        ("1.", "has an empty component (a period at an end, or two in a row)"),
        (".", "has an empty component (a period at an end, or two in a row)"),
        ("1.02", "has a component with a leading zero"),
        ("00.1", "has a component with a leading zero"),
    ],
)
def test_a_uid_that_breaks_the_rules_can_be_asked_for_and_is_noted(text: str, note: str) -> None:
    assert (uid_fault(text), uid_note(text)) == (None, note)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "is empty"),
        (" ", "is empty"),
        ("*", "has a wildcard, and would match more than one"),
        ("1.2.?", "has a wildcard, and would match more than one"),
        ("1.2\\1.3", "has a backslash, which separates several UIDs"),
        ("1.2\n", "has a control character, or a blank at an end"),
        ("1.\x002", "has a control character, or a blank at an end"),
        ("1.\x9b2", "has a control character, or a blank at an end"),
        ("1.2 ", "has a control character, or a blank at an end"),
        ("\u0661.\u0662", "has characters beyond Latin-1, which a UID cannot carry"),
        ("1.\udcff", "has characters beyond Latin-1, which a UID cannot carry"),
        ("1" * 1025, "has 1025 characters, more than can be asked for"),
    ],
)
def test_what_would_match_more_or_cannot_be_sent_is_refused(text: str, fault: str) -> None:
    assert uid_fault(text) == fault


def test_one_sentence_covers_all_uids_that_break_the_rules() -> None:
    assert irregular_uids(["1.2", "1.3"]) is None
    assert irregular_uids(["1.2", "1.03"]) == (
        "'1.03' has a component with a leading zero; it is asked for as it is"
    )
    assert irregular_uids(["1.04", "1.2", "x"]) == (
        "2 UIDs break the rules and are asked for as they are; "
        "the first, '1.04', has a component with a leading zero"
    )


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
