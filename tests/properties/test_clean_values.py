"""Whatever a peer says, at any depth of what is written, is plain text of some length."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.events import InstanceRefused, event_fields
from dicom_retrieve_tui.model.sanitize import clean_text, clean_values, quoted

_TEXT = st.text() | st.text(alphabet="\x1b[]\u202e\u2066\x9b\r\n\ud800/.a")


@given(_TEXT, st.integers(0, 100))
def test_cleaned_text_is_printable_and_short_and_stays_as_it_is(text: str, limit: int) -> None:
    cleaned = clean_text(text, limit)

    assert len(cleaned) <= limit
    assert all(c.isprintable() or c.isspace() for c in cleaned)
    assert "\n" not in cleaned
    assert clean_text(cleaned, limit) == cleaned


@given(_TEXT)
def test_quoted_text_spells_out_what_a_terminal_would_obey(text: str) -> None:
    shown = quoted(text)

    assert shown.isprintable()
    assert len(shown) <= 64 * len("\\U0010ffff") + len("''...")


@given(
    st.recursive(
        _TEXT | st.integers() | st.none(), lambda v: st.lists(v) | st.dictionaries(st.just("k"), v)
    )
)
def test_the_shape_of_what_is_cleaned_stays(value: object) -> None:
    cleaned = clean_values(value)

    assert type(cleaned) is type(value)
    assert clean_values(cleaned) == cleaned


@given(_TEXT)
def test_no_event_carries_more_than_text(text: str) -> None:
    event = InstanceRefused(study_instance_uid=None, sop_instance_uid=text, status=1, reason=text)
    for told in event_fields(event).values():
        assert told == clean_values(told)
