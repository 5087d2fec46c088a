"""Lists and tables in the shapes that people paste, export and print."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.uid_list import parse_uid_list
from dicom_retrieve_tui.model.uid_paste import read_paste
from dicom_retrieve_tui.model.uid_table import Column, NoSuchColumn

A, B = "1.2.840.1.1", "1.2.840.1.2"

LISTS = {
    "quoted": f'"{A}"\n"{B}"\n',
    "SQL": f"'{A}',\n'{B}',\n",
    "SQL in parentheses": f"('{A}',\n '{B}');\n",
    "Python on a line": f"['{A}', '{B}']",
    "JSON": f'[\n  "{A}",\n  "{B}"\n]\n',
    "a set": f"{{'{A}', '{B}'}}",
    "trailing commas": f"{A},\n{B},,\n",
    "trailing semicolons": f"{A};\n{B};\n",
    "bars": f"| {A} |\n| {B} |\n",
    "bullets": f"- {A}\n* {B}\n",
    "numbered": f"1. {A}\n2) {B}\n",
    "labelled": f"Study Instance UID: {A}\nUID={B}\n",
    "dcmdump": f"(0020,000d) UI [{A}]  #  12, 1 StudyInstanceUID\n(0020,000d) UI [{B}]\n",
    "pydicom": f"(0020,000D) Study Instance UID   UI: {A}\n(0020,000D) Study UID  UI: {B}\n",
    "brackets": f"<{A}>\n[{B}]\n",
    "a heading": f"StudyInstanceUID\n{A}\n{B}\n",
    "a heading in quotes": f'"Study Instance UID"\n"{A}"\n"{B}"\n',
    "a title above": f"Studies of the trial\n\nStudy UID\n{A}\n{B}\n",
    "two titles above": f"Export;;\nof 2026-03-31;;\nID;Study UID;Note\n1;{A};x\n2;{B};y\n",
    "sep=": f"sep=;\r\nPatientID;StudyInstanceUID\r\n1;{A}\r\n2;{B}\r\n",
    "sep= in quotes": f'"sep=,"\r\nStudyInstanceUID\r\n{A}\r\n{B}\r\n',
    "tabs, first cell empty": f"\tStudyInstanceUID\n\t{A}\n\t{B}\n",
    "empty cells beyond": f"StudyInstanceUID\n{A},,\n{B},\n",
    "a short row": f"StudyInstanceUID,Note\n{A}\n{B},x\n",
    "apostrophes": f"StudyInstanceUID\n'{A}\n\"=\"\"{B}\"\"\"\n",
    "mysql": f"+---+---+\n| study_uid | n |\n+---+---+\n| {A} | 1 |\n| {B} | 2 |\n+---+---+\n"
    "2 rows in set (0.00 sec)\n",
    "psql": f" study_uid | n\n-----------+---\n {A} | 1\n {B} | 2\n(2 rows)\n\n",
    "SQL*Plus": f"STUDY_IUID\n----------\n{A}\n{B}\n\n2 rows selected.\n",
    "SQL Server": f"study_iuid,n\n{A},1\n{B},2\n\n(2 row(s) affected)\n",
    "URNs": f"urn:oid:{A}\nurn:oid:{B}\n",
    "Markdown": f"| Study UID | n |\n|:----|---:|\n| {A} | 1 |\n| {B} | 2 |\n",
    "drawn": f"│ Study UID │\n├───┤\n{A}\n{B}\n".replace("│ Study UID │", "Study UID"),
    "a comment above": f"# from the ward\nStudyInstanceUID,n\n# first\n{A},1\n{B},2\n",
    "the heading again": f"StudyInstanceUID,n\n{A},1\nStudyInstanceUID,n\n{B},2\n",
    "cells of a web page": f"<td>{A}</td>\n<td class='x'>{B}</td>\n",
    "a mark that was misread": f"\u00ef\u00bb\u00bf{A}\n{B}\n",
    "separators in a name": f'"Name, first, last";StudyInstanceUID\nx;{A}\ny;{B}\n',
    "blank lines": f"\n\n{A}\n\n\n{B}\n\n",
    "a blank behind commas": f'StudyInstanceUID, Name\n{A}, "Example, Ada"\n{B}, x\n',
}  # fmt: skip


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS.keys())
def test_a_list_is_read_where_it_has_one_meaning(text: str) -> None:
    found = parse_uid_list(text)

    assert (found.uids, found.bad) == ((A, B), ())


@pytest.mark.parametrize("text", LISTS.values(), ids=LISTS.keys())
def test_a_paste_of_the_same_asks_for_the_same(text: str) -> None:
    assert read_paste(text).uids == (A, B)


BAD = {
    "two UIDs": (f"{A},{B}\n", "line 1: '1.2.840.1.1,1.2.840.1.2' has 2 UIDs: write one a line"),
    "two UIDs, a blank": (f"{A} {B}\n", "has 2 UIDs"),
    "two UIDs, a tab": (f"{A}\t{B}\n", "has 2 UIDs"),
    "two UIDs, a semicolon": (f"{A}; {B}\n", "has 2 UIDs"),
    "two in quotes": (f'"{A}","{B}"\n', "has 2 UIDs"),
    "beside a name": (f"Example^Ada, {A}, CT\n", "has several words"),
    "two below a heading": (f"StudyInstanceUID\n{A},{B}\n", "are there two UIDs in it?"),
    "two in a cell": (f'StudyInstanceUID\n"{A} {B}"\n', "has 2 UIDs"),
    "a cell beyond": (f"PatientID;StudyInstanceUID\n1;{A};{B}\n", "3 cells, and the heading 2"),
    "a comma in a name": (f"Name,StudyInstanceUID\nA, B,{A}\n", "needs quotes around it"),
    "a shifted row": (f"Name,StudyInstanceUID,n\nA, B,{A}\n", "but 'n' has one"),
    "a rounded number": ("StudyInstanceUID\n1.2E+15\n", "rounded"),
    "an error": ("#N/A\n", "an error of a spreadsheet"),
    "an error below a heading": ("StudyInstanceUID\n#N/A\n", "an error of a spreadsheet"),
    "nothing": ("StudyInstanceUID,n\nNULL,1\n", "means a missing value"),
    "a wildcard": ("1.2.*\n", "has a wildcard"),
    "prose": ("the wrong file altogether\n", "has several words"),
    "JSON records": ('{"study": "1.2.3"}\n', "this is JSON"),
}


@pytest.mark.parametrize(("text", "words"), BAD.values(), ids=BAD.keys())
def test_what_may_mean_several_things_is_refused_with_the_cause(text: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_uid_list(text)

    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["AccessionNumber\n1,67683E+15\n", "PatientID\n1,5E+9\n"])
def test_a_rounded_number_with_a_decimal_comma_is_recognised(text: str) -> None:
    key = Column.PATIENT if text.startswith("P") else Column.ACCESSION
    with pytest.raises(ConfigError, match=r"rounded.*decimal comma"):
        parse_uid_list(text, key=key)


@pytest.mark.parametrize("text", ["AccessionNumber\n2026,0042\n", "AccessionNumber\n12,345\n"])
def test_a_number_with_a_comma_is_not_the_number_before_it(text: str) -> None:
    with pytest.raises(ConfigError, match="a decimal comma"):
        parse_uid_list(text, key=Column.ACCESSION)


@pytest.mark.parametrize(
    "text",
    [
        '["A1", "A 2"]',
        "'A1',\n'A 2',\n",
        "Exported by the RIS\nAccession Number\nA1\nA 2\n",
        "sep=,\nAccession No.\nA1\nA 2\n",
        "Accession Number: A1\nAccession: A 2\n",
    ],
)
def test_accession_numbers_in_the_same_shapes(text: str) -> None:
    found = parse_uid_list(text, key=Column.ACCESSION)

    assert [each.accession_number for each in found.lookups] == ["A1", "A 2"]
    assert found.bad == ()


def test_a_number_above_the_heading_is_not_lost() -> None:
    found = parse_uid_list("A7\nAccessionNumber\nA1\n", key=Column.ACCESSION)

    assert [each.accession_number for each in found.lookups] == ["A1"]
    assert found.bad == ("line 1: 'A7' stands above the heading: put it below",)


def test_a_table_without_the_column_names_those_that_it_has() -> None:
    with pytest.raises(NoSuchColumn, match="there are 'Name', 'Date'"):
        parse_uid_list("Name;Date\nA;2026-03-31\n")


def test_a_column_may_be_named_in_any_script() -> None:
    assert parse_uid_list(f"氏名,検査\n山田,{A}\n", "検査").uids == (A,)


def test_columns_that_are_not_used_are_named_once() -> None:
    found = parse_uid_list(f"StudyInstanceUID,PatientID,Operator,StudyDate\n{A},P1,x,1/2/2026\n")

    assert found.uids == (A,)
    assert found.notes == (
        "columns that are not used: Operator",
        "not used beside a StudyInstanceUID, which names the study: PatientID, StudyDate",
    )
