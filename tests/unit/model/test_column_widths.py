"""The widths of columns in a given room."""

from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns

_COLUMNS = (
    ColumnSize(name="date", least=10),
    ColumnSize(name="name", least=6),
    ColumnSize(name="id", least=8, rank=1),
    ColumnSize(name="uid", least=4, rank=2, reserve=5),
)
_GROWTH = ({"name": 12, "uid": 12}, {"name": 20})


def widths(room: int) -> dict[str, int]:
    return fit_columns(_COLUMNS, room, gap=1, growth=_GROWTH)


def test_without_room_the_columns_that_must_stay_keep_their_least_width() -> None:
    assert widths(3) == {"date": 10, "name": 6}


def test_the_lowest_rank_is_taken_first() -> None:
    assert widths(26) == {"date": 10, "name": 6, "id": 8}


def test_a_reserve_must_remain_for_others() -> None:
    assert "uid" not in widths(35)
    assert "uid" in widths(36)


def test_no_column_is_taken_in_place_of_one_of_a_lower_rank() -> None:
    columns = (ColumnSize(name="a", least=9, rank=1), ColumnSize(name="b", least=3, rank=2))

    assert fit_columns(columns, 5, gap=1, growth=()) == {}
    assert fit_columns(columns, 9, gap=1, growth=()) == {"a": 9}


def test_the_narrowest_grows_first_and_no_column_beyond_its_limit() -> None:
    assert widths(36) == {"date": 10, "name": 8, "id": 8, "uid": 7}
    assert widths(200) == {"date": 10, "name": 20, "id": 8, "uid": 12}
