"""Any text becomes one line."""

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.sanitize import clean_text


@given(st.text(), st.integers(min_value=0, max_value=50))
def test_any_text_becomes_one_printable_line(text: str, limit: int) -> None:
    cleaned = clean_text(text, limit)

    assert len(cleaned) <= limit
    assert not {unicodedata.category(character) for character in cleaned} & {
        "Cc",
        "Cf",
        "Cs",
        "Zl",
        "Zp",
    }
