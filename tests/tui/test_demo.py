"""The application on the demonstration PACS, through the real engine and real sockets."""

from pathlib import Path

from textual.content import Content

from dicom_retrieve_tui.cli.commands.application import open_profile_store
from dicom_retrieve_tui.cli.commands.demo import save_demo_profiles
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.demo.studies import demo_studies
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import find, find_each, open_accounts, open_session
from tests.tui.application import SIZES, Bench
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions


async def test_the_demonstration_from_the_first_key_to_the_last_instance(tmp_path: Path) -> None:
    studies = demo_studies()
    uids = [study.study_instance_uid for study in studies]
    busy = uids[2]
    listed = tmp_path / "failed-studies.txt"
    with DemoPacs(studies=studies, busy_once=[busy]) as pacs:
        profiles = tmp_path / "profiles.toml"
        save_demo_profiles(profiles, pacs, tmp_path, 11112)
        presets, _ = open_profile_store(profiles).presets()
        app = RetrieveApp(
            open_session,
            presets,
            find=find,
            find_each=find_each,
            text="\n".join(uids),
            open_accounts=open_accounts,
        )
        async with running(app, SIZES["usual"]) as pilot:
            bench = Bench(app, pilot, Sessions())

            def tabs() -> str:  # a toast may cover them on the screen
                subtitle = bench.main.query_one("#queue-pane").border_subtitle
                return Content.from_markup(str(subtitle)).plain

            await pilot.press("enter")
            await bench.until(lambda: (row := bench.row(busy)) and row.state is State.FAILED)
            await bench.until(lambda: not app.jobs.busy)
            await bench.until(lambda: "3 failed 1 · 4 done 3" in tabs())
            await bench.until(listed.exists)
            assert busy in listed.read_text(encoding="utf-8")
            await pilot.press("3", "r")
            await bench.until(lambda: "4 done 4" in tabs())
            await bench.until(lambda: "100/100" in bench.text())
        assert app.jobs.close()

    assert len(list(tmp_path.rglob("*.dcm"))) == 100
    assert not listed.exists()
