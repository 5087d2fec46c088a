"""What a PACS says in every text that it controls stays text: it steers no screen."""

from pathlib import Path

from dicom_retrieve_tui.doctor.result import Check, Conclusion
from dicom_retrieve_tui.errors import PeerUnreachable
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Remark
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.screens.details import DetailsScreen
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.widgets.events_pane import EventsPane
from dicom_retrieve_tui.tui.widgets.queue_table import QueueTable
from tests.hostile import HOSTILE, odd_characters, saying, story
from tests.tui.application import Bench, opened
from tests.tui.builders import uids
from tests.tui.find_window import open_find
from tests.tui.scripted_doctor import answers, fails
from tests.tui.scripted_search import Searches, series, study

_LARGE = (160, 45)
_ALL_AT_ONCE = " ".join(each for each in HOSTILE.values() if "^" not in each)


def _words(said: str) -> str:
    return " ".join(clean_text(said).split())


async def _searched(bench: Bench) -> FindScreen:
    await open_find(bench)
    await bench.pilot.press("P", "enter")
    assert isinstance(bench.app.screen, FindScreen)
    return bench.app.screen


async def test_what_is_said_of_a_study_is_told_word_for_word() -> None:
    asked = dict(zip(uids(len(HOSTILE)), HOSTILE.values(), strict=True))
    (last,) = uids(1, "1.2.840.98")
    async with opened(_LARGE) as bench:
        await bench.start(*asked, last)
        await bench.tell(*(story(uid, said) for uid, said in asked.items()))
        await bench.tell(story(last, _ALL_AT_ONCE))
        events = bench.main.query_one(EventsPane)
        await bench.until(lambda: "\n".join(events.lines).count("partial 1/3") == len(asked) + 1)
        lines = [" ".join(line.split()) for line in events.lines]
        for said in HOSTILE.values():
            assert sum(_words(said) in line for line in lines) >= 6, said
        assert not odd_characters("".join(lines) + bench.text())

        row = bench.row(last)
        assert row is not None
        bench.main.table.post_message(QueueTable.Opened(row.key))
        await bench.until(lambda: isinstance(bench.app.screen, DetailsScreen))
        await bench.until(lambda: "Missing (2)" in bench.text())
        parts = (bench.app.screen.query_one(name) for name in ("#details", "#further"))
        text = "\n".join(map(bench.text, parts))
        assert text.count("[@click=app.quit]y[/] [/nothing] [ :bomb:") == 4  # reason and UIDs
        assert not odd_characters(text)
        assert not odd_characters(bench.text())


async def test_what_a_search_finds_is_told_word_for_word() -> None:
    find = Searches()
    async with opened(_LARGE, find=find) as bench:
        screen = await _searched(bench)
        for number, said in enumerate(HOSTILE.values(), start=1):
            find.tell(saying(study(number), said))
        find.tell(saying(study(99), _ALL_AT_ONCE), Remark(text=_ALL_AT_ONCE))
        find.end(PeerUnreachable(_ALL_AT_ONCE))
        await bench.until(
            lambda: all(bench.joined().count(_words(said)) >= 3 for said in HOSTILE.values())
        )
        assert not odd_characters(bench.text())

        screen.table.move_cursor(row=screen.table.get_row_index("1.2.99 prod"))
        await bench.pilot.press("enter")
        find.tell(saying(series(1), _ALL_AT_ONCE))
        find.end()
        await bench.until(lambda: "1 series of " in bench.text())
        assert f"1 series of {name_text(_words(_ALL_AT_ONCE))}" in bench.joined()
        assert not odd_characters(bench.text())


async def test_what_was_found_is_queued_word_for_word() -> None:
    find = Searches()
    async with opened(_LARGE, find=find) as bench:
        screen = await _searched(bench)
        find.tell(saying(study(1), _ALL_AT_ONCE))
        find.end()
        await bench.until(lambda: screen.table.count)
        await bench.pilot.press("r")
        await bench.until(lambda: isinstance(bench.app.screen, MainScreen) and bench.row("1.2.1"))
        await bench.until(lambda: "PATIENT" in bench.text())
        assert _words(_ALL_AT_ONCE)[:10] in bench.joined()
        assert not odd_characters(bench.text())

        await bench.pilot.press("enter")
        await bench.until(lambda: "Patient " in bench.text())
        assert _words(_ALL_AT_ONCE)[:60] in bench.joined()
        assert not odd_characters(bench.text())


async def test_a_uid_that_cannot_be_asked_for_is_named_and_never_sent() -> None:
    find = Searches()
    async with opened(_LARGE, find=find) as bench:
        screen = await _searched(bench)
        find.tell(study(1))
        unfit = [said for said in HOSTILE.values() if uid_fault(said)]
        for number, said in enumerate(unfit, start=2):
            find.tell(study(number, study_instance_uid=said))
        find.end()
        await bench.until(lambda: "searching" not in bench.text())
        for key in ("enter", "y"):
            await bench.pilot.press(key)
            await bench.until(lambda: "which has a" in bench.told())
            bench.app.clear_notifications()
        assert bench.app.screen is screen
        assert len(find.asked) == 1
        assert bench.app.clipboard == ""

        await bench.pilot.press("a", "r")
        await bench.until(lambda: bench.sessions.opened)
        assert "which has a" in bench.told()
        assert [each.study_instance_uid for each in bench.session.selections] == ["1.2.1"]
        assert not odd_characters(bench.told() + bench.text())


async def test_what_the_doctor_finds_is_told_word_for_word(tmp_path: Path) -> None:
    path = tmp_path / "profiles.toml"
    path.write_text('[profiles.x]\nhost = "x.test"\nmethod = "c-get"\n')
    found = fails(Check.ASSOCIATION, _ALL_AT_ONCE, "called_aet", next_step=_ALL_AT_ONCE)
    over = Conclusion(works=False, proven=False, words=_ALL_AT_ONCE, next_step=_ALL_AT_ONCE)
    profile_store, doctor = ProfileStore(path, lambda: ("pc", 0)), answers([found, over]).doctor
    async with opened(_LARGE, profile_store=profile_store, doctor=doctor) as bench:
        await bench.pilot.press("f2", "D")
        await bench.until(lambda: bench.joined().count(_words(_ALL_AT_ONCE)[:40]) == 4)
        assert not odd_characters(bench.text())
        await bench.pilot.press("e")
        await bench.until(lambda: isinstance(bench.app.screen, ProfileScreen))
        assert _words(_ALL_AT_ONCE)[:20] in bench.joined()
        assert not odd_characters(bench.text())
