"""From no profile to a first study: five keys beyond what is typed, two the next time."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.doctor.result import Check
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import uids
from tests.tui.scripted_doctor import ASSOCIATED, ECHOED, answers, fails

A, B = uids(2)
REFUSED = fails(
    Check.CONNECTION,
    "Cannot reach pacs.test:104: connection refused.",
    "port",
    "host",
    next_step="Is the port right?",
)
CALLED = fails(Check.ASSOCIATION, "Called AE title not recognized.", "called_aet")


def profile_store(tmp_path: Path, text: str = "") -> ProfileStore:
    path = tmp_path / "profiles.toml"
    if text:
        path.write_text(text, encoding="utf-8")
    return ProfileStore(path, lambda: ("reading-room-pc.hospital.test", 11112))


def field(bench: Bench) -> str:
    """Which field has the focus."""
    return (bench.app.focused.id or "") if bench.app.focused else ""


async def test_the_first_study_takes_five_keys_and_the_next_time_two(tmp_path: Path) -> None:
    profiles, settings = profile_store(tmp_path), SettingsFile(tmp_path / "settings.toml")
    pacs = answers()
    async with opened(profile_store=profiles, settings=settings, doctor=pacs.doctor) as bench:
        assert isinstance(bench.app.screen, ProfileScreen)
        assert "Your PACS" in bench.text()
        assert field(bench) == "field-host"

        await bench.pilot.press(*"pacs.test", "tab", "tab", *"PACS1", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        assert field(bench) == "uids"
        assert "pacs1  READING-ROOM-PC → PACS1 pacs.test:104" in bench.text()
        assert "● echo 0.5 ms" in bench.text()
        await bench.paste(A)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        assert [each.study_instance_uid for each in bench.session.selections] == [A]

    async with opened(profile_store=profiles, settings=settings, doctor=pacs.doctor) as bench:
        await bench.paste(B)
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        assert str(bench.session.options.peer) == "PACS1@pacs.test:104"

    assert [str(each.peer) for each in pacs.asked] == ["PACS1@pacs.test:104"]


async def test_what_follows_from_the_rest_is_filled_in_and_saved(tmp_path: Path) -> None:
    profiles = profile_store(tmp_path)
    async with opened(profile_store=profiles, doctor=answers().doctor) as bench:
        bench.fill(host="OLD PACS@10.0.0.9:4242")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        assert "the PACS must know READING-ROOM-PC at this computer, port 11112" in bench.told()

    assert (
        profiles.path.read_text()
        == """\
[profiles.old-pacs]
host = "10.0.0.9"
port = 4242
called_aet = "OLD PACS"
aet = "READING-ROOM-PC"
method = "auto"
move_dest = "READING-ROOM-PC"
listen = "11112"
output = "~/dicom"
layout = "hierarchical"
parallel = 4
"""
    )


async def test_another_name_and_ae_title_of_ours_are_taken_as_they_are(tmp_path: Path) -> None:
    profiles = profile_store(tmp_path)
    async with opened(SIZES["large"], profile_store=profiles, doctor=answers().doctor) as bench:
        bench.fill(host="pacs.test", name="main", aet="WE")
        await bench.pilot.pause()
        bench.fill(called_aet="PACS1")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

    saved = profiles.profiles()[0][0]
    assert (saved.name, saved.said["aet"], saved.said["move_dest"]) == ("main", "WE", "WE")


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_a_failure_stays_in_the_form_beside_the_guilty_field(
    size: tuple[int, int], tmp_path: Path
) -> None:
    profiles = profile_store(tmp_path)
    pacs = answers([REFUSED], [CALLED], [ASSOCIATED, ECHOED])
    async with opened(size, profile_store=profiles, doctor=pacs.doctor) as bench:
        bench.fill(host="pacs.test", called_aet="PACS2")
        await bench.pilot.press("enter")

        await bench.until(lambda: "connection refused. Is the port right?" in flat(bench))
        assert field(bench) == "field-port"
        assert "Saved, but the PACS cannot be used with this value." in flat(bench)
        await bench.pilot.press(*"105", "enter")
        await bench.until(lambda: "Called AE title not recognized." in flat(bench))
        assert field(bench) == "field-called_aet"
        await bench.pilot.press("end", "backspace", "1", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

    (saved,) = profiles.profiles()[0]
    assert (saved.name, saved.said["port"], saved.said["called_aet"]) == ("pacs1", "105", "PACS1")
    assert [str(each.peer) for each in pacs.asked][-1] == "PACS1@pacs.test:105"


async def test_an_invalid_value_is_reported_beside_its_field_and_not_saved(tmp_path: Path) -> None:
    profiles = profile_store(tmp_path)
    pacs = answers()
    async with opened(profile_store=profiles, doctor=pacs.doctor) as bench:
        await bench.pilot.press("enter")
        assert "Where is the PACS?" in bench.text()
        assert field(bench) == "field-host"
        bench.fill(host="pacs.test", port="70000")
        await bench.pilot.press("enter")
        assert "Port '70000': expected a whole number from 1 to 65535." in flat(bench)
        assert field(bench) == "field-port"

    assert not profiles.path.exists()
    assert pacs.asked == []


async def test_leaving_the_form_leaves_an_application_that_says_what_to_do(tmp_path: Path) -> None:
    async with opened(profile_store=profile_store(tmp_path), doctor=answers().doctor) as bench:
        await bench.pilot.press("escape")
        await bench.until(lambda: field(bench) == "uids")
        assert "f2 edits profiles" in bench.text()
        await bench.pilot.press("f2")
        assert isinstance(bench.app.screen, ProfilesScreen)
        assert "No profile yet. Press n to add your PACS." in bench.text()


async def test_what_the_administrator_needs_to_know_is_copied(tmp_path: Path) -> None:
    async with opened(profile_store=profile_store(tmp_path), doctor=answers().doctor) as bench:
        bench.fill(host="pacs.test")
        await bench.pilot.press("f5")
        await bench.until(lambda: bench.app.clipboard)

        assert bench.app.clipboard == "Please add READING-ROOM-PC at 10.0.0.7, port 11112."


async def test_a_file_that_is_no_toml_is_shown_and_not_touched(tmp_path: Path) -> None:
    broken = "[profiles.a\nhost = 'h'\n"
    profiles = profile_store(tmp_path, broken)
    async with opened(profile_store=profiles, doctor=answers().doctor) as bench:
        assert isinstance(bench.app.screen, ProfilesScreen)
        assert "this is not TOML" in flat(bench)
        await bench.pilot.press("n")
        bench.fill(host="pacs.test")
        await bench.pilot.press("enter")
        assert "this is not TOML" in flat(bench)

    assert profiles.path.read_text() == broken


def flat(bench: Bench) -> str:
    """What is on top, without its line breaks and frames."""
    on_top = bench.app.screen.query("ModalScreen > Vertical").first()
    return " ".join(bench.text(on_top).replace("│", " ").replace("▌", " ").split())
