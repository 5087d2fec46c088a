"""The application's first start, on a real PACS: no profile, five keys, a study."""

from pathlib import Path

from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import diagnose, find, find_each, open_session, tell_administrator
from tests.interop.orthanc import Orthanc
from tests.interop.process import free_port
from tests.tui.application import SIZES, Bench
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions

KEYS_BEYOND_TEXT = 5


async def test_from_no_profile_to_a_study_of_orthanc(orthanc: Orthanc, tmp_path: Path) -> None:
    pressed: list[str] = []
    uid = orthanc.studies[0].study_instance_uid
    profile_store = ProfileStore(tmp_path / "profiles.toml", lambda: ("pc", free_port()))
    app = RetrieveApp(
        open_session,
        find=find,
        find_each=find_each,
        settings=SettingsFile(tmp_path / "settings.toml"),
        profile_store=profile_store,
        doctor=Doctor(diagnose, tell_administrator),
    )
    async with running(app, SIZES["usual"]) as pilot:
        bench = Bench(app, pilot, Sessions())

        async def press(key: str) -> None:
            pressed.append(key)
            await pilot.press(key)

        bench.fill(output=str(tmp_path / "dicom"))  # not into the home of whoever tests
        await pilot.press(*f"127.0.0.1:{orthanc.port}")
        await press("tab")
        await press("tab")
        await pilot.press(*orthanc.ae_title)
        await press("enter")
        await bench.until(lambda: isinstance(app.screen, MainScreen))
        assert "● echo" in bench.text()
        pressed.append("paste")
        await bench.paste(uid)
        await press("enter")
        await bench.until(lambda: (row := bench.row(uid)) and row.state is State.DONE)
        await bench.until(lambda: not app.jobs.busy)
    assert app.jobs.close()

    assert len(pressed) == KEYS_BEYOND_TEXT
    (saved,) = profile_store.profiles()[0]
    assert (saved.name, saved.said["host"]) == ("orthanc", "127.0.0.1")
    found = list((tmp_path / "dicom").rglob("*.dcm"))
    assert len(found) == len(orthanc.studies[0].instances)
