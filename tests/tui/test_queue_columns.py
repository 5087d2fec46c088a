"""Which columns of the queue fit, and what stands in them."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.tui.queue_columns import CHOOSABLE, QueueColumns, cell_text, columns_for
from dicom_retrieve_tui.tui.queue_view import View
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State

_WHOSE = frozenset({"patient", "id", "date", "modality", "description", "accession"})
_ADA = StudyIdentity(
    patient_name="Example^Ada",
    patient_id="T-0001",
    study_date="20260311",
    modalities=("CT",),
    study_description="Chest",
    accession_number="A1",
)


def _row(identity: StudyIdentity = _ADA, *, uid: str = "1.2.840.4711", pacs: str = "one") -> Row:
    return Row(
        key=RowKey(0, uid), number=1, state=State.RUNNING, done=12, expected=312,
        identity=identity, pacs=pacs,
    )  # fmt: skip


def _names(width: int, hidden: frozenset[str] = frozenset()) -> list[str]:
    return [column.name for column in columns_for(width, _WHOSE, hidden)]


def _line(width: int, *rows: Row, hide_patients: bool = False) -> str:
    columns = QueueColumns()
    columns.fit(width)
    columns.extend_for(rows)
    return columns.text(rows[0], marked=False, hide_patients=hide_patients)


@pytest.mark.parametrize("width", [56, 76, 96, 116, 156, 196])
def test_at_every_width_the_line_names_patient_date_and_modality(width: int) -> None:
    line = _line(width, _row())

    assert all(text in line for text in ("Example, Ada", "2026-03-11", "CT", "12/312"))
    assert len(line) <= width


@settings(deadline=None)
@given(st.integers(10, 250), st.sets(st.sampled_from([each.name for each in CHOOSABLE])))
def test_a_wider_terminal_never_has_fewer_columns(width: int, hidden: set[str]) -> None:
    assert set(_names(width, frozenset(hidden))) <= set(_names(width + 1, frozenset(hidden)))


@given(st.integers(10, 250), st.sets(st.sampled_from([each.name for each in CHOOSABLE])))
def test_nor_has_it_if_studies_were_asked_for_by_accession_number(
    width: int, hidden: set[str]
) -> None:
    narrow, wide = (
        {each.name for each in columns_for(cells, _WHOSE, hidden, accession_cells=16)}
        for cells in (width, width + 1)
    )
    assert narrow <= wide


@pytest.mark.parametrize("number", ["A1", "ACC-2024-0000815"])
@pytest.mark.parametrize("width", [56, 57, 67, 72, 76, 96, 116, 156, 196])
def test_an_accession_number_that_was_asked_for_drives_out_neither_date_nor_modality(
    width: int, number: str
) -> None:
    row = replace(_row(replace(_ADA, accession_number=number)), by_accession=True)

    line = _line(width, row)

    assert all(text in line for text in ("Example, Ada", "2026-03-11", "CT", "12/312"))


@pytest.mark.parametrize(("number", "least"), [("A1", 67), ("ACC-2024-0000815", 73)])
def test_an_accession_number_that_was_asked_for_is_shown_whole_before_the_description(
    number: str, least: int
) -> None:
    row = replace(_row(replace(_ADA, accession_number=number)), by_accession=True)

    assert "Chest" not in _line(least, row)
    for width in (least, least + 10, 96, 101, 116, 156, 196):
        assert number in _line(width, row)


@pytest.mark.parametrize("accession_cells", [0, 10, 16])
def test_a_rate_and_the_time_left_leave_a_name_its_start(accession_cells: int) -> None:
    for width in range(60, 200):
        columns = columns_for(width, _WHOSE, accession_cells=accession_cells)
        widths = {each.name: each.width for each in columns}
        if "rate" in widths:
            assert widths["patient"] >= 15


def test_a_wide_terminal_has_every_column() -> None:
    assert {each.name for each in CHOOSABLE} - {"pacs"} <= set(_names(200))


def test_the_uid_names_a_study_until_something_else_does() -> None:
    assert "4711" in _line(56, _row(UNIDENTIFIED))
    for width in (56, 76, 116):
        assert "4711" in _line(width, _row(UNIDENTIFIED), _row(uid="1.2.3"))


def test_the_user_can_leave_out_a_column_but_not_every_name_of_a_study() -> None:
    assert "date" not in _names(200, frozenset({"date"}))
    everything = frozenset(each.name for each in CHOOSABLE)
    assert "uid" in _names(200, everything)


def test_the_pacs_is_a_column_where_there_are_several() -> None:
    assert "one" not in _line(200, _row())
    assert "one" in _line(200, _row(), _row(uid="1.2.3", pacs="other"))


def test_hiding_patients_masks_name_and_id() -> None:
    line = _line(200, _row(), hide_patients=True)

    assert "Ada" not in line
    assert "T-0001" not in line
    assert "Chest" in line


def test_hiding_patients_masks_the_accession_number_too() -> None:
    sought = replace(_row(), sought="accession A1, line 12")

    assert "A1" in _line(200, _row())
    assert "A1" not in _line(200, _row(), hide_patients=True)
    unnamed = replace(sought, identity=StudyIdentity(accession_number="A1"))
    shown = [cell_text(each, unnamed, marked=False, hide_patients=True, stands_in=True)
             for each in columns_for(200, _WHOSE)]  # fmt: skip
    assert "A1" not in "".join(shown)
    assert "line 12" in "".join(shown)


def test_names_are_whole_before_an_id_and_an_accession_number_are_shown() -> None:
    row = _row(replace(_ADA, patient_name="Example^Ada Josephine", study_description="Chest, late"))

    for width in range(60, 200):
        columns = QueueColumns()
        columns.fit(width)
        columns.extend_for([row])
        shown = columns.text(row, marked=False, hide_patients=False)
        if "A1" in shown:
            assert "Example, Ada Josephine" in shown
            assert "Chest, late" in shown


def test_large_counts_keep_their_separators_in_a_narrow_column() -> None:
    found = next(each for each in columns_for(60, ()) if each.name == "instances")
    column, row = replace(found, width=9), replace(_row(), done=12_000, expected=12_345)

    assert cell_text(column, row, marked=False, hide_patients=False) == "of 12,345"


_BARE = StudyIdentity(patient_id="T-0002", accession_number="A2")


@pytest.mark.parametrize("width", [56, 76, 116])
def test_a_study_without_a_date_shows_what_the_user_gave(width: int) -> None:
    row = _row(_BARE)

    assert "A2" in _line(width, row)
    assert "A2" in _line(width, row, _row())


@pytest.mark.parametrize("width", [56, 76, 116, 156])
def test_with_hidden_patients_a_study_without_a_date_shows_the_end_of_its_uid(width: int) -> None:
    row = _row(_BARE)
    for line in (
        _line(width, row, hide_patients=True),
        _line(width, row, _row(), hide_patients=True),
    ):
        assert "4711" in line
        assert "A2" not in line


def test_rate_and_time_left_give_their_room_to_others_while_nothing_runs() -> None:
    row = replace(_row(), state=State.DONE)
    columns = QueueColumns()
    columns.fit(118)
    columns.extend_for([row])
    at_rest = {each.name for each in columns.shown}

    assert columns.show_live(live=True)
    live = {each.name for each in columns.shown}

    assert live - at_rest == {"rate", "eta"}
    assert "accession" in at_rest
    assert not columns.show_live(live=True)


def test_the_pacs_is_a_column_no_longer_once_all_rows_have_the_same() -> None:
    one, other = _row(), _row(uid="1.2.3", pacs="other")
    columns = QueueColumns()
    columns.fit(200)
    columns.extend_for([one, other, _row(uid="1.2.4", pacs="")])
    assert "pacs" in {each.name for each in columns.shown}

    assert columns.forget_pacs([one])
    assert "pacs" not in {each.name for each in columns.shown}


def test_the_size_of_a_complete_study_is_shown_once() -> None:
    row = replace(_row(), state=State.DONE, received_bytes=465_000, elapsed_s=3.1)

    alone = next(each for each in columns_for(60, ()) if each.name == "progress")
    text = cell_text(replace(alone, width=20), row, marked=False, hide_patients=False)
    assert text.rstrip() == "465.0 kB in 3.1 s"
    assert _line(198, row).count("465.0 kB") == 1
    assert "complete in 3.1 s" in _line(198, row)


@pytest.mark.parametrize("hide_patients", [False, True])
@pytest.mark.parametrize("width", [60, 80, 100, 160, 240])
def test_a_line_without_a_study_is_named_where_patients_are(
    width: int, *, hide_patients: bool
) -> None:
    missed = StudyIdentity(patient_id="T-0002", accession_number="A1")
    sought = replace(_row(missed, uid="line"), sought="accession A1, line 3", by_accession=True)
    columns = QueueColumns()
    columns.fit(width)
    columns.extend_for([_row(), sought])

    header = columns.titles(View())
    line = columns.text(sought, marked=False, hide_patients=hide_patients)

    place = header.index("PATIENT")
    named = "•••, line 3" if hide_patients else "A1, line 3"
    assert line[place:].removeprefix("accession ").startswith(named)
    assert line.count("line 3") == 1
