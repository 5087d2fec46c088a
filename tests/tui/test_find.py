"""Finding studies: what is asked, what is shown of the answers, and what is retrieved of them."""

from datetime import UTC, datetime, timedelta

import pytest
from textual.widgets import Input

from dicom_retrieve_tui.errors import PeerUnreachable
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.search import Remark
from dicom_retrieve_tui.tui import search_job as finding
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.widgets.keys_line import KeyHint, KeysLine
from tests.tui.application import SIZES, Bench, opened
from tests.tui.find_window import answered, open_find, searched, table_of
from tests.tui.scripted_search import Searches, series, study


async def test_a_search_asks_for_what_was_typed_and_shows_what_comes() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench, "P00*")
        find.tell(study(1), study(2, patient_name="Yamada^Tarou=山田^太郎"))
        await bench.until(lambda: "2 studies" in bench.text())
        assert "searching ..." in bench.text()
        find.end()
        await bench.until(lambda: "searching ..." not in bench.text())

        assert [each.patient_id for each in find.asked] == ["P00*"]
        assert find.asked[0].level is Level.STUDY
        assert "2024-03-01" in bench.text()
        assert "Test, No1" in bench.text()
        assert "Yamada, " in bench.text()
        assert "PACS1@pacs.test:104" in bench.text()


async def test_the_latest_study_comes_first_once_all_are_there() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        find.tell(study(1), study(3), study(2))
        find.end()
        await bench.until(lambda: "searching ..." not in bench.text())
        text = bench.text(table_of(bench))

        assert text.index("2024-03-03") < text.index("2024-03-02") < text.index("2024-03-01")


async def test_marked_studies_are_queued_on_the_terms_of_the_main_screen() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1), study(2), study(3))
        await bench.pilot.press("space", "space")
        await bench.until(lambda: "2 marked" in bench.text())
        await bench.pilot.press("r")
        await bench.until(lambda: bench.sessions.opened)

        uids = [each.study_instance_uid for each in bench.session.selections]
        assert uids == ["1.2.3", "1.2.2"]
        assert str(bench.session.options.peer) == "PACS1@pacs.test:104"
        assert isinstance(bench.app.screen, MainScreen)
        await bench.until(lambda: "Test, No3" in bench.text())
        assert bench.app.focused is bench.main.table
        foreseen = [f"foresee 480 of {uid}" for uid in uids]
        await bench.until(lambda: bench.session.asked == foreseen)


async def test_enter_opens_the_series_of_a_study_and_escape_leads_back() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("enter")
        await bench.until(lambda: len(find.asked) == 2)
        await answered(bench, find, series(1), series(2))
        assert find.asked[1].level is Level.SERIES
        assert find.asked[1].study_instance_uid == "1.2.1"
        assert "Series 2" in bench.text()

        await bench.pilot.press("escape")
        await bench.until(lambda: "1 study" in bench.text())
        await bench.pilot.press("escape")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen))


async def test_marked_series_of_a_study_are_one_entry_of_the_queue() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("enter")
        await answered(bench, find, series(1), series(2), series(3))
        await bench.pilot.press("space", "down", "space", "r")
        await bench.until(lambda: bench.sessions.opened)

        (selection,) = bench.session.selections
        assert list(selection.instances_by_series) == ["1.2.1.1", "1.2.1.3"]


async def test_a_series_is_retrieved_alone() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("enter")
        await answered(bench, find, series(1), series(2))
        await bench.pilot.press("down", "r")
        await bench.until(lambda: bench.sessions.opened)

        (selection,) = bench.session.selections
        assert selection.level is Level.SERIES
        assert selection.study_instance_uid == "1.2.1"


async def test_what_was_found_is_there_when_one_comes_back() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1), study(2))
        await bench.pilot.press("escape", "f3")
        await bench.until(lambda: isinstance(bench.app.screen, FindScreen))

        await bench.until(lambda: "2 studies" in bench.text())
        assert table_of(bench).has_focus
        assert len(find.asked) == 1


async def test_patients_are_masked_here_too() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("h")
        await bench.until(lambda: "•••" in bench.text())

        assert "No1" not in bench.text(table_of(bench))
        assert "P001" not in bench.text(table_of(bench))
        await bench.pilot.press("enter")
        await answered(bench, find, series(1))


async def test_a_search_without_any_key_is_not_sent() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched_nothing(bench)

        assert "without a key, a PACS would list every study" in bench.joined()
        assert find.asked == []


async def searched_nothing(bench: Bench) -> None:
    await open_find(bench)
    await bench.pilot.press("enter")
    await bench.until(lambda: "✗" in bench.text())


async def test_a_date_that_is_none_is_told_beside_the_form() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await open_find(bench)
        field = bench.app.screen.query_one("#search-study_date", Input)
        field.focus()
        await bench.pilot.press(*"2024-13", "enter")
        await bench.until(lambda: "✗" in bench.text())

        assert "Date '2024-13'" in bench.joined()
        assert bench.app.focused is field
        assert find.asked == []


async def test_one_key_goes_through_the_usual_dates() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await open_find(bench)
        await bench.pilot.press("f5", "f5", "f5")
        await bench.until(lambda: "last 7d" in bench.text())
        await bench.pilot.press("enter")
        await bench.until(lambda: find.asked)

        dates = find.asked[0].study_date
        assert dates is not None
        assert dates.first is not None
        assert datetime.now(UTC).date() - dates.first <= timedelta(days=8)


async def test_a_fault_and_what_came_before_it_are_both_shown() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        find.tell(study(1), Remark(text="The PACS lists 100 at most.", incomplete=True))
        find.end(PeerUnreachable("Cannot reach pacs.test:104: connection refused."))
        await bench.until(lambda: "connection refused" in bench.text())

        assert "The PACS lists 100 at most." in bench.text()
        assert "Test, No1" in bench.text()


