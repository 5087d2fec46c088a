"""What the line of keys, a frame or an empty pane names does something where it is named."""

from typing import Any

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.widgets.keys_line import KeyHint
from tests.tui.application import Bench, opened
from tests.tui.builders import uids
from tests.tui.clipping import unseen_focus
from tests.tui.scripted_dry_run import DryRuns, listed
from tests.tui.scripted_search import Searches, study
from tests.tui.scripted_session import begins, ends

A, B = uids(2)
PLACES = {
    "UID line": (),
    "queue": ("escape",),
    "filter": ("escape", "slash"),
    "events": ("escape", "f6"),
    "options": ("f4",),
    "load list": ("ctrl+o",),
    "details": ("escape", "home", "enter"),
    "columns": ("escape", "c"),
    "limits": ("escape", "l"),
    "find form": ("f3",),
    "find results": ("f3", "P", "enter"),
    "dry run": ("1", "f7"),
}
"""The keys that lead there from the UID line."""
NEEDS_MORE = {
    ("UID line", "f2"): "the test has no file of profiles",
    ("load list", "tab"): "completes a path, and there is none",
    ("events", "end"): "is at its end",
    ("filter", "enter"): "goes to the queue",
}
"""Keys that have nothing to do in this test, and why."""


def _state(bench: Bench) -> tuple[Any, ...]:
    asked = [each.asked for each in bench.sessions.opened]
    return (bench.text(), bench.app.focused, bench.app.clipboard, bench.told(), str(asked))


async def _go(bench: Bench, name: str) -> None:
    bench.main.query_one("#uids").focus()
    await bench.pilot.press(*PLACES[name])
    await bench.pilot.pause()


async def _keys(name: str) -> list[str]:
    async with _bench() as bench:
        await _begin(bench)
        await _go(bench, name)
        return [key.shown.key for key in bench.app.screen.query(KeyHint)]


def _bench() -> Any:
    find, dry_run = Searches(), DryRuns()
    find.tell(*(study(number) for number in range(1, 4)))
    find.end()
    dry_run.tell(*listed(A, 3))
    return opened((100, 30), find=find, dry_run=dry_run)


async def _begin(bench: Bench) -> None:
    await bench.start(A, B)
    missing = (f"{A}.1.1",)
    await bench.tell(begins(A), ends(A, Verdict.PARTIAL, missing=missing, reason="It failed."))
    await bench.until(lambda: "missing" in bench.text(bench.main.table))


@pytest.mark.parametrize("name", PLACES)
async def test_every_key_that_is_shown_does_something(name: str) -> None:
    idle = []
    keys = await _keys(name)
    assert keys
    for key in keys:
        async with _bench() as bench:
            await _begin(bench)
            await _go(bench, name)
            before = _state(bench)
            await bench.pilot.press(key)
            await bench.pilot.pause()
            if _state(bench) == before and (name, key) not in NEEDS_MORE:
                idle.append(key)
            assert not bench.app._exit or key == "q"

    assert idle == []


async def test_the_focus_can_be_seen_after_every_key_of_the_queue() -> None:
    async with _bench() as bench:
        await _begin(bench)
        await _go(bench, "queue")
        for key in ("f6", "f6", "slash", "escape", "3", "1", "c", "escape", "n"):
            await bench.pilot.press(key)
            assert unseen_focus(bench) == ""
