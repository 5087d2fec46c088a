import pytest
from rich.cells import cell_len
from textual.app import App, ComposeResult
from textual.strip import Strip

from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.queue_view import Tab, View
from dicom_retrieve_tui.tui.snapshot import Row, RowKey, State
from dicom_retrieve_tui.tui.widgets.queue_table import QueueTable
from tests.tui.pilot import running

ROOT = "1.2.840.113619.2.55.3.604688119.971"


def row(number: int, state: State = State.QUEUED, **facts: object) -> Row:
    key = RowKey(0, f"{ROOT}.{number}")
    return Row(key=key, number=number, state=state, **facts)  # type: ignore[arg-type]


SEVERAL = [
    row(
        *(1, State.RUNNING),
        done=312,
        expected=480,
        received_bytes=161_000_000,
        instances_per_s=118.2,
        eta_s=1.4,
        identity=StudyIdentity(patient_id="P0012345", modalities=("CT",)),
    ),
    row(
        *(2, State.RUNNING),
        done=96,
        expected=1210,
        quiet_s=14,
        identity=StudyIdentity(patient_name="患者番号一二三四五六七"),
    ),
    row(3, State.RETRYING, expected=20, retry_in_s=4),
    row(4, State.FAILED, done=210, expected=212, failed=2, verdict=Verdict.PARTIAL),
    row(5, State.DONE, done=480, expected=480, received_bytes=118_000_000, elapsed_s=4),
    row(6),
]


class TableApp(App[None]):
    def __init__(self, rows: list[Row]) -> None:
        super().__init__()
        self.rows = rows
        self.opened: list[RowKey] = []

    def compose(self) -> ComposeResult:
        yield QueueTable()

    def on_mount(self) -> None:
        self.table.update_rows(self.rows)
        self.table.show_live(live=True)

    def on_queue_table_opened(self, event: QueueTable.Opened) -> None:
        self.opened.append(event.key)

    @property
    def table(self) -> QueueTable:
        return self.query_one(QueueTable)


def lines(app: TableApp) -> list[str]:
    """What the table draws, each line checked to be as wide as the table."""
    width = app.table.scrollable_content_region.width
    strips = [app.table.render_line(y) for y in range(app.table.size.height)]
    assert {cell_len(strip.text) for strip in strips} == {width}
    return [strip.text.rstrip() for strip in strips]


@pytest.mark.parametrize(
    ("width", "expected"),
    [
        (
            60,
            [
                "    PATIENT        MOD   STUDY        INSTANCES PROGRESS",
                "  ▶ P0012345       CT    …88119.971.1   312/480 ███████▊····",
                "  ▶ 患者番号一二 …       …88119.971.2  96/1,210 no data 14 s",
                "  ↻                      …88119.971.3      0/20 retry in 4 s",
                "  !                      …88119.971.4   210/212 2 missing",
                "  ✓                      …88119.971.5   480/480 in 4.0 s",
                "  ·                      …88119.971.6         · queued",
            ],
        ),
        (
            80,
            [
                "    PATIENT            MOD   STUDY        INSTANCES PROGRESS        RATE     ETA",
                "  ▶ P0012345           CT    …88119.971.1   312/480 ███████▊····   118/s    0:01",
                "  ▶ 患者番号一二三四 …       …88119.971.2  96/1,210 no data 14 s       ·       ·",
                "  ↻                          …88119.971.3      0/20 retry in 4 s       ·       ·",
                "  !                          …88119.971.4   210/212 2 missing          ·       ·",
                "  ✓                          …88119.971.5   480/480 in 4.0 s           ·       ·",
                "  ·                          …88119.971.6         · queued             ·       ·",
            ],
        ),
    ],
)
async def test_columns_go_where_there_is_no_room(width: int, expected: list[str]) -> None:
    app = TableApp(SEVERAL)
    async with running(app, (width, 7)):
        assert lines(app) == expected


