"""The header: the PACS, and the throughput; the least important part is dropped first."""

from dataclasses import dataclass, replace
from datetime import datetime

from rich.cells import cell_len
from rich.style import Style
from rich.text import Text
from textual.widget import Widget

from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.hours import day_and_time
from dicom_retrieve_tui.model.humanize import byte_rate_text, clock_text
from dicom_retrieve_tui.tui.snapshot import Held, Snapshot, Totals

_NAME = "dicom-retrieve"
_GAP = 2
_HELD = {
    HoldCause.PEER: "NO ANSWER",
    HoldCause.ARCHIVE: "SERVES NOTHING",
    HoldCause.DISK: "DISK FULL",
    HoldCause.WORKERS: "NO WORKER",
}
PATIENTS_HIDDEN = "patients hidden"
_UNVERIFIED = "TLS INSECURE"


@dataclass(frozen=True, slots=True)
class PeerSummary:
    """The PACS and our AE title, from the form."""

    profile: str = ""
    ours: str = ""
    theirs: str = ""
    """`AET host:port`"""
    destination: str = ""
    echo: str = ""
    """The result of the last C-ECHO; empty if there was none."""
    unverified: bool = False
    """True if TLS does not verify certificates."""
    masked: bool = False
    """True if patients are hidden."""


@dataclass(frozen=True, slots=True)
class _Part:
    text: str
    keep: int
    """Where parts do not fit, the lowest is dropped first."""
    right: bool = False


def echo_text(round_trip_s: float | None) -> str:
    """Describe a C-ECHO; None if the PACS does not support it."""
    return "● answers" if round_trip_s is None else f"● echo {round_trip_s * 1000:.1f} ms"


def pause_text(snapshot: Snapshot, *, paused: bool) -> str:
    """Return why nothing is requested, in capitals; empty if something may be."""
    if paused:
        return "PAUSING" if snapshot.flowing else "PAUSED"
    if snapshot.closed_until:
        return f"WAITS UNTIL {day_and_time(datetime.fromisoformat(snapshot.closed_until)).upper()}"
    return ""


def held_text(held: Held) -> str:
    """Describe what holds the queue."""
    return f"{_HELD[held.cause]}, next try in {held.next_try_in_s} s"


def header_texts(
    width: int, peer: PeerSummary, totals: Totals, *, pause: str, held: Held | None = None
) -> tuple[str, str]:
    """Return the left and the right text, together at most `width` cells."""
    parts = [part for part in _parts(peer, totals, pause=pause, held=held) if part.text]
    while parts and _width(parts) > width:
        parts.remove(min(parts, key=lambda part: part.keep))
    gap = " " * _GAP
    left, right = (
        gap.join(part.text for part in parts if part.right is side) for side in (False, True)
    )
    return left, right


def _parts(peer: PeerSummary, totals: Totals, *, pause: str, held: Held | None) -> list[_Part]:
    rate = totals.instances_per_s
    moving = rate is not None and rate > 0
    associations = totals.associations_max > 0
    return [
        _Part(_NAME, 0),
        _Part(peer.profile, 7),
        _Part(f"{peer.ours} → {peer.theirs}" if peer.theirs else "", 6),
        _Part(f"dest {peer.destination}" if peer.destination else "", 3),
        _Part(_UNVERIFIED if peer.unverified else "", 11),
        _Part(peer.echo, 5),
        _Part(PATIENTS_HIDDEN if peer.masked else "", 8, right=True),
        _Part(pause, 10, right=True),
        _Part(held_text(held) if held else "", 12, right=True),
        _Part(
            f"assoc {totals.associations}/{totals.associations_max}" if associations else "",
            4,
            right=True,
        ),
        _Part(f"{rate:,.0f} inst/s" if rate and moving else "", 9, right=True),
        _Part(byte_rate_text(totals.bytes_per_s) if moving else "", 2, right=True),
        _Part(f"{clock_text(totals.elapsed_s)}" if associations else "", 1, right=True),
    ]


def _width(parts: list[_Part]) -> int:
    return sum(cell_len(part.text) + _GAP for part in parts)


class HeaderLine(Widget):
    """The header, drawn again when a part changes."""

    DEFAULT_CSS = """
    HeaderLine { height: 1; padding: 0 1; background: $panel; color: $text; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._peer, self._totals, self._pause = PeerSummary(), Totals(), ""
        self._held: Held | None = None

    def show_peer(self, peer: PeerSummary) -> None:
        self._peer = replace(peer, masked=self._peer.masked)
        self.refresh()

    def show_masked(self, *, masked: bool) -> None:
        self._peer = replace(self._peer, masked=masked)
        self.refresh()

    def show_totals(self, totals: Totals, *, pause: str, held: Held | None = None) -> None:
        """Show the totals, and why nothing is requested.

        Args:
            totals: Of the queue.
            pause: See `pause_text`.
            held: What holds the queue; None for nothing.
        """
        self._totals, self._pause, self._held = totals, pause, held
        self.refresh()

    def render(self) -> Text:
        width = self.content_size.width
        left, right = header_texts(
            width, self._peer, self._totals, pause=self._pause, held=self._held
        )
        gap = max(width - cell_len(left) - cell_len(right), 0)
        text = Text(left + " " * gap + right, no_wrap=True, overflow="crop")
        words = [_NAME, *filter(None, [self._pause]), *_HELD.values()]
        text.highlight_words(words, Style(bold=True))
        if self._peer.unverified:
            text.highlight_words([_UNVERIFIED], Style(bold=True, reverse=True))
        return text
