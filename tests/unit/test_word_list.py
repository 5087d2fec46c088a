"""Words that made readers stop stay out of the package and the documents."""

import re
from pathlib import Path

import pytest

from tests.documents import ROOT

_NAME_IT = "name the caller, user, PACS, peer or thread"
_WORDS = {
    # "NOBODY" is an AE title, ~nobody a home folder.
    r"(?<![\"~])\b(nobody|whoever|whomever|somebody|anybody)\b": _NAME_IT,
    r"\b(he|his|him|himself)\b": "they, or name the user",
    r"\banew\b": "again",
    r"\ball the same\b": "still, anyway",
    r"(?<!\bthere )\b(is|are) no (?!longer\b|more\b)": "is not a",
    r"(?<!\bthere )\b(is|are) (?-i:none)\b": "is not one; say what is missing",
    r"\bcannot be meant\b": "is invalid",
    r"\bin hand\b": "name the state: running, current",
    r"\b(tells?|told) of\b": "report",
    r"\bbelieves?\b": "accept, trust; programs have no beliefs",
}
"""Each with what to write instead."""

_TEXTS = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/guide/*.md", "dicom_retrieve_tui/**/*.py")
    for path in ROOT.glob(pattern)
    if path.name != "faults.md"  # drawn from tests; decisions are not edited
)


def test_the_words_do_not_come_back() -> None:
    found = [line for path in _TEXTS for line in _places(path)]

    assert not found, "\n".join(found)


@pytest.mark.parametrize("word", _WORDS)
def test_each_word_is_a_pattern_of_its_own(word: str) -> None:
    samples = ["so nobody", "he is", "anew", "all the same", "this is no UID", "that is none"]
    samples += ["cannot be meant", "in hand", "tells of it", "believes it"]

    assert len([sample for sample in samples if re.search(word, sample, re.IGNORECASE)]) == 1


def _places(path: Path) -> list[str]:
    where = path.relative_to(ROOT)
    return [
        f"{where}:{number}: {line.strip()}  (instead: {instead})"
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        for word, instead in _WORDS.items()
        if re.search(word, line, re.IGNORECASE)
    ]
