"""Our theme: calm and dark; states differ in lightness as well as in colour."""

import difflib
from collections.abc import Iterable

from textual.theme import Theme

NAME = "dicom-retrieve"

_TRACKS = (
    "scrollbar-background",
    "scrollbar-background-hover",
    "scrollbar-background-active",
    "scrollbar-corner-color",
)
THEME = Theme(
    name=NAME,
    primary="#4aa3c7",
    secondary="#7d8fb3",
    accent="#7fd1c7",
    foreground="#d8dee6",
    background="#10151b",
    surface="#151c24",
    panel="#202a35",
    success="#8ac07a",
    warning="#e0b35a",
    error="#e8736c",
    dark=True,
    variables={
        "scrollbar": "#2f3d4b",
        "scrollbar-hover": "#3c4e60",
        "scrollbar-active": "#4aa3c7",
        # Textual's tracks are darker than everything else, and look wider than the content.
        **dict.fromkeys(_TRACKS, "#151c24"),
    },
)


def choose(wanted: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """Return a known theme's name, else ours, with a sentence for the user."""
    known = list(known)
    if not wanted or wanted in known:
        return wanted or NAME, []
    near = difflib.get_close_matches(wanted, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(sorted(known))}."
    return NAME, [f"Unknown theme {wanted!r}; {hint}"]
