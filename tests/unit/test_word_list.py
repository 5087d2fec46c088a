"""Words that made readers stop stay out of the package and the documents.

Each word has a reason and the number of places that still have it, which only shrinks.
"""

import re
from pathlib import Path

import pytest

from tests.documents import ROOT

_NAME_IT = "name the caller, user, PACS, peer or thread"
_WORDS = {
    r"\b(nobody|whoever|whomever|somebody|anybody)\b": (_NAME_IT, 150),
    r"\b(he|his|him|himself)\b": ("they, or name the user", 4),
    r"\banew\b": ("again", 15),
    r"\ball the same\b": ("still, anyway", 5),
    r"(?<!\bthere )\b(is|are) no (?!longer\b|more\b)": ("is not a", 30),
    r"(?<!\bthere )\b(is|are) (?-i:none)\b": ("is not one; say what is missing", 13),
    r"\bcannot be meant\b": ("is invalid", 17),
    r"\bin hand\b": ("name the state: running, current", 8),
    r"\b(tells?|told) of\b": ("report", 16),
    r"\bbelieve\b": ("accept, trust; programs have no beliefs", 1),
}

_TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/guide/*.md", "dicom_retrieve_tui/**/*.py")
    for path in ROOT.glob(pattern)
    if path.name not in {"faults.md", "CHANGELOG.md"}
)
"""Decisions are not edited, and `docs/faults.md` is drawn from tests."""


@pytest.mark.parametrize("word", _WORDS)
def test_a_word_does_not_come_back(word: str) -> None:
    instead, allowed = _WORDS[word]

    found = [place for path in _TEXTS for place in _places(word, path)]

    assert len(found) <= allowed, f"instead: {instead}\n" + "\n".join(found)


def _places(word: str, path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    where = path.relative_to(ROOT)
    return [
        f"{where}:{number}: {line.strip()}"
        for number, line in enumerate(lines, 1)
        if re.search(word, line, re.IGNORECASE)
    ]
