"""What the keys do here: generated from the bindings, so that it cannot be out of date."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Static


@dataclass(slots=True)
class KeyHelp:
    """What one action does, its keys, and the id by which the settings may give it others."""

    what: str
    binding: str
    keys: list[str] = field(default_factory=list)


def help_of(screen: Screen[object]) -> tuple[str, list[tuple[str, list[KeyHelp]]]]:
    """The help of what has the focus, and the keys by where they belong, nearest first."""
    groups: dict[str, dict[str, KeyHelp]] = {}
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    order = {id(node): rank for rank, node in enumerate(nodes)}
    active = sorted(
        screen.active_bindings.values(), key=lambda each: order.get(id(each.node), len(order))
    )
    for each in active:
        if each.binding.description and each.enabled:
            what, key = each.binding.description, screen.app.get_key_display(each.binding)
            group = groups.setdefault(_name_of(each.node), {})
            keys = group.setdefault(what, KeyHelp(what, each.binding.id or "")).keys
            if key not in keys:
                keys.append(key)
    return _text_of(nodes), [(name, list(group.values())) for name, group in groups.items()]


def _text_of(nodes: Iterable[DOMNode]) -> str:
    return next((node.HELP for node in nodes if isinstance(node, Widget) and node.HELP), "")


_NAMES = {
    "QueueTable": "In the queue",
    "QueuePane": "On studies",
    "UidLine": "In the UID line",
    "EventsPane": "In the events",
    "FilterLine": "In the filter",
    "Input": "In a field",
    "MainScreen": "Everywhere here",
    "RetrieveApp": "Everywhere",
}


def _name_of(node: DOMNode) -> str:
    name = type(node).__name__
    return _NAMES.get(name, name)


_ROOMY = 76
"""Cells from which on the ids have room beside the keys."""


class HelpScreen(ModalScreen[None]):
    """The help of the pane from which it was called."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q,f1,question_mark", "dismiss", "Close", id="help.close"),
    ]

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > VerticalScroll {
            width: 76; max-width: 96%; height: auto; max-height: 92%;
            border: round $primary; padding: 0 2; background: $surface;
        }
    }
    """

    def __init__(self, text: str, groups: list[tuple[str, list[KeyHelp]]]) -> None:
        super().__init__()
        self._text, self._groups = text, groups

    def compose(self) -> ComposeResult:
        """The text, and a table for each group: keys, what they do, and the id for the settings."""
        roomy = self.app.size.width >= _ROOMY
        with VerticalScroll() as scroll:
            scroll.border_title = "Help"
            scroll.border_subtitle = "esc closes"
            if self._text:
                yield Static(" ".join(self._text.replace("`", "").split()), markup=False)
            every = [each for _, keys in self._groups for each in keys]
            widths = [
                max((len(" ".join(each.keys)) for each in every), default=0),
                max((len(each.what) for each in every), default=0),
            ]
            for name, keys in self._groups:
                table = Table.grid(padding=(0, 2))
                for width in widths:  # the same for all, so that they stand below each other
                    table.add_column(min_width=width)
                for each in keys:
                    name_in_settings = Text(each.binding if roomy else "", style="dim")
                    table.add_row(
                        Text(" ".join(each.keys), style="bold"), each.what, name_in_settings
                    )
                yield Static(Text(f"\n{name}", style="bold underline"))
                yield Static(table)

    def on_mount(self) -> None:
        """Let the arrows scroll."""
        self.query_one(VerticalScroll).focus()
