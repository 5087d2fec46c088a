"""The reference and the man page are up to date."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.reference import COMMAND, DOCUMENTS


@pytest.mark.parametrize(("document", "render"), DOCUMENTS.items())
def test_each_document_is_what_the_parsers_offer(document: Path, render: Callable[[], str]) -> None:
    assert document.read_text(encoding="utf-8") == render(), f"write it again: {COMMAND}"
