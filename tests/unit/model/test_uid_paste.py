import pytest

from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.uid_paste import read_paste

A, B, C = "1.2.840.1.1", "1.2.840.1.2", "1.2.840.1.3"


def test_one_uid_with_the_line_end_that_came_along() -> None:
    assert read_paste(f"  {A}\r\n").uids == (A,)


def test_lines_commas_and_quotes_all_separate() -> None:
    assert read_paste(f'{A}\n{B}, {C}\n"1.2.840.1.4";[1.2.840.1.5]').uids == (
        *(A, B, C),
        *("1.2.840.1.4", "1.2.840.1.5"),
    )


def test_duplicates_are_counted_and_kept_once() -> None:
    pasted = read_paste(f"{A}\n{B}\n{A}\n{A}")

    assert (pasted.uids, pasted.duplicates) == ((A, B), 2)


def test_a_bad_line_is_named_and_costs_no_other() -> None:
    pasted = read_paste(f"{A}\n\n# note\n1.2.840.*\n{B}")

    assert pasted.uids == (A, B)
    assert pasted.bad == ("line 4: '1.2.840.*' has a wildcard, and would match more than one",)


def test_what_stands_beside_the_uids_of_a_table_is_no_fault() -> None:
    assert read_paste(f"Example^Ada, 2026.03.11, {A}, CT, 1.25").uids == (A,)


def test_a_heading_chooses_the_column() -> None:
    pasted = read_paste(f"Patient,Study Instance UID,Other UID\nA,{A},9.9.9.9\nB,{B},9.9.9.8\nC")

    assert pasted.uids == (A, B)
    assert pasted.bad == ("line 4: '' is empty",)


def test_a_table_narrows_and_looks_up_as_the_command_does() -> None:
    table = (
        "\n# from the ward\nStudyInstanceUID\tSeriesInstanceUID\tAccessionNumber\n"
        f"{A}\t{A}.1\tA1\n{A}\t{A}.2\tA1\n{B}\t\tA2\n\t{C}.1\tA3\n"
    )

    pasted = read_paste(table)

    narrowed = Selection.of(A, f"{A}.1"), Selection.of(A, f"{A}.2")
    asked = (*join(narrowed), Selection.of(B))
    assert [(each.study_instance_uid, each.series) for each in pasted.selections] == [
        (each.study_instance_uid, each.series) for each in asked
    ]
    assert pasted.lookups == (Lookup(line=7, accession_number="A3", series_instance_uid=f"{C}.1"),)


def test_a_heading_of_one_column_and_one_with_bars_are_tables() -> None:
    assert read_paste("PatientID\nP1\n").lookups == (Lookup(line=2, patient_id="P1"),)
    assert read_paste(f" study_uid | name\n{A} | x").uids == (A,)


def test_a_quote_that_is_left_open_is_named_and_nothing_is_raised() -> None:
    (bad,) = read_paste(f'StudyInstanceUID,Name\n{A},"' + "x" * 200_000).bad

    assert "is a quote left open?" in bad


def test_a_heading_alone_asks_for_nothing() -> None:
    assert read_paste("StudyInstanceUID\n") == read_paste("")


def test_words_are_bad_as_a_whole() -> None:
    (bad,) = read_paste("the wrong clipboard").bad

    assert bad.startswith("line 1: it has several words: write one UID a line")


def test_a_short_uid_on_a_line_of_its_own_counts() -> None:
    assert read_paste("1.2.3").uids == ("1.2.3",)
    assert read_paste("1.2.3, 1.2.4").uids == ("1.2.3", "1.2.4")


def _numbers(*numbers: str) -> tuple[Lookup, ...]:
    return tuple(
        Lookup(line=line, accession_number=number) for line, number in enumerate(numbers, start=1)
    )


@pytest.mark.parametrize(
    "text", ["A26000112\nA26000113\n26000114\nA26000112", '"A26000112",\n"A26000113",\n26000114,']
)
def test_lines_with_letters_are_looked_up_as_accession_numbers_with_a_note(text: str) -> None:
    pasted = read_paste(text)

    assert pasted.lookups == _numbers("A26000112", "A26000113", "26000114")
    assert (pasted.uids, pasted.bad) == ((), ())
    assert pasted.duplicates == (1 if text.endswith("A26000112") else 0)
    assert pasted.notes == ("not UIDs: taken as accession numbers",)


def test_an_accession_number_beside_uids_is_looked_up() -> None:
    pasted = read_paste(f"{A}\nA26000112")

    assert pasted.uids == (A,)
    assert [each.accession_number for each in pasted.lookups] == ["A26000112"]


@pytest.mark.parametrize(
    "text", ["1.2.x", "/home/9", "studies", "A-LONG-ACCESSION-NUMBER-1", "STUDY\xfc1.2"]
)
def test_what_has_other_characters_than_a_uid_is_bad(text: str) -> None:
    pasted = read_paste(text)

    assert (pasted.uids, pasted.lookups) == ((), ())
    (bad,) = pasted.bad
    assert bad.startswith("line 1: ")
    assert "is not a UID: a UID has digits and periods" in bad


def test_a_uid_of_an_archive_that_breaks_the_rules_can_be_pasted() -> None:
    assert read_paste("1.02\n1..2\n").uids == ("1.02", "1..2")
    assert read_paste("StudyInstanceUID\nSTUDY-A\n").uids == ("STUDY-A",)


def test_numbers_without_a_period_are_uids_with_a_note() -> None:
    pasted = read_paste("26000112\n26000113\n")

    assert pasted.uids == ("26000112", "26000113")
    assert pasted.notes == ("2 without a period; ^o and F5 load accession numbers",)
