from pathlib import Path

import pytest
from rich.segment import Segments
from textual.widgets import Input

from dicom_retrieve_tui.model.events import StudyRemoved
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.queue_view import Tab
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.help import HelpScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.options import OptionsScreen
from dicom_retrieve_tui.tui.snapshot import State
from dicom_retrieve_tui.tui.widgets.events_pane import EventsPane
from tests.tui.application import SIZES, opened, preset
from tests.tui.builders import uids
from tests.tui.clipping import frame_of
from tests.tui.scripted_doctor import answers
from tests.tui.scripted_session import begins, comes, ends, whole

A, B, C = uids(3)


async def test_from_a_paste_to_a_running_study_takes_one_key() -> None:
    async with opened() as bench:
        session = await bench.start(A)
        await bench.tell(begins(A, 480), comes(A, *range(312)))
        await bench.until(lambda: "312/480" in bench.text())

        assert [each.study_instance_uid for each in session.selections] == [A]
        assert str(session.options.peer) == "PACS1@pacs.test:104"
        assert bench.app.focused is bench.main.table


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_the_empty_screen_says_what_to_do(size: tuple[int, int]) -> None:
    async with opened(size) as bench:
        text = bench.text()

        assert "Paste a Study Instance UID above and press enter." in text
        assert "PACS1 pacs.test:104" in text
        assert all(len(line) <= size[0] for line in text.split("\n"))


async def test_five_hundred_lines_pasted_are_five_hundred_studies() -> None:
    pasted = uids(500)
    async with opened() as bench:
        await bench.paste("\r\n".join([*pasted, pasted[0]]))
        assert "500 UIDs, 1 duplicate" in bench.text()

        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert [each.study_instance_uid for each in bench.session.selections] == pasted
        await bench.until(lambda: "0/500 studies" in bench.text())


async def test_a_bad_line_is_named_and_skipped_only_by_a_second_enter() -> None:
    async with opened() as bench:
        await bench.paste(f"{A}\n1.2.840.*\n{B}")
        assert "2 UIDs; 1 bad: line 2: '1.2.840.*' has a wildcard" in bench.joined()

        await bench.pilot.press("enter")
        assert bench.sessions.opened == []
        assert "press enter again to skip bad lines" in bench.joined()
        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)

        assert [each.study_instance_uid for each in bench.session.selections] == [A, B]


async def test_more_can_be_added_while_it_runs() -> None:
    async with opened() as bench:
        session = await bench.start(A)
        await bench.pilot.press("n")
        await bench.paste(f"{A}\n{B}")
        await bench.pilot.press("enter")
        await bench.until(lambda: session.asked)

        assert session.asked == [f"add {B}"]
        assert "1 study queued, 1 already in the queue" in bench.text()


async def test_what_was_asked_for_comes_back_with_the_up_key() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.pilot.press("n", "up")

        assert bench.main.query_one("#uids", Input).value == A


async def test_a_paste_finds_the_uid_line_from_the_queue() -> None:
    async with opened() as bench:
        await bench.pilot.press("escape")
        assert bench.app.focused is bench.main.table
        await bench.paste(A)

        await bench.until(lambda: bench.app.focused is bench.main.query_one("#uids"))
        assert bench.main.query_one("#uids", Input).value == A


async def test_pause_resume_and_stop_reach_the_session() -> None:
    async with opened() as bench:
        session = await bench.start(A, B)
        await bench.tell(begins(A))
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.RUNNING)

        await bench.pilot.press("p")
        await bench.until(lambda: "PAUSED" in bench.text())
        await bench.pilot.press("p", "x", "j", "t")

        assert session.asked == ["pause", "resume", f"stop {A}", f"promote {B}"]


