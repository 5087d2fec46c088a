"""Tables as spreadsheets and archives export them."""

from datetime import date

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.uid_list import UidList, parse_uid_list
from dicom_retrieve_tui.model.uid_table import Column
from tests.sessions import selections

SPREADSHEET = (
    "\ufeffName;Study Instance UID;Series\r\n"
    '"Test^One; ""1""";"1.2.3";9.9.9\r\n'
    ";;\r\n"
    "Test^Two;1.2.*;9.9.9\r\n"
    "Test^Three;1.2.4\r\n"
    "Test^Four\r\n"
    "Test^One;1.2.3;9.9.8\r\n"
)


def test_a_spreadsheets_export_is_read_and_its_bad_rows_are_named() -> None:
    assert parse_uid_list(SPREADSHEET) == UidList(
        selections=selections("1.2.3", "1.2.4"),
        duplicates=1,
        bad=(
            "line 4: '1.2.*' has a wildcard, and would match more than one",
            "line 6: '' is empty",
        ),
        notes=("columns that are not used: Name, Series",),
    )


@pytest.mark.parametrize("heading", ["StudyInstanceUID", "(0020,000D)", "study_uid", "Study UID"])
@pytest.mark.parametrize("delimiter", [";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_columns_and_separators_as_people_have_them(heading: str, delimiter: str, end: str) -> None:
    text = end.join([f"Other{delimiter}{heading}", f"7.7{delimiter}1.2.3", ""])

    assert parse_uid_list(text).selections == selections("1.2.3")


@pytest.mark.parametrize("heading", ["UID", "uids", "Study UIDs", "DICOM Study UID", "SUID"])
def test_a_column_of_uids_may_have_a_short_name(heading: str) -> None:
    assert parse_uid_list(f"Name;{heading}\nTest;1.2.3\n").selections == selections("1.2.3")


def test_a_short_name_gives_way_to_a_longer_one() -> None:
    found = parse_uid_list("UID;Date;Study UID;Study date\n9.9;1;1.2.3;20240102\n")

    assert found.uids == ("1.2.3",)
    assert found.identities["1.2.3"].study_date == "20240102"
    assert "columns that are not used: UID, Date" in found.notes


def test_a_uid_beside_that_of_a_series_is_not_taken_for_that_of_the_study() -> None:
    with pytest.raises(ConfigError, match="no column is named StudyInstanceUID"):
        parse_uid_list("UID;Series UID\n1.2.3;1.2.3.4\n")


@pytest.mark.parametrize("accession", ["Accession", "Acc. No.", "Accession #", "Acc Nr", "ACC#"])
@pytest.mark.parametrize("patient", ["MRN", "Patient ID", "Patient No.", "Medical Record Number"])
def test_columns_of_a_lookup_as_people_name_them(accession: str, patient: str) -> None:
    found = parse_uid_list(f"{accession};{patient};Study date\nA1;T-1;2024-01-02\n")

    (lookup,) = found.lookups
    assert (lookup.accession_number, lookup.patient_id) == ("A1", "T-1")
    assert lookup.study_date == DateRange(date(2024, 1, 2), date(2024, 1, 2))


def test_a_date_of_anything_excludes_no_study() -> None:
    found = parse_uid_list("Accession Number,Date\nA1,01/02/2024\n")

    (lookup,) = found.lookups
    assert (lookup.accession_number, lookup.study_date) == ("A1", None)
    assert found.notes == ("columns that are not used: Date",)


def test_a_uid_that_numbers_subjects_is_not_a_study_instance_uid() -> None:
    found = parse_uid_list("UID,MRN\n,T-0\n7,T-1\n8,T-2\n")

    assert [each.patient_id for each in found.lookups] == ["T-0", "T-1", "T-2"]
    assert found.notes == ("columns that are not used: UID",)


def test_a_uid_beside_an_accession_number_names_the_study() -> None:
    found = parse_uid_list("Accession,UID\nA1,1.2.840.1\nA2,\n")

    assert found.uids == ("1.2.840.1",)
    assert [each.accession_number for each in found.lookups] == ["A2"]


def test_a_heading_may_begin_with_the_number_of_the_attribute() -> None:
    assert parse_uid_list("0020000D;Name\n1.2.3;Test\n").selections == selections("1.2.3")


def test_another_column_may_be_named() -> None:
    assert parse_uid_list("a,My Study\n1.1,1.2\n", "my study").uids == ("1.2",)


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("a,b\n1.2,1.3\n", None, "no column is named StudyInstanceUID; there are 'a', 'b'"),
        ("a,b\n1.2,1.3\n", "c", "no column is named 'c'; there are 'a', 'b'"),
        ("1.2\n1.3\n", "c", "this is not a table"),
        ("a,StudyInstanceUID\n1,x*\n", None, "line 2: 'x*' has a wildcard"),
        ("a,StudyInstanceUID\n", None, "names no UID"),
    ],
)
def test_an_invalid_table_is_refused(text: str, column: str | None, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uid_list(text, column)

    assert words in str(caught.value)


def test_a_cell_may_hold_line_ends_and_lines_are_still_counted_as_editors_do() -> None:
    text = 'note,StudyInstanceUID\n"two\nlines",1.2\nx,bad*\n'

    assert parse_uid_list(text).bad == (
        "line 4: 'bad*' has a wildcard, and would match more than one",
    )


def test_a_list_with_a_comma_in_a_uids_place_is_no_table() -> None:
    with pytest.raises(ConfigError, match=r"line 1: '1\.2,1\.3' has 2 UIDs"):
        parse_uid_list("1.2,1.3\n")


def test_a_quote_that_is_left_open_is_named_by_its_line() -> None:
    text = 'StudyInstanceUID,Note\n1.2.3,a\n1.2.4,"' + "x\n" * 70_000

    with pytest.raises(ConfigError, match="is a quote left open"):
        parse_uid_list(text)


@pytest.mark.parametrize(
    "rows",
    [
        '1.2.840.1,"x\n1.2.840.2,y\n1.2.840.3,z\n',
        '1.2.840.1,"x\n1.2.840.2,"y\n1.2.840.3,z\n',
        '1.2.840.1,"x\n1.2.840.2,y\n1.2.840.3,z"\n',
        '1.2.840.1,"x\n1.2.840.2,y\n1.2.840.3,"z"\n',
    ],
    ids=["to the end", "to the next quote", "to a stray quote", "to a quoted cell"],
)
def test_an_open_quote_takes_no_row_below_it_along(rows: str) -> None:
    found = parse_uid_list(f"StudyInstanceUID,Name\n{rows}")

    assert found.bad[0] == "line 2: a quote is left open in it"
    # Every row is asked for, or named.
    assert len(found.uids) + len(found.bad) == 3
    assert found.uids in {("1.2.840.2", "1.2.840.3"), ("1.2.840.3",), ("1.2.840.2",)}


def test_an_open_quote_takes_no_patient_along() -> None:
    found = parse_uid_list('PatientID,Name\nP1,"x\nP2,y\n', key=Column.PATIENT)

    assert found.bad == ("line 2: a quote is left open in it",)
    assert [each.patient_id for each in found.lookups] == ["P2"]


@pytest.mark.parametrize("text", ["x" * 200_000 + "\n1.2.840.1\n", "x;" * 70_000 + "\n1.2.840.1\n"])
def test_a_line_that_is_too_long_for_a_heading_is_none(text: str) -> None:
    with pytest.raises(ConfigError):
        parse_uid_list(text, "a column")


def test_rows_are_narrowed_to_their_series_and_instances() -> None:
    found = parse_uid_list(
        "SOP Instance UID;Study Instance UID;Series Instance UID\n"
        ";1.2.3;1.3.1\n"
        "1.4.1;1.2.3;1.3.2\n"
        "1.4.2;1.2.3;1.3.2\n"
        ";1.2.3;1.3.1\n"
        ";1.2.4;x*\n"
        "1.4.3;1.2.5;\n"
    )

    assert found == UidList(
        selections=join(
            [
                Selection.of("1.2.3", "1.3.1"),
                Selection.of("1.2.3", "1.3.2", "1.4.1"),
                Selection.of("1.2.3", "1.3.2", "1.4.2"),
            ]
        ),
        duplicates=1,
        bad=(
            "line 6: its SeriesInstanceUID 'x*' has a wildcard, and would match more than one",
            "line 7: its SOPInstanceUID '1.4.3' needs the SeriesInstanceUID",
        ),
    )


def test_a_row_without_a_uid_is_known_by_its_accession_number_or_patient() -> None:
    found = parse_uid_list(
        "StudyInstanceUID,AccessionNumber,PatientID\n1.2.3,A1,P1\n,A2,P2\n,,P3\n,,P3\n,A*,\n,,P?\n"
    )

    assert found.uids == ("1.2.3",)
    assert found.lookups == (
        Lookup(line=3, accession_number="A2", patient_id="P2"),
        Lookup(line=4, patient_id="P3"),
    )
    assert found.duplicates == 1
    assert found.bad == (
        "line 6: the accession number 'A*' has a wildcard, but a line names only one",
        "line 7: the patient ID has a wildcard, but a line names only one",
    )


@pytest.mark.parametrize("text", ["A1\n# mine\nB#2 # his\n", "Accession Number\nA1\nB#2\n"])
def test_a_list_of_accession_numbers(text: str) -> None:
    found = parse_uid_list(text, key=Column.ACCESSION)

    assert [each.accession_number for each in found.lookups] == ["A1", "B#2"]


def test_a_table_of_one_column_has_a_heading_all_the_same() -> None:
    assert parse_uid_list("StudyInstanceUID\r\n1.2.3\r\n").uids == ("1.2.3",)
    assert parse_uid_list("My Study\n1.2.3\n", "my study").uids == ("1.2.3",)
