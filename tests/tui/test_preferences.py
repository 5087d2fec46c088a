"""What a person likes: remembered, and told in words where it cannot be meant."""

from pathlib import Path

import pytest
from textual.widgets import Input

from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui import theme
from dicom_retrieve_tui.tui.key_overrides import judge_keys
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import read_draft
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import uids

A, B = uids(2)


def settings(tmp_path: Path, text: str = "") -> SettingsFile:
    path = tmp_path / "settings.toml"
    if text:
        path.write_text(text, encoding="utf-8")
    return SettingsFile(path)


def add_study_of_a_patient(bench: Bench) -> None:
    ada = StudyIdentity(patient_name="Example^Ada")
    wanted = StudyRequest(selection=Selection(study_instance_uid=A), identity=ada)
    bench.app.jobs.add(read_draft(preset().draft), [wanted])
    bench.main.table.focus()


async def test_patients_are_masked_everywhere_and_stay_so_at_the_next_start(tmp_path: Path) -> None:
    store = settings(tmp_path)
    async with opened(SIZES["large"], settings=store) as bench:
        add_study_of_a_patient(bench)
        await bench.until(lambda: "Example, Ada" in bench.text())

        await bench.pilot.press("h")
        assert "Example, Ada" not in bench.text()
        await bench.pilot.press("enter")
        assert isinstance(bench.app.screen, DetailsScreen)
        await bench.until(lambda: "Patient   •••" in bench.text())

    async with opened(SIZES["large"], settings=store) as bench:
        add_study_of_a_patient(bench)
        await bench.until(lambda: "•••" in bench.text(bench.main.table))
        await bench.pilot.press("h")
        await bench.until(lambda: "Example, Ada" in bench.text())

    assert store.path.read_text() == ""


@pytest.mark.parametrize("typed", ["A1", "4711", "Example^Ada", "P.EXAMPLE", "MR Ada"])
async def test_what_is_typed_into_the_uid_line_is_masked_unless_it_is_a_uid(
    typed: str, tmp_path: Path
) -> None:
    async with opened(settings=settings(tmp_path, "hide_patients = true\n")) as bench:
        await bench.paste(typed)
        line = bench.main.query_one("#uids")
        await bench.until(lambda: "•••" in bench.text(line))

        assert typed not in bench.text()
        bench.app.hide_patients = False
        await bench.until(lambda: typed in bench.text(line))
        bench.app.hide_patients = True
        await bench.until(lambda: typed not in bench.text(line))


@pytest.mark.parametrize("typed", [A, f"{A},{B}", "/lists/studies.csv", "~/studies.csv"])
async def test_uids_and_paths_stay_readable(typed: str, tmp_path: Path) -> None:
    async with opened(settings=settings(tmp_path, "hide_patients = true\n")) as bench:
        await bench.paste(typed)
        await bench.until(lambda: typed in bench.text(bench.main.query_one("#uids")))


@pytest.mark.parametrize("typed", ["2024.9", "/DOE", "1.2"])
async def test_a_filter_that_may_be_an_accession_number_is_masked(
    typed: str, tmp_path: Path
) -> None:
    async with opened(settings=settings(tmp_path, "hide_patients = true\n")) as bench:
        add_study_of_a_patient(bench)
        await bench.pilot.press("slash", *typed)
        await bench.until(lambda: "•••" in bench.text(bench.main.query_one("#filter")))


async def test_the_filter_is_masked_and_still_filters(tmp_path: Path) -> None:
    async with opened(settings=settings(tmp_path, "hide_patients = true\n")) as bench:
        add_study_of_a_patient(bench)
        await bench.pilot.press("slash", *"example")
        await bench.until(lambda: "1 match" in bench.text())

        assert "example" not in bench.text()
        assert "•••" in bench.text(bench.main.query_one("#filter"))


