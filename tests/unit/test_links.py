"""Documents point to files that exist."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.documents import ROOT

_LINK = re.compile(r"\]\((?!https?:|mailto:)([^)#]*)(?:#([\w-]+))?\)")
_DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])


@pytest.mark.parametrize("document", _DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_to_files_and_headings(document: Path) -> None:
    assert list(_dead_links(document)) == []


def _dead_links(document: Path) -> Iterator[str]:
    for path, heading in _LINK.findall(document.read_text(encoding="utf-8")):
        target = (document.parent / path) if path else document
        if not target.exists():
            yield path
        elif heading and heading not in _headings(target):
            yield f"{path}#{heading}"


def _headings(document: Path) -> set[str]:
    """Return the anchors that a page of GitHub has for its headings."""
    found = re.findall(r"^#+ (.+)$", document.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in found}
