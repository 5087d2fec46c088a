"""The same patient's other studies, and the queue as a table for a spreadsheet."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.search import Search
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.queue_columns import columns_for
from dicom_retrieve_tui.tui.queue_export import csv_lines
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State
from tests.tui.application import SIZES, opened
from tests.tui.find_window import answered, searched
from tests.tui.scripted_search import Searches, study
from tests.tui.test_study_names import ADA, A, queue

EXPORTED = [
    *("PATIENT", "DATE", "MOD", "DESCRIPTION", "ID", "ACCESSION"),
    *("STUDY INSTANCE UID", "LINE OF THE LIST", "STATE", "STORED", "EXPECTED", "REASON"),
]


async def test_priors_of_a_study_in_the_queue_are_found_and_queued(tmp_path: Path) -> None:
    find = Searches()
    async with opened(SIZES["large"], find=find, folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        await bench.pilot.press("P")
        await bench.until(lambda: isinstance(bench.app.screen, FindScreen))
        await bench.until(lambda: find.asked)
        assert find.asked == [Search(patient_id="T-0001")]
        await answered(bench, find, study(1), study(3), study(2))
        days = [word for word in bench.text().split() if word.startswith("2024-03-")]
        assert days == ["2024-03-03", "2024-03-02", "2024-03-01"]
        await bench.pilot.press("r")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        await bench.until(lambda: "2024-03-03" in bench.text(bench.main.table))


async def test_priors_in_find_take_the_patient_under_the_cursor_and_masks_its_id() -> None:
    find = Searches()
    async with opened(SIZES["large"], find=find) as bench:
        await searched(bench, "A*")
        await answered(bench, find, study(4))
        await bench.pilot.press("h", "P")
        await bench.until(lambda: len(find.asked) == 2)
        assert find.asked[1] == Search(patient_id="P004")
        await answered(bench, find, study(4), study(5))
        assert "P004" not in bench.text()


async def test_priors_of_an_unknown_patient_say_so() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press("P")
        assert "patient ID of this study is not known" in bench.told()


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_every_column_that_has_a_text_is_exported_at_every_width(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with opened(size, folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        await bench.until(lambda: "Example, Ada" in bench.text(bench.main.table))
        await bench.pilot.press("E")
        await bench.until(lambda: "1 row written to" in bench.told())
        (path,) = tmp_path.glob("queue-*.csv")
        (row,) = csv.DictReader(path.read_text().splitlines())
        assert list(row) == EXPORTED
        assert row["PATIENT"] == "Example, Ada"
        assert (row["STUDY INSTANCE UID"], row["LINE OF THE LIST"]) == (A, "")
        assert path.stat().st_mode & 0o077 == 0


def test_hidden_patients_are_not_exported_and_no_cell_is_a_formula() -> None:
    row = Row(
        key=RowKey(0, A), number=1, state=State.FAILED, verdict=Verdict.FAILED,
        identity=replace(ADA, accession_number="=1+2"), reason="-x",
    )  # fmt: skip
    columns = columns_for(250, {"patient", "id", "date", "accession"})

    assert "'=1+2" in csv_lines([row], columns, hide_patients=False)[1]
    lines = csv_lines([row], columns, hide_patients=True)
    assert "Ada" not in "".join(lines)
    assert "T-0001" not in "".join(lines)
    assert "=1+2" not in "".join(lines)
    assert lines[1].endswith("failed,0,,'-x\n")


async def test_a_column_that_the_user_leaves_out_is_not_exported(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await queue(bench, tmp_path, A)
        bench.app.queue_hidden_columns = frozenset({"date"})
        await bench.until(lambda: "DATE" not in bench.text(bench.main.table))
        await bench.pilot.press("E")
        await bench.until(lambda: "1 row written to" in bench.told())
        (path,) = tmp_path.glob("queue-*.csv")

    assert path.read_text().splitlines()[0].split(",") == [
        each for each in EXPORTED if each != "DATE"
    ]


def test_a_line_without_a_study_is_exported_without_a_uid() -> None:
    row = Row(
        key=RowKey(0, "line"), number=1, state=State.FAILED, verdict=Verdict.NOT_FOUND,
        identity=StudyIdentity(accession_number="A1"), sought="accession A1, line 3",
    )  # fmt: skip
    columns = columns_for(250, {"accession"})

    (shown,) = csv.DictReader(csv_lines([row], columns, hide_patients=False))
    (hidden,) = csv.DictReader(csv_lines([row], columns, hide_patients=True))

    assert shown["STUDY INSTANCE UID"] == hidden["STUDY INSTANCE UID"] == ""
    assert shown["LINE OF THE LIST"] == "accession A1, line 3"
    assert hidden["LINE OF THE LIST"] == "accession •••, line 3"
