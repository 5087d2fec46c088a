"""One search in several PACS: side by side, labelled, and retrieved each from its own."""

from collections.abc import Generator

import pytest

from dicom_retrieve_tui.errors import PeerUnreachable
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.search import Found, Search
from dicom_retrieve_tui.tui.screens.choose_pacs import ChoosePacsScreen
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.widgets.mark_list import MarkList
from tests.tui.application import SIZES, Bench, opened, preset
from tests.tui.find_window import open_find, table_of
from tests.tui.scripted_search import Searches, series, study

_REFUSED = PeerUnreachable("Cannot reach pacs.test:105: connection refused. " * 5)


class ManyPacs(Searches):
    """A script for each profile."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.at = {name: Searches() for name in ("prod", "archive", "third")}

    def __call__(
        self, search: Search, settings: RetrieveOptions, cancel: CancelToken
    ) -> Generator[Found, None, None]:
        return self.at[settings.profile](search, settings, cancel)


PRESETS = [
    preset("prod", output="/nowhere/prod"),
    preset("archive", called_aet="PACS2", pacs="pacs.test:105", output="/nowhere/archive"),
    preset("third", called_aet="PACS3", pacs="pacs.test:106"),
]


async def choose(bench: Bench, *keys: str) -> None:
    await bench.pilot.press("f2")
    await bench.until(lambda: isinstance(bench.app.screen, ChoosePacsScreen))
    await bench.pilot.press(*keys)
    await bench.until(lambda: isinstance(bench.app.screen, FindScreen))


async def search_two(bench: Bench, find: ManyPacs) -> None:
    """Search two PACS that have the study 1, and one of them the study 2."""
    await open_find(bench)
    await choose(bench, "down", "space", "enter")
    await bench.pilot.press("P", "*", "enter")
    await bench.until(lambda: find.at["prod"].asked and find.at["archive"].asked)
    find.at["prod"].tell(study(1), study(2))
    find.at["archive"].tell(study(1))


async def end(bench: Bench, *pacs: Searches) -> None:
    for each in pacs:
        each.end()
    await bench.until(lambda: "searching" not in bench.text())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_answers_of_several_pacs_stand_side_by_side(size: tuple[int, int]) -> None:
    find = ManyPacs()
    async with opened(size, find=find, presets=PRESETS) as bench:
        await search_two(bench, find)
        await bench.until(lambda: "3 studies in 2 PACS" in bench.text())
        assert "searching prod, archive ..." in bench.text()
        find.at["prod"].end()
        await bench.until(lambda: "searching archive ..." in bench.text())
        await end(bench, find.at["archive"])

        assert "Find studies in 2 PACS: prod, archive" in bench.text()
        lines = [line for line in bench.text(table_of(bench)).splitlines() if "2024-" in line]
        assert sorted(
            ("prod" in line, "archive" in line, "2024-03-01" in line) for line in lines
        ) == [(False, True, True), (True, False, False), (True, False, True)]
        assert table_of(bench).virtual_size.width <= table_of(bench).size.width
        assert find.at["third"].asked == []


async def test_a_pacs_that_fails_is_one_line_and_hides_no_answer() -> None:
    find = ManyPacs()
    async with opened(find=find, presets=PRESETS) as bench:
        await search_two(bench, find)
        find.at["archive"].end(_REFUSED)
        await end(bench, find.at["prod"])

        report = bench.text(bench.app.screen.query_one("#find-report"))
        assert report.strip().startswith("archive: Cannot reach pacs.test:105: connection refused.")
        assert report.rstrip().endswith("…")
        assert len(report.splitlines()) == 1
        assert "3 studies in 2 PACS" in bench.text()


async def test_each_study_is_retrieved_from_the_pacs_that_lists_it() -> None:
    find = ManyPacs()
    async with opened(SIZES["large"], find=find, presets=PRESETS) as bench:
        await search_two(bench, find)
        await end(bench, find.at["prod"], find.at["archive"])
        await bench.pilot.press("a", "r")
        await bench.until(lambda: len(bench.sessions.opened) == 2)

        asked = {
            session.options.profile: [each.study_instance_uid for each in session.selections]
            for session in bench.sessions.opened
        }
        assert asked == {"prod": ["1.2.2", "1.2.1"], "archive": ["1.2.1"]}
        peers = {str(session.options.peer) for session in bench.sessions.opened}
        assert peers == {"PACS1@pacs.test:104", "PACS2@pacs.test:105"}
        assert isinstance(bench.app.screen, MainScreen)
        await bench.until(lambda: "archive" in bench.text(bench.main.table))


async def test_the_series_of_a_study_are_asked_of_its_pacs() -> None:
    find = ManyPacs()
    async with opened(find=find, presets=PRESETS) as bench:
        await search_two(bench, find)
        await end(bench, find.at["prod"], find.at["archive"])
        table = table_of(bench)
        rows = [row.key.value or "" for row in table.ordered_rows]
        table.move_cursor(row=next(at for at, key in enumerate(rows) if "archive" in key))
        await bench.pilot.press("enter")
        await bench.until(lambda: len(find.at["archive"].asked) == 2)
        assert find.at["archive"].asked[1].level is Level.SERIES
        assert len(find.at["prod"].asked) == 1
        find.at["archive"].tell(series(1), series(2))
        await end(bench, find.at["archive"])
        await bench.pilot.press("space", "r")
        await bench.until(lambda: bench.sessions.opened)
        assert bench.session.options.profile == "archive"
        (selection,) = bench.session.selections
        assert list(selection.instances_by_series) == ["1.2.1.1"]


async def test_all_pacs_are_chosen_by_one_key_and_none_is_refused() -> None:
    find = ManyPacs()
    async with opened(find=find, presets=PRESETS) as bench:
        await open_find(bench)
        assert "f2 PACS" in bench.text(bench.app.screen.query_one("KeysLine"))
        await bench.pilot.press("f2")
        await bench.until(lambda: isinstance(bench.app.screen, ChoosePacsScreen))
        chooser = bench.app.screen.query_one(MarkList)
        assert chooser.marked == ["prod"]
        assert "PACS2@pacs.test:105" in bench.text()
        await bench.pilot.press("space", "enter")
        await bench.until(lambda: "Choose a PACS with space." in bench.told())
        await bench.pilot.press("a", "enter")
        await bench.until(lambda: "in 3 PACS: prod, archive, third" in bench.text())


async def test_the_choice_stays_until_the_form_has_another_pacs() -> None:
    find = ManyPacs()
    async with opened(SIZES["large"], find=find, presets=PRESETS) as bench:
        await search_two(bench, find)
        await end(bench, find.at["prod"], find.at["archive"])
        await bench.pilot.press("escape", "f3")
        await bench.until(lambda: "3 studies in 2 PACS" in bench.text())
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
        bench.main.take_presets(PRESETS, "third")
        await open_find(bench)
        assert "Find studies in PACS3@pacs.test:106 (third)" in bench.text()
        assert "No search yet" in bench.text()


async def test_priors_of_the_queue_are_of_the_pacs_of_the_study() -> None:
    find = ManyPacs()
    async with opened(SIZES["large"], find=find, presets=PRESETS) as bench:
        await search_two(bench, find)
        await end(bench, find.at["prod"], find.at["archive"])
        await bench.pilot.press("r")
        await bench.until(lambda: bench.sessions.opened)
        await bench.until(lambda: bench.main.table.has_focus)
        await bench.pilot.press("P")
        await bench.until(lambda: "Find studies in PACS1@pacs.test:104 (prod)" in bench.text())
        await bench.until(lambda: len(find.at["prod"].asked) == 2)
        assert len(find.at["archive"].asked) == 1


async def test_without_another_profile_there_is_nothing_to_choose() -> None:
    async with opened(find=Searches()) as bench:
        await open_find(bench)
        await bench.pilot.press("f2")
        await bench.until(lambda: "There is one PACS." in bench.told())
        assert isinstance(bench.app.screen, FindScreen)
