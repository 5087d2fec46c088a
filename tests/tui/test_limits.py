"""A pause that ends what flows, the hours of a session, and limits that change while it runs."""

from pathlib import Path

from textual.widgets import Input

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.tui.screens.limits import LimitsScreen
from dicom_retrieve_tui.tui.snapshot import State
from tests.tui.application import Bench, opened, preset
from tests.tui.scripted_session import begins, comes, whole

A, B = "1.2.3", "1.2.4"


async def _running(bench: Bench) -> None:
    await bench.start(A, B)
    await bench.tell(begins(A, 500), comes(A, *range(70)))
    await bench.until(lambda: (row := bench.row(A)) and row.state is State.RUNNING)


def _header(bench: Bench) -> str:
    return bench.text(bench.main.query_one("#header"))


async def test_the_header_says_pausing_until_nothing_flows_and_then_paused() -> None:
    async with opened() as bench:
        await _running(bench)
        bench.session.quiet_at_once = False

        await bench.pilot.press("p")
        await bench.until(lambda: "PAUSING" in _header(bench))
        await bench.tell(comes(A, 71), [events.StudyPutBack(study_instance_uid=A)])
        await bench.until(lambda: (row := bench.row(A)) and row.held)
        assert "PAUSING" in _header(bench)
        assert "held" in bench.text()
        await bench.tell([events.RunPaused()])
        await bench.until(lambda: "PAUSED" in _header(bench))
        await bench.pilot.press("p")
        await bench.until(lambda: "PAUS" not in _header(bench))
        await bench.tell([events.AttemptStarted(study_instance_uid=A, worker=1)])
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.RUNNING)


async def test_the_header_says_until_when_the_hours_are_waited_for() -> None:
    async with opened() as bench:
        await _running(bench)

        await bench.tell([events.HoursClosed(until="2026-11-30T19:00+01:00", studies=2)])
        await bench.until(lambda: "WAITS UNTIL MON 19:00" in _header(bench))
        await bench.tell([events.HoursOpened(waited_s=3600.0)])
        await bench.until(lambda: "WAITS" not in _header(bench))


async def test_hours_and_rate_change_while_studies_run() -> None:
    async with opened(presets=[preset(between="19:00-06:30")]) as bench:
        await _running(bench)

        await bench.pilot.press("l")
        await bench.until(lambda: isinstance(bench.app.screen, LimitsScreen))
        assert bench.app.screen.query_one("#field-between", Input).value == "19:00-06:30"
        bench.fill(between="7pm", max_rate="20MB/s")
        await bench.pilot.press("enter")
        await bench.until(lambda: "'7pm' is not understood" in bench.joined())
        assert isinstance(bench.app.screen, LimitsScreen)
        bench.fill(between="")
        await bench.pilot.press("enter")
        await bench.until(lambda: not isinstance(bench.app.screen, LimitsScreen))

        assert bench.session.asked == ["hours None", "rate 20MB/s"]
        await bench.pilot.press("l")
        await bench.until(lambda: isinstance(bench.app.screen, LimitsScreen))
        assert bench.app.screen.query_one("#field-max_rate", Input).value == "20MB/s"
        await bench.pilot.press("escape")
        await bench.until(lambda: not isinstance(bench.app.screen, LimitsScreen))
        assert len(bench.session.asked) == 2


async def test_limits_hold_for_studies_that_wait_for_a_session(tmp_path: Path) -> None:
    first, second = preset("one", tmp_path), preset("two", tmp_path, called_aet="PACS2")
    async with opened(presets=[first, second]) as bench:
        await bench.start(A)
        bench.main.take_presets([first, second], "two")
        await bench.paste(B)
        bench.main.query_one("#uids", Input).focus()
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.app.store.unfinished_studies == 2)
        bench.main.table.focus()

        await bench.pilot.press("l")
        await bench.until(lambda: isinstance(bench.app.screen, LimitsScreen))
        bench.fill(max_rate="2MB/s")
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened[0].asked)
        bench.sessions.opened[0].end()
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        await bench.until(lambda: bench.session.asked == ["hours None", "rate 2MB/s"])


async def test_without_a_session_there_is_nothing_to_limit() -> None:
    async with opened() as bench:
        bench.main.table.focus()
        await bench.pilot.press("l")
        await bench.until(lambda: "Nothing is running." in bench.told())


async def test_limits_of_a_run_that_has_ended_meanwhile_are_not_said_to_hold() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.pilot.press("escape", "l")
        await bench.until(lambda: isinstance(bench.app.screen, LimitsScreen))
        await bench.tell(whole(A))
        await bench.until(lambda: not bench.app.jobs.busy)
        bench.fill(max_rate="2MB/s")
        await bench.pilot.press("enter")
        await bench.until(lambda: "Nothing is running." in bench.told())

        assert "at most 2MB/s" not in bench.joined()
