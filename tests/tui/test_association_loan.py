"""Look-ups while a run has every association that the PACS accepts."""

import asyncio
from collections.abc import AsyncIterator, Generator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from textual.widgets import Input

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import AttemptFailed, Event, PeerLost
from dicom_retrieve_tui.model.search import Match, Remark, Search
from dicom_retrieve_tui.tui import association_loan
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.lookup import LookupScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profile import ProfileScreen
from dicom_retrieve_tui.tui.snapshot import State
from tests.peers.crowded_pacs import CrowdedPacs
from tests.peers.held_pacs import A, B, C
from tests.runs import settings
from tests.sessions import PATIENCE_S
from tests.tui.application import SIZES, Bench
from tests.tui.pilot import running
from tests.tui.scripted_session import Sessions

_HOW = pytest.mark.parametrize("queues", [False, True], ids=["rejects", "queues"])


class _Recording(ProgressStore):
    """Keeps the events of all sessions."""

    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def apply(self, group: int, event: Event) -> None:
        self.events.append(event)
        super().apply(group, event)


@asynccontextmanager
async def _application(pacs: CrowdedPacs, folder: Path, parallel: int = 1) -> AsyncIterator[Bench]:
    """The application, with a profile of the PACS; at its end, studies A and B are complete."""
    path = folder / "profiles.toml"
    path.write_text(
        f'[profiles.busy]\nhost = "127.0.0.1"\nport = {pacs.port}\naet = "DRTUI"\n'
        f'called_aet = "RAW"\nmethod = "c-get"\nparallel = {parallel}\n'
        f'output = "{folder / "out"}"\n'
    )
    store = _Recording()
    profile_store = ProfileStore(path, lambda: ("pc", 0))
    app = RetrieveApp(
        wiring.open_session,
        profile_store.presets()[0],
        find=wiring.find,
        find_each=wiring.find_each,
        dry_run=wiring.dry_run,
        profile_store=profile_store,
        store=store,
        doctor=Doctor(wiring.diagnose, wiring.tell_administrator),
    )
    async with running(app, SIZES["large"]) as pilot:
        bench = Bench(app, pilot, Sessions())
        await bench.until(lambda: app.screen_stack[0].query("#form"))
        yield bench
        pacs.go_on[B].set()
        await bench.until(lambda: all(_done(bench, uid) for uid in (A, B)))
        await bench.until(lambda: not app.jobs.busy)
    assert not [each for each in store.events if isinstance(each, AttemptFailed | PeerLost)]
    app.finder.close(PATIENCE_S)
    assert app.jobs.close()


@asynccontextmanager
async def _busy(pacs: CrowdedPacs, folder: Path, parallel: int = 1) -> AsyncIterator[Bench]:
    """The application, with a run that has so many associations and waits for study A."""
    async with _application(pacs, folder, parallel) as bench:
        await _start(bench)
        await bench.until(lambda: all(pacs.begun[uid].is_set() for uid in pacs.held))
        yield bench


async def _start(bench: Bench) -> None:
    await bench.paste(f"{A}\n{B}\n")
    await bench.pilot.press("enter")


def _done(bench: Bench, uid: str) -> bool:
    row = bench.row(uid)
    return row is not None and row.state is State.DONE


async def _look_up(bench: Bench) -> None:
    await bench.pilot.press("n")
    await bench.until(lambda: isinstance(bench.app.focused, Input))
    await bench.paste("accession number\n3\n")
    await bench.pilot.press("enter")
    await bench.until(lambda: isinstance(bench.app.screen, LookupScreen))


