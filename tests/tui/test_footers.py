"""Every key that a footer shows can be read, on each screen: Textual's own clips what is long."""

from functools import partial

import pytest

from dicom_retrieve_tui.tui.widgets.keys_line import KeyHint, KeysLine
from tests.tui.application import Bench, opened
from tests.tui.builders import uids

A, B = uids(2)
SCREENS = {
    "UID line": ([], "Help"),
    "queue": (["escape"], "Quit"),
    "filter": (["escape", "slash"], "Clear"),
    "events": (["escape", "f6"], "Queue"),
    "options": (["f4"], "Cancel"),
    "load list": (["ctrl+o"], "Cancel"),
    "details": (["escape", "enter"], "Help"),
}
"""The keys that lead there, and what its footer must not lack."""


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("screen", SCREENS)
async def test_every_key_of_the_footer_fits(width: int, screen: str) -> None:
    keys, needed = SCREENS[screen]
    async with opened((width, 24)) as bench:
        await bench.start(*uids(1))
        bench.main.query_one("#uids").focus()
        await bench.pilot.press(*keys)
        footer = bench.app.screen.query_one(KeysLine)
        await bench.until(lambda: needed in bench.text(footer))

        shown = [key for key in footer.query(KeyHint) if key.region.width]

        assert 1 <= len(shown) <= 7
        assert max(key.region.right for key in shown) <= width
        assert all(key.shown.words in bench.text(footer) for key in shown)


def _shows(bench: Bench, footer: KeysLine, text: str) -> bool:
    return text in bench.text(footer)


async def test_while_paused_the_key_is_to_resume() -> None:
    async with opened() as bench:
        await bench.start(A, B)
        await bench.until(lambda: bench.main.table.has_focus)
        footer = bench.app.screen.query_one(KeysLine)
        for word in ("Pause", "Resume", "Pause"):
            await bench.until(partial(_shows, bench, footer, f"p {word}"))
            await bench.pilot.press("p")
        assert bench.session.asked == ["pause", "resume", "pause"]


@pytest.mark.parametrize("width", [100, 120, 160, 200])
async def test_a_wide_footer_shows_further_keys_and_cuts_none(width: int) -> None:
    async with opened((width, 24)) as bench:
        await bench.start(A)
        await bench.until(lambda: bench.main.table.has_focus)
        footer = bench.app.screen.query_one(KeysLine)
        await bench.until(lambda: "f3 Find" in bench.text(footer))

        shown = list(footer.query(KeyHint))
        assert max(key.region.right for key in shown) <= width
        assert all(key.shown.words in bench.text(footer) for key in shown)
        if width >= 160:
            assert all(
                f"{key} " in bench.text(footer) for key in ("P", "a", "s", "h", "v", "f5", "f7")
            )


async def test_a_footer_follows_the_width_of_the_terminal() -> None:
    async with opened((160, 24)) as bench:
        await bench.start(A)
        footer = bench.app.screen.query_one(KeysLine)
        await bench.until(lambda: "f3 Find" in bench.text(footer))
        await bench.pilot.resize_terminal(80, 24)
        await bench.until(lambda: "f3 Find" not in bench.text(footer))


async def test_a_click_on_a_key_presses_it() -> None:
    async with opened() as bench:
        await bench.start(A, B)
        await bench.until(lambda: bench.main.table.has_focus)
        footer = bench.app.screen.query_one(KeysLine)
        await bench.until(partial(_shows, bench, footer, "p Pause"))
        (pause,) = (key for key in footer.query(KeyHint) if key.shown.words == "Pause")

        await bench.pilot.click(pause)
        await bench.until(lambda: bench.session.asked == ["pause"])

        assert bench.main.table.has_focus
