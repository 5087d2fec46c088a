"""The application over TLS with an Orthanc that wants our certificate, whose key is locked."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from dicom_retrieve_tui.tui.screens.secret import SecretScreen
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.wiring import (
    check_tls,
    diagnose,
    find,
    find_each,
    open_session,
    tell_administrator,
)
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST
from tests.interop.peers import DRTUI
from tests.interop.tls_orthanc import TlsOrthanc
from tests.peers.certificates import Authority, Issued
from tests.tui.application import Bench
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions

pytestmark = pytest.mark.peers

_PASSPHRASE = "sesame"  # noqa: S105 - it opens nothing but a key of these tests
_STUDY = CT_CHEST.study_instance_uid


@pytest.fixture(scope="module")
def locked(authority: Authority) -> Issued:
    return authority.issue("locked", passphrase=_PASSPHRASE)


def _profiles(folder: Path, orthanc: TlsOrthanc, shown: Issued, method: str) -> Path:
    path = folder / "profiles.toml"
    listen = f"127.0.0.1:{orthanc.move_ports[DRTUI]}"
    moving = f'move_dest = "{DRTUI}"\nlisten = "{listen}"\n' if method == "c-move" else ""
    path.write_text(
        f'[profiles.safe]\nhost = "localhost"\nport = {orthanc.port}\naet = "{DRTUI}"\n'
        f'called_aet = "{orthanc.ae_title}"\nmethod = "{method}"\n{moving}'
        f'output = "{folder / "out"}"\ntls = true\n'
        f'tls_ca = "{orthanc.authority.certificate}"\n'
        f'tls_cert = "{shown.certificate}"\ntls_key = "{shown.key}"\n'
    )
    return path


@asynccontextmanager
async def _opened(profiles: Path) -> AsyncIterator[Bench]:
    profile_store = ProfileStore(profiles, lambda: ("pc", 0))
    app = RetrieveApp(
        open_session,
        profile_store.presets()[0],
        find=find,
        find_each=find_each,
        settings=SettingsFile(profiles.with_name("settings.toml")),
        profile_store=profile_store,
        doctor=Doctor(diagnose, tell_administrator),
        secrets=SecretStore({}, check_tls),
    )
    async with running(app, (120, 40)) as pilot:
        bench = Bench(app, pilot, Sessions())
        await bench.until(lambda: app.screen_stack[0].query("#form"))
        yield bench
        await bench.until(lambda: not app.jobs.busy)
    app.finder.close(5.0)
    assert app.jobs.close()


async def _unlock(bench: Bench) -> None:
    """Type the passphrase; nobody who looks over the shoulder reads it."""
    await bench.until(lambda: isinstance(bench.app.screen, SecretScreen))
    await bench.pilot.press(*_PASSPHRASE)
    assert _PASSPHRASE not in bench.text()
    assert "•" * len(_PASSPHRASE) in bench.text()
    await bench.pilot.press("enter")


@pytest.mark.parametrize("method", ["c-get", "c-move"])
async def test_a_study_comes_once_the_key_is_unlocked(
    method: str, tls_orthanc: TlsOrthanc, locked: Issued, tmp_path: Path
) -> None:
    async with _opened(_profiles(tmp_path, tls_orthanc, locked, method)) as bench:
        await bench.paste(_STUDY)
        await bench.pilot.press("enter")
        await _unlock(bench)
        await bench.until(lambda: (row := bench.row(_STUDY)) and row.state is State.DONE)

    assert_same_as_peer(tmp_path / "out", tls_orthanc, CT_CHEST.sop_instance_uids)


async def test_a_search_and_the_doctor_speak_tls_with_the_same_key(
    tls_orthanc: TlsOrthanc, locked: Issued, tmp_path: Path
) -> None:
    async with _opened(_profiles(tmp_path, tls_orthanc, locked, "c-get")) as bench:
        await bench.pilot.press("f2", "D")
        await _unlock(bench)
        assert isinstance(bench.app.screen, ProfilesScreen)
        await bench.until(lambda: "should work" in bench.joined())
        assert "✓ TLS handshake TLS 1." in bench.joined()
        assert "issued by Invented Authority" in bench.joined()
        await bench.pilot.press("escape", "f3")
        await bench.until(lambda: isinstance(bench.app.screen, FindScreen))
        await bench.pilot.press(*CT_CHEST.patient_id, "enter")
        await bench.until(lambda: "1 study" in bench.text())
        assert "Alpha" in bench.text()
