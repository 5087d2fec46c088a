"""The order of the rows, updated one by one or many at once, is that of a sorted list."""

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.queue_view import SORTS, ShownRows, Tab, View
from dicom_retrieve_tui.tui.snapshot import ACTIVE, BAD, Row, RowKey, State

_STATES = {
    Tab.ALL: frozenset(State),
    Tab.ACTIVE: ACTIVE,
    Tab.FAILED: BAD,
    Tab.DONE: frozenset({State.DONE}),
}
_ROWS = st.builds(
    lambda number, state, done, patient: Row(
        key=RowKey(0, f"1.2.{number}"),
        number=number,
        state=state,
        done=done,
        identity=StudyIdentity(patient_name=patient),
    ),
    st.integers(1, 30),
    st.sampled_from(State),
    st.integers(0, 3),
    st.sampled_from(["", "a", "b"]),
)
_VIEWS = st.builds(
    View,
    tab=st.sampled_from(Tab),
    needle=st.sampled_from(["", "1.2.1", "A"]),
    sort=st.sampled_from(sorted(SORTS)),
    descending=st.booleans(),
)
_STEPS = st.lists(
    st.one_of(_VIEWS, st.tuples(st.lists(_ROWS, max_size=4), st.lists(st.integers(1, 30)))),
    max_size=12,
)


def _expected(rows: dict[RowKey, Row], view: View) -> list[Row]:
    shown = [
        row
        for row in rows.values()
        if row.state in _STATES[view.tab]
        and view.needle.lower() in f"{row.key.study_instance_uid}\n{row.identity.patient}"
    ]
    shown.sort(key=lambda row: row.number)
    # Stable in both directions.
    return sorted(shown, key=SORTS[view.sort], reverse=view.descending)


@settings(deadline=None)
@given(_STEPS, st.sampled_from([0, 500]))
def test_rows_are_where_a_sorted_list_has_them(
    steps: list[View | tuple[list[Row], list[int]]], others: int
) -> None:
    shown_rows, rows = ShownRows(), dict[RowKey, Row]()
    unknown = [RowKey(9, str(number)) for number in range(others)]
    for step in steps:
        if isinstance(step, View):
            shown_rows.show(step)
        else:
            changed, gone = step[0], [RowKey(0, f"1.2.{number}") for number in step[1]]
            rows = {key: row for key, row in rows.items() if key not in gone}
            rows |= {row.key: row for row in changed if row.key not in gone}
            kept = [row for row in changed if row.key not in gone]
            shown_rows.update(kept, [*gone, *unknown])
        expected = _expected(rows, shown_rows.view)
        assert [shown_rows.at(index) for index in range(len(shown_rows))] == expected
        assert [shown_rows.index_of(row.key) for row in expected] == [*range(len(expected))]
        hidden = rows.keys() - {row.key for row in expected}
        assert all(shown_rows.index_of(key) is None for key in hidden)