@_HOW
@pytest.mark.parametrize("most", [1, 2])
async def test_a_pasted_accession_number_is_looked_up_between_two_studies(
    most: int,
    queues: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    with CrowdedPacs(*(A, B)[:most], most=most, queues=queues) as pacs:
        async with _busy(pacs, tmp_path, most) as bench:
            await _look_up(bench)
            reason = "has not answered yet" if queues else "accepts no more associations"
            await bench.until(lambda: f"RAW@127.0.0.1:{pacs.port} {reason}." in bench.joined())
            assert f"We have {most} association" in bench.joined()
            pacs.go_on[A].set()
            await bench.until(lambda: isinstance(bench.app.screen, MainScreen))
            pacs.go_on[B].set()
            await bench.until(lambda: _done(bench, C))


@_HOW
async def test_the_test_of_a_profile_says_why_it_waits_and_comes_between_two_studies(
    queues: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    with CrowdedPacs(A, most=1, queues=queues) as pacs:
        async with _busy(pacs, tmp_path) as bench:
            await bench.pilot.press("f2", "e")
            await bench.until(lambda: isinstance(bench.app.screen, ProfileScreen))
            await bench.pilot.press("enter")
            await bench.until(lambda: "We have 1 association with it" in bench.joined())
            pacs.go_on[A].set()
            await bench.until(lambda: not isinstance(bench.app.screen, ProfileScreen))


async def test_the_doctor_names_each_check_once(tmp_path: Path) -> None:
    with CrowdedPacs(A, most=1) as pacs:
        async with _busy(pacs, tmp_path) as bench:
            await bench.pilot.press("f2", "D")
            await bench.until(lambda: "We have 1 association with it" in bench.joined())
            pacs.go_on[A].set()
            await bench.until(lambda: "C-FIND" in bench.text())
            assert bench.text().count("host name") == 1
            await bench.until(lambda: "✓ association" in bench.text())


@_HOW
async def test_a_search_says_why_it_waits_and_comes_between_two_studies(
    queues: bool,  # noqa: FBT001 - a case
    tmp_path: Path,
) -> None:
    with CrowdedPacs(A, most=1, queues=queues) as pacs:
        async with _busy(pacs, tmp_path) as bench:
            await bench.pilot.press("f3")
            await bench.until(lambda: isinstance(bench.app.screen, FindScreen))
            await bench.pilot.press(*"T-0001", "enter")
            await bench.until(lambda: "We have 1 association with it" in bench.joined())
            pacs.go_on[A].set()
            await bench.until(lambda: "3 studies" in bench.text())
            assert "We have" not in bench.joined()
            await bench.pilot.press("escape", "escape")


async def test_a_pacs_that_is_only_slow_halts_the_run_for_some_seconds_at_most(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(association_loan, "_SERVED_S", 0.2)
    told: list[str] = []
    with CrowdedPacs(A, most=3) as pacs:
        async with _busy(pacs, tmp_path) as bench:
            options = replace(settings(pacs.port, tmp_path), calling_ae_title="DRTUI")
            with bench.app.jobs.loan(options, told.append):
                await bench.until(lambda: told)
                pacs.go_on[A].set()
                pacs.go_on[B].set()
                await bench.until(lambda: _done(bench, B))
    assert told == [
        (
            f"RAW@127.0.0.1:{pacs.port} has not answered yet. We have 1 association with it; one "
            "is lent to this look-up as soon as a study or a request on it has ended."
        ),
        f"RAW@127.0.0.1:{pacs.port} has not answered yet.",
        "",
    ]


async def test_a_run_that_begins_during_a_look_up_waits_for_its_end(tmp_path: Path) -> None:
    with CrowdedPacs(most=1) as pacs:
        async with _application(pacs, tmp_path) as bench:
            options = replace(settings(pacs.port, tmp_path), calling_ae_title="DRTUI")
            found = bench.app.jobs.lending(wiring.find)(
                Search(accession_number="3"), options, CancelToken(), lambda _: None
            )
            await asyncio.to_thread(next, found)
            await _start(bench)
            await bench.until(pacs.kept_waiting.is_set)
            found.close()


async def test_a_second_look_up_waits_for_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with CrowdedPacs(A, most=1) as pacs:
        async with _busy(pacs, tmp_path) as bench:
            options = replace(settings(pacs.port, tmp_path), calling_ae_title="DRTUI")

            def look_up() -> Generator[Match | Remark, None, None]:
                search, cancel = Search(accession_number="3"), CancelToken()
                return bench.app.jobs.lending(wiring.find)(search, options, cancel, lambda _: None)

            first, second = look_up(), look_up()
            begun = asyncio.create_task(asyncio.to_thread(next, first))
            await bench.until(pacs.kept_waiting.is_set)
            pacs.go_on[A].set()
            await begun
            monkeypatch.setattr(association_loan, "_TRIES_S", 1.0)
            monkeypatch.setattr(association_loan, "_AGAIN_S", 0.05)
            waits = asyncio.create_task(asyncio.to_thread(next, second))
            rejected = pacs.rejected
            await bench.until(lambda: pacs.rejected > rejected + 30)
            first.close()
            assert isinstance(await waits, Match)
            second.close()
