"""Behaviour of Textual that we work around; a test that fails here makes a workaround useless."""

import inspect
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from rich.text import Text
from textual import events
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.css.stylesheet import Stylesheet
from textual.drivers import linux_driver
from textual.geometry import Size
from textual.screen import Screen
from textual.scroll_view import ScrollView
from textual.widgets import Button, DataTable, Input, Static

from dicom_retrieve_tui.tui.key_queue import KeyQueueApp

_ROWS = 10


class Queued(KeyQueueApp[None]):
    """`/` goes to an input, and `a` is a command elsewhere."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("slash", "type", "Type"),
        Binding("a", "command", "Command"),
    ]
    commands = 0

    def compose(self) -> ComposeResult:
        yield Button("first")
        yield Input()

    def action_type(self) -> None:
        self.query_one(Input).focus()

    def action_command(self) -> None:
        self.commands += 1


class Plain(Queued):
    """The same without our queue."""

    async def on_event(self, event: events.Event) -> None:
        await App.on_event(self, event)


@pytest.mark.parametrize(("kind", "typed"), [(Plain, ""), (Queued, "a")])
async def test_textual_still_delivers_keys_too_early(kind: type[Queued], typed: str) -> None:
    """tui/key_queue.py."""
    app = kind()
    async with app.run_test() as pilot:
        app.post_message(events.Key("slash", "/"))
        app.post_message(events.Key("a", "a"))
        for _ in range(20):
            await pilot.pause(0.01)

        assert app.query_one(Input).value == typed
        assert app.commands == (not typed)


def test_textual_still_ignores_sighup() -> None:
    """tui/sighup.py."""
    assert "SIGHUP" not in inspect.getsource(linux_driver)


class Panes(App[None]):
    """A pane with many widgets, and one outside."""

    CSS = "#pane:focus-within { border: round red; } ScrollView { height: 5; }"

    def compose(self) -> ComposeResult:
        yield Button("outside", id="outside")
        with Vertical(id="pane"):
            yield Button("inside", id="inside")
            for _ in range(_ROWS):
                yield Static("text")
        yield ScrollView()


def counting(
    monkeypatch: pytest.MonkeyPatch, kind: type, name: str, *, of: type = object
) -> Callable[[], int]:
    """Count calls of a method whose first argument, or itself, is of a type."""
    calls = 0
    original = getattr(kind, name)

    def counted(self: Any, *args: Any, **named: Any) -> Any:
        nonlocal calls
        calls += isinstance(args[0] if args else self, of)
        return original(self, *args, **named)

    monkeypatch.setattr(kind, name, counted)
    return lambda: calls


async def test_focus_within_still_restyles_what_is_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    """tui/widgets/framed_pane.py."""
    app = Panes()
    async with app.run_test() as pilot:
        app.query_one("#outside").focus()
        await pilot.pause()
        restyled = counting(monkeypatch, Stylesheet, "apply", of=Static)
        app.query_one("#inside").focus()
        await pilot.pause()

        assert restyled() >= _ROWS


async def test_a_longer_view_still_costs_a_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    """tui/widgets/growing_lines.py."""
    app = Panes()
    async with app.run_test() as pilot:
        view = app.query_one(ScrollView)
        view.virtual_size = Size(10, 100)
        await pilot.pause()
        layouts = counting(monkeypatch, Screen, "_refresh_layout")
        view.virtual_size = Size(10, 101)
        await pilot.pause()

        assert layouts()


class Cell:
    """A cell that counts how often it is drawn."""

    drawn = 0

    def __rich__(self) -> Text:
        Cell.drawn += 1
        return Text("cell")


class Table(App[None]):
    def compose(self) -> ComposeResult:
        yield DataTable[Any]()

    def on_mount(self) -> None:
        table = self.query_one(DataTable)
        table.add_column("title", key="column")
        for number in range(_ROWS):
            table.add_row(Cell(), key=str(number))


async def test_a_data_table_still_draws_every_cell() -> None:
    """tui/widgets/queue_table.py."""
    app = Table()
    async with app.run_test() as pilot:
        await pilot.pause()
        Cell.drawn = 0
        app.query_one(DataTable).update_cell("0", "column", Cell())
        await pilot.pause()

        assert Cell.drawn >= _ROWS
