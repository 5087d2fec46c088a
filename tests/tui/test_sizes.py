"""Every window in every size: nothing of it is cut off, and what has the focus can be seen."""

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from textual.errors import NoWidget
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Static
from textual.widgets._footer import FooterKey

from dicom_retrieve_tui.doctor.result import Check
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen
from dicom_retrieve_tui.tui.screens.load_list import LoadListScreen
from dicom_retrieve_tui.tui.screens.lookup import LookupScreen
from dicom_retrieve_tui.tui.screens.options import OptionsScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import uids
from tests.tui.scripted_doctor import answers, fails
from tests.tui.scripted_search import Searches, study
from tests.tui.scripted_session import begins, ends
from tests.tui.test_profiles import TWO, profile_store

A, B = uids(2)
SCREENS: dict[str, tuple[list[str], type[Screen[Any]], str]] = {
    "profiles": (["f2"], ProfilesScreen, "@old"),
    "profile": (["f2", "e"], ProfileScreen, "main.test"),
    "profile that fails": (["f2", "e", "enter"], ProfileScreen, "the name is right"),
    "new profile": (["f2", "n"], ProfileScreen, "name or address"),
    "options": (["f4"], OptionsScreen, "Profile"),
    "find": (["f3", "P", "enter"], FindScreen, "28 studies"),
    "details": (["escape", "enter"], DetailsScreen, "out of resources"),
    "load list": (["ctrl+o"], LoadListScreen, "Its lines are Study Instance UIDs"),
    "a tree": (["ctrl+o", "ctrl+o"], LoadListScreen, "numbers.txt"),
    "help": (["f1"], HelpScreen, "Earlier request"),
    "help of the queue": (["escape", "f1"], HelpScreen, "Help"),
    "confirm": (["escape", "X"], ConfirmScreen, "Stop all studies?"),
}
"""The keys that lead there, and what can be read there."""
REFUSED = fails(
    Check.HOST,
    "Cannot reach main.test:104: the name is not known.",
    "host",
    next_step="See that the name is right, and that this machine knows it.",
)


def _scrolls(widget: Widget) -> bool:
    """True if something around it scrolls, so that its lower part may wait."""
    return any(
        isinstance(each, Widget) and each.max_scroll_y > 0 for each in widget.ancestors_with_self
    )


def cut_off(bench: Bench) -> list[str]:
    """What does not stand on the screen whole."""
    screen = bench.app.screen
    drawn = bench.text()
    shown = [widget for widget in screen.query("*") if widget.display and widget.region]
    titles = [t for each in shown for t in (each.border_title, each.border_subtitle) if t]
    keys = [key for key in screen.query(FooterKey) if key.region.width]
    return [
        *(str(title) for title in titles if str(title) not in drawn),
        *(repr(widget) for widget in shown if not _is_whole(widget)),
        *(repr(key) for key in keys if key.region.right > screen.size.width),
    ]


def _is_whole(widget: Widget) -> bool:
    try:
        place = widget.screen.find_widget(widget)
    except NoWidget:  # below what is shown of a list
        return True
    one_line = widget.has_focus and widget.size.height == 1
    if one_line or (isinstance(widget, Static) and not _scrolls(widget)):
        return place.clip.contains_region(place.region)
    return place.region.intersection(place.clip).width == place.region.width


# In a large terminal the form of options stands on the main screen.
_CASES = [case for case in product(SCREENS, SIZES) if case != ("options", "large")]


@pytest.mark.parametrize(("name", "size"), _CASES)
async def test_a_window_is_whole_in_every_size(
    name: str, size: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys, kind, told = SCREENS[name]
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numbers.txt").write_text("X1\n", encoding="utf-8")
    find = Searches()
    find.tell(*(study(number) for number in range(1, 29)))
    find.end()
    pacs = answers([REFUSED])
    book = profile_store(tmp_path, TWO)
    async with opened(SIZES[size], profile_store=book, doctor=pacs.doctor, find=find) as bench:
        await bench.start(A, B)
        missing = tuple(f"{A}.1.{number}" for number in range(40))
        reason = "The PACS ended the retrieval with status 0xA702: out of resources."
        await bench.tell(begins(A), ends(A, Verdict.PARTIAL, missing=missing, reason=reason))
        await bench.until(lambda: "missing" in bench.text(bench.main.table))
        bench.main.query_one("#uids").focus()
        await bench.pilot.press(*keys)
        await bench.until(lambda: isinstance(bench.app.screen, kind))
        await bench.until(lambda: told in bench.joined())
        await bench.pilot.pause()

        assert cut_off(bench) == []


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_first_run_is_whole_in_every_size(size: tuple[int, int], tmp_path: Path) -> None:
    async with opened(
        size, profile_store=profile_store(tmp_path, ""), doctor=answers().doctor
    ) as bench:
        assert isinstance(bench.app.screen, ProfileScreen)
        assert cut_off(bench) == []
        for _ in range(30):  # more than there are fields: each can be reached, and is seen
            await bench.pilot.press("tab")
            await bench.until(lambda: not cut_off(bench))


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_window_of_lookups_is_whole_in_every_size(size: tuple[int, int]) -> None:
    async with opened(size) as bench:
        await bench.paste("PatientID\nP1\nP2\n")
        await bench.pilot.press("enter")
        await bench.until(lambda: isinstance(bench.app.screen, LookupScreen))
        await bench.until(lambda: "0 of 2 lines looked up" in bench.joined())

        assert cut_off(bench) == []
        await bench.pilot.press("escape")
