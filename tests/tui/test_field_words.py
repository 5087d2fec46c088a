"""What the application shows names fields, whatever the engine's messages name."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import OperationFailed
from dicom_retrieve_tui.model.search import Remark
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.field_words import in_fields, method_words
from tests.documents import ROOT
from tests.tui.application import opened
from tests.tui.builders import uids
from tests.tui.scripted_search import Searches
from tests.tui.scripted_session import begins, ends

(A,) = uids(1)
_FLAG = re.compile(r"(?<![\w-])--[a-z]")
_LAYERS = ("model", "dataset", "network", "storage", "engine", "config", "hooks", "doctor")


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("Make room or choose another --output.", "Make room or choose another Folder."),
        ("C-MOVE needs a move destination: set --move-dest.", "set Dest AE."),
        ("Try --method c-move --listen 11112.", "Try Method c-move Listen 11112."),
        ("--hierarchical keeps both studies.", "Layout hierarchical keeps both studies."),
        ("the --on-study command failed: not found", "the On study command failed: not found"),
        ("Run the same command again later.", "Press r in the queue later."),
        ("a -- b, a--b and ---", "a -- b, a--b and ---"),
    ],
)
def test_flags_are_named_as_the_form_names_them(message: str, shown: str) -> None:
    assert in_fields(message).endswith(shown)


def _texts(path: Path) -> Iterator[str]:
    """The strings of a module that are not docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    bare = {
        id(each.value)
        for each in ast.walk(tree)
        if isinstance(each, ast.Expr) and isinstance(each.value, ast.Constant)
    }
    for each in ast.walk(tree):
        if isinstance(each, ast.Constant) and isinstance(each.value, str) and id(each) not in bare:
            yield each.value


def test_no_message_of_the_engine_keeps_a_flag() -> None:
    package = ROOT / "dicom_retrieve_tui"
    paths = [path for layer in _LAYERS for path in sorted((package / layer).rglob("*.py"))]
    flags = [text for path in paths for text in _texts(path) if _FLAG.search(text)]

    assert len(flags) > 50
    assert [text for text in flags if _FLAG.search(in_fields(text))] == []


async def test_a_reason_names_fields_in_the_row_the_events_the_details_and_the_toast() -> None:
    reason = "The disk is full. Make room or choose another --output."
    async with opened((200, 60)) as bench:
        await bench.start(A)
        await bench.tell(begins(A), ends(A, Verdict.FAILED, stored=0, reason=reason))
        await bench.until(lambda: "choose another Folder" in bench.joined())
        await bench.pilot.press("enter")
        await bench.until(lambda: "Failure, and what to do" in bench.text())
        assert "choose another Folder." in bench.joined()
        bench.app.notify("--keep-free 0 tries it")
        await bench.until(lambda: "Keep free 0 tries it" in bench.told())
        assert "--output" not in bench.joined().partition("The equivalent command")[0]


async def test_a_search_that_fails_names_fields() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await bench.pilot.press("f3", "P", "enter")
        find.tell(Remark(text="Try --query-model auto.", incomplete=True))
        find.end(OperationFailed("Raise --timeout.", operation="C-FIND", status=0xC000))
        await bench.until(lambda: "Raise Timeout." in bench.joined())
        assert "Try Model auto." in bench.joined()


@pytest.mark.parametrize(
    ("method", "destination", "words"),
    [
        ("auto", "VM", "C-GET, else C-MOVE to VM"),
        ("auto", None, "C-GET, else C-MOVE"),
        ("c-move", "VM", "C-MOVE to VM"),
        ("c-get", "VM", "C-GET"),
    ],
)
def test_a_method_is_named_by_its_services(
    method: str, destination: str | None, words: str
) -> None:
    assert method_words(method, destination) == words