async def test_a_wide_table_shows_whole_uids_and_more() -> None:
    app = TableApp(SEVERAL)
    async with running(app, (160, 7)):
        drawn = [line.split() for line in lines(app)]

    titles = ["PATIENT", "MOD", "STUDY", "INSTANCES", "PROGRESS", "RATE", "ETA", "SIZE"]
    assert drawn[0] == titles
    assert drawn[1][:5] == ["▶", "P0012345", "CT", f"{ROOT}.1", "312/480"]
    assert drawn[1][-4:] == ["118/s", "0:01", "161.0", "MB"]
    assert drawn[2][3:8] == ["96/1,210", "no", "data", "14", "s"]


async def test_a_scrollbar_takes_its_room_from_the_uids() -> None:
    app = TableApp([row(1)])
    async with running(app, (80, 12)) as pilot:
        app.table.update_rows([row(n) for n in range(2, 501)])
        await pilot.pause()

        assert lines(app)[0].endswith(" ETA")
        assert lines(app)[1].endswith("·")


async def test_patients_are_masked() -> None:
    app = TableApp(SEVERAL)
    async with running(app, (160, 12)):
        app.table.mask_patients(hide=True)

        assert "P0012345" not in "\n".join(lines(app))


async def test_the_cursor_stays_on_its_study_while_rows_move() -> None:
    app = TableApp([row(n, State.RUNNING, done=0, expected=100) for n in range(1, 6)])
    async with running(app, (80, 12)) as pilot:
        app.table.show_view(View(sort="instances", descending=True))
        await pilot.press("down")
        before = cursor(app)

        app.table.update_rows([row(5, State.RUNNING, done=0, expected=9000)])
        app.table.update_rows([row(6)], removed=[RowKey(0, f"{ROOT}.1")])

        assert cursor(app) == before


async def test_the_cursor_takes_the_place_of_a_row_that_leaves() -> None:
    app = TableApp([row(n) for n in range(1, 6)])
    async with running(app, (80, 12)) as pilot:
        await pilot.press("j", "j")
        assert cursor(app) == 3
        app.table.update_rows([], removed=[RowKey(0, f"{ROOT}.3")])

        assert cursor(app) == 4


async def test_marks_choose_and_the_cursor_does_where_there_are_none() -> None:
    app = TableApp([row(n) for n in range(1, 6)])
    async with running(app, (80, 12)) as pilot:
        assert [each.number for each in app.table.chosen()] == [1]

        await pilot.press("end", "space", "home", "space")
        assert [each.number for each in app.table.chosen()] == [1, 5]
        await pilot.press("a")
        assert app.table.marked == 5
        await pilot.press("a")
        assert app.table.marked == 0


async def test_tabs_sort_and_filter() -> None:
    app = TableApp(SEVERAL)
    async with running(app, (80, 12)) as pilot:
        app.table.show_view(View(tab=Tab.FAILED))
        assert "2 missing" in lines(app)[1]
        assert app.table.shown == 1
        app.table.show_view(View(needle="患者"))
        assert app.table.shown == 1
        app.table.show_view(View(needle="nobody"))
        assert "No match. Press esc to clear the filter." in "\n".join(lines(app))
        app.table.show_view(View())
        await pilot.press("s", "s", "s")
        assert app.table.view == View(sort="date", descending=True)
        await pilot.press("s")
        assert app.table.view == View(sort="instances", descending=True)
        assert "96/1,210" in lines(app)[1]


async def test_the_mouse_moves_sorts_and_opens() -> None:
    app = TableApp(SEVERAL)
    async with running(app, (80, 12)) as pilot:
        await pilot.click(QueueTable, offset=(20, 3))
        assert cursor(app) == 3
        await pilot.click(QueueTable, offset=(20, 4), times=2)
        assert app.opened == [SEVERAL[3].key]
        await pilot.click(QueueTable, offset=(5, 0))
        assert app.table.view.sort == "patient"


