"""The throughput graph: instances and bytes a second, with peaks."""

from collections.abc import Callable, Sequence

from rich.text import Text
from textual.widget import Widget

from dicom_retrieve_tui.model.humanize import byte_rate_text
from dicom_retrieve_tui.tui.snapshot import Sample

_BLOCKS = "▁▂▃▄▅▆▇█"
_LABEL, _NOW, _PEAK = 7, 9, 15


def sparkline(values: Sequence[float], width: int) -> str:
    """Return the last `width` values as blocks, scaled to their peak."""
    shown = values[-width:] if width > 0 else ()
    peak = max(shown, default=0.0)
    if peak <= 0:
        return "·" * max(width, 0)
    steps = len(_BLOCKS) - 1
    drawn = "".join(_BLOCKS[round(steps * value / peak)] if value > 0 else "·" for value in shown)
    return drawn.rjust(width, "·")


def graph_lines(width: int, history: Sequence[Sample], *, live: bool) -> list[str]:
    """Return a line for instances and one for bytes; without a current rate if nothing runs."""
    instances = [sample.instances_per_s for sample in history]
    volumes = [sample.bytes_per_s for sample in history]
    return [
        _line(width, "inst/s", instances, lambda value: f"{value:,.0f}", live=live),
        _line(width, "MB/s", volumes, _megabytes, live=live),
    ]


def _megabytes(value: float) -> str:
    return byte_rate_text(value).removesuffix(" MB/s")


def _line(
    width: int, label: str, values: Sequence[float], text: Callable[[float], str], *, live: bool
) -> str:
    now = text(values[-1]) if values and live else "·"
    peak = f"peak {text(max(values))}" if values else ""
    tail = f"{now:>{_NOW - 2}}" + (f"{peak:>{_PEAK}}" if width >= 44 else "")
    return f"{label:<{_LABEL}}{sparkline(values, width - _LABEL - len(tail))}{tail}"


class Throughput(Widget):
    """The two lines of the graph."""

    DEFAULT_CSS = """
    Throughput { height: 2; color: $text-accent; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._history: Sequence[Sample] = ()
        self._live = False

    def show_history(self, history: Sequence[Sample], *, live: bool) -> None:
        if (history, live) != (self._history, self._live):
            self._history, self._live = history, live
            self.refresh()

    def render(self) -> Text:
        lines = graph_lines(self.content_size.width, self._history, live=self._live)
        return Text("\n".join(lines), no_wrap=True, overflow="crop")
