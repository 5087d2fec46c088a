"""Lines of a text are those that an editor shows."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.list_text import TextLines


@given(st.text(alphabet="ab\r\n\u2028", max_size=30))
def test_lines_are_those_of_an_editor(text: str) -> None:
    expected = re.findall("[^\r\n]*(?:\r\n|\r|\n|$)", text)
    lines = TextLines(text)

    assert list(lines) == expected
    assert len(lines) == len(expected)
    assert [lines[at] for at in range(-len(lines), len(lines))] == [*expected, *expected]
    assert lines[1:-1] == expected[1:-1]
