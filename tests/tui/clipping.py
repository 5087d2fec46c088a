"""What of a screen cannot be read: cut off without an ellipsis, or outside of the terminal."""

from collections.abc import Iterable
from typing import Any

from rich.cells import cell_len
from textual.errors import NoWidget
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import Input, Static

from dicom_retrieve_tui.tui.cut_text import ELLIPSIS
from dicom_retrieve_tui.tui.widgets.keys_line import KeyHint
from tests.tui.application import Bench

_BEGINNING = 6
"""Characters by which a text is recognised on the screen."""


def cut_off(bench: Bench) -> list[str]:
    """What does not stand on the screen whole: titles, keys, widgets, hints of empty fields."""
    screen = bench.app.screen
    drawn = bench.text()
    shown = [widget for widget in screen.query("*") if widget.display and widget.region]
    titles = [t for each in shown for t in (each.border_title, each.border_subtitle) if t]
    keys = [key for key in screen.query(KeyHint) if key.region.width]
    hints = [each for each in shown if isinstance(each, Input) and not each.value]
    return [
        *(str(title) for title in titles if _plain(str(title)) not in drawn),
        *(repr(widget) for widget in shown if not _is_whole(widget)),
        *(repr(key) for key in keys if key.region.right > screen.size.width),
        *(each.placeholder for each in hints if cell_len(each.placeholder) > each.size.width),
    ]


def cut_without_ellipsis(bench: Bench, texts: Iterable[str]) -> list[str]:
    """Where one of these begins, and ends early without a sign of that."""
    screen = bench.app.screen
    # What a window covers of the screen below is not cut.
    lines = bench.text(frame_of(screen) if screen.is_modal else None)
    # Without line breaks and frames, as a text may be wrapped.
    drawn = " ".join(lines.replace("│", " ").split())
    found = []
    for text in texts:
        at = drawn.find(text[:_BEGINNING])
        while at >= 0:
            end = at
            while end - at < len(text) and drawn[end : end + 1] == text[end - at]:
                end += 1
            whole = (
                drawn[at : at + len(text) + 8].replace(" ", "").startswith(text.replace(" ", ""))
            )
            if not whole and not drawn[end:].lstrip().startswith(ELLIPSIS):
                found.append(drawn[at : end + 8])
            at = drawn.find(text[:_BEGINNING], end)
    return found


def frame_of(screen: Screen[Any]) -> Widget:
    """The frame of a window: the largest of what is on its screen."""
    return max(screen.children, key=lambda each: each.region.area)


def unseen_focus(bench: Bench) -> str:
    """The focus, if it cannot be seen; empty if it can."""
    focused = bench.app.focused
    if focused is None:
        return "nothing has the focus"
    try:
        place = focused.screen.find_widget(focused)
    except NoWidget:
        return repr(focused)
    seen = place.region.intersection(place.clip).intersection(bench.app.screen.region)
    return "" if seen.area else repr(focused)


def _plain(title: str) -> str:
    """A title without its markup."""
    from rich.text import Text  # noqa: PLC0415

    return Text.from_markup(title).plain


def _scrolls(widget: Widget) -> bool:
    """True if something around it scrolls, so that its lower part may wait."""
    return any(
        isinstance(each, Widget) and each.max_scroll_y > 0 for each in widget.ancestors_with_self
    )


def _is_whole(widget: Widget) -> bool:
    try:
        place = widget.screen.find_widget(widget)
    except NoWidget:  # below what is shown of a list
        return True
    if not place.clip.area:
        return True
    one_line = widget.has_focus and widget.size.height == 1
    if one_line or (isinstance(widget, Static) and not _scrolls(widget)):
        return place.clip.contains_region(place.region)
    return place.region.intersection(place.clip).width == place.region.width
