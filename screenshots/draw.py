"""Leads the real application on the demonstration PACS to what a picture is to show."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from textual.pilot import Pilot

from dicom_retrieve_tui.cli.commands.application import open_profile_store
from dicom_retrieve_tui.cli.commands.demo import save_demo_profiles
from dicom_retrieve_tui.demo.archive import demo_archive
from dicom_retrieve_tui.demo.pacs import DemoPacs
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.screens.find import FindScreen
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.screens.profiles import ProfilesScreen
from dicom_retrieve_tui.tui.widgets.found_table import FoundTable
from dicom_retrieve_tui.wiring import (
    diagnose,
    find,
    find_each,
    open_accounts,
    open_session,
    tell_administrator,
)
from screenshots.svg import lines_of, slim

USUAL, LARGE = (80, 24), (160, 45)
_FOLDER = Path("dicom")
"""Relative: a picture shows no path of the machine that drew it."""
_PACE_S = 0.1
_OFFERED = 4
_FAILS_ONCE = 2
_WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class Stage:
    """The application, on a PACS that refuses one study once, with a list ready to be started."""

    app: RetrieveApp
    pilot: Pilot[None]

    @property
    def main(self) -> MainScreen:
        """The main screen."""
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)  # noqa: S101 - it always is
        return screen

    @property
    def words(self) -> str:
        """What the screen says now."""
        return "\n".join(lines_of(self.picture()))

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for it."""
        async with asyncio.timeout(_WAIT_S):
            while not condition():
                await self.pilot.pause(0.01)

    async def run_to_the_end(self) -> None:
        """Retrieve everything; one study fails."""
        await self.pilot.press("enter")
        await self.until(lambda: self.main.table.rows)
        await self.until(lambda: not self.app.jobs.busy and not self.app.store.stale)

    def picture(self) -> str:
        """What the screen shows now."""
        return slim(self.app.export_screenshot(title="dicom-retrieve", simplify=True))


async def _running(stage: Stage) -> None:
    await stage.pilot.press("enter")
    await stage.until(lambda: sum(row.done for row in stage.main.table.rows) > 40)


async def _finished(stage: Stage) -> None:
    await stage.run_to_the_end()
    await stage.until(lambda: stage.app.screen.query("Toast"))


async def _details(stage: Stage) -> None:
    await _finished(stage)
    stage.app.clear_notifications()  # the window is what is to be seen
    await stage.until(lambda: not stage.app.screen.query("Toast"))
    await stage.pilot.press("3", "enter")


async def _help(stage: Stage) -> None:
    await stage.pilot.press("escape", "question_mark")


async def _find(stage: Stage) -> None:
    await stage.pilot.press("f3")
    await stage.until(lambda: isinstance(stage.app.screen, FindScreen))
    await stage.pilot.press(*"DEMO*", "enter")
    found = stage.app.screen.query_one(FoundTable)
    await stage.until(lambda: found.count and "by date" in str(found.border_subtitle))
    await stage.pilot.press("space")


async def _profiles(stage: Stage) -> None:
    await stage.pilot.press("f2")
    await stage.until(lambda: isinstance(stage.app.screen, ProfilesScreen))
    await stage.pilot.press("D")
    await stage.until(lambda: "should work" in stage.words)


_Lead = Callable[[Stage], Awaitable[None]]
PICTURES: dict[str, tuple[tuple[int, int], float, _Lead]] = {
    "running": (USUAL, _PACE_S, _running),
    "running-wide": (LARGE, _PACE_S, _running),
    "finished": (USUAL, 0.0, _finished),
    "details": (USUAL, 0.0, _details),
    "help": (USUAL, 0.0, _help),
    "find": (USUAL, 0.0, _find),
    "profiles": (USUAL, 0.0, _profiles),
}
"""The size of the terminal, the seconds that the PACS takes for an instance, and the way there."""


async def draw(name: str) -> str:
    """A picture. Files go to a folder below the working directory."""
    size, pace_s, lead = PICTURES[name]
    async with _stage(size, pace_s) as stage:
        await lead(stage)
        await stage.pilot.pause()
        return stage.picture()


@asynccontextmanager
async def _stage(size: tuple[int, int], pace_s: float) -> AsyncIterator[Stage]:
    studies = demo_archive()
    uids = [study.study_instance_uid for study in studies[:_OFFERED]]
    with (
        TemporaryDirectory() as saved,
        DemoPacs(studies=studies, busy_once=[uids[_FAILS_ONCE]], pace_s=pace_s) as pacs,
    ):
        profiles = Path(saved) / "profiles.toml"
        save_demo_profiles(profiles, pacs, _FOLDER, 11112)
        profile_store = open_profile_store(profiles)
        app = RetrieveApp(
            open_session,
            profile_store.presets()[0],
            find=find,
            find_each=partial(find_each, identify=True),
            profile_store=profile_store,
            doctor=Doctor(diagnose, tell_administrator),
            text="\n".join(uids),
            open_accounts=open_accounts,
        )
        try:
            async with app.run_test(size=size, notifications=True) as pilot:
                yield Stage(app, pilot)
        finally:
            app.jobs.close()
