"""The keys that can be pressed here, in the last line."""

from textual.screen import Screen
from textual.widgets import Footer


class KeysLine(Footer):
    """Textual's footer, put together anew only where it would show something else.

    Textual tells it twice of each change of the focus, and each time it takes its keys away, makes
    them again, and has the whole screen arranged.
    """

    def __init__(self) -> None:
        super().__init__(show_command_palette=False)
        self._shown: list[tuple[str, str, bool]] | None = None

    def bindings_changed(self, screen: Screen[object]) -> None:
        """Other keys may be of use now."""
        shown = [
            (self.app.get_key_display(each.binding), each.binding.description, each.enabled)
            for each in screen.active_bindings.values()
            if each.binding.show
        ]
        if shown != self._shown and screen is self.screen and self.app.app_focus:
            self._shown = shown
            super().bindings_changed(screen)
