"""The profiles screen: the file is what counts, and nothing in it is lost."""

import re
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from textual.containers import VerticalScroll
from textual.widgets import Input

from dicom_retrieve_tui.cli.parser import parse_command_line
from dicom_retrieve_tui.cli.read_options import read_retrieval
from dicom_retrieve_tui.config.preferences_file import SettingsFile
from dicom_retrieve_tui.doctor.result import Check
from dicom_retrieve_tui.model.choices import Method, QueryModel
from dicom_retrieve_tui.model.options import KEYS
from dicom_retrieve_tui.model.security import TlsSettings
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.tui.copied_command import copied_command
from dicom_retrieve_tui.tui.doctor_job import finding_lines
from dicom_retrieve_tui.tui.profile_form import profile_fields
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.retrieve_form import CARRIED, FIELDS, draft_of, read_draft
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from dicom_retrieve_tui.tui.widgets.keys_line import KeyHint, KeysLine
from tests.tui.application import SIZES, Bench, opened
from tests.tui.scripted_doctor import ASSOCIATED, ECHOED, WORKS, Answers, answers, fails

TWO = """\
[defaults]
timeout = 45

[profiles.main]
host = "main.test"
method = "c-get"

[profiles.old]
host = "old.test"
port = 4242
called_aet = "OLD"
aet = "WE"
move_dest = "WE"
listen = "11112"
"""
FAULTY = """\
[profiles.good]
host = "good.test"

[profiles.bad]
port = "4242"
newer = 5
"""


def profile_store(tmp_path: Path, text: str = TWO) -> ProfileStore:
    path = tmp_path / "profiles.toml"
    path.write_text(text, encoding="utf-8")
    return ProfileStore(path, lambda: ("pc", 11112))


def on(
    tmp_path: Path, pacs: Answers | None = None, text: str = TWO, size: str = "usual"
) -> AbstractAsyncContextManager[Bench]:
    return opened(
        SIZES[size],
        profile_store=profile_store(tmp_path, text),
        settings=SettingsFile(tmp_path / "settings.toml"),
        doctor=(pacs or answers()).doctor,
    )


def test_a_profile_means_the_same_in_both_faces(tmp_path: Path) -> None:
    profiles = profile_store(tmp_path, '[profiles.plain]\nhost = "plain.test"\nmove_dest = "WE"\n')
    args = parse_command_line(("@plain", "1.2.3", "--config", str(profiles.path)))

    options = profiles.options("plain")

    assert options == read_retrieval(args, {})
    assert options.method is Method.C_MOVE
    assert profiles.usual()["method"] == "c-move"


async def test_the_one_that_is_used_is_the_one_that_starts_next_time(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        assert "main  DICOMRETRIEVE → ANY-SCP main.test:104" in bench.text()
        await bench.pilot.press("f2", "down", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        assert "old  WE → OLD old.test:4242" in bench.text()

    async with on(tmp_path) as bench:
        assert "old  WE → OLD old.test:4242" in bench.text()


@pytest.mark.parametrize("size", SIZES)
async def test_what_is_saved_is_listed_and_every_key_fits(size: str, tmp_path: Path) -> None:
    async with on(tmp_path, size=size) as bench:
        await bench.pilot.press("f2")
        assert "● @main  ANY-SCP@main.test:104  C-GET" in bench.text()
        assert "  @old   OLD@old.test:4242  C-MOVE" in bench.text()
        assert "d duplicate · del remove · c copy for the PACS" in bench.text()
        footer = bench.app.screen.query_one(KeysLine)
        await bench.until(lambda: footer.query(KeyHint))
        keys = [key for key in footer.query(KeyHint) if key.region.width]
        assert 4 <= len(keys) <= 7
        assert max(key.region.right for key in keys) <= SIZES[size][0]
        assert "esc Close" in bench.text(footer)


async def test_an_edit_keeps_the_place_and_reaches_the_form(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f2", "e")
        assert isinstance(bench.app.screen, ProfileScreen)
        bench.fill(port="105", name="first")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ProfilesScreen))
        assert "@first  ANY-SCP@main.test:105" in bench.text()
        await bench.pilot.press("escape")
        assert "first  DICOMRETRIEVE → ANY-SCP main.test:105" in bench.text()

    written = (tmp_path / "profiles.toml").read_text()
    assert written.index("[profiles.first]") < written.index("[profiles.old]")
    assert "port = 105" in written
    assert "timeout = 45" in written
    assert "profiles.main" not in written


async def test_what_is_emptied_is_said_no_more(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f2", "down", "e")
        bench.fill(listen="", port="")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ProfilesScreen))

    old = shelf_again(tmp_path).profiles()[0][1]
    assert set(old.said) == {"host", "called_aet", "aet", "move_dest"}