async def test_a_new_search_stops_the_one_that_runs() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench, "A")
        find.tell(study(1))
        await bench.until(lambda: "1 study" in bench.text())
        await bench.pilot.press("n", "B", "enter")
        await bench.until(lambda: find.stopped == 1)
        await bench.until(lambda: len(find.asked) == 2)
        await answered(bench, find, study(2))

        assert "P001" not in bench.text(table_of(bench))


async def test_nothing_found_says_so() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        find.end()

        await bench.until(lambda: "No matches. Press f3 to change the search" in bench.text())
        keys = bench.text().splitlines()[-1]
        assert not [word for word in ("Series", "Mark", "Retrieve") if word in keys]
        assert "New" in keys


async def test_keys_of_a_match_are_offered_once_there_is_one() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await bench.until(lambda: "Searching" in bench.text(table_of(bench)))
        assert "0 studies" not in bench.text()

        await answered(bench, find, study(1))

        await bench.until(lambda: "Retrieve" in bench.text().splitlines()[-1])
        assert "Mark" in bench.text().splitlines()[-1]


async def test_n_empties_the_form_and_f3_keeps_it() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench, "P00*")
        await answered(bench, find, study(1))
        field = bench.app.screen.query_one("#search-patient_id", Input)

        await bench.pilot.press("f3")
        await bench.until(lambda: bench.app.focused is field)
        assert (field.value, field.selected_text) == ("P00*", "P00*")
        await bench.pilot.press("escape", "n")
        await bench.until(lambda: bench.app.focused is field)
        assert field.value == ""


async def test_series_are_sorted_by_their_number() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("enter")
        await bench.until(lambda: len(find.asked) == 2)
        several = [series(number) for number in (2, 10, 3, 1)]
        await answered(bench, find, *several)

        await bench.until(lambda: "by no ↑" in bench.text())
        rows = [table_of(bench).get_row_at(at) for at in range(4)]
        assert [row[1].plain.strip() for row in rows] == ["1", "2", "3", "10"]


async def test_a_search_that_finds_too_much_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "MATCHES_MAX", 3)
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        find.tell(*(study(number) for number in range(1, 9)))

        await bench.until(lambda: "Stopped at 3" in bench.text())
        assert table_of(bench).count == 3


async def test_another_pacs_does_not_show_the_answers_of_the_first() -> None:
    find = Searches()
    async with opened(SIZES["large"], find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1))
        await bench.pilot.press("escape")
        bench.main.query_one("#field-called_aet", Input).value = "PACS2"
        await open_find(bench)

        await bench.until(lambda: "No search yet" in bench.text())


@pytest.mark.parametrize("size", SIZES.values(), ids=SIZES)
async def test_nothing_is_cut_off(size: tuple[int, int]) -> None:
    find = Searches()
    async with opened(size, find=find) as bench:
        await searched(bench)
        await answered(bench, find, *(study(number) for number in range(1, 29)))
        footer = bench.app.screen.query_one(KeysLine)
        await bench.until(lambda: footer.query(KeyHint))
        keys = [key for key in footer.query(KeyHint) if key.region.width]

        table = table_of(bench)
        assert table.virtual_size.width <= table.size.width
        assert table.size.height >= 3
        assert "INST." in bench.text()
        assert len(keys) <= 7
        assert max(key.region.right for key in keys) <= size[0]


async def test_a_click_on_a_title_sorts() -> None:
    find = Searches()
    async with opened(find=find) as bench:
        await searched(bench)
        await answered(bench, find, study(1, patient_name="Zeta"), study(2, patient_name="Alpha"))
        await bench.pilot.click("#found", offset=(24, 1))
        await bench.until(
            lambda: (text := bench.text(table_of(bench))).index("Alpha") < text.index("Zeta")
        )


async def test_dates_that_f5_fills_in_are_replaced_by_typing() -> None:
    async with opened(find=Searches()) as bench:
        await open_find(bench)
        await bench.pilot.press("f5", "f5", *"last week")

        assert bench.app.screen.query_one("#search-study_date", Input).value == "last week"


async def test_several_lines_for_one_field_are_refused_in_words() -> None:
    async with opened() as bench:
        await bench.pilot.press("f3", "tab")
        await bench.until(lambda: isinstance(bench.app.screen, FindScreen))
        await bench.paste("A1\nA2\nA3\n")
        await bench.until(lambda: "Accession takes one value, and 3 lines" in bench.joined())
        assert "A1" not in bench.text()
        await bench.paste("A1\n")
        await bench.until(lambda: "A1" in bench.text())
        assert "takes one value" not in bench.text()


async def test_hidden_patients_are_named_in_the_header_and_no_length_of_a_key_shows() -> None:
    async with opened(SIZES["small"]) as bench:
        await open_find(bench)
        await bench.pilot.press(*"P0012345", "tab", *"Q99")
        assert "patients hidden" not in bench.text()
        bench.app.hide_patients = True
        await bench.until(lambda: "patients hidden" in bench.text().splitlines()[0])
        assert "Find studies in PACS1@pacs.test" in bench.text().splitlines()[0]
        (line,) = (line for line in bench.text().splitlines() if "Patient ID" in line)
        assert line.count("•••") == 2
        assert "••••" not in line

        await bench.pilot.press(*"\\7", "enter")
        await bench.until(lambda: "accession number ••• has a backslash" in bench.joined())
        await bench.pilot.press("backspace", "backspace")
        bench.app.hide_patients = False
        await bench.until(lambda: "Q99" in bench.text())
        assert "patients hidden" not in bench.text()