async def test_the_palette_hides_patients_wherever_the_focus_is(tmp_path: Path) -> None:
    store = settings(tmp_path)
    async with opened(settings=store) as bench:
        await bench.pilot.press("ctrl+p")
        await bench.until(lambda: bench.app.screen.query(Input))
        await bench.pilot.press(*"hide pat")
        await bench.until(lambda: "Names, IDs and accession numbers, everywhere" in bench.text())
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.app.hide_patients)

    assert store.path.read_text() == "hide_patients = true\n"


async def test_a_theme_is_remembered(tmp_path: Path) -> None:
    store = settings(tmp_path, 'newer = "kept"\n')
    async with opened(settings=store) as bench:
        assert bench.app.theme == theme.NAME
        bench.app.theme = "nord"
        await bench.pilot.pause()
    async with opened(settings=store) as bench:
        assert bench.app.theme == "nord"
        assert "newer: no such key" in bench.told()

    assert store.path.read_text() == 'newer = "kept"\ntheme = "nord"\n'


async def test_an_unknown_theme_is_told_and_ours_is_used(tmp_path: Path) -> None:
    async with opened(settings=settings(tmp_path, 'theme = "drakula"\n')) as bench:
        assert bench.app.theme == theme.NAME
        assert "Unknown theme 'drakula'; did you mean dracula?" in bench.told()


async def test_a_key_of_ones_own_works_and_is_in_the_footer_and_the_help(tmp_path: Path) -> None:
    keys = '[keys]\nqueue.retry = "f9"\n"app.help" = "f8, ctrl+g"\n'
    async with opened(SIZES["large"], settings=settings(tmp_path, keys)) as bench:
        await bench.start(A, B)
        bench.main.table.focus()
        await bench.until(lambda: "f9 Retry" in bench.text() and bench.row(A))

        await bench.pilot.press("r")
        assert "Only failed or stopped studies" not in bench.text()
        await bench.pilot.press("f9")
        await bench.until(lambda: "Only failed or stopped studies" in bench.text())
        await bench.pilot.press("ctrl+g")
        await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))
        await bench.pilot.press(*"retry")
        await bench.until(lambda: "queue.retry" in bench.text())
        await bench.pilot.press(*["backspace"] * 5, *"help")
        await bench.until(lambda: "f8 ^g" in bench.text())


async def test_what_is_wrong_with_the_keys_is_told_at_the_start(tmp_path: Path) -> None:
    keys = '[keys]\nqueue.retri = "f9"\nqueue.pause = "r"\n'
    async with opened(settings=settings(tmp_path, keys)) as bench:
        said = bench.told()

        assert "queue.retri: unknown id; did you mean queue.retry?" in said
        assert "queue.pause: r is the key of queue.retry" in said


@pytest.mark.parametrize(
    ("wanted", "usable", "words"),
    [
        ({"queue.retry": "p", "queue.pause": "r"}, {"queue.retry": "p", "queue.pause": "r"}, ""),
        ({"queue.retry": "R , f9"}, {"queue.retry": "R,f9"}, ""),
        ({"queue.filter": "?"}, {}, "question_mark is the key of app.help"),
        ({"queue.filter": "+"}, {"queue.filter": "plus"}, ""),
        ({"details.copy": "p"}, {"details.copy": "p"}, ""),
        ({"queue.stop": "ctlr+x"}, {}, "unknown key"),
        ({"queue.stop": ""}, {}, "unknown key"),
    ],
)
def test_keys_are_judged_by_who_listens_at_the_same_time(
    wanted: dict[str, str], usable: dict[str, str], words: str
) -> None:
    found, faults = judge_keys(wanted)

    assert found == usable
    assert words in " ".join(faults)
    assert bool(faults) == bool(words)


def test_one_that_is_refused_keeps_its_key_from_others() -> None:
    found, faults = judge_keys({"queue.new": "q", "app.quit": "?"})

    assert found == {}
    assert len(faults) == 2
