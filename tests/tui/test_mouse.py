"""Everything that a mouse can reach."""

from pathlib import Path

import pytest
from textual.widgets._toast import Toast

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.queue_view import Tab
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen
from tests.tui.application import Bench, opened
from tests.tui.builders import uids
from tests.tui.scripted_session import begins, ends, whole

A, B, C = uids(3)


async def click(bench: Bench, text: str, times: int = 1) -> None:
    """Click where this stands."""
    lines = bench.text().split("\n")
    place = next((line.index(text), row) for row, line in enumerate(lines) if text in line)
    await bench.pilot.click(offset=place, times=times)
    await bench.pilot.pause()


async def test_a_click_chooses_a_tab_sorts_marks_opens_and_presses_a_key() -> None:
    async with opened() as bench:
        await bench.start(A, B, C)
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0), whole(B), begins(C))
        await bench.until(lambda: "2 active 1 · 3 failed 1 · 4 done 1" in bench.text())
        table = bench.main.table

        await click(bench, "3 failed 1")
        assert (table.view.tab, table.shown) == (Tab.FAILED, 1)
        await click(bench, "1 all 3")
        assert table.shown == 3
        await click(bench, "STUDY")
        assert table.view.sort == "uid"
        await click(bench, B, times=2)
        assert isinstance(bench.app.screen, DetailsScreen)
        await bench.pilot.press("escape")
        await click(bench, "Help")
        assert isinstance(bench.app.screen, HelpScreen)


@pytest.mark.parametrize("size", [(60, 15), (80, 24), (110, 24), (160, 45)])
async def test_a_toast_covers_neither_the_uid_line_nor_the_queue_nor_the_keys(
    size: tuple[int, int], tmp_path: Path
) -> None:
    async with opened(size, folder=tmp_path) as bench:
        await bench.start(A, B)
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0), whole(B))
        await bench.until(lambda: bench.app.screen.query(Toast))
        await bench.pilot.pause()

        toast = bench.app.screen.query_one(Toast).region
        assert toast.area
        for widget in ("#uids", "#queue-pane", "#total", "KeysLine", "#header"):
            covered = bench.main.query_one(widget).region.intersection(toast)
            assert not covered.area, (widget, covered)
