"""The themes: what stands on the screen can be read in the dark and in the light one."""

import pytest
from rich.color_triplet import ColorTriplet
from rich.style import Style

from dicom_retrieve_tui.tui.queue_columns import GLYPHS
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.tui.theme import LIGHT_NAME, NAME
from tests.tui.application import opened
from tests.tui.builders import uids

_STYLES = ("header", "hint", "running", "retrying", "queued", "failed", "stopped", "done")
_CONTRAST_MIN = 4.5
"""Source: WCAG 2.1, 1.4.3."""


def _luminance(triplet: ColorTriplet) -> float:
    parts = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4
        for part in triplet.normalized
    )
    red, green, blue = parts
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(style: Style) -> float:
    assert style.color is not None
    assert style.bgcolor is not None
    low, high = sorted(_luminance(each.get_truecolor()) for each in (style.color, style.bgcolor))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [NAME, LIGHT_NAME])
async def test_every_line_of_the_queue_can_be_read(theme: str) -> None:
    async with opened() as bench:
        bench.app.theme = theme
        await bench.start(*uids(2))
        await bench.pilot.pause()
        contrasts = {name: _contrast(bench.main.table._style(name)) for name in _STYLES}

    assert {name: each for name, each in contrasts.items() if each < _CONTRAST_MIN} == {}


def test_a_state_is_a_sign_as_well_as_a_colour() -> None:
    assert GLYPHS.keys() == set(State)
    assert len(set(GLYPHS.values())) == len(State)
