"""The window that finds studies, used as a person uses it."""

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.widgets.found_table import FoundTable
from tests.tui.application import Bench
from tests.tui.scripted_search import Searches


def table_of(bench: Bench) -> FoundTable:
    assert isinstance(bench.app.screen, FindScreen)
    return bench.app.screen.table


async def open_find(bench: Bench) -> None:
    await bench.pilot.press("f3")
    await bench.until(lambda: isinstance(bench.app.screen, FindScreen))


async def searched(bench: Bench, text: str = "P*") -> None:
    """Open the window, type a patient ID, and search."""
    await open_find(bench)
    await bench.pilot.press(*text, "enter")
    await bench.until(lambda: table_of(bench).has_focus)


async def answered(bench: Bench, find: Searches, *matches: Match) -> None:
    """Let the search find these, and wait until all of it is shown."""
    find.tell(*matches)
    find.end()
    nouns = {Level.STUDY: "stud", Level.SERIES: "series"}
    told = f"{len(matches)} {nouns[matches[0].level]}"
    await bench.until(lambda: told in bench.text() and "searching" not in bench.text())
