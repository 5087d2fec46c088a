"""Tables and lists: what they ask for is what the command would ask for."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.errors import OperationFailed, PeerUnreachable
from dicom_retrieve_tui.model.search import Search
from dicom_retrieve_tui.model.selection import Owner, Selection, join
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui import list_file
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.screens.dry_run import DryRunScreen
from dicom_retrieve_tui.tui.screens.history import HistoryScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.tui.widgets.events_pane import EventsPane
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import uids
from tests.tui.scripted_dry_run import DryRuns
from tests.tui.scripted_search import Searches, study
from tests.tui.scripted_session import begins, ends, whole
from tests.tui.test_preferences import settings

A, B, C = uids(3)
TABLE = f"StudyInstanceUID,SeriesInstanceUID,SOPInstanceUID\n{A},{A}.1,\n{A},{A}.2,{A}.2.9\n{B},,\n"
NARROWED = (
    *join([Selection.of(A, f"{A}.1"), Selection.of(A, f"{A}.2", f"{A}.2.9")]),
    Selection.of(B),
)
KEYS = "StudyInstanceUID;AccessionNumber\n;A1\n" + f"{C};A9\n;A2\n"


def asks(bench: Bench) -> tuple[Selection, ...]:
    """What is asked for, whoever it has to belong to."""
    return tuple(replace(each, owner=Owner()) for each in bench.session.selections)


async def test_a_pasted_table_narrows_its_rows() -> None:
    async with opened() as bench:
        await bench.paste(TABLE)
        assert "2 UIDs, 1 narrowed to series" in bench.joined()
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert asks(bench) == NARROWED


async def test_a_table_from_a_file_narrows_its_rows_also_in_utf_16(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text(TABLE, encoding="utf-16")
    async with opened() as bench:
        await bench.burst("ctrl+o", *str(path), "enter", "enter")
        await bench.until(lambda: bench.sessions.opened)

        assert asks(bench) == NARROWED


async def test_accession_numbers_of_a_table_are_looked_up_before_anything_is_retrieved() -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.tell(study(2, study_instance_uid=B, accession_number="A2"))
    async with opened(find=find) as bench:
        await bench.paste(KEYS)
        assert "1 UID, 2 lines to look up" in bench.joined()
        await bench.pilot.press("enter")
        await bench.until(lambda: "1 of 2 lines looked up at PACS1@pacs.test:104" in bench.text())
        assert bench.sessions.opened == []
        find.end()
        await bench.until(lambda: bench.sessions.opened)

        assert find.asked == [Search(accession_number="A1"), Search(accession_number="A2")]
        assert asks(bench) == tuple(map(Selection.of, (C, A, B)))
        await bench.until(lambda: "✓ 3 studies queued" in bench.text())


@pytest.mark.parametrize("width", [75, 80, 105])
async def test_the_queue_shows_the_accession_number_that_was_asked_for(width: int) -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="ACC-000815"))
    find.end()
    async with opened((width, 24), find=find) as bench:
        await bench.paste("AccessionNumber\nACC-000815\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.until(lambda: "ACC-000815" in bench.text(bench.main.table))

        assert "Test, No1" in bench.text(bench.main.table)
        await bench.pilot.press("h")
        assert "ACC-000815" not in bench.text()


@pytest.mark.parametrize("kind", ["accession", "patient"])
async def test_a_file_of_numbers_is_looked_up(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("X1\nX2\n", encoding="utf-8")
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="X1", patient_id="X1"))
    find.end()
    find.end()
    presses = {"accession": ["f5"], "patient": ["f5", "f5"]}[kind]
    async with opened(find=find) as bench:
        await bench.burst("ctrl+o", *presses, *str(path), "enter", "enter")
        await bench.until(lambda: bench.sessions.opened)

        keys = [(each.accession_number or each.patient_id) for each in find.asked]
        assert keys == ["X1", "X2"]
        assert asks(bench) == (Selection.of(A),)
        await bench.until(lambda: "line 2: the PACS has no study with" in bench.told())
        await bench.pilot.press("f6")
        await bench.until(lambda: "line 2: the PACS has no study with" in bench.text())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_pacs_that_cannot_be_asked_says_so_and_nothing_is_lost(
    size: tuple[int, int],
) -> None:
    find = Searches()
    find.end(PeerUnreachable("Cannot reach pacs.test:104: connection refused."))
    async with opened(size, find=find) as bench:
        await bench.paste(KEYS)
        await bench.pilot.press("enter")
        await bench.until(lambda: "Cannot reach pacs.test:104" in bench.joined())
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

        await bench.until(lambda: "1 UID, 2 lines to look up" in bench.joined())
        assert bench.sessions.opened == []


async def test_lines_that_stand_for_nothing_are_named_and_stand_there_again() -> None:
    find = Searches()
    find.end(OperationFailed("Out of resources.", operation="C-FIND", status=0xA700))
    async with opened(find=find) as bench:
        await bench.paste("PatientID\nP1\n")
        assert "1 line to look up" in bench.joined()
        await bench.pilot.press("enter")
        await bench.until(lambda: "line 2: Out of resources." in bench.told())

        assert bench.sessions.opened == []
        await bench.until(lambda: "1 line to look up" in bench.joined())


async def test_a_file_that_is_none_or_has_no_end_is_refused_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_file, "SIZE_MAX_BYTES", 1_000_000)
    long, pipe = tmp_path / "long.txt", tmp_path / "pipe"
    long.write_text(f"{A}\n" * 100_000)
    os.mkfifo(pipe)
    async with opened() as bench:
        await bench.burst("ctrl+o", *str(long), "enter")
        await bench.until(lambda: "it has more than 1 MB" in bench.joined())
        for path in (pipe, "/dev/zero"):
            await bench.burst("ctrl+u", *str(path), "enter")
            await bench.until(lambda: "not a file, but a device or a pipe" in bench.joined())
            await bench.burst("x")


async def test_what_is_typed_beside_a_table_is_no_row_of_it() -> None:
    async with opened() as bench:
        await bench.paste(TABLE)
        await bench.pilot.press(*C, "enter")
        await bench.until(lambda: bench.sessions.opened)

        assert asks(bench) == (*NARROWED, Selection.of(C))
        await bench.pilot.press("n", "up")
        assert bench.main._retrieve.line.found.selections == (*NARROWED, Selection.of(C))


async def test_a_series_of_the_form_does_not_widen_a_table() -> None:
    async with opened(SIZES["large"], presets=[preset()]) as bench:
        await bench.paste(TABLE.removesuffix(f"{B},,\n"))
        bench.main.query_one("#field-series").value = "1.2.3"  # type: ignore[attr-defined]
        await bench.pilot.press("enter")

        await bench.until(lambda: "the table names series of its own" in bench.joined())
        assert bench.sessions.opened == []


NUMBERS = "AccessionNumber\nA1\nA2\n"


async def test_what_was_not_found_stands_in_the_queue_with_its_line(tmp_path: Path) -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.end()
    async with opened(find=find, folder=tmp_path) as bench:
        await bench.paste(NUMBERS)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.until(lambda: "not found" in bench.text(bench.main.table))
        queue = bench.text(bench.main.table)
        assert "Test, No1" in queue
        assert "A2, line 3" in queue
        await bench.until(lambda: "3 failed 1" in bench.text())
        await bench.tell(begins(A), ends(A))
        bench.session.end()
        await bench.until(lambda: "2 studies: 1 complete, 1 not found" in bench.told())

        (missed,) = (row for row in bench.main.table.rows if row.sought)
        assert (missed.state, missed.verdict) == (State.FAILED, Verdict.NOT_FOUND)
        assert missed.reason.startswith("the PACS has no study with accession number")
        told = "1 line of the list was not found; it is not in failed-studies.txt"
        assert told in bench.told()
        assert "Failed studies are listed" not in bench.told()
        events = bench.main.query_one(EventsPane)
        await bench.until(lambda: "run finished: partial" in "\n".join(events.lines))
        assert "run finished: complete" not in "\n".join(events.lines)
        (toast,) = (each for each in bench.app._notifications if "not found" in each.message)
        assert toast.severity == "warning"
        assert bench.app.closing_line == f"2 studies: 1 complete, 1 failed. {told}."


async def _retrieve_all_but_a2(history: History, folder: Path, **options: Any) -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.end()
    async with opened(
        find=find, folder=folder, job_history=JobHistory(lambda: history), **options
    ) as bench:
        await bench.paste(NUMBERS)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.tell(whole(A))
        await bench.until(lambda: "2 studies: 1 complete, 1 not found" in bench.told())


async def test_what_was_not_found_is_in_the_history_and_looked_up_again_after_a_restart(
    history: History, tmp_path: Path
) -> None:
    await _retrieve_all_but_a2(history, tmp_path)
    find = Searches()
    async with opened(SIZES["large"], find=find, job_history=JobHistory(lambda: history)) as bench:
        await bench.until(lambda: "A2, line 3" in bench.text(bench.main.table))
        assert bench.app.closing_line == ""
        await bench.pilot.press("f5")
        await bench.until(lambda: "1 complete, 1 not found" in bench.joined())
        assert "! accession A2, line 3: not found" in bench.joined()
        await bench.pilot.press("escape")
        bench.main.table.focus()
        find.tell(study(2, study_instance_uid=B, accession_number="A2"))
        find.end()
        await bench.pilot.press("r")
        await bench.until(lambda: bench.sessions.opened)
        assert asks(bench) == (Selection.of(B),)
        await bench.tell(whole(B))
        await bench.until(lambda: "Test, No2: complete" in bench.told())
        assert "not found" not in bench.told()

    assert [job.verdicts for job in history.past_jobs()] == [
        {Verdict.COMPLETE: 1},
        {Verdict.COMPLETE: 1, Verdict.NOT_FOUND: 1},
    ]
    async with opened(job_history=JobHistory(lambda: history)) as bench:
        await bench.until(lambda: "The queue is empty" in bench.text())


async def test_a_line_that_is_removed_is_gone_after_a_restart_too(
    history: History, tmp_path: Path
) -> None:
    await _retrieve_all_but_a2(history, tmp_path)
    async with opened(job_history=JobHistory(lambda: history)) as bench:
        await bench.until(lambda: "A2, line 3" in bench.text(bench.main.table))
        bench.main.table.focus()
        await bench.pilot.press("d")
        await bench.until(lambda: "The queue is empty" in bench.text())
    (job,) = history.past_jobs()
    assert job.verdicts == {Verdict.COMPLETE: 1}
    assert history.open_lines() == []


async def test_asking_again_looks_up_what_was_not_found(history: History, tmp_path: Path) -> None:
    await _retrieve_all_but_a2(history, tmp_path)
    find = Searches()
    find.end()
    async with opened(find=find, job_history=JobHistory(lambda: history)) as bench:
        await bench.pilot.press("f5")
        await bench.until(lambda: isinstance(bench.app.screen, HistoryScreen))
        await bench.pilot.press("enter")
        await bench.until(lambda: "Ask again for 2 studies?" in bench.joined())
        await bench.pilot.press("y")
        await bench.until(lambda: bench.sessions.opened)
        assert find.asked == [Search(accession_number="A2")]
        await bench.tell(whole(A))
        await bench.until(lambda: "2 studies: 1 complete, 1 not found" in bench.told())
    again, first = history.past_jobs()
    assert again.verdicts == first.verdicts == {Verdict.COMPLETE: 1, Verdict.NOT_FOUND: 1}
    assert [each.job_id for each in history.open_lines()] == [again.job_id]


async def test_while_patients_are_hidden_only_the_number_of_lines_is_recorded(
    history: History, tmp_path: Path
) -> None:
    await _retrieve_all_but_a2(history, tmp_path / "first")
    (line,) = history.open_lines()
    assert line.missed is not None
    assert line.missed.lookup == Lookup(line=3, accession_number="A2")
    hidden = settings(tmp_path, "hide_patients = true\n")
    await _retrieve_all_but_a2(history, tmp_path / "second", settings=hidden)

    assert history.open_lines() == []
    assert [job.lines for job in history.past_jobs()] == [1, 1]
    assert b"'A2'" not in b"".join(each.read_bytes() for each in tmp_path.glob("history.db*"))


async def test_a_dry_run_has_the_lines_that_were_not_found(
    history: History, tmp_path: Path
) -> None:
    find, dry_run = Searches(), DryRuns()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.end()
    async with opened(
        find=find, dry_run=dry_run, folder=tmp_path, job_history=JobHistory(lambda: history)
    ) as bench:
        await bench.paste(NUMBERS)
        await bench.pilot.press("f7")
        await bench.until(lambda: isinstance(bench.app.screen, DryRunScreen))
        dry_run.end()
        await bench.until(lambda: "! 1 line of the list not found" in bench.text())
        assert "!  accession A2, line 3" in bench.text()
        await bench.pilot.press("h")
        await bench.until(lambda: "!  accession •••, line 3" in bench.text())
        await bench.pilot.press("h", "enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.tell(whole(A))
        await bench.until(lambda: "2 studies: 1 complete, 1 not found" in bench.told())
    (job,) = history.past_jobs()
    assert job.verdicts == {Verdict.COMPLETE: 1, Verdict.NOT_FOUND: 1}


async def test_a_line_counts_in_the_session_that_it_was_asked_for_with(tmp_path: Path) -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.end()
    async with opened(find=find, folder=tmp_path) as bench:
        await bench.paste(NUMBERS)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        await bench.tell(whole(A))
        await bench.until(lambda: "2 studies: 1 complete, 1 not found" in bench.told())

        await bench.pilot.press("n")
        await bench.paste(B)
        await bench.pilot.press("enter")
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        await bench.tell(whole(B))
        await bench.until(lambda: "1 study: 1 complete" in bench.told())


async def test_r_looks_a_line_up_again_and_its_row_goes_once_the_study_is_there(
    tmp_path: Path,
) -> None:
    find = Searches()
    find.end()
    find.end()
    async with opened(find=find, folder=tmp_path) as bench:
        await bench.paste(NUMBERS)
        await bench.pilot.press("enter")
        await bench.until(lambda: "3 failed 2" in bench.text())
        rows = bench.main.table.rows
        assert [row.verdict for row in rows] == [Verdict.NOT_FOUND] * 2
        bench.main.table.focus()
        await bench.pilot.press("enter")
        await bench.until(lambda: "Looked up accession A1, line 2" in bench.text())
        await bench.pilot.press("escape")

        find.tell(study(1, study_instance_uid=A, accession_number="A1"))
        find.end()
        await bench.pilot.press("r")
        await bench.until(lambda: bench.sessions.opened)
        assert asks(bench) == (Selection.of(A),)
        await bench.until(lambda: "A1, line" not in bench.text(bench.main.table))
        assert "1 all 2" in bench.text()


async def test_a_line_leaves_the_queue_without_the_account_of_the_folder(tmp_path: Path) -> None:
    find = Searches()
    find.end()
    async with opened(find=find, folder=tmp_path) as bench:
        await bench.paste("AccessionNumber\nA1\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: "3 failed 1" in bench.text())
        bench.main.table.focus()
        await bench.pilot.press("e")
        await bench.until(lambda: "No failed study is recorded" in bench.told())
        await bench.pilot.press("d")
        await bench.until(lambda: "1 all 0" in bench.text())
    assert bench.accounts is not None
    assert bench.accounts.forgotten == []


async def test_the_patient_id_of_a_line_is_masked_and_never_listed(tmp_path: Path) -> None:
    find = Searches()
    find.end()
    async with opened(SIZES["large"], find=find, folder=tmp_path) as bench:
        await bench.paste("PatientID\nSECRET7\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: "patient ID SECRET7, line 2" in bench.text(bench.main.table))
        bench.main.table.focus()
        await bench.pilot.press("h")

        await bench.until(lambda: "patient ID •••, line 2" in bench.text(bench.main.table))
        assert "SECRET7" not in bench.text()
        assert not any(tmp_path.iterdir())


async def test_a_pasted_table_names_its_studies_before_the_pacs_is_asked() -> None:
    table = (
        "StudyInstanceUID;PatientID;StudyDate;Modality;StudyDescription\n"
        f"{A};T-0001;11.03.2026;CT;Chest\n{B};T-0002;once;MR;\n"
    )
    async with opened(SIZES["large"]) as bench:
        await bench.paste(table)
        await bench.pilot.press("enter")
        await bench.until(lambda: "T-0002" in bench.text(bench.main.table))
        lines = bench.text(bench.main.table).splitlines()

        assert any("T-0001" in line and "2026-03-11 CT" in line for line in lines)
        assert any("Chest" in line for line in lines)
        assert any("T-0002" in line and "MR" in line for line in lines)


async def test_studies_of_accession_numbers_are_named_and_counted_while_they_wait() -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.tell(study(2, study_instance_uid=B, accession_number="A2", modalities=("MR",)))
    find.end()
    async with opened(find=find) as bench:
        await bench.paste(NUMBERS)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.row(A) and bench.row(B))
        lines = bench.text(bench.main.table).splitlines()
        assert any("Test, No1" in line and "2024-03-01 CT" in line for line in lines)
        assert any("Test, No2" in line and "2024-03-02 MR" in line for line in lines)
        assert any(" A1 " in line and "0/480" in line for line in lines)
        assert any(" A2 " in line and "0/480" in line for line in lines)

        bench.main.table.focus()
        await bench.pilot.press("t")
        await bench.until(lambda: "CT Thorax 2024-03-01, Test, No1" in bench.told())


async def test_a_study_of_a_uid_that_is_looked_up_too_has_the_name_of_the_look_up() -> None:
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    async with opened(find=find) as bench:
        await bench.paste(f"StudyInstanceUID;AccessionNumber\n{A};\n;A1\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: "Test, No1" in bench.text(bench.main.table))


async def test_hidden_patients_hide_the_accession_numbers_of_lines_without_a_study(
    tmp_path: Path,
) -> None:
    find = Searches()
    find.end()
    async with opened(SIZES["large"], find=find, folder=tmp_path) as bench:
        bench.app.hide_patients = True
        await bench.paste("AccessionNumber\nQ99\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: "3 failed 1" in bench.text())
        await bench.until(lambda: "the PACS has no study with accession number •••" in bench.told())
        await bench.until(lambda: "no study with accession number •••" in bench.text())
        bench.main.table.focus()
        await bench.pilot.press("E")
        await bench.until(lambda: "1 row written to" in bench.told())
        (path,) = tmp_path.glob("queue-*.csv")
        assert "Q99" not in bench.told() + bench.text() + path.read_text()

        await bench.pilot.press("h")
        await bench.until(lambda: "no study with accession number 'Q99'" in bench.text())


BAD_NUMBERS = "AccessionNumber\nQ99;Q98\n"


async def test_hidden_patients_hide_the_accession_numbers_of_bad_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "numbers.csv").write_text(BAD_NUMBERS)
    monkeypatch.chdir(tmp_path)  # a short path, which is not wrapped
    async with opened(SIZES["large"]) as bench:
        await bench.paste(BAD_NUMBERS)
        await bench.until(lambda: "the accession number 'Q99;Q98' has several" in bench.joined())
        bench.app.hide_patients = True
        await bench.until(lambda: "the accession number ••• has several" in bench.joined())
        assert "Q99" not in bench.text()
        await bench.pilot.press("enter")
        assert "Q99" not in bench.text()
        await bench.burst("ctrl+o", "f5", *"numbers.csv", "enter")
        await bench.until(lambda: "numbers.csv: line 2: the accession number •••" in bench.joined())
        assert "Q99" not in bench.text()
