"""Cells that a spreadsheet would calculate."""

import pytest

from dicom_retrieve_tui.model.spreadsheet import as_said, as_text


@pytest.mark.parametrize(
    "cell",
    ["=1+1", "+49", "-1", "@SUM(1)", "'=1", "  =1", "\uff1d1", '=HYPERLINK("http://x.example")'],
)
def test_what_begins_like_a_formula_becomes_text(cell: str) -> None:
    assert as_text(cell) == f"'{cell}"
    assert as_said(as_text(cell)) == cell


@pytest.mark.parametrize("cell", ["", "1.2.3", "Müller^Jörg", "O'Hara", "'", "'s", "A=1", "2-1"])
def test_everything_else_stays_as_it_is(cell: str) -> None:
    assert as_text(cell) == as_said(cell) == cell