async def test_a_duplicate_gets_a_name_of_its_own(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f2", "down", "d")
        await bench.until(lambda: "Copy of @old" in bench.text())
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ProfilesScreen))

    saved = {each.name: each.said for each in shelf_again(tmp_path).profiles()[0]}
    assert list(saved) == ["main", "old", "old-2"]
    assert saved["old"] == saved["old-2"]


async def test_removing_asks_and_the_safe_answer_has_the_focus(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f2", "delete")
        assert isinstance(bench.app.screen, ConfirmScreen)
        await bench.pilot.press("enter")
        assert [each.name for each in shelf_again(tmp_path).profiles()[0]] == ["main", "old"]
        await bench.pilot.press("delete", "y")
        await bench.until(lambda: "@main" not in bench.text())
        await bench.pilot.press("escape")
        assert "old  WE → OLD old.test:4242" in bench.text()

    assert [each.name for each in shelf_again(tmp_path).profiles()[0]] == ["old"]


async def test_a_test_that_fails_names_the_field_to_whoever_edits(tmp_path: Path) -> None:
    said = "Called AE title not recognized."
    pacs = answers([fails(Check.ASSOCIATION, said, "called_aet")])
    async with on(tmp_path, pacs) as bench:
        await bench.pilot.press("f2", "t")
        await bench.until(lambda: f"✗ association     {said}" in bench.text())
        await bench.pilot.press("e")

        assert said in bench.text(bench.app.screen.query_one("#fault-called_aet"))
        assert bench.app.focused is bench.app.screen.query_one("#field-called_aet")


async def test_the_text_of_a_field_at_fault_is_selected(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f2", "e")
        await bench.until(lambda: isinstance(bench.app.screen, ProfileScreen))
        field = bench.app.screen.query_one("#field-called_aet", Input)
        field.focus()
        await bench.pilot.press(*"TOO-LONG-A-TITLE-OF-AE", "enter")
        await bench.until(lambda: "at most 16" in bench.joined())

        assert bench.app.focused is field
        assert field.selected_text == field.value
        await bench.pilot.press("X")
        assert field.value == "X"


async def test_a_test_asks_no_further_than_c_echo_and_the_doctor_asks_all(tmp_path: Path) -> None:
    find = fails(Check.FIND, "It does not take queries.")
    pacs = answers([ASSOCIATED, ECHOED, find, WORKS])
    async with on(tmp_path, pacs, size="large") as bench:
        await bench.pilot.press("f2", "t")
        await bench.until(lambda: "Answered within 0.5 ms." in bench.text())
        await bench.pilot.pause()
        assert "queries" not in bench.text()
        await bench.pilot.press("D")
        await bench.until(lambda: "A retrieval by C-GET should work." in bench.text())
        assert "✗ C-FIND          It does not take queries." in bench.text()


async def test_the_doctor_can_be_given_a_study_to_retrieve_a_sample_of(tmp_path: Path) -> None:
    pacs = answers([ASSOCIATED, ECHOED, WORKS])
    async with on(tmp_path, pacs, size="usual") as bench:
        await bench.pilot.press("f2", "D")
        await bench.until(lambda: WORKS.words in bench.text())
        await bench.pilot.press("tab")
        await bench.paste("1.2.840.99.1*")
        await bench.pilot.press("enter")
        await bench.until(lambda: "has a wildcard" in bench.told())
        await bench.pilot.press("backspace", "enter")
        await bench.until(lambda: len(pacs.studies) == 2)
        await bench.pilot.press("shift+tab", "t")
        await bench.until(lambda: len(pacs.studies) == 3)

        assert pacs.studies == [None, Selection.of("1.2.840.99.1"), None]


async def test_what_the_doctor_says_last_stays_on_the_screen(tmp_path: Path) -> None:
    pacs = answers([*[ASSOCIATED, ECHOED] * 5, WORKS])
    verdict = WORKS.words
    async with on(tmp_path, pacs, size="usual") as bench:
        await bench.pilot.press("f2", "D")
        await bench.until(lambda: verdict in bench.text())
        await bench.pilot.resize_terminal(60, 15)
        await bench.until(lambda: len(bench.text().splitlines()) == 15)
        await bench.until(lambda: verdict in bench.text())
        await bench.pilot.press("tab", "down")
        await bench.until(lambda: verdict not in bench.text())

        assert bench.app.screen.query_one(VerticalScroll).scroll_y == 0


async def test_a_long_report_of_the_doctor_scrolls_by_key(tmp_path: Path) -> None:
    first = fails(Check.HOST, "The first check.")
    pacs = answers([first, *[ASSOCIATED, ECHOED] * 8, WORKS])
    async with on(tmp_path, pacs, size="usual") as bench:
        await bench.pilot.press("f2", "D")
        await bench.until(lambda: WORKS.words in bench.text())
        report = bench.app.screen.query_one(VerticalScroll)
        await bench.until(lambda: bench.app.focused is report)
        assert "The first check." not in bench.text()
        end = report.scroll_y

        for key, reached in [
            ("home", lambda: "The first check." in bench.text()),
            ("end", lambda: WORKS.words in bench.text() and report.scroll_y == end),
            ("up", lambda: report.scroll_y == end - 1),
            ("down", lambda: report.scroll_y == end),
            ("pageup", lambda: report.scroll_y < end - 1),
            ("pagedown", lambda: report.scroll_y == end),
        ]:
            await bench.pilot.press(key)
            await bench.until(reached)

        await bench.pilot.press("tab")
        assert bench.app.focused is bench.app.screen.query_one("#profiles")
        assert WORKS.words in bench.text()


async def test_mistakes_are_shown_and_what_we_do_not_know_is_kept(tmp_path: Path) -> None:
    async with on(tmp_path, text=FAULTY) as bench:
        await bench.pilot.press("f2", "down")
        assert "@bad   has mistakes" in bench.text()
        assert "port = '4242': expected a whole number." in bench.text()
        await bench.pilot.press("enter")
        assert isinstance(bench.app.screen, ProfileScreen)
        bench.fill(host="bad.test", move_dest="WE")
        await bench.pilot.press("enter")
        await bench.until(lambda: "newer: no such key" in bench.text())
        await bench.pilot.press("escape")
        assert "correct the rest in the file" in bench.text()

    written = (tmp_path / "profiles.toml").read_text()
    assert "newer = 5" in written
    assert "port = 4242" in written
    assert 'host = "bad.test"' in written


async def test_what_another_program_changed_is_not_written_over_unasked(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f2", "e")
        path = tmp_path / "profiles.toml"
        path.write_text(path.read_text().replace("main.test", "moved.test"))
        bench.fill(port="105")
        await bench.pilot.press("enter")
        assert "Another program has changed @main." in bench.text()
        assert "moved.test" in path.read_text()

        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, ProfilesScreen))
        assert "main.test" in path.read_text()
        assert "old.test" in path.read_text()


async def test_a_profile_chosen_in_the_options_is_remembered(tmp_path: Path) -> None:
    async with on(tmp_path) as bench:
        await bench.pilot.press("f4", "down", "down", "enter")
        await bench.pilot.press("f4")
        await bench.until(lambda: "old  WE → OLD old.test:4242" in bench.text())

    assert (tmp_path / "settings.toml").read_text() == 'profile = "old"\n'


def shelf_again(tmp_path: Path) -> ProfileStore:
    return ProfileStore(tmp_path / "profiles.toml", lambda: ("pc", 11112))


TLS = """\
[profiles.safe]
host = "safe.test"
method = "c-get"
tls = true
tls_ca = "/etc/ca.pem"
user = "reader"
"""


async def test_a_profile_with_tls_never_talks_in_the_clear(tmp_path: Path) -> None:
    pacs = answers()
    async with on(tmp_path, pacs, text=TLS) as bench:
        await bench.paste("1.2.3")
        await bench.pilot.press("enter", "enter")  # the second for no passcode
        await bench.until(lambda: bench.sessions.opened)
        await bench.pilot.press("f2", "t")
        await bench.until(lambda: pacs.asked)

    tls = TlsSettings(ca=Path("/etc/ca.pem"))
    assert bench.session.options.tls == tls
    assert pacs.asked[0].tls == tls


def test_nothing_that_a_profile_may_say_is_lost_on_the_way_to_an_order() -> None:
    fields = {field.name for field in FIELDS}

    assert KEYS.keys() - fields == {*CARRIED, "host", "port", "notes"}
    assert {field.name for field in profile_fields()} == KEYS.keys() | {"name"}


def test_tls_goes_with_what_is_remembered_and_with_the_command(tmp_path: Path) -> None:
    options = profile_store(tmp_path, TLS).options("safe")

    assert read_draft(draft_of(options), "safe") == options
    words = copied_command(options, Selection(study_instance_uid="1.2.3"))
    assert "--tls --tls-ca /etc/ca.pem --user reader" in words


def test_the_model_and_the_length_go_with_an_order(tmp_path: Path) -> None:
    said = (
        '[profiles.old]\nhost = "127.0.0.1"\nmethod = "c-get"\n'
        'query_model = "patient-root"\nmax_pdu = 16384\n'
    )
    options = profile_store(tmp_path, said).options("old")

    assert options.query_model is QueryModel.PATIENT_ROOT
    assert options.max_pdu_bytes == 16384
    assert read_draft(draft_of(options), "old") == options
    words = copied_command(options, Selection(study_instance_uid="1.2.3"))
    assert "--query-model patient-root --max-pdu 16384" in words


def test_a_copied_command_is_quoted_for_powershell_on_windows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = (
        '[profiles.old]\nhost = "pacs.test"\nmethod = "c-get"\noutput = "D:/my files"\n'
        'layout = "{PatientID}/{SOPInstanceUID}.dcm"\n'
    )
    options = profile_store(tmp_path, said).options("old")
    monkeypatch.setattr("dicom_retrieve_tui.tui.copied_command.WINDOWS", True)

    words = copied_command(options, Selection(study_instance_uid="1.2.3"))

    assert words.startswith("dicom-retrieve pacs://pacs.test:104 --study-uid 1.2.3 ")
    assert re.search('--output "D:.my files"', words)
    assert '--layout "{PatientID}/{SOPInstanceUID}.dcm"' in words


@pytest.mark.parametrize("width", [44, 60, 200])
def test_a_finding_goes_on_below_its_beginning(width: int) -> None:
    found = "Study Root and Patient Root: offered. Not asked, without a move destination."
    lines = finding_lines(fails(Check.MOVE, found, next_step="Name one with it."), width)

    assert {line[:18] for line in lines} == {"✗ C-MOVE          ", " " * 18}
    assert " ".join(line[18:] for line in lines) == f"{found} Name one with it."
    assert max(map(len, lines)) <= width
    assert finding_lines(WORKS, width)[1].startswith("✓ A retrieval by C-GET")
