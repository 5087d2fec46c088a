"""Series that are marked in the details of a study, and retrieved alone."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.commands.application import open_profile_store
from dicom_retrieve_tui.cli.commands.demo import save_demo_profiles
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.errors import PeerUnreachable
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import SeriesIdentity, StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.snapshot import RowKey, State
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.mark_list import MarkList
from dicom_retrieve_tui.wiring import find, find_each, open_session
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.builders import uids
from tests.tui.pilot import running
from tests.tui.scripted_search import Searches, series
from tests.tui.scripted_session import Sessions, begins, ends, whole

A, B = uids(2)
ADA = StudyIdentity(
    patient_name="Example^Ada",
    study_date="20260311",
    modalities=("CT",),
    study_description="Chest",
    series=(
        SeriesIdentity(
            series_instance_uid=f"{A}.1", number="1", modality="CT", description="Scout", expected=2
        ),
        SeriesIdentity(
            series_instance_uid=f"{A}.2", number="2", modality="CT", description="Axial", expected=9
        ),
    ),
)


def left_of(history: History, uid: str) -> list[Selection]:
    """What the next start would offer of a study."""
    left = [selection for job in history.unfinished() for selection in job.left]
    return [each for each in left if each.study_instance_uid == uid]


async def open_details(bench: Bench) -> MarkList:
    bench.main.table.focus()
    await bench.pilot.press("enter")
    await bench.until(lambda: isinstance(bench.app.screen, DetailsScreen))
    return bench.app.screen.query_one(MarkList)


async def answer(bench: Bench, find: Searches) -> None:
    """List two series of the study B."""
    find.tell(*(series(number, study_instance_uid=B) for number in (1, 2)))
    find.end()
    await bench.until(lambda: "Series 2" in bench.text())


async def complete(bench: Bench, folder: Path) -> None:
    """Retrieve a study whose series the PACS lists."""
    await bench.start(A)
    assert bench.sessions.identified is not None
    bench.sessions.identified(A, ADA)
    await bench.tell(whole(A))
    await bench.until(lambda: not bench.app.jobs.busy)


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_marked_series_of_a_study_is_retrieved_alone(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with opened(size, folder=tmp_path) as bench:
        await complete(bench, tmp_path)
        marked = await open_details(bench)
        await bench.pilot.press("space")
        await bench.until(lambda: marked.has_focus)
        assert "Axial" in bench.text()
        keys = bench.text(bench.app.screen.query_one(KeysLine))
        assert "space Mark" in keys
        assert "r Retrieve" in keys
        await bench.pilot.press("down", "space", "r")
        await bench.until(lambda: len(bench.sessions.opened) == 2)

        assert list(bench.session.selections) == [Selection.of(A, f"{A}.2")]
        assert isinstance(bench.app.screen, MainScreen)
        assert (row := bench.row(A)) is not None
        assert row.part == "1 series"
        if size != SIZES["small"]:
            await bench.until(lambda: "1 series" in bench.text(bench.main.table))
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        await bench.until(lambda: "1 series" in bench.text(bench.main.table))
        await bench.until(lambda: "1 series of CT Chest 2026-03-11" in bench.told())


async def test_r_without_a_mark_says_what_to_do(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await complete(bench, tmp_path)
        await open_details(bench)
        await bench.pilot.press("r")
        await bench.until(lambda: "Mark series with space first" in bench.told())
        await bench.pilot.press("a", "space", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        assert len(bench.sessions.opened) == 1


async def test_a_study_that_waits_is_narrowed_to_what_the_pacs_lists(
    history: History, tmp_path: Path
) -> None:
    find = Searches()
    memory = JobHistory(lambda: history)
    async with opened(SIZES["large"], folder=tmp_path, find=find, job_history=memory) as bench:
        session = await bench.start(A, B)
        await bench.tell(begins(A))
        await bench.until(lambda: bench.row(B))
        bench.main.table.focus()
        await bench.pilot.press("down")
        marked = await open_details(bench)
        assert "Press space to ask the PACS." in bench.text()
        await bench.pilot.press("space")
        await bench.until(lambda: find.asked)
        assert "Asking the PACS for the series" in bench.text()
        await answer(bench, find)
        assert (find.asked[0].level, find.asked[0].study_instance_uid) == (Level.SERIES, B)
        await bench.until(lambda: marked.has_focus)
        await bench.pilot.press("down", "space", "r")
        await bench.until(lambda: session.asked == [f"remove {B}", f"add {B}"])
        await bench.until(lambda: (row := bench.row(B)) and row.part == "1 series")

        assert (row := bench.row(B)) is not None
        assert row.state is State.QUEUED
        assert [each.part for each in left_of(history, B)] == ["1 series"]
        assert "1 series of" in bench.text(bench.main.table)
        await bench.tell(whole(A), whole(B))
        await bench.until(lambda: not bench.app.jobs.busy)


async def test_a_study_without_a_session_is_narrowed_as_well(
    history: History, tmp_path: Path
) -> None:
    find = Searches()
    presets = [preset(folder=tmp_path), preset("other", folder=tmp_path, called_aet="PACS2")]
    memory = JobHistory(lambda: history)
    async with opened(SIZES["large"], presets=presets, find=find, job_history=memory) as bench:
        await bench.start(A)
        await bench.tell(begins(A))
        bench.main.take_presets(presets, "other")
        bench.main.action_new()
        await bench.paste(B)
        await bench.pilot.press("enter")
        await bench.until(lambda: len(bench.main.table.rows) == 2)
        await bench.pilot.press("down")
        await open_details(bench)
        await bench.pilot.press("s")
        await bench.until(lambda: find.asked)
        assert find.settings[0].peer.ae_title == "PACS2"
        await answer(bench, find)
        await bench.pilot.press("a", "r")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        await bench.until(lambda: left_of(history, B))
        (selection,) = left_of(history, B)
        assert len(bench.main.table.rows) == 2
        assert selection.part == "2 series"
        await bench.tell(whole(A))
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        assert list(bench.session.selections) == [selection]
        assert list(selection.instances_by_series) == ["1.2.1.1", "1.2.1.2"]


async def test_a_part_in_place_of_a_stopped_study_is_all_that_is_left(
    history: History, tmp_path: Path
) -> None:
    memory = JobHistory(lambda: history)
    async with opened(SIZES["large"], folder=tmp_path, job_history=memory) as bench:
        await bench.start(A)
        assert bench.sessions.identified is not None
        bench.sessions.identified(A, ADA)
        await bench.tell(begins(A), ends(A, Verdict.CANCELLED, stored=0))
        await bench.until(lambda: not bench.app.jobs.busy)
        await open_details(bench)
        await bench.pilot.press("a", "r")
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        assert [each.part for each in left_of(history, A)] == ["2 series"]


async def test_a_study_that_waits_can_be_narrowed_twice(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        session = await bench.start(A, B)
        await bench.tell(begins(A))
        await bench.until(lambda: bench.row(B))
        key = RowKey(0, B)
        with bench.app.jobs._lock:  # the removals are taken in together
            for series_uid in (f"{B}.1", f"{B}.2"):
                request = StudyRequest(selection=Selection.of(B, series_uid))
                assert bench.app.jobs.replace(key, request, session.options)
        await bench.until(session.told)
        row = bench.app.store.entry(key)
        assert row is not None
        assert row[1].selection == Selection.of(B, f"{B}.2")
        assert row[0].state is State.QUEUED


async def test_a_study_that_is_being_retrieved_is_not_touched(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        session = await bench.start(A)
        assert bench.sessions.identified is not None
        bench.sessions.identified(A, ADA)
        await bench.tell(begins(A))
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.RUNNING)
        await open_details(bench)
        await bench.until(lambda: "Axial" in bench.text())
        await bench.pilot.press("a", "r")
        await bench.until(lambda: "Press x in the queue to stop it first" in bench.told())
        assert session.asked == []


async def test_a_search_that_fails_says_why_and_can_be_repeated(tmp_path: Path) -> None:
    find = Searches()
    async with opened(folder=tmp_path, find=find) as bench:
        await bench.start(A)
        await open_details(bench)
        await bench.pilot.press("space")
        await bench.until(lambda: find.asked)
        find.end(PeerUnreachable("Cannot reach pacs.test:104: connection refused."))
        await bench.until(lambda: "connection refused" in bench.text())
        await bench.pilot.press("space")
        await bench.until(lambda: len(find.asked) == 2)


async def test_a_filter_leaves_out_no_series_that_was_marked(tmp_path: Path) -> None:
    presets = [preset(folder=tmp_path, modality="MR")]
    async with opened(SIZES["large"], presets=presets) as bench:
        await complete(bench, tmp_path)
        assert bench.session.options.series_filter.modalities
        await open_details(bench)
        await bench.pilot.press("a", "r")
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        assert not bench.session.options.series_filter.modalities


async def test_the_demo_sends_the_marked_series_only(tmp_path: Path) -> None:
    studies = demo_studies()[:2]
    narrowed = studies[1].study_instance_uid
    output = tmp_path / "out"
    with DemoPacs(studies=studies) as pacs:
        profiles = tmp_path / "profiles.toml"
        save_demo_profiles(profiles, pacs, output, 11112)
        presets, _ = open_profile_store(profiles).presets()
        text = "\n".join(study.study_instance_uid for study in studies)
        app = RetrieveApp(open_session, presets, find=find, find_each=find_each)
        async with running(app, SIZES["large"]) as pilot:
            bench = Bench(app, pilot, Sessions())
            await pilot.press("escape", "p")
            bench.main.action_new()
            await bench.paste(text)
            app.jobs.pause()
            await pilot.press("enter")
            await bench.until(lambda: len(bench.main.table.rows) == 2)
            await pilot.press("down")
            await open_details(bench)
            await pilot.press("space")
            await bench.until(lambda: bench.app.screen.query_one(MarkList).has_focus)
            listed = bench.app.screen.query_one(MarkList).option_count
            assert listed > 1
            await pilot.press("space", "r")
            await bench.until(lambda: (row := bench.row(narrowed)) and row.part == "1 series")
            app.jobs.resume()
            await bench.until(lambda: not app.jobs.busy)
            row = bench.row(narrowed)
        assert row is not None
        assert row.state is State.DONE
        assert len({path.parent for path in output.rglob(f"{narrowed}/*/*.dcm")}) == 1
        assert app.jobs.close()
