"""Choosing the columns of the queue and of Find, and sorting by them."""

from pathlib import Path

from dicom_retrieve_tui.config.preferences_file import Preferences
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.found_columns import choosable
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import read_draft
from dicom_retrieve_tui.tui.screens.columns import ColumnsScreen
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.find_window import answered, searched
from tests.tui.pilot import settled
from tests.tui.scripted_search import Searches, study
from tests.tui.test_preferences import settings

A = "1.2.840.1"


def _queue_a_study(bench: Bench) -> None:
    ada = StudyIdentity(patient_name="Example^Ada", study_date="20260311", modalities=("CT",))
    request = StudyRequest(selection=Selection(study_instance_uid=A), identity=ada)
    bench.app.jobs.add(read_draft(preset().draft), [request])
    bench.main.table.focus()


async def _choose(bench: Bench, *keys: str) -> None:
    await bench.pilot.press("c")
    await bench.until(lambda: isinstance(bench.app.screen, ColumnsScreen))
    await bench.pilot.press(*keys)
    await bench.until(lambda: not isinstance(bench.app.screen, ColumnsScreen))


async def test_a_column_of_the_queue_is_left_out_until_it_is_chosen_again(tmp_path: Path) -> None:
    store = settings(tmp_path)
    async with opened(SIZES["usual"], settings=store) as bench:
        _queue_a_study(bench)
        await bench.until(lambda: "2026-03-11" in bench.text(bench.main.table))
        await _choose(bench, "down", "space", "enter")
        await bench.until(lambda: "2026-03-11" not in bench.text(bench.main.table))
        assert "Example, Ada" in bench.text(bench.main.table)

    assert store.load()[0].queue_hidden_columns == ("date",)
    async with opened(SIZES["usual"], settings=store) as bench:
        _queue_a_study(bench)
        await bench.until(lambda: "Example, Ada" in bench.text(bench.main.table))
        assert "2026-03-11" not in bench.text(bench.main.table)
        await _choose(bench, "down", "space", "enter")
        await bench.until(lambda: "2026-03-11" in bench.text(bench.main.table))

    assert store.path.read_text() == ""


async def test_what_is_shown_is_marked_by_more_than_a_color() -> None:
    async with opened(SIZES["usual"]) as bench:
        _queue_a_study(bench)
        await bench.until(lambda: "2026-03-11" in bench.text(bench.main.table))
        await bench.pilot.press("c")
        await bench.until(lambda: "● PATIENT" in bench.text() and "● DATE" in bench.text())

        await bench.pilot.press("down", "space")

        await bench.until(lambda: "● DATE" not in bench.text())
        assert "● PATIENT" in bench.text()
        assert "DATE" in bench.text()


async def test_leaving_the_window_changes_nothing() -> None:
    async with opened(SIZES["usual"]) as bench:
        _queue_a_study(bench)
        await bench.until(lambda: "2026-03-11" in bench.text(bench.main.table))
        await _choose(bench, "down", "space", "escape")

        assert "2026-03-11" in bench.text(bench.main.table)


async def test_columns_of_find_are_chosen_and_kept(tmp_path: Path) -> None:
    find, store = Searches(), settings(tmp_path)
    async with opened(SIZES["usual"], find=find, settings=store) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        assert "2024-03-01" in bench.text()
        await _choose(bench, "space", "enter")
        await bench.until(lambda: "2024-03-01" not in bench.text())

    assert store.load() == (Preferences(find_hidden_columns=("date",)), [])


async def test_find_without_a_chosen_column_shows_them_all() -> None:
    find = Searches()
    async with opened(SIZES["usual"], find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        bench.app.find_hidden_columns = frozenset(each.name for each in choosable(Level.STUDY))
        await settled()
        assert "2024-03-01" in bench.text()


async def test_s_sorts_find_by_the_next_column_and_says_by_which() -> None:
    find = Searches()
    async with opened(SIZES["large"], find=find) as bench:
        await searched(bench)
        await answered(
            bench,
            find,
            study(1, patient_name="Zed^A"),
            study(2, patient_name="abel^B"),
            study(3, patient_name="Moss^C"),
        )
        assert "by date ↓" in bench.text()
        await bench.pilot.press("s", "s")
        await bench.until(lambda: "by patient ↑" in bench.text())
        lines = [line for line in bench.text().splitlines() if "^" in line or ", " in line]
        assert [n for line in lines for n in ("abel", "Moss", "Zed") if n in line] == [
            "abel",
            "Moss",
            "Zed",
        ]
        await bench.pilot.press("S")
        await bench.until(lambda: "by patient ↓" in bench.text())


async def test_y_copies_the_uid_in_both_tables() -> None:
    find = Searches()
    async with opened(SIZES["usual"], find=find) as bench:
        _queue_a_study(bench)
        await bench.until(lambda: bench.main.table.shown)
        await bench.pilot.press("y")
        assert bench.app.clipboard == A
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("y")
        assert bench.app.clipboard == study(1).study_instance_uid


async def test_many_matches_are_cut_by_an_ellipsis_beside_the_scrollbar() -> None:
    find = Searches()
    async with opened(SIZES["usual"], find=find) as bench:
        await searched(bench)
        long = "Abdomen and pelvis with contrast"
        await answered(bench, find, *(study(n, study_description=long) for n in range(1, 30)))
        lines = [line for line in bench.text().splitlines() if "Abd" in line]
        assert lines
        assert all("…" in line for line in lines)