async def test_a_waiting_study_that_is_stopped_stays_in_the_queue_and_can_be_retried() -> None:
    async with opened() as bench:
        session = await bench.start(A, B)
        await bench.tell(begins(A))
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.RUNNING)

        await bench.pilot.press("j", "x")
        await bench.tell([StudyRemoved(study_instance_uid=B)])
        await bench.until(lambda: (row := bench.row(B)) and row.state is State.STOPPED)
        await bench.pilot.press("r")

        await bench.until(lambda: (row := bench.row(B)) and row.state is State.QUEUED)
        assert session.asked == [f"stop {B}", f"add {B}"]


@pytest.mark.parametrize("filtered", [False, True], ids=["empty", "no match"])
@pytest.mark.parametrize("key", ["enter", "r", "x", "t", "d", "y"])
async def test_a_key_for_studies_says_so_where_there_is_none(key: str, *, filtered: bool) -> None:
    async with opened() as bench:
        if filtered:
            await bench.start(A)
            await bench.until(lambda: bench.main.table.shown == 1)
            await bench.pilot.press("slash", *"none", "enter")
        else:
            await bench.pilot.press("escape")
        await bench.until(lambda: bench.app.focused is bench.main.table)

        await bench.pilot.press(key)

        await bench.until(lambda: bench.told() == "No study is selected.")
        assert filtered is bool(bench.main.table.rows)


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("r", "Only failed or stopped studies can be retried."),
        ("x", "1 study has finished: nothing to stop."),
        ("t", "Only waiting studies can move up."),
        ("y", "Copied 1 UID."),
    ],
)
async def test_a_key_answers_for_a_study_that_is_complete(key: str, told: str) -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.until(lambda: "1 study: 1 complete" in bench.told())
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.DONE)
        bench.app.clear_notifications()

        await bench.pilot.press(key)

        await bench.until(lambda: bench.told() == told)


@pytest.mark.parametrize("key", ["enter", "r", "x", "t", "d", "y", "space", "P", "o", "v"])
async def test_a_key_for_a_study_that_has_just_left_does_not_act_on_the_next(key: str) -> None:
    async with opened() as bench:
        session = await bench.start(A, B)
        await bench.tell(begins(A), begins(B, worker=2))
        await bench.until(lambda: (row := bench.row(B)) and row.state is State.RUNNING)
        await bench.pilot.press("2")
        await bench.tell(whole(A))
        await bench.until(lambda: bench.main.table.shown == 1)

        await bench.pilot.press(key)

        told = "The study has just finished. Press the key again for the next study."
        await bench.until(lambda: bench.told() == told)
        assert (session.asked, bench.main.table.marked, bench.app.screen) == ([], 0, bench.main)
        await bench.pilot.press("x")
        await bench.until(lambda: session.asked == [f"stop {B}"])


async def test_a_waiting_study_of_which_instances_have_come_is_stopped_and_stays() -> None:
    async with opened() as bench:
        await bench.start(A, B)
        await bench.tell(begins(A), comes(A, 1, 2), ends(A, Verdict.PARTIAL, stored=2))
        await bench.tell(begins(B))
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.FAILED)
        await bench.pilot.press("r")
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.QUEUED)

        await bench.pilot.press("x")
        bench.session.tell(StudyRemoved(study_instance_uid=A))

        await bench.until(lambda: (row := bench.row(A)) and row.state is State.STOPPED)
        row = bench.row(A)
        assert row is not None
        assert (row.done, row.expected) == (2, 3)


async def test_the_details_of_a_study_that_the_pacs_does_not_have_offer_to_look_again() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.tell(begins(A, 0), ends(A, Verdict.NOT_FOUND, stored=0, expected=0))
        await bench.until(lambda: (row := bench.row(A)) and row.state is State.FAILED)
        bench.app.clear_notifications()
        await bench.pilot.press("enter")

        await bench.until(lambda: "Press r in the queue to look it up again." in bench.joined())
        assert "Press space" not in bench.text()
        keys = bench.text().splitlines()[-1]
        assert "Close" in keys
        assert not [word for word in ("Mark", "Retrieve") if word in keys]


