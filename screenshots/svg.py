"""Textual's picture of a screen without what is different each time, or of no use: a third is left.

Knows nothing of the application.
"""

import html
import re
from collections.abc import Iterator

_DROPPED = (
    re.compile(r"\s*@font-face \{[^}]*\}"),  # a picture fetches nothing from anywhere
    re.compile(r'<clipPath id="t-line-\d+">.*?</clipPath>\s*', re.DOTALL),
    re.compile(r' clip-path="url\(#t-line-\d+\)"'),
    re.compile(r"<text [^>]*>\s*</text>"),
)
_TEXT = re.compile(r'<text class="t-r\d+" x="[\d.]+" y="([\d.]+)"[^>]*>([^<]*)</text>')


def slim(svg: str) -> str:
    """The same picture, smaller, with an element to a line."""
    svg = re.sub(r"terminal-\d+", "t", svg)
    for pattern in _DROPPED:
        svg = pattern.sub("", svg)
    svg = re.sub(r"(</text>|/>)<", r"\1\n<", svg)
    return "\n".join(line.rstrip() for line in svg.split("\n") if line.strip()) + "\n"


def lines_of(svg: str) -> Iterator[str]:
    """What can be read in a slim picture, line by line."""
    lines: dict[str, list[str]] = {}
    for y, text in _TEXT.findall(svg):
        lines.setdefault(y, []).append(html.unescape(text).replace("\xa0", " "))
    return (" ".join(texts) for texts in lines.values())