async def test_a_hundred_thousand_rows_scroll_and_change_without_a_look_at_all_of_them() -> None:
    app = TableApp([row(n) for n in range(1, 100_001)])
    async with running(app, (80, 12)) as pilot:
        await pilot.press("end")
        assert cursor(app) == 100_000
        assert str(100_000) in lines(app)[-1]
        ranked = 0
        shown_rows = app.table._shown_rows
        rank = shown_rows._rank

        def counting(each: Row) -> object:
            nonlocal ranked
            ranked += 1
            return rank(each)

        shown_rows._rank = counting  # type: ignore[method-assign, assignment]
        app.table.update_rows([row(n, State.DONE) for n in range(1, 9)])

        # A binary search for each, and one for the cursor.
        assert ranked < 9 * 20


def cursor(app: TableApp) -> int:
    found = app.table.cursor_row
    assert found is not None
    return found.number


class Drawn(QueueTable):
    """Notes which lines it draws."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn: set[int] = set()

    def render_line(self, y: int) -> Strip:
        self.drawn.add(y)
        return super().render_line(y)


class DrawnApp(TableApp):
    def compose(self) -> ComposeResult:
        yield Drawn()


async def test_of_rows_that_change_those_are_drawn_that_can_be_seen() -> None:
    app = DrawnApp([row(number) for number in range(100)])
    async with running(app, (60, 11)) as pilot:
        table = app.query_one(Drawn)
        table.action_edge(1)
        await pilot.pause()
        table.drawn.clear()
        table.update_rows([row(number, State.FAILED, failed=9) for number in (3, 92, 97)])
        await pilot.pause()
        assert table.drawn == {3, 8}

        table.drawn.clear()
        table.update_rows([], [row(4).key])
        await pilot.pause()
        assert table.drawn == set(range(11))


async def test_the_view_follows_the_run_until_the_cursor_is_moved() -> None:
    app = TableApp([row(n) for n in range(1, 301)])
    async with running(app, (80, 20)) as pilot:
        done = [row(n, State.DONE, done=1, expected=1) for n in range(1, 101)]
        app.table.update_rows([*done, row(101, State.RUNNING), row(102, State.RUNNING)])
        await pilot.pause()
        followed = app.table.scroll_offset.y
        cursor = app.table.cursor_row
        app.table.focus()
        await pilot.press("up")
        await pilot.pause()
        ended = [row(n, State.DONE) for n in (101, 102)]
        app.table.update_rows([*ended, row(150, State.RUNNING)])
        await pilot.pause()
        moved = app.table.scroll_offset.y
        app.table.update_rows([row(301)])
        await pilot.pause()
        again = app.table.scroll_offset.y

    assert followed == 97
    assert cursor is not None
    assert cursor.number == 101
    assert moved == 97
    assert again == 146


async def test_a_key_does_not_act_on_the_row_to_which_the_cursor_has_followed_the_run() -> None:
    app = TableApp([row(n) for n in range(1, 301)])
    async with running(app, (80, 20)) as pilot:
        done = [row(n, State.DONE, done=1, expected=1) for n in range(1, 101)]
        app.table.update_rows([*done, row(101, State.RUNNING)])
        await pilot.press("enter")
        assert app.opened == []
        await pilot.press("enter")

    assert app.opened == [row(101).key]


async def test_a_key_brings_a_cursor_out_of_view_back_and_does_not_act() -> None:
    app = TableApp([row(n) for n in range(1, 301)])
    async with running(app, (80, 20)) as pilot:
        app.table.scroll_to(y=100, animate=False, immediate=True)
        await pilot.press("enter")
        assert app.opened == []
        assert app.table.scroll_offset.y == 0
        await pilot.press("enter")
        assert app.opened == [row(1).key]

        await pilot.press("end", "enter")
        assert app.opened == [row(1).key, row(300).key]


async def test_the_view_rests_while_what_runs_is_in_its_upper_half() -> None:
    app = TableApp([row(n) for n in range(1, 301)])
    async with running(app, (80, 20)) as pilot:
        tops = []
        for n in range(1, 31):
            app.table.update_rows([row(n, State.DONE), row(n + 1, State.RUNNING)])
            await pilot.pause()
            tops.append(app.table.scroll_offset.y)

    assert len(set(tops)) == 4
    assert all(top <= n <= top + 10 for n, top in enumerate(tops, start=1))