async def test_stopping_everything_asks_and_escape_is_safe() -> None:
    async with opened() as bench:
        session = await bench.start(A, B)

        await bench.pilot.press("X")
        assert isinstance(bench.app.screen, ConfirmScreen)
        assert bench.app.focused is bench.app.screen.query_one("#no")
        await bench.pilot.press("escape")
        assert session.asked == []
        await bench.pilot.press("X", "y")

        assert session.asked == ["cancel"]


async def test_a_failed_study_is_listed_told_and_tried_again(tmp_path: Path) -> None:
    async with opened(folder=tmp_path) as bench:
        await bench.start(A, B)
        missing = (f"{A}.1.2", f"{A}.1.3")
        reason = "status 0xA702: out of resources."
        await bench.tell(
            begins(A),
            ends(A, Verdict.PARTIAL, stored=1, missing=missing, reason=reason),
            whole(B),
        )
        await bench.until(lambda: "2 studies: 1 partial, 1 complete" in bench.text())
        await bench.until(lambda: "2 instances missing" in bench.text(bench.main.table))

        await bench.pilot.press("f6")
        await bench.until(lambda: "! Failed studies are listed in" in bench.text())
        await bench.pilot.press("f6")

        await bench.pilot.press("enter")
        assert isinstance(bench.app.screen, DetailsScreen)
        await bench.until(lambda: "1 of 3 listed by the PACS" in bench.text())
        assert reason in bench.text()
        told = f"Listed in {tmp_path / 'failed-studies.txt'}"
        assert told.replace(" ", "") in bench.joined().replace(" ", "")
        await bench.pilot.press("escape", "r")
        await bench.until(lambda: len(bench.sessions.opened) == 2)
        assert [each.study_instance_uid for each in bench.session.selections] == [A]


async def test_the_details_tell_the_command_that_does_the_same() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(A)
        await bench.pilot.press("enter")
        await bench.until(lambda: "The equivalent command" in bench.text())
        await bench.pilot.press("c")

        assert bench.app.clipboard == (
            f"dicom-retrieve pacs://pacs.test:104 --study-uid {A} --called-aet PACS1 --aet MYAE "
            "--method c-get --output /nowhere --layout hierarchical --parallel 4"
        )


async def test_what_a_peer_says_is_shown_as_it_is_and_moves_no_cursor(tmp_path: Path) -> None:
    async with opened(SIZES["large"], folder=tmp_path / "[red]") as bench:
        await bench.start(A)
        said = "status 0xC001 [/nonsense] \x1b[31m[bold"
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0, reason=said))
        await bench.until(lambda: "Failed studies are listed in" in bench.text())
        assert "[red]/failed-studies.txt" in bench.joined().replace(" ", "")
        await bench.until(lambda: "[31m[bold" in bench.text(bench.main.query_one("#events")))
        await bench.pilot.press("enter")

        await bench.until(lambda: "Failure, and what to do" in bench.text())
        assert "status 0xC001 [/nonsense] [31m[bold" in bench.text(bench.app.screen)
        assert "\x1b" not in bench.text()


async def test_help_is_made_of_the_keys_of_the_pane() -> None:
    async with opened(SIZES["large"]) as bench:
        bench.main.table.focus()
        await bench.pilot.press("question_mark")
        assert isinstance(bench.app.screen, HelpScreen)
        text = bench.text()
        assert "Mark all shown, or none" in text
        assert "Retry" in text
        ids = [line.index("queue.") for line in text.splitlines() if "queue." in line]
        assert len(ids) > 5
        assert len(set(ids)) == 1, "all of them stand below each other"

        await bench.pilot.press("escape")
        bench.main.query_one("#uids").focus()
        await bench.pilot.press("f1")

        assert "Earlier request" in bench.text()


