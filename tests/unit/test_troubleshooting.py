"""The troubleshooting page quotes messages that the package or a fault test has."""

import ast
import re
from collections.abc import Iterator

from tests.documents import ROOT

_PAGE = ROOT / "docs" / "guide" / "troubleshooting.md"
_FROM_THE_SYSTEM = {"connection refused", "connection reset by peer", "no space left on device"}
_FROM_THE_SYSTEM |= {"address already in use"}


def test_each_quoted_message_exists() -> None:
    modules = sorted((ROOT / "dicom_retrieve_tui").rglob("*.py"))
    trees = (ast.parse(path.read_text(encoding="utf-8")) for path in modules)
    texts = "\n".join(text for tree in trees for text in _texts(tree))
    texts += (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")

    quoted = set(_quoted()) - _FROM_THE_SYSTEM

    assert quoted
    assert [text for text in sorted(quoted) if text not in texts] == []


def _quoted() -> Iterator[str]:
    for row in re.findall(r"^\| (`.*?) \|", _PAGE.read_text(encoding="utf-8"), re.MULTILINE):
        yield from re.findall(r"`([^`]+)`", row)


def _texts(tree: ast.Module) -> Iterator[str]:
    """Yield the texts of a module, with the values in f-strings as a blank."""
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(
                str(part.value) if isinstance(part, ast.Constant) else " " for part in node.values
            )
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value
