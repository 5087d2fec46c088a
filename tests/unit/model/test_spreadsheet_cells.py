"""Cells as spreadsheets write them, and as we write them."""

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.spreadsheet_cells import (
    cell_dates,
    escaped,
    spoilt_number,
    uid_text,
    unescaped,
)


@pytest.mark.parametrize(
    "cell",
    [
        "1.2.3", " 1.2.3 ", "'1.2.3", "'1.2.3'",
        '"1.2.3"', '="1.2.3"', "\u201c1.2.3\u201d", "`1.2.3`",
        "<1.2.3>", "[1.2.3]", "('1.2.3')", "'1.2.3',", '"1.2.3";', "\uff11.\uff12\uff0e\uff13",
        "\u00ab1.2.3\u00bb",
    ],
)  # fmt: skip
def test_what_programs_put_around_a_uid_is_taken_off(cell: str) -> None:
    assert uid_text(cell) == "1.2.3"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1.67683E+15", "rounded"),
        ("1,67683E+15", "rounded"),
        ("1.67683e15", "rounded"),
        ("2E+15", "rounded"),
        ("-1.5E-3", "rounded"),
        ("12345.0", "ends in .0"),
        ("12345,00", "ends in .0"),
        ("1,676,830", "separators of thousands"),
        ("#N/A", "error of a spreadsheet"),
        ("#NAME?", "error of a spreadsheet"),
        ("########", "error of a spreadsheet"),
        ("A\ufffd1", "were lost"),
    ],
)
def test_a_number_that_a_program_spoilt_is_explained(text: str, words: str) -> None:
    assert words in str(spoilt_number(text))


@pytest.mark.parametrize("text", ["A1", "12E3", "E15", "1E15", "2026-0042", "12.5", "007", "A#1"])
def test_a_number_that_may_be_right_is_taken(text: str) -> None:
    assert spoilt_number(text) is None


@pytest.mark.parametrize(
    ("cell", "dates"),
    [
        ("2026-03-31", "2026-03-31"),
        ("20260331", "2026-03-31"),
        ("2026/3/31", "2026-03-31"),
        ("2026.03.31", "2026-03-31"),
        ("31.03.2026", "2026-03-31"),
        ("1.2.2026", "2026-02-01"),
        ("31/03/2026", "2026-03-31"),
        ("03/31/2026", "2026-03-31"),
        ("05/05/2026", "2026-05-05"),
        ("31-Mar-2026", "2026-03-31"),
        ("March 31, 2026", "2026-03-31"),
        ("2026-03-31 00:00:00", "2026-03-31"),
        ("2026-03-31T14:05:06.123", "2026-03-31"),
        ("31.03.2026 08:30", "2026-03-31"),
        ("2026-03", "2026-03-01..2026-03-31"),
        ("20260301-20260331", "2026-03-01..2026-03-31"),
        ("20260301-", "2026-03-01.."),
        ("-20260331", "..2026-03-31"),
        ("2026-03-01..2026-03-31", "2026-03-01..2026-03-31"),
        ("01.03.2026 - 31.03.2026", "2026-03-01..2026-03-31"),
        ("2026-03-01 to 2026-03-31", "2026-03-01..2026-03-31"),
    ],
)
def test_a_date_as_it_is_written(cell: str, dates: str) -> None:
    assert str(cell_dates(cell)) == dates


@pytest.mark.parametrize(
    ("cell", "words"),
    [
        ("01/02/2026", "is ambiguous"),
        ("1-2-2026", "is ambiguous"),
        ("31.03.26", "a year of two digits"),
        ("46112", "a day number of a spreadsheet"),
        ("46112.0", "expected"),
        ("today", "not a date"),
        ("2026-13-01", "month"),
        ("31.02.2026", "day"),
        ("2026-03-31..2026-03-01", "before it begins"),
        ("a..b..c", "not a date"),
        ("..", "not a date"),
        ("-", "not a date"),
        ("*", "not a date"),
        ("31-Mrz-2026", "not a date"),
    ],
)
def test_a_date_that_may_be_another_is_refused(cell: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        cell_dates(cell)


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+49", "-1", "@SUM(1)", "'=1", "  =1", "\uff1d1", '=HYPERLINK("http://x.example")'],
)
def test_a_cell_that_begins_like_a_formula_is_escaped(cell: str) -> None:
    assert escaped(cell) == f"'{cell}"
    assert unescaped(escaped(cell)) == cell


@pytest.mark.parametrize("cell", ["", "1.2.3", "Müller^Jörg", "O'Hara", "'", "'s", "A=1", "2-1"])
def test_any_other_cell_is_not_escaped(cell: str) -> None:
    assert escaped(cell) == unescaped(cell) == cell
