"""The application in a terminal without a person: opened, typed into and read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from textual import events
from textual.keys import _character_to_key
from textual.pilot import Pilot
from textual.widget import Widget
from textual.widgets import Input

from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.tui.app import RetrieveApp
from dicom_retrieve_tui.tui.doctor_job import Doctor
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.ports import DryRun, SettingsStore, SpaceOutlook
from dicom_retrieve_tui.tui.profile_store import ProfileStore
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.retrieve_form import new_draft
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.snapshot import Row, RowKey
from dicom_retrieve_tui.tui.widgets.options_form import Preset
from tests.tui.pilot import running, settled
from tests.tui.scripted_accounts import ScriptedAccounts
from tests.tui.scripted_search import Searches
from tests.tui.scripted_session import WAIT_S, ScriptedSession, Sessions

SIZES = {"small": (60, 15), "usual": (80, 24), "large": (160, 45)}


@dataclass
class Bench:
    """The application, its pilot and its sessions."""

    app: RetrieveApp
    pilot: Pilot[None]
    sessions: Sessions
    accounts: ScriptedAccounts | None = None

    @property
    def main(self) -> MainScreen:
        screen = self.app.screen_stack[0]
        assert isinstance(screen, MainScreen)
        return screen

    @property
    def session(self) -> ScriptedSession:
        """The last session that was opened."""
        return self.sessions.opened[-1]

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what threads and the timer bring about, and for all that follows from it."""
        for _ in range(int(WAIT_S * 100)):
            if condition():
                await settled()
                return
            await self.pilot.pause(0.01)
        pytest.fail("it never came true:\n" + self.text())

    async def paste(self, text: str) -> None:
        (self.app.focused or self.app.screen).post_message(events.Paste(text))
        await self.pilot.pause()

    async def burst(self, *keys: str) -> None:
        """Press keys faster than anything can be drawn between them."""
        for key in keys:
            character = key if len(key) == 1 else None
            name = _character_to_key(key) if len(key) == 1 else key
            self.app.post_message(events.Key(name, character))
        await self.pilot.pause()

    async def start(self, *uids: str) -> ScriptedSession:
        """Paste UIDs, press enter, and wait for the session."""
        await self.paste("\n".join(uids))
        await self.pilot.press("enter")
        await self.until(lambda: self.sessions.opened)
        return self.session

    async def tell(self, *story: list[Event]) -> None:
        for part in story:
            self.session.tell(*part)
        await self.pilot.pause()

    def fill(self, **texts: str) -> None:
        """Put these into the fields of the form that is open."""
        for name, text in texts.items():
            self.app.screen.query_one(f"#field-{name}", Input).value = text

    def told(self) -> str:
        """What the toasts say."""
        return "\n".join(each.message for each in self.app._notifications)

    def row(self, uid: str) -> Row | None:
        rows = {row.key: row for row in self.main.table.rows}
        return rows.get(RowKey(0, uid))

    def text(self, widget: Widget | None = None) -> str:
        """What stands on the screen, or in a widget, line by line."""
        region = (widget or self.app.screen).region
        lines = self.app.screen._compositor.render_strips()
        texts = [strip.crop(region.x, region.right).text for strip in lines]
        return "\n".join(text.rstrip() for text in texts[region.y : region.bottom])

    def joined(self) -> str:
        """The screen without its line breaks and frames."""
        return " ".join(self.text().replace("│", " ").split())


@asynccontextmanager
async def opened(
    size: tuple[int, int] = SIZES["usual"],
    *,
    folder: Path | None = None,
    text: str = "",
    presets: list[Preset] | None = None,
    job_history: JobHistory | None = None,
    settings: SettingsStore | None = None,
    find: Searches | None = None,
    store: ProgressStore | None = None,
    profile_store: ProfileStore | None = None,
    doctor: Doctor | None = None,
    secrets: SecretStore | None = None,
    earlier: list[StudyAccount] | None = None,
    space_outlook: SpaceOutlook | None = None,
    dry_run: DryRun | None = None,
    guide: bool = False,
) -> AsyncIterator[Bench]:
    sessions = Sessions()
    accounts = ScriptedAccounts(sessions, {folder: earlier} if folder and earlier else {})
    if profile_store is not None:
        presets = profile_store.presets()[0]
    elif presets is None:
        presets = [preset(folder=folder)]
    find = find or Searches()
    app = RetrieveApp(
        sessions,
        presets,
        find=find,
        find_each=find.each,
        text=text,
        job_history=job_history,
        settings=settings,
        store=store,
        profile_store=profile_store,
        doctor=doctor,
        secrets=secrets,
        open_accounts=lambda: accounts,
        space_outlook=space_outlook,
        dry_run=dry_run,
        guide=guide,
    )
    async with running(app, size) as pilot:
        bench = Bench(app, pilot, sessions, accounts)
        # The form comes after the first frame.
        await bench.until(
            lambda: any(form.is_mounted for form in app.screen_stack[0].query("#form"))
        )
        yield bench
    app.finder.close(WAIT_S)
    assert app.jobs.close()


def preset(name: str = "prod", folder: Path | None = None, **changed: str) -> Preset:
    draft = {
        **new_draft(),
        "pacs": "pacs.test:104",
        "called_aet": "PACS1",
        "aet": "MYAE",
        "method": "c-get",
        "output": str(folder or "/nowhere"),
        **changed,
    }
    return Preset(name, draft)
