"""Our theme: calm, dark, and with states that differ in lightness as well as in colour."""

from textual.theme import Theme

NAME = "dicom-retrieve"

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
)
