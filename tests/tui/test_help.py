"""The help: headed by the pane, lists the keys that work there, finds them by typing."""

import re

import pytest
from textual.screen import Screen

from dicom_retrieve_tui.tui.screens.columns import ColumnsScreen
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen, KeyHelp, help_of, matching
from dicom_retrieve_tui.tui.screens.load_list import LoadListScreen
from dicom_retrieve_tui.tui.screens.options import OptionsScreen
from tests.tui.application import Bench, opened
from tests.tui.builders import uids

(A,) = uids(1)


async def _help(bench: Bench, *keys: str) -> None:
    await bench.pilot.press(*keys)
    await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))


@pytest.mark.parametrize(
    ("keys", "screen", "pane"),
    [
        (["f4", "f1"], OptionsScreen, "options"),
        (["ctrl+o", "f1"], LoadListScreen, "a list from a file"),
        (["escape", "enter", "f1"], DetailsScreen, "a study"),
        (["escape", "c", "f1"], ColumnsScreen, "columns"),
    ],
)
async def test_every_window_has_a_help_that_says_what_it_is_for(
    keys: list[str], screen: type[Screen[object]], pane: str
) -> None:
    async with opened() as bench:
        await bench.start(A)
        bench.main.query_one("#uids").focus()
        await _help(bench, *keys)

        assert f"Help: {pane}" in bench.text()
        await bench.pilot.press("escape")
        assert isinstance(bench.app.screen, screen)


async def test_typing_finds_a_key_and_escape_clears_before_it_closes() -> None:
    async with opened() as bench:
        await bench.start(A)
        await _help(bench, "question_mark")
        await bench.pilot.press(*"everything")
        await bench.until(lambda: "Details" not in bench.text(bench.app.screen.query_one("Static")))
        assert re.search("X +Stop everything", bench.text())
        assert "Retry" not in bench.text(bench.app.screen.query_one("#help-keys"))

        await bench.pilot.press("escape")
        await bench.until(lambda: "Mark all shown" in bench.text())
        await bench.pilot.press(*"fly")
        await bench.until(lambda: "No key here does 'fly'." in bench.text())
        await bench.pilot.press("escape", "escape")
        await bench.until(lambda: not isinstance(bench.app.screen, HelpScreen))


async def test_its_arrows_scroll_while_one_types() -> None:
    async with opened((60, 15)) as bench:
        await bench.start(A)
        await _help(bench, "question_mark")
        assert "queue: one line" in bench.joined()
        await bench.pilot.press("pagedown")
        await bench.until(lambda: "queue: one line" not in bench.joined())


@pytest.mark.parametrize(("width", "headed"), [(80, True), (60, False)])
async def test_the_ids_of_keys_are_headed_by_what_they_are_for(width: int, *, headed: bool) -> None:
    async with opened((width, 24)) as bench:
        await bench.start(A)
        await _help(bench, "question_mark")

        assert ("id in settings.toml" in bench.text()) is headed
        assert ("queue.details" in bench.text()) is headed


async def test_it_lists_no_letter_where_a_letter_is_typed() -> None:
    async with opened() as bench:
        _, groups = help_of(bench.app.screen)
        listed = {key for _, keys in groups for each in keys for key in each.keys}

        assert "f7" in listed
        assert not {"q", "r", "?", "u"} & listed


def test_a_search_looks_at_keys_words_and_names() -> None:
    stop, retry = KeyHelp("Stop", "queue.stop", ["x"]), KeyHelp("Retry", "queue.retry", ["r"])
    groups = [("On studies", [stop, retry])]

    assert matching(groups, "STOP") == [("On studies", [stop])]
    assert matching(groups, "queue.retry") == [("On studies", [retry])]
    assert matching(groups, " ") == groups
    assert matching(groups, "nothing") == []
