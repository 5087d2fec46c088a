"""The help: the active key bindings, so that it is never out of date."""

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
    """An action: its description, its keys, and the id for overriding them in the settings."""

    what: str
    binding: str
    keys: list[str] = field(default_factory=list)


def help_of(screen: Screen[object]) -> tuple[str, list[tuple[str, list[KeyHelp]]]]:
    """Return the help text of the focused widget, and its keys by widget, nearest first."""
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
    "FoundTable": "In the results",
    "HistoryTable": "In the history",
    "SearchPane": "In the search form",
    "FindScreen": "On this screen",
    "RetrievePane": "In the retrieve pane",
    "ProfilesScreen": "In the list of profiles",
    "ProfileScreen": "In the profile",
    "OptionList": "In the list",
    "LoadListScreen": "On this screen",
    "OptionsScreen": "In the options",
    "UidLine": "In the UID line",
    "EventsPane": "In the events",
    "FilterLine": "In the filter",
    "Input": "In a field",
    "MainScreen": "On this screen",
    "RetrieveApp": "Everywhere",
}


def _name_of(node: DOMNode) -> str:
    name = type(node).__name__
    return _NAMES.get(name, "On this screen" if isinstance(node, Screen) else "Here")


_PANES = {
    "QueueTable": "the queue",
    "QueuePane": "the queue",
    "FilterLine": "the filter of the queue",
    "FoundTable": "studies and series found",
    "HistoryTable": "earlier retrievals",
    "DetailsScreen": "a study",
    "SearchPane": "searching the PACS",
    "RetrievePane": "what to retrieve, and how",
    "UidLine": "what to retrieve",
    "EventsPane": "events",
    "ProfilesScreen": "profiles",
    "ProfileScreen": "a profile",
    "OptionsScreen": "options",
    "LoadListScreen": "a list from a file",
    "DryRunScreen": "what would come",
}


def pane_of(screen: Screen[object]) -> str:
    """Return what the focused pane is for; empty if it has no name."""
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    names = (_PANES.get(type(node).__name__, "") for node in nodes)
    return next(filter(None, names), "")


_ROOMY = 76
"""Cells from which on binding ids fit beside the keys."""


class HelpScreen(ModalScreen[None]):
    """The help of the widget that had the focus."""

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

    def __init__(self, pane: str, text: str, groups: list[tuple[str, list[KeyHelp]]]) -> None:
        """Keep the help.

        Args:
            pane: What the pane is for, `the queue`; may be empty.
            text: How to use it.
            groups: The keys, by where they work.
        """
        super().__init__()
        self._pane, self._text, self._groups = pane, text, groups

    def compose(self) -> ComposeResult:
        roomy = self.app.size.width >= _ROOMY
        with VerticalScroll() as scroll:
            scroll.border_title = f"Help: {self._pane}" if self._pane else "Help"
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
                # All tables have the same widths, so that their columns align.
                for width in widths:
                    table.add_column(min_width=width)
                for each in keys:
                    name_in_settings = Text(each.binding if roomy else "", style="dim")
                    table.add_row(
                        Text(" ".join(each.keys), style="bold"), each.what, name_in_settings
                    )
                yield Static(Text(f"\n{name}", style="bold underline"))
                yield Static(table)

    def on_mount(self) -> None:
        self.query_one(VerticalScroll).focus()
