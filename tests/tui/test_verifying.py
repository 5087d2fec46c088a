"""The files of a folder are checked from the queue, and what is lost is asked for again."""

from contextlib import closing
from pathlib import Path

from dicom_retrieve_tui.cli.commands.application import open_profile_store
from dicom_retrieve_tui.cli.commands.demo import save_demo_profiles
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.verify import VerifyScreen, result_text
from dicom_retrieve_tui.wiring import find, find_each, open_session
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import options
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions


async def test_a_deleted_file_is_named_and_retrieved_again(tmp_path: Path) -> None:
    studies = demo_studies()[1:2]
    output = tmp_path / "out"
    with DemoPacs(studies=studies) as pacs:
        profiles = tmp_path / "profiles.toml"
        save_demo_profiles(profiles, pacs, output, 11112)
        presets, _ = open_profile_store(profiles).presets()
        uid = studies[0].study_instance_uid
        app = RetrieveApp(open_session, presets, find=find, find_each=find_each, text=uid)
        async with running(app, SIZES["usual"]) as pilot:
            bench = Bench(app, pilot, Sessions())
            await pilot.press("enter")
            await bench.until(lambda: "4 done 1" in bench.text() and not app.jobs.busy)
            next(output.rglob("*.dcm")).unlink()
            bench.main.table.focus()
            await pilot.press("v")
            await bench.until(lambda: "Press r to retrieve" in bench.text())
            assert (
                "1 missing: CR/SR Chest X-ray and report 2026-02-27, Example, Ada" in bench.joined()
            )

            await pilot.press("r")
            await bench.until(lambda: isinstance(app.screen, MainScreen))
            await bench.until(lambda: len(list(output.rglob("*.dcm"))) == 3 and not app.jobs.busy)
            await pilot.press("v")
            await bench.until(lambda: "1 study: 1 whole, 3 instances" in bench.joined())
            await pilot.press("r")
            assert "Nothing is missing or damaged." in bench.told()
        assert app.jobs.close()


async def test_studies_of_other_retrievals_have_their_names_after_a_restart(
    tmp_path: Path,
) -> None:
    studies, output = demo_studies()[1:2], tmp_path / "out"
    with DemoPacs(studies=studies) as pacs, closing(History(tmp_path / "history.db")) as history:
        profiles = tmp_path / "profiles.toml"
        save_demo_profiles(profiles, pacs, output, 11112)
        presets, _ = open_profile_store(profiles).presets()
        app = RetrieveApp(
            open_session,
            presets,
            find=find,
            find_each=find_each,
            text=studies[0].study_instance_uid,
            job_history=JobHistory(lambda: history),
        )
        async with running(app, SIZES["usual"]) as pilot:
            bench = Bench(app, pilot, Sessions())
            await pilot.press("enter")
            await bench.until(lambda: "4 done 1" in bench.text() and not app.jobs.busy)
        assert app.jobs.close()
    next(output.rglob("*.dcm")).unlink()

    with closing(History(tmp_path / "history.db")) as history:
        memory = JobHistory(lambda: history)
        memory.keep_names(lambda _: UNIDENTIFIED)
        memory.asked(
            options(str(output)), [StudyRequest(selection=Selection(study_instance_uid="1.2.3"))]
        )
        async with opened(job_history=memory) as bench:
            await bench.pilot.press("f5", "v")
            await bench.until(lambda: "Press r to retrieve" in bench.text())
            assert "1 missing: CR/SR Chest X-ray" in bench.joined()


async def test_a_folder_without_a_journal_says_so(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await bench.start("1.2.3")
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press("v")
        await bench.until(lambda: "Checked" in bench.text())
        assert "journal" in bench.joined()


async def test_what_cannot_be_read_is_not_retrieved_again(tmp_path: Path) -> None:
    unreadable = Flawed(sop_instance_uid="1.2.4", flaw=Flaw.UNREADABLE, path="a.dcm")
    study = VerifiedStudy(
        study_instance_uid="1.2", verdict=Verdict.COMPLETE, whole=0, whole_files=0,
        flawed=(unreadable,),
    )  # fmt: skip
    async with opened(folder=tmp_path) as bench:
        bench.app.push_screen(VerifyScreen(lambda: iter([study]), str, tmp_path))
        await bench.until(lambda: "Unreadable files may be whole" in bench.joined())
        assert "1 unreadable: 1.2" in bench.joined()
        assert "Press r" not in bench.joined()

        await bench.pilot.press("r")
        assert "Nothing is missing or damaged." in bench.told()


def test_a_result_is_in_words() -> None:
    lost = Flawed(sop_instance_uid="1.2.3", flaw=Flaw.MISSING, path=None)
    unreadable = Flawed(sop_instance_uid="1.2.4", flaw=Flaw.UNREADABLE, path="a.dcm")

    def study(verdict: Verdict | None, *flawed: Flawed) -> VerifiedStudy:
        return VerifiedStudy(
            study_instance_uid="1.2", verdict=verdict, whole=1, whole_files=1, flawed=flawed
        )

    assert result_text(study(Verdict.COMPLETE)) == "whole"
    assert result_text(study(Verdict.COMPLETE, lost)) == "1 missing"
    assert result_text(study(Verdict.COMPLETE, unreadable)) == "1 unreadable"
    assert result_text(study(Verdict.CANCELLED)) == "stopped"
    assert result_text(study(None)) == "unfinished"
