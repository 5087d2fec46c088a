"""Our themes, dark and light: calm; states differ in lightness as well as in colour."""

import difflib
from collections.abc import Iterable

from textual.theme import Theme

NAME = "dicom-retrieve"
LIGHT_NAME = "dicom-retrieve-light"

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

LIGHT_THEME = Theme(
    name=LIGHT_NAME,
    primary="#1f6f92",
    secondary="#54617f",
    accent="#1b6d63",
    foreground="#1b232c",
    background="#f7f8fa",
    surface="#eef1f4",
    panel="#dfe4ea",
    success="#2e6b1f",
    warning="#7d5400",
    error="#a8261f",
    dark=False,
    variables={
        "scrollbar": "#b9c3cd",
        "scrollbar-hover": "#9aa8b5",
        "scrollbar-active": "#1f6f92",
        **dict.fromkeys(_TRACKS, "#eef1f4"),
    },
)
THEMES = (THEME, LIGHT_THEME)


def choose(wanted: str, known: Iterable[str]) -> tuple[str, list[str]]:
    """Return a known theme's name, else ours, with a sentence for the user."""
    known = list(known)
    if not wanted or wanted in known:
        return wanted or NAME, []
    near = difflib.get_close_matches(wanted, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"choose from {', '.join(sorted(known))}."
    return NAME, [f"Unknown theme {wanted!r}; {hint}"]
