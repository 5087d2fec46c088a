"""Lines that become more, without the whole screen being arranged for each."""

from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView


class GrowingLines(ScrollView):
    """A view of lines that come one after the other.

    Textual arranges the whole screen whenever the size of what a view scrolls over changes, which
    takes as long as two frames. It is needed only where a scrollbar comes or goes.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0))

    def watch_virtual_size(self, before: Size, size: Size) -> None:
        """More lines, or fewer."""
        less = size.height < before.height or size.width < before.width
        if less or self._bars_for(size) != (
            self.show_horizontal_scrollbar,
            self.show_vertical_scrollbar,
        ):
            self.refresh(layout=True)
            return
        if self.show_vertical_scrollbar:
            self.vertical_scrollbar.window_virtual_size = size.height
        if self.show_horizontal_scrollbar:
            self.horizontal_scrollbar.window_virtual_size = size.width

    def _bars_for(self, size: Size) -> tuple[bool, bool]:
        """Which scrollbars it takes, one below and one at the side."""
        room, styles = self.scrollable_content_region.size, self.styles
        return (
            styles.overflow_x == "scroll" or size.width > room.width,
            styles.overflow_y == "scroll" or size.height > room.height,
        )
