from dataclasses import replace

import pytest

from dicom_retrieve_tui.tui.cursor import Cursor
from dicom_retrieve_tui.tui.queue_view import ShownRows, Tab, View
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State


def row(number: int, state: State = State.QUEUED) -> Row:
    return Row(key=RowKey(0, f"1.2.{number}"), number=number, state=state)


def pointing_at(*rows: Row) -> tuple[ShownRows, Cursor]:
    shown_rows = ShownRows()
    shown_rows.update(rows)
    pointing = Cursor(shown_rows)
    pointing.settle(None)
    return shown_rows, pointing


def test_the_cursor_stays_on_its_study_and_leaves_with_it() -> None:
    shown_rows, pointing = pointing_at(row(1), row(2), row(3))
    pointing.go(1)

    shown_rows.show(View(descending=True))
    assert pointing.settle(row(2))
    assert pointing.row == row(2)
    shown_rows.update([], [row(2).key])
    assert not pointing.settle(row(2))
    assert pointing.row == row(1)
    shown_rows.update([], [row(1).key, row(3).key])
    assert not pointing.settle(row(1))
    assert (pointing.key, pointing.index, pointing.chosen()) == (None, None, [])


def test_it_goes_no_further_than_the_rows() -> None:
    _, pointing = pointing_at(row(1), row(2))

    assert pointing.go(7)
    assert pointing.row == row(2)
    assert pointing.go(-7)
    assert pointing.row == row(1)
    assert not pointing_at()[1].go(0)


def test_all_that_is_shown_is_marked_or_none_of_it() -> None:
    shown_rows, pointing = pointing_at(row(1, State.DONE), row(2), row(3))
    pointing.mark(row(1).key)
    shown_rows.show(View(Tab.ACTIVE))
    pointing.settle(row(1, State.DONE))

    pointing.mark_all()
    assert pointing.chosen() == [row(1, State.DONE), row(2), row(3)]
    pointing.mark_all()
    assert pointing.chosen() == [row(1, State.DONE)]
    pointing.unmark([row(1).key])
    assert pointing.marked == 0
    assert pointing.chosen() == [row(2)], "the one under the cursor"


@pytest.mark.parametrize("descending", [False, True])
def test_a_study_that_leaves_gives_the_cursor_to_the_next_row(*, descending: bool) -> None:
    shown_rows, cursor = pointing_at(*(row(number) for number in range(1, 7)))
    shown_rows.show(View(Tab.ACTIVE, descending=descending))
    cursor.go(3)
    before, after = cursor.row, shown_rows.at(4)

    leaving = [shown_rows.at(index) for index in (0, 1, 3)]
    shown_rows.update([replace(each, state=State.DONE) for each in leaving])

    assert not cursor.settle(before)
    assert cursor.row == after
