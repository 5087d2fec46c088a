"""The footer with the active keys."""

from textual import events
from textual.screen import Screen
from textual.widgets import Footer

_ROOMY = 70
"""Columns from which on there is room for gaps."""


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

    def bindings_changed(self, screen: Screen[object]) -> None:
        shown = [
            (self.app.get_key_display(each.binding), each.binding.description, each.enabled)
            for each in screen.active_bindings.values()
            if each.binding.show
        ]
        if shown != self._shown and screen is self.screen and self.app.app_focus:
            self._shown = shown
            super().bindings_changed(screen)
