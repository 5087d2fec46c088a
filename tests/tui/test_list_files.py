"""Files with lists: dropped on the UID line, or loaded with another column."""

from pathlib import Path

import pytest
from textual.widgets import Input

from dicom_retrieve_tui.model.uid_table import Column
from dicom_retrieve_tui.tui.list_file import columns_in, dropped_path, list_source, path_fault
from dicom_retrieve_tui.tui.screens.main import MainScreen
from tests.tui.application import opened
from tests.tui.builders import uids
from tests.tui.scripted_search import Searches, study
from tests.tui.test_preferences import settings

A, B = uids(2)


@pytest.mark.parametrize("form", ["{}", "'{}'", '"{}"', "{} ", "file://{}"])
def test_a_path_is_recognised_as_terminals_write_it(form: str, tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(A)

    assert dropped_path(form.format(path)) == path


def test_escaped_blanks_belong_to_a_path(tmp_path: Path) -> None:
    path = tmp_path / "my list.csv"
    path.write_text(A)

    assert dropped_path(str(path).replace(" ", r"\ ")) == path
    assert dropped_path(f"file://{path}".replace(" ", "%20")) == path
    assert dropped_path(str(path)) == path


def test_other_texts_are_not_paths(tmp_path: Path) -> None:
    assert dropped_path(str(tmp_path)) is None
    assert dropped_path(str(tmp_path / "absent")) is None
    assert dropped_path(A) is None
    assert dropped_path("it's") is None
    assert dropped_path("x" * 5000) is None
    assert dropped_path(f"{tmp_path}\n{tmp_path}") is None
    assert dropped_path("\0/") is None


def test_the_columns_of_a_table_are_those_of_its_first_line() -> None:
    assert columns_in('# exported\nWho;"My UID";x\n1;2;3\n') == ("Who", "My UID", "x")
    assert columns_in("1.2.3\n1.2.4\n") == ()


async def test_a_dropped_file_is_opened_as_a_list(tmp_path: Path) -> None:
    path = tmp_path / "my list.csv"
    path.write_text(f"StudyInstanceUID\n{A}\n{B}\n")
    async with opened() as bench:
        await bench.paste(str(path))
        await bench.until(lambda: "✓ 2 UIDs" in bench.text())
        assert "2 UIDs in the list" in bench.text()


async def test_a_path_that_is_typed_is_opened_by_enter(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{A}\n{B}\n")
    async with opened() as bench:
        await bench.pilot.press(*str(path), "enter")
        await bench.until(lambda: "✓ 2 UIDs" in bench.text())
        assert not bench.sessions.opened
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)


async def test_a_dropped_spreadsheet_is_answered_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "list.xlsx"
    path.write_bytes(b"PK\x03\x04rest")
    async with opened() as bench:
        await bench.paste(f"'{path}'")
        await bench.until(lambda: "this is a spreadsheet" in bench.joined())
        assert "save it as CSV (UTF-8)" in bench.joined()


async def test_a_table_without_a_heading_is_answered_with_what_to_do() -> None:
    async with opened() as bench:
        await bench.paste("Example^Ada,2026-03-11,CT,A123\nExample^Bo,2026-03-12,MR,A124\n")
        await bench.until(lambda: "a heading that names the columns" in bench.joined())


async def test_the_column_of_a_table_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"Who,What\nx,{A}\ny,{B}\n")
    async with opened() as bench:
        await bench.pilot.press("ctrl+o", "f6")
        await bench.until(lambda: "No path yet" in bench.text())
        await bench.pilot.press("f5", "f5", "f5", "enter")
        await bench.until(lambda: "No path yet: type one" in bench.joined())
        await bench.paste(str(path))
        await bench.pilot.press("f6", "f6")
        await bench.until(lambda: " 'What'." in bench.joined())
        await bench.pilot.press("f6")
        await bench.until(lambda: "Press F6 to choose one." in bench.joined())
        await bench.pilot.press("f6", "f6", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

        assert "2 UIDs" in bench.text()


@pytest.mark.parametrize(
    ("text", "key", "source"),
    [
        ("Name;UID\nx;1.2.3\n", Column.STUDY, "Study Instance UIDs from the column 'UID'."),
        (
            "Study UID,Acc. No.,Exam date\n1.2.3,A1,\n",
            Column.STUDY,
            (
                "Study Instance UIDs from the column 'Study UID'; a row without one is looked up "
                "by: accession number 'Acc. No.', study date 'Exam date'."
            ),
        ),
        (
            "MRN,Accession,Exam date\nT-1,A1,\n",
            Column.ACCESSION,
            (
                "Each row is looked up by: accession number 'Accession', patient ID 'MRN', "
                "study date 'Exam date'."
            ),
        ),
        (
            "MRN,Accession,Exam date\nT-1,A1,\n",
            Column.STUDY,
            (
                "Each row is looked up by: accession number 'Accession', patient ID 'MRN', "
                "study date 'Exam date'."
            ),
        ),
        (
            f"UID,Exam date,Accession\n{A},,A1\n,,A2\n",
            Column.ACCESSION,
            (
                "Each row is looked up by: accession number 'Accession', UID 'UID'; a row without "
                "a UID also by: study date 'Exam date'."
            ),
        ),
        (f"DOE^JOHN,12345,{A}\n", Column.STUDY, "No heading: Study Instance UIDs, one a line."),
        (f"{'x' * 200_000},{A}", Column.STUDY, "No heading: Study Instance UIDs, one a line."),
        (A, Column.STUDY, "No heading: Study Instance UIDs, one a line."),
        ("A1\nA2\n", Column.ACCESSION, "No heading: accession numbers, one a line."),
        (
            "Who,What\nTest,1.2.3\n",
            Column.PATIENT,
            "No column of patient IDs is known by its heading. Press F6 to choose one.",
        ),
    ],
)
def test_the_source_of_a_list_is_its_column_or_its_lines(
    text: str, key: Column, source: str
) -> None:
    assert list_source(text, key) == source


async def test_the_column_that_is_used_is_shown_before_the_list_is_loaded(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"MRN;Study UID;Accession\nT-1;{A};A1\n")
    async with opened() as bench:
        await bench.pilot.press("ctrl+o")
        await bench.until(lambda: "Its lines are Study Instance UIDs" in bench.joined())
        await bench.paste(str(path))
        await bench.until(
            lambda: "Study Instance UIDs from the column 'Study UID'" in bench.joined()
        )
        await bench.pilot.press("f5")
        await bench.until(lambda: "looked up by: accession number 'Accession'," in bench.joined())


async def test_a_chosen_column_is_forgotten_with_another_kind(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Patient ID;Acc No\nP1;A1\n")
    async with opened() as bench:
        await bench.pilot.press("ctrl+o")
        await bench.paste(str(path))
        await bench.pilot.press("f6")
        await bench.until(lambda: "UIDs from the column 'Patient ID'" in bench.joined())
        await bench.pilot.press("f5")
        await bench.until(lambda: "accession number 'Acc No', patient ID" in bench.joined())


@pytest.mark.parametrize("leave", ["enter", "escape"])
async def test_path_kind_and_column_are_there_when_the_window_is_opened_again(
    leave: str, tmp_path: Path
) -> None:
    path = tmp_path / "list.csv"
    path.write_text("Who,What\nx,A1\ny,A2\n")
    async with opened() as bench:
        await bench.pilot.press("ctrl+o", "f5")
        await bench.paste(str(path))
        await bench.pilot.press("f6", "f6")
        await bench.until(lambda: " 'What'." in bench.joined())
        await bench.pilot.press(leave)
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        await bench.pilot.press("ctrl+o")
        await bench.until(lambda: "looked up by: accession number 'What'." in bench.joined())

        assert "list.csv" in bench.text()
        await bench.pilot.press("x")
        await bench.until(lambda: "Its lines are accession numbers." in bench.joined())


async def test_the_folder_of_the_last_list_is_there_after_a_restart(tmp_path: Path) -> None:
    store, folder = settings(tmp_path), tmp_path / "lists"
    folder.mkdir()
    (folder / "list.txt").write_text(A)
    async with opened(settings=store) as bench:
        await bench.pilot.press("ctrl+o")
        await bench.paste(str(folder / "list.txt"))
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
    async with opened(settings=store) as bench:
        await bench.pilot.press("ctrl+o")
        path = bench.app.screen.query_one("#path", Input)

        assert path.value == f"{folder.as_posix()}/"
        assert path.has_focus


def test_a_path_without_a_file_has_a_fault(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(A)

    assert path_fault(str(tmp_path / "absent")) == "no such file"
    assert path_fault(f"'{tmp_path / 'absent'}'") == "no such file"
    assert path_fault(str(tmp_path)) == "this is a folder"
    assert path_fault("/dev/null") == "not a file, but a device or a pipe"
    for text in (str(path), A, ".1.2", "", "x" * 5000, f"{tmp_path}\n{tmp_path}", "\0/"):
        assert path_fault(text) is None


@pytest.mark.parametrize(
    ("name", "answer"), [("absent.csv", "no such file"), ("", "this is a folder")]
)
async def test_a_path_without_a_file_in_the_line_is_answered_at_once(
    name: str, answer: str, tmp_path: Path
) -> None:
    async with opened() as bench:
        await bench.paste(f"{tmp_path}/{name}")
        await bench.until(lambda: answer in bench.joined())
        await bench.pilot.press("enter")

        assert answer in bench.joined()
        assert not bench.sessions.opened


async def test_a_path_that_is_typed_is_announced_as_a_file(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(A)
    async with opened() as bench:
        await bench.pilot.press(*str(path))
        await bench.until(lambda: "enter opens the file" in bench.joined())


async def test_a_file_of_accession_numbers_without_a_heading_is_looked_up(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text("A1\nA2\n")
    find = Searches()
    find.tell(study(1, study_instance_uid=A, accession_number="A1"))
    find.end()
    find.end()
    async with opened(find=find) as bench:
        await bench.paste(str(path))
        await bench.until(
            lambda: "✓ 2 lines to look up; not UIDs: taken as accession numbers" in bench.joined()
        )
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        assert [each.accession_number for each in find.asked] == ["A1", "A2"]
        assert [each.study_instance_uid for each in bench.session.selections] == [A]
