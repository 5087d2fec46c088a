"""The totals: a bar, throughput, and failures."""

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from dicom_retrieve_tui.model.humanize import clock_text, count, size_text
from dicom_retrieve_tui.tui.cut_text import bar
from dicom_retrieve_tui.tui.snapshot import Totals

_BAR_MIN = 10


def total_text(width: int, totals: Totals) -> str:
    """Return `Total ████··· 46%  1,098/2,382  0.42 GB  ETA 0:13  2 failed` in `width` cells.

    Bar and share are empty while too few sizes are known. Whether the rest fits on the disk is
    only shown if it may not.
    """
    if not totals.studies:
        return ""
    whole = 0 if totals.unsized else totals.expected
    percent = f"{100 * totals.stored // whole}%" if whole else ""
    about = "" if totals.exact or not totals.active else "~"
    failed = totals.failed - totals.stopped
    parts = [
        (percent, 9),
        (totals.instances_text(), 5),
        (size_text(totals.received_bytes) if totals.received_bytes else "", 4),
        (f"ETA {about}{clock_text(totals.eta_s)}" if totals.eta_s is not None else "", 6),
        (f"{count(failed, 'study')} failed" if failed else "", 9),
        (f"{count(totals.stopped, 'study')} stopped" if totals.stopped else "", 8),
        (totals.space, 7),
        (f"{totals.missing:,} missing" if totals.missing else "", 3),
    ]
    kept = [part for part in parts if part[0]]
    while kept and 6 + _BAR_MIN + sum(cell_len(text) + 2 for text, _ in kept) > width:
        kept.remove(min(kept, key=lambda part: part[1]))
    tail = "".join(f"  {text}" for text, _ in kept)[1:]
    drawn = bar(totals.stored if whole else 0, whole, max(width - 6 - cell_len(tail), 0))
    return f"Total {drawn}{tail}"


class TotalLine(Widget):
    """One line; empty while nothing is queued."""

    DEFAULT_CSS = """
    TotalLine { height: 1; padding: 0 1; color: $text; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._totals = Totals()

    def show_totals(self, totals: Totals) -> None:
        self._totals = totals
        self.refresh()

    def render(self) -> Text:
        text = Text(
            total_text(self.content_size.width, self._totals), no_wrap=True, overflow="crop"
        )
        text.highlight_regex(r"[0-9,]+ (stud(y|ies) (failed|stopped)|missing)", Style(bold=True))
        return text
