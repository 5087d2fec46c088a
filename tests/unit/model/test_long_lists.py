"""Lists of very many studies: what is named, and what is held in memory."""

import tracemalloc

from dicom_retrieve_tui.model.selection import Selection, SelectionUnion
from dicom_retrieve_tui.model.uid_list import parse_uid_list

_MANY = 20_000
_MEASURED = 5_000
"""Lines whose memory is measured, which takes ten times as long as to read them."""
_PEAK_BYTES_PER_LINE = 380
"""The text, the UID, its selection and its entry; all lines and rows at once would be twice it."""


def _uids(number: int) -> list[str]:
    return [f"1.2.826.0.1.3680043.8.498.4242.1{at:06d}" for at in range(number)]


def test_three_bad_lines_of_many_are_named() -> None:
    lines = _uids(_MANY)
    for at in (7, 10_000, _MANY - 1):
        lines[at] = "1.2.*"

    found = parse_uid_list("\n".join(lines))

    assert len(found.selections) == _MANY - 3
    assert [fault.partition(":")[0] for fault in found.bad] == [
        "line 8",
        "line 10001",
        "line 20000",
    ]


def test_a_list_is_read_without_holding_its_lines_and_rows() -> None:
    text = "\n".join(_uids(_MEASURED))
    tracemalloc.start()
    try:
        parse_uid_list(text)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert peak_bytes < _PEAK_BYTES_PER_LINE * _MEASURED


def test_a_table_is_read_without_holding_its_lines_and_rows() -> None:
    rows = [f"P{at},{uid},20240331" for at, uid in enumerate(_uids(_MEASURED))]
    text = "\r\n".join(["PatientID,StudyInstanceUID,StudyDate", *rows])
    tracemalloc.start()
    try:
        found = parse_uid_list(text, identify=False)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert len(found.selections) == _MEASURED
    assert found.notes == (
        "not used beside a StudyInstanceUID, which names the study: PatientID, StudyDate",
    )
    assert peak_bytes < _PEAK_BYTES_PER_LINE * _MEASURED


def test_a_union_tells_a_repeated_selection_from_a_wider_one() -> None:
    union = SelectionUnion()
    study, series = Selection.of("1.2"), Selection.of("1.3", "1.3.1")

    assert [union.add(each) for each in (study, study, series, series)] == [
        True, False, True, False,
    ]  # fmt: skip
    assert union.add(Selection.of("1.3"))
    assert union.add(Selection.of("1.2", "1.2.1"))
    assert union.selections() == (study, Selection.of("1.3"))
