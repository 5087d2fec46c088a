"""The footer with the active keys."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import ActiveBinding
from textual.containers import Horizontal
from textual.reactive import reactive
from textual.screen import Screen
from textual.widget import Widget

_ROOMY = 70
"""Columns from which on there is room for gaps."""
_WIDE = 100
"""Columns from which on further keys are shown."""
_GAPS = 3
"""Cells beside a key and its words."""
_FURTHER = {
    "main.find": "Find",
    "queue.priors": "Priors",
    "main.dry_run": "Dry run",
    "main.history": "History",
    "queue.mask": "Hide patients",
    "queue.verify": "Verify",
    "queue.mark_all": "Mark all",
    "queue.sort": "Sort",
    "queue.limits": "Hours and rate",
    "queue.columns": "Columns",
    "queue.open": "Folder",
}
"""Words for the keys of the main screen that are shown where there is room, by importance."""


@dataclass(frozen=True, slots=True)
class ShownKey:
    """A key of the footer."""

    key: str
    display: str
    words: str
    enabled: bool
    tooltip: str

    @property
    def width(self) -> int:
        """Cells, with gaps."""
        return cell_len(self.display) + cell_len(self.words) + _GAPS


class KeyHint(Widget):
    """A key and its words; a click presses the key."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-hint--key", "key-hint--words"}
    DEFAULT_CSS = """
    KeyHint {
        width: auto; height: 1; text-wrap: nowrap;
        background: $footer-item-background;
        & > .key-hint--key {
            color: $footer-key-foreground; background: $footer-key-background; text-style: bold;
        }
        & > .key-hint--words {
            color: $footer-description-foreground; background: $footer-description-background;
        }
        &:hover {
            pointer: pointer;
            color: $footer-key-foreground; background: $block-hover-background;
        }
        &.-disabled { text-style: dim; }
    }
    """

    compact = reactive(default=False, layout=True)
    """No gaps."""

    def __init__(self, shown: ShownKey) -> None:
        super().__init__(classes="" if shown.enabled else "-disabled")
        self.shown = shown
        self.shrink = False
        if shown.tooltip:
            self.tooltip = shown.tooltip

    def render(self) -> Text:
        gap = "" if self.compact else " "
        text = Text.assemble(
            (f"{gap}{self.shown.display}{gap}", self.get_component_rich_style("key-hint--key")),
            (
                f"{self.shown.words}{gap}" if gap else f" {self.shown.words}",
                self.get_component_rich_style("key-hint--words"),
            ),
        )
        text.stylize_before(self.rich_style)
        return text

    def on_click(self, event: events.Click) -> None:
        event.stop()
        if self.shown.enabled:
            self.app.simulate_key(self.shown.key)
        else:
            self.app.bell()


class KeysLine(Horizontal):
    """The keys that do something now, rebuilt only if they have changed.

    Textual's own footer is rebuilt twice for each change of the focus, and has no place for keys
    that are shown only where there is room.
    """

    DEFAULT_CSS = """
    KeysLine {
        dock: bottom; height: 1;
        color: $footer-foreground; background: $footer-background;
        &.-compact KeyHint { margin-right: 1; }
    }
    """

    compact = reactive(default=False, toggle_class="-compact")
    """No gaps beside the keys."""

    def __init__(self) -> None:
        super().__init__()
        self._shown: list[ShownKey] = []

    def compose(self) -> ComposeResult:
        for shown in self._shown:
            yield KeyHint(shown).data_bind(KeysLine.compact)

    def on_mount(self) -> None:
        self.screen.bindings_updated_signal.subscribe(self, self._show_keys)

    def on_unmount(self) -> None:
        self.screen.bindings_updated_signal.unsubscribe(self)

    def on_resize(self, event: events.Resize) -> None:
        """Drop the gaps between the keys where the last one might not fit."""
        self.compact = event.size.width < _ROOMY
        self._show_keys(self.screen)

    def _show_keys(self, screen: Screen[object]) -> None:
        # While the terminal has no focus, no widget has keys.
        if not self.app.app_focus or screen is not self.screen:
            return
        active = list(self.screen.active_bindings.values())
        # Several keys may have one action: the first is shown.
        usual = {each.binding.action: each for each in reversed(active) if each.binding.show}
        ordered = dict.fromkeys(each.binding.action for each in active if each.binding.show)
        shown = [self._key(usual[action]) for action in ordered]
        if self.app.size.width >= _WIDE:
            ids = {each.binding.id for each in usual.values()}
            others = (each for each in reversed(active) if each.binding.id not in ids)
            shown += self._further(
                {each.binding.id: each for each in others if each.enabled},
                self.app.size.width - sum(each.width for each in shown),
            )
        if shown != self._shown:
            self._shown = shown
            self.call_after_refresh(self.recompose)

    def _further(self, others: Mapping[str | None, ActiveBinding], room: int) -> Iterator[ShownKey]:
        """Yield further keys until the line is full."""
        for name, words in _FURTHER.items():
            if (binding := others.get(name)) is not None:
                shown = self._key(binding, words)
                room -= shown.width
                if room < 0:
                    return
                yield shown

    def _key(self, active: ActiveBinding, words: str = "") -> ShownKey:
        binding = active.binding
        return ShownKey(
            key=binding.key,
            display=self.app.get_key_display(binding),
            words=words or binding.description,
            enabled=active.enabled,
            tooltip=active.tooltip,
        )
