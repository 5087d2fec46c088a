"""A scroll view that grows without a new layout of the screen."""

from textual.geometry import Size
from textual.reactive import Reactive
from textual.scroll_view import ScrollView


class GrowingLines(ScrollView):
    """A view of lines that are appended.

    Textual (8.2) lays out the whole screen whenever `virtual_size` changes, which takes as long as
    two frames. A layout is needed only if a scrollbar appears or disappears. Remove this class once
    `test_a_longer_view_still_costs_a_layout` fails.
    """

    virtual_size: Reactive[Size] = Reactive(Size(0, 0))

    def watch_virtual_size(self, before: Size, size: Size) -> None:
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
        """Return whether horizontal and vertical scrollbars are needed."""
        room, styles = self.scrollable_content_region.size, self.styles
        return (
            styles.overflow_x == "scroll" or size.width > room.width,
            styles.overflow_y == "scroll" or size.height > room.height,
        )
