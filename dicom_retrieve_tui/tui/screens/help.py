"""The help: the active key bindings, so that it is never out of date; typing finds one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.dom import DOMNode
from textual.screen import ModalScreen, Screen
from textual.widget import Widget
from textual.widgets import Input, Static


@dataclass(slots=True)
class KeyHelp:
    """An action: its description, its keys, and the id for overriding them in the settings."""

    what: str
    binding: str
    keys: list[str] = field(default_factory=list)

    @property
    def haystack(self) -> str:
        """What a search looks at."""
        return "\n".join((self.what, self.binding, *self.keys)).casefold()


KeyGroup = tuple[str, list[KeyHelp]]
"""Where some keys work, and these."""


def help_of(screen: Screen[object]) -> tuple[str, list[KeyGroup]]:
    """Return the help text of the focused widget, and its keys by widget, nearest first."""
    groups: dict[str, dict[str, KeyHelp]] = {}
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    order = {id(node): rank for rank, node in enumerate(nodes)}
    active = sorted(
        screen.active_bindings.values(), key=lambda each: order.get(id(each.node), len(order))
    )
    for each in active:
        if each.binding.description and each.enabled:
            what, key = _what(each.binding), screen.app.get_key_display(each.binding)
            group = groups.setdefault(_name_of(each.node), {})
            keys = group.setdefault(what, KeyHelp(what, each.binding.id or "")).keys
            if key not in keys:
                keys.append(key)
    return _text_of(nodes), [(name, list(group.values())) for name, group in groups.items()]


def _what(binding: Binding) -> str:
    # Textual lists its own binding of this key in windows; that of the application comes first.
    return "Quit, or copy selected text" if binding.key == "ctrl+c" else binding.description


def _text_of(nodes: Iterable[DOMNode]) -> str:
    return next((node.HELP for node in nodes if isinstance(node, Widget) and node.HELP), "")


_NAMES = {
    "QueueTable": "In the queue",
    "QueuePane": "On studies",
    "FoundTable": "In the results",
    "HistoryTable": "In the history",
    "JobStudies": "In the history",
    "SearchPane": "In the search form",
    "FindScreen": "On this screen",
    "RetrievePane": "In the retrieve pane",
    "ProfilesScreen": "In the list of profiles",
    "ProfileScreen": "In the profile",
    "OptionList": "In the list",
    "LoadListScreen": "On this screen",
    "OptionsScreen": "In the options",
    "DetailsScreen": "In the details",
    "Select": "In a choice",
    "VerticalScroll": "In the text",
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
    "VerifyScreen": "the files in a folder",
    "LimitsScreen": "hours and rate",
    "ColumnsScreen": "columns",
}


def pane_of(screen: Screen[object]) -> str:
    """Return what the focused pane is for; empty if it has no name."""
    nodes = screen.focused.ancestors_with_self if screen.focused is not None else [screen]
    names = (_PANES.get(type(node).__name__, "") for node in nodes)
    return next(filter(None, names), "")


_IDS = "id in settings.toml"
"""The heading of the binding ids, by which the settings give an action another key."""
_ROOMY = 76
"""Cells from which on binding ids fit beside the keys."""


def matching(groups: Iterable[KeyGroup], needle: str) -> list[KeyGroup]:
    """Return the keys whose description, name or id has this text; all for an empty text."""
    needle = needle.strip().casefold()
    found = []
    for name, keys in groups:
        if some := [each for each in keys if needle in each.haystack]:
            found.append((name, some))
    return found


class HelpScreen(ModalScreen[None]):
    """The help of the widget that had the focus; typing narrows it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f1", "close", "Close", key_display="esc", id="help.close"),
        Binding("up", "scroll(-1)", "Up", show=False, id="help.up"),
        Binding("down", "scroll(1)", "Down", show=False, id="help.down"),
        Binding("pageup", "page(-1)", "Page up", show=False, id="help.page_up"),
        Binding("pagedown", "page(1)", "Page down", show=False, id="help.page_down"),
    ]

    DEFAULT_CSS = """
    HelpScreen {
        align: center middle;
        & > Vertical {
            width: 76; max-width: 96%; height: auto; max-height: 92%;
            border: round $primary; padding: 0 2; background: $surface;
        }
        & VerticalScroll { height: auto; max-height: 1fr; }
        & #help-keys { margin-top: 1; }
    }
    """

    def __init__(self, pane: str, text: str, groups: list[KeyGroup]) -> None:
        """Keep the help.

        Args:
            pane: What the pane is for, `the queue`; may be empty.
            text: How to use it.
            groups: The keys, by where they work.
        """
        super().__init__()
        self._pane, self._text, self._groups = pane, text, groups

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = f"Help: {self._pane}" if self._pane else "Help"
            frame.border_subtitle = "type to find a key · esc closes"
            needle = Input(placeholder="find a key, such as stop", compact=True, id="help-find")
            needle.cursor_blink = False
            yield needle
            with VerticalScroll(can_focus=False):
                if self._text:
                    text = " ".join(self._text.replace("`", "").split())
                    yield Static(text, markup=False, id="help-text")
                yield Static(self._drawn(self._groups), id="help-keys")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def action_close(self) -> None:
        """Clear what was typed, else close the help."""
        needle = self.query_one(Input)
        if needle.value:
            needle.value = ""
        else:
            self.dismiss(None)

    def action_scroll(self, step: int) -> None:
        self._scroll.scroll_relative(y=step, animate=False)

    def action_page(self, step: int) -> None:
        self._scroll.scroll_relative(y=step * max(self._scroll.size.height - 1, 1), animate=False)

    @property
    def _scroll(self) -> VerticalScroll:
        return self.query_one(VerticalScroll)

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        for place in self.query("#help-text"):
            place.display = not event.value.strip()
        found = matching(self._groups, event.value)
        nothing = Text(f"No key here does {event.value.strip()!r}.")
        self.query_one("#help-keys", Static).update(self._drawn(found) if found else nothing)

    def _drawn(self, groups: Iterable[KeyGroup]) -> Table:
        """Return the keys as one table, so that its columns align."""
        roomy = self.app.size.width >= _ROOMY
        every = [each for _, keys in self._groups for each in keys]
        table = Table.grid(padding=(0, 2))
        table.add_column(min_width=max((len(" ".join(each.keys)) for each in every), default=0))
        table.add_column(min_width=max((len(each.what) for each in every), default=0))
        for number, (name, keys) in enumerate(groups):
            if number:
                table.add_row()
            # Beside the keys, as a heading over all columns would widen the first.
            heading = "" if number or not roomy else _IDS
            table.add_row("", Text(name, style="bold underline"), Text(heading, style="dim"))
            for each in keys:
                name_in_settings = Text(each.binding if roomy else "", style="dim")
                table.add_row(Text(" ".join(each.keys), style="bold"), each.what, name_in_settings)
        return table
