"""What does not have the whole screen arranged anew: it takes as long as two frames."""

from datetime import UTC, datetime

from textual.screen import Screen

from dicom_retrieve_tui.tui.snapshot import Line
from dicom_retrieve_tui.tui.widgets.events_pane import EventsPane
from dicom_retrieve_tui.tui.widgets.keys_line import KeyHint
from tests.tui.application import SIZES, Bench, opened
from tests.tui.builders import uids
from tests.tui.pilot import settled
from tests.tui.test_queue_table import SEVERAL, row


def counted(bench: Bench) -> list[object]:
    """One entry for each time that the main screen is arranged from now on."""
    times: list[object] = []

    def arranged(screen: Screen[object]) -> None:
        times.append(screen)

    bench.main.screen_layout_refresh_signal.subscribe(bench.app, arranged)
    return times


async def test_rows_and_events_that_come() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(*uids(1))
        await bench.until(lambda: bench.main.table.shown == 1)
        await settled()
        pane, times = bench.main.query_one(EventsPane), counted(bench)
        pane.show_lines([Line(datetime(2026, 1, 1, tzinfo=UTC), "something happened", grave=False)])
        bench.main.table.update_rows(SEVERAL)
        await settled()

        assert "something happened" in bench.text()
        assert bench.main.table.shown == 1 + len(SEVERAL)
        assert SEVERAL[-1].key.study_instance_uid[-5:] in bench.text()
        assert times == []


async def test_a_scrollbar_that_comes() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(*uids(1))
        times = counted(bench)
        assert not bench.main.table.show_vertical_scrollbar

        bench.main.table.update_rows([row(number) for number in range(100)])
        await bench.until(lambda: bench.main.table.vertical_scrollbar.window_virtual_size > 100)
        await settled()
        assert times

        times.clear()
        bench.main.table.update_rows([row(number) for number in range(100, 200)])
        await bench.until(lambda: bench.main.table.vertical_scrollbar.window_virtual_size > 200)
        await settled()
        assert times == []


async def test_a_focus_that_changes_the_keys_changes_them_once() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.pilot.press("escape")
        await settled()
        keys = list(bench.main.query(KeyHint))
        bench.main.refresh_bindings()
        await settled()

        assert keys
        assert list(bench.main.query(KeyHint)) == keys
