"""Any cell comes back as it was."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.spreadsheet_cells import escaped, unescaped


@given(st.text(alphabet="'=+-@ ab1"))
def test_what_is_read_back_is_what_was_written(cell: str) -> None:
    assert unescaped(escaped(cell)) == cell
    assert escaped(cell)[:1] not in set("=+-@")
