"""A table never exceeds its room, and loses no column by growing."""

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.model.test_column_widths import widths


@given(st.integers(min_value=17, max_value=300))
def test_a_wider_table_has_every_column_of_a_narrower_one(room: int) -> None:
    assert widths(room).keys() <= widths(room + 1).keys()


@given(st.integers(min_value=17, max_value=300))
def test_a_line_is_never_wider_than_its_room(room: int) -> None:
    found = widths(room)

    assert sum(found.values()) + len(found) - 1 <= room
