"""What a message may cover: never what somebody types, however small the terminal is."""

from pathlib import Path

import pytest
from textual.geometry import Region
from textual.widgets import Input
from textual.widgets._toast import Toast

from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.queue_table import NO_STUDY
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import uids
from tests.tui.scripted_doctor import answers
from tests.tui.scripted_search import Searches
from tests.tui.test_profiles import TWO, profile_store

(A,) = uids(1)
LONG = "Cannot write /data/archive/oncology/2026/incoming: no space is left on that device. " * 2
SHOWN = {"small": 2, "usual": 2, "large": 4}
"""How many of four toasts are shown."""
KEYS = {
    "UID line": [],
    "filter of the queue": ["escape", "slash"],
    "options": ["f4", "tab"],
    "find": ["f3"],
    "profile": ["f2", "e"],
    "load list": ["ctrl+o"],
}
"""What leads to a field to type into."""


def seen(bench: Bench) -> list[Region]:
    """Where the messages are, as far as they show."""
    places = (bench.app.screen.find_widget(each) for each in bench.app.screen.query(Toast))
    return [place.visible_region for place in places if place.visible_region.area]


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("field", KEYS)
async def test_a_toast_covers_nothing_that_is_typed(field: str, size: str, tmp_path: Path) -> None:
    book = profile_store(tmp_path, TWO)
    async with opened(
        SIZES[size], profile_store=book, doctor=answers().doctor, find=Searches()
    ) as bench:
        await bench.pilot.press(*KEYS[field])
        await bench.until(lambda: isinstance(bench.app.focused, Input))
        for number in range(4):
            bench.app.notify(f"{number}: {LONG}", severity="error", timeout=60)
        await bench.until(lambda: len(bench.app.screen.query(Toast)) == SHOWN[size])
        await bench.pilot.press("1", "2", "3")
        await bench.until(lambda: seen(bench))

        assert bench.app.focused
        line = bench.app.screen.find_widget(bench.app.focused)
        assert line.visible_region == line.region
        assert [each for each in seen(bench) if each.intersection(line.region).area] == []


@pytest.mark.parametrize("size", SIZES)
async def test_toasts_leave_the_uid_line_and_end_with_the_latest(size: str) -> None:
    async with opened(SIZES[size]) as bench:
        for number in range(4):
            bench.app.notify(f"{number}: {LONG}", severity="error", timeout=60)
        await bench.until(lambda: len(bench.app.screen.query(Toast)) == SHOWN[size])
        await bench.paste(f"{A}\n1.2.840*\n{A}\n")
        await bench.until(lambda: "in the list; backspace removes it" in bench.text())

        assert "1 UID, 1 duplicate; 1 bad: line 2: '1.2.840*' has" in bench.joined()
        await bench.until(lambda: "3: Cannot write" in bench.text())


@pytest.mark.parametrize("size", SIZES)
async def test_of_many_toasts_the_latest_can_be_read(size: str) -> None:
    async with opened(SIZES[size]) as bench:
        for number in range(12):
            bench.app.notify(f"{number}: {LONG} last of {number}", severity="error", timeout=3600)
            await bench.until(lambda: f" last of {number}" in bench.joined())  # noqa: B023 - at once

        bench.app.notify("Nothing runs.")
        await bench.until(lambda: "Nothing runs." in bench.text())
        assert "last of 11" in bench.joined()
        assert [each for each in seen(bench) if each.intersection(keys(bench)).area] == []


def keys(bench: Bench) -> Region:
    return bench.main.query_one(KeysLine).region


@pytest.mark.parametrize("size", [(100, 30), (120, 36), (160, 45), (200, 60)])
async def test_a_long_toast_is_whole(size: tuple[int, int]) -> None:
    async with opened(size) as bench:
        bench.app.notify(LONG, severity="error", timeout=60)
        await bench.until(lambda: seen(bench))

        assert [each for each in seen(bench) if each.right > size[0]] == []
        assert LONG.strip() in bench.joined().replace("▌ ", "")


@pytest.mark.parametrize("size", [(80, 24), (100, 30), (160, 45)])
async def test_a_toast_under_a_window_is_shown_once(size: tuple[int, int]) -> None:
    async with opened(size) as bench:
        bench.app.notify("Nothing runs.", timeout=60)
        await bench.until(lambda: seen(bench))
        await bench.pilot.press("escape", "f1")
        await bench.until(lambda: bench.app.screen is not bench.main and seen(bench))

        assert [each for each in bench.main.query(Toast) if each.visible] == []
        await bench.pilot.press("escape")
        await bench.until(lambda: bench.app.screen is bench.main and seen(bench))


async def test_a_small_terminal_shows_the_two_latest_toasts() -> None:
    async with opened() as bench:
        for number in range(4):
            bench.app.notify(f"Notice {number}.", timeout=60)
        await bench.until(lambda: "Notice 3." in bench.text())

        assert list(notices(bench)) == ["Notice 2.", "Notice 3."]


async def test_a_repeated_notice_renews_its_toast() -> None:
    async with opened() as bench:
        await bench.pilot.press("escape", "p", "x", "p", "p")
        first = notices(bench)
        await bench.pilot.press("x")
        second = notices(bench)

        assert list(second) == ["Nothing is running.", NO_STUDY]
        assert len(bench.app._notifications) == len(bench.app.screen.query(Toast)) == 2
        assert second[NO_STUDY] > first[NO_STUDY]
        assert NO_STUDY in bench.joined()


async def test_toasts_of_one_text_and_another_severity_stay_apart() -> None:
    async with opened() as bench:
        bench.app.notify("The same.", severity="error")
        bench.app.notify("The same.")
        await bench.until(lambda: len(bench.app.screen.query(Toast)) == 2)


def notices(bench: Bench) -> dict[str, float]:
    """What the toasts say, in order, and when each was raised."""
    return {each.message: each.raised_at for each in bench.app._notifications}
