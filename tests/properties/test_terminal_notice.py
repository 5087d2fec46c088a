"""A notice ends no sequence of the terminal and begins none."""

import re

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.terminal_notice import Notice, notice_sequences

_TERMINALS = [{"TERM": "xterm-256color"}, {"TERM": "foot"}, {"TERM": "xterm-kitty"}]


@given(st.text(), st.text(), st.sampled_from(_TERMINALS))
def test_no_text_ends_its_sequence_or_begins_another(
    title: str, text: str, environ: dict[str, str]
) -> None:
    written = notice_sequences(Notice(title, text), environ)

    assert re.fullmatch(r"(\x1b\][0-9]+;[^\x00-\x1f\x7f-\x9f]*\a)+\a", written)
