"""Count the figures of the code: `python -m tests.figures`.

Code lines are lines without blank lines, comments, docstrings and imports.
"""

import ast
import sys
import tempfile
import threading
import tokenize
from collections import Counter
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import FrameType
from typing import Any

from dicom_retrieve_tui.cli.main import main as command
from dicom_retrieve_tui.demo.pacs import DemoPacs
from tests.documents import ROOT

PACKAGE = ROOT / "dicom_retrieve_tui"
_Function = ast.FunctionDef | ast.AsyncFunctionDef


def main() -> None:
    """Print a line for each figure."""
    for name, value in figures():
        sys.stdout.write(f"{value:>7,}  {name}\n")
    files = files_of_a_received_instance()
    sys.stdout.write(f"{len(files):>7}  files from a received byte to a name: {' '.join(files)}\n")


def figures() -> Iterator[tuple[str, int]]:
    """Yield each figure of the package and its name."""
    modules = sorted(PACKAGE.rglob("*.py"))
    texts = {path: path.read_text(encoding="utf-8") for path in modules}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    code = {path: code_lines(path, trees[path]) for path in modules}
    imports = {path: len(_import_lines(tree)) for path, tree in trees.items()}
    functions = [length for tree in trees.values() for length in _function_lengths(tree)]
    names = Counter(path.stem for path in modules if path.stem != "__init__")
    yield "modules", len(modules)
    yield "modules with code", sum(lines + imports[path] > 0 for path, lines in code.items())
    yield "lines", sum(len(text.splitlines()) for text in texts.values())
    yield "code lines", sum(code.values())
    yield "code lines with imports", sum(code.values()) + sum(imports.values())
    yield "import lines", sum(imports.values())
    yield "lines of the longest function, docstrings aside", max(functions)
    yield "functions over 60 lines", sum(length > 60 for length in functions)
    yield "module names that occur more than once", sum(n > 1 for n in names.values())


def code_lines(path: Path, tree: ast.Module) -> int:
    """Return the number of lines that hold code, imports aside."""
    with path.open("rb") as file:
        skipped = {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.ENCODING}
        skipped |= {tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
        lines = {
            number
            for token in tokenize.tokenize(file.readline)
            if token.type not in skipped
            for number in range(token.start[0], token.end[0] + 1)
        }
    return len(lines - _docstring_lines(tree) - _import_lines(tree))


def _docstring_lines(tree: ast.Module) -> set[int]:
    """Return the lines of texts that stand as statements, those of attributes included."""
    return {
        number
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
        for number in _lines(node)
    }


def _import_lines(tree: ast.Module) -> set[int]:
    imports = (ast.Import, ast.ImportFrom)
    return {n for node in ast.walk(tree) if isinstance(node, imports) for n in _lines(node)}


def _function_lengths(tree: ast.Module) -> Iterator[int]:
    docstrings = _docstring_lines(tree)
    for node in ast.walk(tree):
        if isinstance(node, _Function):
            yield len(set(_lines(node)) - docstrings)


def _lines(node: ast.stmt) -> range:
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def files_of_a_received_instance() -> list[str]:
    """Return the files whose functions run from the C-STORE request of an instance to its name.

    The last instance of a run is watched: the first ones also open the journal and the like.
    """
    watch = _Watch()
    threading.setprofile(watch)
    try:
        with DemoPacs() as pacs:
            uid = pacs.studies[1].study_instance_uid
            where = [f"pacs://127.0.0.1:{pacs.port}", "--method", "c-get", uid]
            with tempfile.TemporaryDirectory() as folder:
                command([*where, "--output", folder], stdout=StringIO(), stderr=StringIO())
    finally:
        threading.setprofile(None)
    return sorted(watch.files)


class _Watch:
    """A profile function that notes files while `receive_instance` runs in its thread."""

    def __init__(self) -> None:
        self.files: set[str] = set()
        self._inside = threading.local()

    def __call__(self, frame: FrameType, event: str, _argument: Any) -> None:
        """Take note of a call or return."""
        code = frame.f_code
        if code.co_name == "receive_instance" and event in {"call", "return"}:
            self._inside.yes = event == "call"
            if self._inside.yes:
                self.files.clear()
        path = Path(code.co_filename)
        if event == "call" and getattr(self._inside, "yes", False) and path.is_relative_to(PACKAGE):
            self.files.add(str(path.relative_to(PACKAGE)))


if __name__ == "__main__":
    main()
