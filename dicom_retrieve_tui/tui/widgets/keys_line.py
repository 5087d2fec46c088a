"""The footer with the active keys."""

from collections.abc import Iterator

from rich.cells import cell_len
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

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


class KeysLine(Footer):
    """Textual's footer, rebuilt only if its keys have changed.

    Textual (8.2) calls `bindings_changed` twice for each change of the focus; each call recomposes
    the footer and lays out the screen. Remove this class once
    `test_a_footer_still_rebuilds_the_same_keys` fails.
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: list[tuple[str, str, bool]] | None = None

    def on_resize(self, event: events.Resize) -> None:
        """Drop the gaps between the keys where the last one might not fit."""
        self.compact = event.size.width < _ROOMY
        self.bindings_changed(self.screen)

    def compose(self) -> ComposeResult:
        """Yield the keys of every width, then those for which there is room."""
        yield from super().compose()
        if self._bindings_ready:
            for binding, words in self._further():
                display = self.app.get_key_display(binding)
                yield FooterKey(binding.key, display, words, binding.action).data_bind(
                    compact=Footer.compact
                )

    def _further(self) -> Iterator[tuple[Binding, str]]:
        """Yield further keys, with their words, until the line is full."""
        if self.app.size.width < _WIDE:
            return
        active = [each.binding for each in self.screen.active_bindings.values() if each.enabled]
        shown = {each.action: each for each in reversed(active) if each.show}
        room = self.app.size.width - sum(
            self._width(each, each.description) for each in shown.values()
        )
        ids = {each.id for each in shown.values()}
        further = {each.id: each for each in reversed(active) if each.id not in ids}
        for name, words in _FURTHER.items():
            if (binding := further.get(name)) is not None:
                room -= self._width(binding, words)
                if room < 0:
                    return
                yield binding, words

    def _width(self, binding: Binding, words: str) -> int:
        return cell_len(self.app.get_key_display(binding)) + cell_len(words) + _GAPS

    def bindings_changed(self, screen: Screen[object]) -> None:
        shown = [
            (self.app.get_key_display(each.binding), each.binding.description, each.enabled)
            for each in screen.active_bindings.values()
            if each.binding.show
        ]
        shown += [
            (self.app.get_key_display(binding), words, True) for binding, words in self._further()
        ]
        if shown != self._shown and screen is self.screen and self.app.app_focus:
            self._shown = shown
            super().bindings_changed(screen)
