"""Keys that come in one burst: none is lost, and each goes where the one before it led."""

from pathlib import Path

import pytest
from textual.widgets import Input

from dicom_retrieve_tui.tui import key_queue
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.secret_store import SecretStore
from tests.tui.application import SIZES, opened, preset
from tests.tui.builders import uids
from tests.tui.scripted_doctor import answers
from tests.tui.scripted_search import Searches, study
from tests.tui.scripted_session import whole
from tests.tui.test_profiles import TWO, profile_store

A, B = uids(2)


async def test_a_filter_takes_the_first_key_behind_the_slash() -> None:
    async with opened() as bench:
        await bench.start(A, B)
        await bench.until(lambda: bench.main.table.shown == 2)
        await bench.burst("slash", *"99.2", "enter", "x")

        assert bench.main.query_one("#filter", Input).value == "99.2"
        # Which of both depends on whether the session has told of its begin.
        await bench.until(lambda: bench.session.asked in ([f"stop {B}"], [f"remove {B}"]))


async def test_a_search_is_typed_and_sent_at_once() -> None:
    find = Searches()
    find.tell(study(1))
    find.end()
    async with opened(find=find) as bench:
        await bench.start(A)
        await bench.burst("f3", *"P001", "enter")
        await bench.until(lambda: find.asked)
        await bench.until(lambda: "1 study" in bench.text())

        assert [each.patient_id for each in find.asked] == ["P001"]
        assert bench.session.asked == []


async def test_a_list_is_loaded_and_started_at_once(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text(f"{B}\n", encoding="utf-8")
    async with opened() as bench:
        session = await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: session.asked == ["finish"])
        await bench.burst("ctrl+o", *str(path), "enter", "enter")
        await bench.until(lambda: len(bench.sessions.opened) == 2)

        assert [each.study_instance_uid for each in bench.session.selections] == [B]


async def test_the_form_takes_the_first_key() -> None:
    async with opened(presets=[preset(folder=Path("/a"))]) as bench:
        await bench.burst("f4", "tab", "end", *"99", "enter")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

        assert bench.main._retrieve.draft["pacs"] == "pacs.test:10499"


@pytest.mark.parametrize("size", [SIZES["usual"], SIZES["large"]])
async def test_a_new_profile_takes_the_first_key(size: tuple[int, int], tmp_path: Path) -> None:
    profiles = profile_store(tmp_path, TWO)
    async with opened(size, profile_store=profiles, doctor=answers().doctor) as bench:
        await bench.burst("f2", "n", *"new.test")
        await bench.until(lambda: isinstance(bench.app.screen, ProfileScreen))

        host = bench.app.screen.query_one("#field-host", Input)
        await bench.until(lambda: host.value == "new.test")


@pytest.mark.parametrize("look_again_s", [0.25, 0.001], ids=["usual", "slow to open"])
async def test_a_passcode_is_typed_before_its_window_is_there(
    look_again_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(key_queue, "_CHECK_S", look_again_s)
    secrets = SecretStore()
    async with opened(presets=[preset(user="ada")], secrets=secrets) as bench:
        await bench.paste(A)
        await bench.burst("enter", *"secret", "enter")
        await bench.until(lambda: bench.sessions.opened)

        user = bench.session.options.user
        assert user is not None
        assert user.passcode is not None
        assert user.passcode.reveal() == "secret"


async def test_windows_that_open_and_close_keep_no_key_for_themselves() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.burst("enter", "escape", "f4", "escape", "f1", "escape", "n", *"1.2.3")

        line = bench.main.query_one("#uids", Input)
        await bench.until(lambda: line.value == "1.2.3")
