"""The files of a folder are checked from the queue, and what is lost is asked for again."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import replace
from pathlib import Path

from dicom_retrieve_tui.cli.commands.application import open_profile_store
from dicom_retrieve_tui.cli.commands.demo import save_demo_profiles
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.verify_result import Flaw, Flawed, VerifiedStudy
from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.verify import VerifyScreen, result_text, verify_screen
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import find, find_each, open_session
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import options
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions
from tests.unit.storage.kept import STUDY, keep, path_of


@asynccontextmanager
async def _retrieved(folder: Path) -> AsyncIterator[tuple[Bench, Path]]:
    """The application with a complete study of the demo PACS, the focus in its queue."""
    studies, output = demo_studies()[1:2], folder / "out"
    with DemoPacs(studies=studies) as pacs:
        profiles = folder / "profiles.toml"
        save_demo_profiles(profiles, pacs, output, 11112)
        presets, _ = open_profile_store(profiles).presets()
        uid = studies[0].study_instance_uid
        app = RetrieveApp(open_session, presets, find=find, find_each=find_each, text=uid)
        async with running(app, SIZES["usual"]) as pilot:
            bench = Bench(app, pilot, Sessions())
            await pilot.press("enter")
            await bench.until(lambda: "4 done 1" in bench.text() and not app.jobs.busy)
            bench.main.table.focus()
            yield bench, output
        assert app.jobs.close()


async def test_a_deleted_file_is_named_and_retrieved_again(tmp_path: Path) -> None:
    async with _retrieved(tmp_path) as (bench, output):
        next(output.rglob("*.dcm")).unlink()
        await bench.pilot.press("v")
        await bench.until(lambda: "Press r to retrieve" in bench.text())
        assert "1 missing: CR/SR Chest X-ray and report 2026-02-27, Example, Ada" in bench.joined()

        await bench.pilot.press("r")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        await bench.until(lambda: len(list(output.rglob("*.dcm"))) == 3 and not bench.app.jobs.busy)
        await bench.pilot.press("v")
        await bench.until(lambda: "1 study: 1 whole, 3 instances" in bench.joined())
        await bench.until(lambda: "Nothing is missing or damaged." in bench.joined())
        assert "Retrieve again" not in bench.text()


async def test_a_file_damaged_at_equal_size_is_replaced(tmp_path: Path) -> None:
    async with _retrieved(tmp_path) as (bench, output):
        file = next(output.rglob("*.dcm"))
        received = file.read_bytes()
        damaged = received[:-2] + b"XX"
        file.write_bytes(damaged)
        await bench.pilot.press("v")
        await bench.until(lambda: "Press r to retrieve" in bench.text())
        assert "1 damaged: CR/SR Chest X-ray" in bench.joined()

        await bench.pilot.press("r")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        await bench.until(lambda: file.exists() and file.read_bytes() == received)
        await bench.until(lambda: "4 done 1" in bench.text() and not bench.app.jobs.busy)
        (aside,) = (output / ".dicom-retrieve" / "damaged").iterdir()
        assert aside.read_bytes() == damaged
        await bench.pilot.press("v")
        await bench.until(lambda: "1 study: 1 whole, 3 instances" in bench.joined())


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
        assert "Nothing is missing or damaged." in bench.joined()
        assert "Press r" not in bench.joined()
        assert "Retrieve again" not in bench.text()

        await bench.pilot.press("r")
        assert isinstance(bench.app.screen, VerifyScreen)


def study_of(
    number: int, verdict: Verdict | None, flaw: Flaw | None = None, *, on_disk: bool = True
) -> VerifiedStudy:
    """A study with one instance, which has this flaw."""
    path = f"{number}.dcm" if on_disk else None
    flawed = () if flaw is None else (
        Flawed(sop_instance_uid=f"1.2.{number}.1", flaw=flaw, path=path),
    )  # fmt: skip
    return VerifiedStudy(
        study_instance_uid=f"1.2.{number}",
        verdict=verdict,
        whole=0 if flawed else 1,
        whole_files=0 if flawed else 1,
        flawed=flawed,
    )


async def test_faults_come_first_and_the_queue_in_one_line(tmp_path: Path) -> None:
    studies = [
        study_of(1, None),
        study_of(2, None),
        study_of(3, Verdict.COMPLETE),
        study_of(4, Verdict.FAILED),
        study_of(5, Verdict.COMPLETE, Flaw.UNREADABLE),
        study_of(6, Verdict.PARTIAL, Flaw.MISSING, on_disk=False),
        study_of(7, Verdict.PARTIAL, Flaw.MISSING, on_disk=False),
        study_of(8, Verdict.COMPLETE, Flaw.DAMAGED),
    ]
    queued = {"1.2.1": State.RUNNING, "1.2.7": State.QUEUED, "1.2.8": State.QUEUED}
    async with opened(folder=tmp_path) as bench:
        screen = VerifyScreen(lambda: iter(studies), str, tmp_path, active=queued.get)
        bench.app.push_screen(screen)
        await bench.until(lambda: "Press r to retrieve" in bench.text())
        window = bench.text(screen.query_one("#verified"))
        assert (
            "Checked 8 studies: 1 whole, 4 instances read and compared "
            "Not whole 5 studies: 1 damaged, 1 missing, 1 unreadable, 1 failed, 1 unfinished "
            "Queue 2 studies are not finished yet "
            "1 damaged: 1.2.8 1 missing: 1.2.6 1 unreadable: 1.2.5 failed: 1.2.4 unfinished: 1.2.2 "
        ) in " ".join(window.split())


async def test_studies_of_the_running_queue_are_not_faults(tmp_path: Path) -> None:
    keep(tmp_path, 2, uid="1.2.3", verdict=None)
    keep(tmp_path, 2, uid="1.2.4", verdict=None)
    async with opened(folder=tmp_path) as bench:
        await bench.start("1.2.3")
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press("v")
        await bench.until(lambda: "Press r to retrieve" in bench.text())
        assert "Not whole 1 study: 1 unfinished" in bench.joined()
        assert "Queue 1 study is not finished yet" in bench.joined()
        assert "unfinished: 1.2.4" in bench.joined()
        assert "unfinished: 1.2.3" not in bench.joined()


async def test_the_history_moves_damaged_files_away_too(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    keep(folder, 2)
    damaged = folder / path_of(1)
    damaged.write_bytes(bytes(damaged.stat().st_size))
    with closing(History(tmp_path / "history.db")) as history:
        memory = JobHistory(lambda: history)
        memory.keep_names(lambda _: UNIDENTIFIED)
        memory.asked(
            options(str(folder)), [StudyRequest(selection=Selection(study_instance_uid=STUDY))]
        )
        async with opened(job_history=memory) as bench:
            await bench.pilot.press("f5", "v")
            await bench.until(lambda: "Press r to retrieve" in bench.text())
            await bench.pilot.press("r")
            await bench.until(lambda: bool(bench.sessions.opened))
            assert [each.study_instance_uid for each in bench.session.selections] == [STUDY]
    assert not damaged.exists()


async def test_a_study_that_is_being_retrieved_is_left_alone(tmp_path: Path) -> None:
    studies = [study_of(number, Verdict.COMPLETE, Flaw.DAMAGED) for number in (1, 2)]
    moved: list[str] = []
    answers: list[list[str] | None] = []

    def set_aside(uids: Sequence[str]) -> int:
        moved.extend(uids)
        return len(uids)

    async with opened(folder=tmp_path) as bench:
        running = {"1.2.1": State.RUNNING, "1.2.2": State.QUEUED}
        bench.app.push_screen(
            VerifyScreen(
                lambda: iter(studies), str, tmp_path, active=running.get, set_aside=set_aside
            ),
            answers.append,
        )
        await bench.until(lambda: "Press r to retrieve" in bench.text())
        await bench.pilot.press("r")
        await bench.until(lambda: bool(answers))
        assert answers == [["1.2.2"]]
        assert moved == ["1.2.2"]
        assert "1 damaged file moved to .dicom-retrieve/damaged." in bench.told()
        assert "1 study is being retrieved now: verify again after that." in bench.told()


async def test_what_cannot_be_moved_away_is_not_asked_for(tmp_path: Path) -> None:
    def set_aside(_: Sequence[str]) -> int:
        raise DiskFailed("Cannot move damaged files away: read-only file system.", path="")

    async with opened(folder=tmp_path) as bench:
        damaged = study_of(1, Verdict.COMPLETE, Flaw.DAMAGED)
        bench.app.push_screen(
            VerifyScreen(lambda: iter([damaged]), str, tmp_path, set_aside=set_aside)
        )
        await bench.until(lambda: "Press r to retrieve" in bench.text())
        await bench.pilot.press("r")
        await bench.until(lambda: "read-only file system" in bench.told())
        assert isinstance(bench.app.screen, VerifyScreen)


async def test_what_goes_to_another_scp_is_not_retrieved_into_the_folder(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    damaged = tmp_path / path_of(1)
    damaged.write_bytes(bytes(damaged.stat().st_size))
    elsewhere = replace(options(str(tmp_path)), method=Method.C_MOVE, move_destination="OTHER")
    async with opened(folder=tmp_path) as bench:
        bench.app.push_screen(verify_screen(tmp_path, str, lambda *_: None, elsewhere))
        await bench.until(lambda: "sent to another Storage SCP" in bench.joined())
        assert "1 damaged" in bench.joined()
        assert "Retrieve again" not in bench.text()
        await bench.pilot.press("r")
        assert isinstance(bench.app.screen, VerifyScreen)
    assert damaged.exists()


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
    copy = replace(unreadable, flaw=Flaw.DAMAGED, whole_elsewhere=True)
    assert result_text(study(Verdict.COMPLETE, copy)) == "1 damaged copy"
    assert result_text(study(Verdict.CANCELLED)) == "stopped"
    assert result_text(study(None)) == "unfinished"
