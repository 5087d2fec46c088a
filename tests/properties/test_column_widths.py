"""A table never exceeds its room, and loses no column by growing."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns

_COLUMNS = (
    ColumnSize(name="date", least=10),
    ColumnSize(name="name", least=6),
    ColumnSize(name="id", least=8, rank=1),
    ColumnSize(name="uid", least=4, rank=2, reserve=5),
)
_GROWTH = ({"name": 12, "uid": 12}, {"name": 20})


def _widths(room: int) -> dict[str, int]:
    return fit_columns(_COLUMNS, room, gap=1, growth=_GROWTH)


@given(st.integers(min_value=17, max_value=300))
def test_a_wider_table_has_every_column_of_a_narrower_one(room: int) -> None:
    assert _widths(room).keys() <= _widths(room + 1).keys()


@given(st.integers(min_value=17, max_value=300))
def test_a_line_is_never_wider_than_its_room(room: int) -> None:
    found = _widths(room)

    assert sum(found.values()) + len(found) - 1 <= room
