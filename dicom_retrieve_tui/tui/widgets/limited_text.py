"""A text of limited height."""

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip
from textual.widgets import Static

from dicom_retrieve_tui.tui.cut_text import ELLIPSIS


class LimitedText(Static):
    """A text that ends in an ellipsis where `max-height` cuts it; Textual only drops the rest."""

    def render_line(self, y: int) -> Strip:
        strip = super().render_line(y)
        width, height = self.content_size
        if y != self.content_region.bottom - self.region.y - 1 or height >= self._lines(width):
            return strip
        length = min(cell_len(strip.text.rstrip()), width - 1)
        style = next((segment.style for segment in strip if segment.style), None)
        end = Strip([Segment(ELLIPSIS, style)])
        return Strip.join([strip.crop(0, length), end]).adjust_cell_length(strip.cell_length, style)

    def _lines(self, width: int) -> int:
        """Return the number of lines of the whole text."""
        return self.get_content_height(self.size, self.app.size, width)
