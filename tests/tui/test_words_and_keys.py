"""Keys that quit, and what the screen says of an end, an empty tab and a pane."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.app import run_app
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.queue_view import Tab, View
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen
from dicom_retrieve_tui.tui.widgets.queue_table import hint
from tests.tui.application import opened
from tests.tui.builders import uids
from tests.tui.scripted_doctor import answers
from tests.tui.scripted_session import begins, ends

A, B, C = uids(3)


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting_asks_while_a_study_runs(key: str) -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press(key)
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        assert "1 study not finished" in bench.joined()


@pytest.mark.parametrize(
    ("window", "keys"),
    [("UID line", []), ("profiles", ["f2"]), ("options", ["f4"]), ("help", ["escape", "f1"])],
)
async def test_ctrl_c_asks_in_every_window(tmp_path: Path, window: str, keys: list[str]) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('[profiles.one]\nhost = "one.test"\nmethod = "c-get"\n', encoding="utf-8")
    book = ProfileStore(path, lambda: ("pc", 11112))
    async with opened(profile_store=book, doctor=answers().doctor) as bench:
        await bench.start(A)
        bench.main.query_one("#uids").focus()
        await bench.pilot.press(*keys)
        assert len(bench.app.screen_stack) == (1 if window == "UID line" else 2)

        await bench.pilot.press("ctrl+c")
        await bench.until(lambda: isinstance(bench.app.screen, ConfirmScreen))
        assert "1 study not finished" in bench.joined()


async def test_ctrl_c_again_quits_as_the_question_says() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press("ctrl+c")
        await bench.until(lambda: "Quit (y, ctrl+c)" in bench.text())

        await bench.pilot.press("ctrl+c")

        await bench.until(lambda: bench.app._exit)
        assert bench.session.asked == ["cancel"]


async def test_ctrl_c_at_another_question_says_how_to_answer() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press("X")
        await bench.until(lambda: "Stop all (y)" in bench.text())

        await bench.pilot.press("ctrl+c")

        await bench.until(lambda: bench.told() == "Press y or n first.")
        assert isinstance(bench.app.screen, ConfirmScreen)


async def test_ctrl_c_copies_selected_text() -> None:
    async with opened() as bench:
        await bench.start(A)
        bench.main.query_one("#uids").focus()
        await bench.pilot.press("1", "2", "shift+left", "ctrl+c")

        assert bench.app.clipboard == "2"
        assert not isinstance(bench.app.screen, ConfirmScreen)


@pytest.mark.parametrize("keys", [[], ["f4"]])
async def test_help_has_ctrl_c_as_a_key_that_quits(keys: list[str]) -> None:
    async with opened((100, 60)) as bench:
        await bench.pilot.press(*keys, "f1")
        await bench.pilot.press(*"quit")

        await bench.until(lambda: "^c  " in bench.text())
        (line,) = [line for line in bench.text().splitlines() if "^c" in line]
        assert "Quit, or copy selected text" in line


@pytest.mark.parametrize("text", ["n", "abc"])
async def test_a_stray_letter_is_not_a_uid(text: str) -> None:
    async with opened() as bench:
        await bench.pilot.press(*text, "enter")

        assert "is not a UID: a UID has digits and periods" in bench.joined()
        assert "✓" not in bench.text()
        assert not bench.sessions.opened


async def test_a_stopped_study_is_called_so_everywhere(tmp_path: Path) -> None:
    async with opened((100, 40), folder=tmp_path) as bench:
        await bench.start(A)
        await bench.tell(begins(A), ends(A, Verdict.CANCELLED, stored=0))
        bench.session.end(Verdict.CANCELLED)
        await bench.until(lambda: "1 study: 1 stopped" in bench.told())
        await bench.until(lambda: "1 study stopped" in bench.text())
        await bench.pilot.press("enter")
        await bench.until(lambda: "State     stopped" in bench.text())

        assert "cancelled" not in bench.text()
        assert "cancelled" not in bench.told()
        assert "Failed studies" not in bench.told()
        assert bench.app.closing_line == "1 study: 1 stopped."


async def test_the_terminal_is_told_what_is_left_and_how_to_go_on(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        assert bench.app.closing_line == ""
        await bench.start(A, B, C)
        await bench.tell(begins(A), ends(A))
        await bench.tell(begins(B), ends(B, Verdict.FAILED, stored=0))
        bench.app.jobs.close()
        bench.session.end(Verdict.CANCELLED)
        listed = tmp_path / "failed-studies.txt"
        await bench.until(lambda: not bench.app.jobs.busy)

        line = bench.app.closing_line
        assert line.startswith("3 studies: 1 complete, 1 stopped, 1 failed.")
        assert line.endswith(f"Failed studies are listed in {listed}.")


@pytest.mark.parametrize(
    ("tab", "told"),
    [
        (Tab.FAILED, "No study has failed"),
        (Tab.ACTIVE, "Nothing is running"),
        (Tab.DONE, "No study is complete"),
    ],
)
def test_an_empty_tab_says_what_that_means(tab: Tab, told: str) -> None:
    assert hint("", View(tab=tab), queued=True)[0].startswith(told)
    assert hint("", View(tab=tab, needle="x"), queued=True)[0].startswith("No match")


def test_keys_of_the_queue_are_offered_where_they_work() -> None:
    offer = "1 study was left unfinished on 3 Mar"

    assert hint(offer, View(), queued=False)[1].startswith("u resumes")
    assert hint(offer, View(), queued=False, focused=False)[1] == (
        "enter resumes · esc, then U forgets"
    )


async def test_help_is_headed_by_what_the_pane_is_for() -> None:
    async with opened() as bench:
        await bench.pilot.press("f1")
        await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))
        assert "Help: what to retrieve" in bench.text()


class _Left:
    """An application that the user leaves at once."""

    return_code = 0

    def __init__(self, closing_line: str) -> None:
        self.closing_line = closing_line

    def run(self) -> None:
        """Leave at once."""

    def stop(self) -> None:
        """Nothing runs."""


def test_run_app_says_nothing_if_nothing_was_retrieved() -> None:
    said: list[str] = []
    assert run_app(_Left(""), said.append) == 0  # type: ignore[arg-type]
    assert said == []


def test_the_last_line_is_wrapped_at_spaces_to_the_terminal(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    line = "7 studies: 3 complete, 4 stopped. The next start offers to resume what was stopped."
    said: list[str] = []

    run_app(_Left(line), said.append)  # type: ignore[arg-type]

    assert " ".join(said) == line
    assert max(map(len, said)) <= 40


async def test_the_demo_says_what_to_press_next_until_a_study_is_complete() -> None:
    async with opened(guide=True) as bench:
        assert "Demo: press enter to retrieve" in bench.text()
        await bench.start(A, B)
        await bench.until(lambda: "Up and down move" in bench.text())
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0))
        await bench.until(lambda: "press r to retry it" in bench.text())