async def test_a_fault_stands_beside_its_field_and_opens_the_form() -> None:
    async with opened(presets=[preset(method="c-move")]) as bench:
        await bench.paste(A)
        await bench.pilot.press("enter")

        assert isinstance(bench.app.screen, OptionsScreen)
        assert "C-MOVE requires the AE title to send to" in bench.text()
        assert bench.app.focused is bench.app.screen.query_one("#field-move_dest")
        await bench.pilot.press(*"MYSCP", "enter")
        assert "dest MYSCP" in bench.text()
        await bench.until(lambda: bench.app.focused is bench.main.query_one("#uids"))
        assert bench.main.query_one("#uids", Input).value == A


async def test_in_a_wide_terminal_the_form_is_a_sheet_beside_the_queue() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(A)
        await bench.pilot.press("f4")
        assert isinstance(bench.app.screen, OptionsScreen)
        sheet = frame_of(bench.app.screen).region
        assert (sheet.x, sheet.right, sheet.height) == (100, 160, 44)
        assert A in bench.text()
        bench.app.screen.query_one("#field-parallel").focus()
        await bench.pilot.press("end", "9", "9")

        assert "a whole number from 1 to 64" in bench.text()


async def test_changed_options_make_another_session_and_do_not_touch_the_first() -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(A)
        form = bench.main.query_one("#field-output", Input)
        form.value = "/elsewhere"
        await bench.pilot.press("n")
        await bench.paste(B)
        await bench.pilot.press("enter")
        await bench.until(lambda: len(bench.sessions.opened) == 2)

        folders = [str(session.options.output) for session in bench.sessions.opened]
        assert folders == ["/nowhere", "/elsewhere"]


async def test_a_filter_narrows_and_escape_widens() -> None:
    async with opened() as bench:
        await bench.start(A, B)
        await bench.until(lambda: bench.main.table.shown == 2)

        await bench.pilot.press("slash", *"99.2")
        assert bench.main.table.shown == 1
        await bench.pilot.press(*"x")
        assert "No match. Press esc to clear the filter." in bench.text()
        await bench.pilot.press("escape")

        assert bench.main.table.shown == 2
        assert bench.app.focused is bench.main.table


async def test_a_list_is_loaded_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    path.write_text(f"StudyInstanceUID,Name\n{A},x\n{B},y\n", encoding="utf-8")
    async with opened() as bench:
        await bench.pilot.press("ctrl+o")
        field = bench.app.screen.query_one("#path", Input)
        field.value = str(tmp_path / "nothing.csv")
        await bench.pilot.press("enter")
        assert "no such file or directory" in bench.joined()
        field.value = str(path)
        await bench.pilot.press("enter")
        await bench.until(lambda: "2 UIDs" in bench.text())

        await bench.pilot.press("enter")
        await bench.until(lambda: bench.sessions.opened)
        assert [each.study_instance_uid for each in bench.session.selections] == [A, B]


async def test_quitting_asks_while_something_runs_and_cancels() -> None:
    async with opened() as bench:
        session = await bench.start(A)
        await bench.pilot.press("q")
        assert isinstance(bench.app.screen, ConfirmScreen)
        await bench.pilot.press("n")
        assert session.asked == []

        await bench.pilot.press("ctrl+q", "y")
        await bench.until(lambda: session.asked == ["cancel"] and not bench.app.jobs.busy)
        await bench.until(lambda: not bench.app.is_running or bench.app._exit)


async def test_quitting_idle_asks_nothing() -> None:
    async with opened() as bench:
        await bench.pilot.press("escape", "q")

        assert bench.app._exit


async def test_events_take_the_place_of_the_queue_in_a_small_terminal() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.tell(whole(A))
        await bench.pilot.press("f6")
        await bench.until(lambda: "complete 3/3" in bench.text())

        assert not bench.main.table.display or not bench.main.table.region.height


async def test_a_bug_is_shown_without_the_values_of_variables() -> None:
    shown: list[str] = []

    async def fail(patient: str) -> None:
        raise ZeroDivisionError

    async def break_down() -> None:
        async with opened() as bench:
            bench.app.call_later(fail, "Example^Ada")
            await bench.until(lambda: bench.app._exit_renderables)
            shown.extend(
                "".join(segment.text for segment in each.segments)
                for each in bench.app._exit_renderables
                if isinstance(each, Segments)
            )

    with pytest.raises(ZeroDivisionError):
        await break_down()

    (report,) = shown
    assert "ZeroDivisionError" in report
    assert "please report it" in report
    assert "Example^Ada" not in report


async def test_whoever_leaves_a_window_is_where_he_was(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('[profiles.a]\nhost = "a.test"\nmethod = "c-get"\n', encoding="utf-8")
    profiles = ProfileStore(path, lambda: ("pc", 11112))
    async with opened(profile_store=profiles, doctor=answers().doctor) as bench:
        for window in ("f2", "f3", "ctrl+o", "f4"):
            for place in (bench.main.table, bench.main.query_one("#uids")):
                bench.main.set_focus(place)
                await bench.pilot.press(window, "escape")
                await bench.until(lambda: isinstance(bench.app.screen, MainScreen))

                assert bench.app.focused is place, window


async def test_how_an_order_went_is_told_until_all_of_it_has_ended() -> None:
    async with opened() as bench:
        await bench.start(A)
        await bench.tell(begins(A))
        await bench.until(lambda: "✓ 1 study queued" in bench.text())
        await bench.tell(comes(A, 1, 2, 3), ends(A))

        await bench.until(lambda: "C-GET → /nowhere" in bench.text())


@pytest.mark.parametrize("covered", [False, True])
async def test_a_resize_after_hiding_the_events_leaves_the_queue_and_its_keys(
    *, covered: bool
) -> None:
    async with opened(SIZES["large"]) as bench:
        await bench.start(A)
        await bench.until(lambda: bench.app.focused is bench.main.table)
        await bench.pilot.press("f6")
        await bench.until(lambda: "Events" not in bench.text())
        if covered:
            await bench.pilot.press("f1")
            await bench.until(lambda: isinstance(bench.app.screen, HelpScreen))

        await bench.pilot.resize_terminal(*SIZES["usual"])
        if covered:
            await bench.pilot.press("escape")
        await bench.until(lambda: bench.main.table.region.width in range(1, 80))

        assert bench.app.focused is bench.main.table
        assert "Queue  0/1" in bench.text()
        assert "Events" not in bench.text()
        await bench.pilot.press("2")
        assert bench.main.table.view.tab is Tab.ACTIVE


async def test_a_resize_to_another_arrangement_goes_from_the_events_to_the_queue() -> None:
    async with opened(SIZES["usual"]) as bench:
        await bench.start(A)
        await bench.until(lambda: bench.app.focused is bench.main.table)
        await bench.pilot.press("f6")
        await bench.until(lambda: "Events" in bench.text())

        await bench.pilot.resize_terminal(*SIZES["large"])

        await bench.until(lambda: "Queue  0/1" in bench.text() and "Events" in bench.text())
        assert bench.app.focused is bench.main.table
        bench.main.query_one(EventsPane).focus()
        await bench.pilot.resize_terminal(*SIZES["usual"])
        await bench.until(lambda: "Events" not in bench.text())
        assert bench.app.focused is bench.main.table


async def test_escape_from_the_uid_line_shows_the_queue_in_place_of_the_events() -> None:
    async with opened(SIZES["usual"]) as bench:
        await bench.start(A)
        await bench.until(lambda: bench.app.focused is bench.main.table)
        await bench.pilot.press("f6")
        await bench.until(lambda: "Events" in bench.text())
        await bench.paste(B)

        await bench.pilot.press("escape")

        await bench.until(lambda: "Queue  0/1" in bench.text())
        assert bench.app.focused is bench.main.table
