"""The Textual application: screens over `Jobs` and `ProgressStore`.

Screens over the main one are imported when they open, so that the first frame does not wait.
"""

import asyncio
import contextlib
import gc
import os
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from shutil import get_terminal_size
from textwrap import wrap
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from rich.text import Text
from textual.actions import SkipAction
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.notifications import Notify, SeverityLevel
from textual.reactive import reactive
from textual.screen import Screen

from dicom_retrieve_tui.errors import AssociationRejected
from dicom_retrieve_tui.exit_codes import INTERRUPTED
from dicom_retrieve_tui.model.bug_report import bug_lines
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import Identified
from dicom_retrieve_tui.model.terminal_notice import Notice, notice_sequences
from dicom_retrieve_tui.model.verdict import GOOD
from dicom_retrieve_tui.tui import theme
from dicom_retrieve_tui.tui.accounts import DeferredAccounts
from dicom_retrieve_tui.tui.command_palette import KeyCommands
from dicom_retrieve_tui.tui.cut_text import without_patients
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.job_summary import JobEnded, unlisted_text
from dicom_retrieve_tui.tui.jobs import Jobs
from dicom_retrieve_tui.tui.key_overrides import judge_keys
from dicom_retrieve_tui.tui.key_queue import KeyQueueApp
from dicom_retrieve_tui.tui.ports import (
    DryRun,
    FolderAccounts,
    OpenSession,
    SettingsStore,
    SpaceOutlook,
)
from dicom_retrieve_tui.tui.preferences import RememberedPreferences
from dicom_retrieve_tui.tui.profile_choice import CopyText, ProfileChoice
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.search_job import Find, FindEach, Finder
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.sighup import HangUpHandler
from dicom_retrieve_tui.tui.study_names import screen_verdict, study_name
from dicom_retrieve_tui.tui.widgets.options_form import Preset
from dicom_retrieve_tui.windows_console import ConsoleEnd

if TYPE_CHECKING:
    from dicom_retrieve_tui.tui.doctor_job import Doctor
    from dicom_retrieve_tui.tui.profile_store import ProfileStore
    from dicom_retrieve_tui.tui.screens.columns import FindColumnsChosen, QueueColumnsChosen
    from dicom_retrieve_tui.tui.screens.profile import CopyForAdministrator

_Asked = TypeVar("_Asked")
_Answered = TypeVar("_Answered")

_TOASTS_MAX = 2
"""Toasts at one time in a small terminal, where four would cover a third of the queue."""
_MANY_TOASTS_FROM = 30
"""Lines of a terminal that has room for more."""
_FIND_ENDS_S = 1.0
"""Longest wait for a search to stop."""


class RetrieveApp(KeyQueueApp[None]):
    """The application of `dicom-retrieve` at a terminal."""

    TITLE = "dicom-retrieve"
    CSS_PATH = "main.tcss"
    COMMANDS = App.COMMANDS | {KeyCommands}
    ENABLE_COMMAND_PALETTE = True
    SUSPENDED_SCREEN_CLASS = "-suspended"

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "context_help", "Help", show=False, id="app.help"),
        Binding("f2", "profiles", "Profiles", show=False, id="app.profiles"),
        Binding("q", "leave", "Quit", id="app.quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True, id="app.quit_anywhere"),
        # With priority: a window hides the other bindings of the application.
        Binding("ctrl+c", "interrupt", "Quit", show=False, priority=True, id="app.interrupt"),
    ]

    hide_patients: reactive[bool] = reactive(default=False)
    """True if names and IDs of patients, and accession numbers, are masked."""
    queue_hidden_columns: reactive[frozenset[str]] = reactive(frozenset())
    """Columns of the queue that the user leaves out."""
    find_hidden_columns: reactive[frozenset[str]] = reactive(frozenset())
    """Columns of Find that the user leaves out."""

    class JobOver(Message):
        """A session has ended; its thread posts this."""

        def __init__(self, ended: JobEnded, listed: str) -> None:
            super().__init__()
            self.ended = ended
            self.listed = listed
            """Where failed studies are listed, and what is not; empty if nothing failed."""

    class Announced(Message):
        """Something happened that a user who looks elsewhere should know; from any thread."""

        def __init__(self, notice: Notice) -> None:
            super().__init__()
            self.notice = notice

    def __init__(
        self,
        open_session: OpenSession,
        presets: Sequence[Preset] = (),
        *,
        find: Find,
        find_each: FindEach,
        space_outlook: SpaceOutlook | None = None,
        dry_run: DryRun | None = None,
        preset: str = "",
        text: str = "",
        job_history: JobHistory | None = None,
        settings: SettingsStore | None = None,
        profile_store: "ProfileStore | None" = None,
        doctor: "Doctor | None" = None,
        store: ProgressStore | None = None,
        secrets: SecretStore | None = None,
        open_accounts: Callable[[], FolderAccounts] | None = None,
        guide: bool = False,
    ) -> None:
        """Build stores and jobs.

        Args:
            open_session: `wiring.open_session`.
            presets: The profiles.
            find: `wiring.find`.
            find_each: `wiring.find_each`, which identifies the studies.
            space_outlook: `wiring.space_outlook`; None forecasts nothing.
            dry_run: `wiring.dry_run`; None offers none.
            preset: The profile to begin with; if empty, the last used one, else the first.
            text: The first text of the UID line.
            job_history: Jobs of earlier runs; None records nothing.
            settings: The file of preferences; None records nothing.
            profile_store: The file of profiles; None if they cannot be edited.
            doctor: Checks the connection to a PACS.
            store: Progress of all sessions; a new one if None.
            secrets: Passcodes and passphrases.
            open_accounts: `wiring.open_accounts`; None knows nothing of earlier runs.
            guide: Show what to press next, until a study is complete.
        """
        super().__init__()
        self._guide = guide
        self.store = store or ProgressStore()
        self._accounts = DeferredAccounts(open_accounts)
        self._job_history = job_history or JobHistory()
        self._forgetting_explained = False
        self._secrets = secrets = secrets or SecretStore()
        self.jobs = Jobs(
            lambda selections, options, cancel, *, identified: open_session(
                selections, secrets.fill_in(options), cancel, identified=identified
            ),
            self.store,
            self._job_ended,
            self._job_history,
            self._accounts,
            on_notice=lambda notice: self.post_message(self.Announced(notice)),
        )
        self.finder = Finder(self.jobs.lending(partial(_unlocked, find, secrets)))
        self._find_each = self.jobs.lending(partial(_unlocked, find_each, secrets))
        self._space_outlook = space_outlook
        self._dry_run = None if dry_run is None else partial(_rehearsed, dry_run, secrets)
        self._console_end = ConsoleEnd(self.stop)
        self._profiles = self._choice_of(profile_store, doctor)
        self._preferences = RememberedPreferences(settings)
        self._presets, self._text = presets, text
        self._preset = preset or self._preferences.held.profile
        held = self._preferences.held
        if not held.hide_patients:
            self._job_history.keep_names(self.store.identity_of)
        self.set_reactive(RetrieveApp.hide_patients, held.hide_patients)
        self.set_reactive(RetrieveApp.queue_hidden_columns, frozenset(held.queue_hidden_columns))
        self.set_reactive(RetrieveApp.find_hidden_columns, frozenset(held.find_hidden_columns))
        for each in theme.THEMES:
            self.register_theme(each)
        self.theme, self._notices = theme.choose(held.theme, self.available_themes)

    def get_default_screen(self) -> MainScreen:
        return MainScreen(
            self.jobs,
            self.store,
            self._presets,
            job_history=self._job_history,
            finder=self.finder,
            secrets=self._secrets,
            accounts=self._accounts,
            find_each=self._find_each,
            space_outlook=self._space_outlook,
            dry_run=self._dry_run,
            preset=self._preset,
            text=self._text,
            guide=self._guide,
            list_folder=self._preferences.held.list_folder,
        )

    def on_mount(self) -> None:
        """Apply the user's keys; report faults of preferences and of the history."""
        # Not every platform or thread has signal handlers.
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGTERM, partial(self.exit, return_code=INTERRUPTED)
            )
        if not self.is_headless:
            HangUpHandler(
                stop=self.stop,
                leave=lambda code: self.exit(return_code=code),
                goes_on=lambda: self.jobs.busy and not self.jobs.paused,
                is_over=lambda: not self.jobs.busy,
            ).install()
            self._console_end.install()
        keys, faults = judge_keys(self._preferences.held.keys)
        self.set_keymap(keys)
        self._warn("\n".join([*self._preferences.faults, *self._notices, *faults]))
        if not self._presets and self._profiles is not None:
            self._profiles.begin()

    def on_ready(self) -> None:
        """Look for unfinished jobs, once the first frame is drawn."""
        if not gc.isenabled():
            # Loaded modules stay; the collector need not search them.
            gc.freeze()
            gc.enable()
        self._main.show_offer()
        self._main.recall()
        self._report_history()

    def notify(
        self,
        message: str,
        *,
        title: str = "",
        severity: SeverityLevel = "information",
        timeout: float | None = None,
        markup: bool = True,
    ) -> None:
        """Show a toast; it names fields where a message of the engine names flags."""
        super().notify(
            without_patients(in_fields(message), hide=self.hide_patients),
            title=title,
            severity=severity,
            timeout=timeout,
            markup=markup,
        )

    def on_notify(self, event: Notify) -> None:
        """Let a repeated notice renew its toast, instead of standing there twice.

        In a small terminal, only the latest stay. Textual shows the toast after this.
        """
        new = event.notification
        for shown in list(self._notifications):
            if (shown.message, shown.severity) == (new.message, new.severity):
                self._unnotify(shown, refresh=False)
        if self.size.height < _MANY_TOASTS_FROM:
            for shown in list(self._notifications)[: 1 - _TOASTS_MAX]:
                self._unnotify(shown, refresh=False)

    def watch_theme(self, name: str) -> None:
        """Remember the theme."""
        self._warn(self._preferences.remember_theme("" if name == theme.NAME else name))

    def action_toggle_patients(self) -> None:
        """Mask patients or show them, and remember that."""
        self.hide_patients = not self.hide_patients
        if self.hide_patients:
            # A toast may name one.
            self.clear_notifications()
            self._job_history.forget_names()
            self._explain_forgetting()
        else:
            self._job_history.keep_names(self.store.identity_of)
        self._warn(self._preferences.remember_hidden(hide=self.hide_patients))

    def _explain_forgetting(self) -> None:
        """Report once that hiding patients deletes names, and what that means for a resume."""
        if self._job_history.records and not self._forgetting_explained:
            self._forgetting_explained = True
            self.notify(
                "The history forgets the names of patients and studies. After the next start, "
                "studies that wait have their UIDs alone until the PACS is asked.",
                timeout=10,
            )

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Return Textual's commands, but not its screenshot, which shows patients."""
        for command in super().get_system_commands(screen):
            if command.title not in {"Screenshot", "Quit", "Keys"}:
                yield command
        mask = "Show patients" if self.hide_patients else "Hide patients"
        yield SystemCommand(
            mask, "Names, IDs and accession numbers, everywhere", self.action_toggle_patients
        )

    def action_profiles(self) -> None:
        if self._profiles is not None:
            self._profiles.show()

    def on_main_screen_profile_chosen(self, event: MainScreen.ProfileChosen) -> None:
        """Remember the profile for the next start, and show what failed in its folder."""
        self._like_profile(event.name)
        self._main.recall()

    def on_main_screen_list_loaded(self, event: MainScreen.ListLoaded) -> None:
        """Remember the folder for the next start."""
        self._warn(self._preferences.remember_list_folder(event.folder))

    def on_copy_for_administrator(self, event: "CopyForAdministrator") -> None:
        """Copy our address for the administrator; a thread finds it out."""
        if self._profiles is not None:
            self._profiles.find_out_address(event.options)

    def on_queue_columns_chosen(self, event: "QueueColumnsChosen") -> None:
        """Show the chosen columns of the queue, and remember them."""
        self.queue_hidden_columns = event.hidden
        self._remember_columns()

    def on_find_columns_chosen(self, event: "FindColumnsChosen") -> None:
        """Show the chosen columns of Find, and remember them."""
        self.find_hidden_columns = event.hidden
        self._remember_columns()

    def on_copy_text(self, event: CopyText) -> None:
        """Copy a text to the clipboard and show it."""
        self.copy_to_clipboard(event.text)
        self.notify(f"Copied:\n{event.text}", timeout=8, markup=False)

    def action_context_help(self) -> None:
        from dicom_retrieve_tui.tui.screens.help import HelpScreen, help_of, pane_of  # noqa: PLC0415 - not for the first frame

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(pane_of(self.screen), *help_of(self.screen)))

    async def action_leave(self) -> None:
        """Quit; ask first if that would stop something."""
        from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415 - not for the first frame

        if isinstance(self.screen, ConfirmScreen):
            return
        if not self.jobs.busy:
            self.exit()
            return
        screen = ConfirmScreen(self._quit_question, yes="Quit", no="Keep running", quits=True)
        self.push_screen(screen, self._leave_if)

    async def action_interrupt(self) -> None:
        """Quit as `action_leave`, unless text is selected: then the key copies it.

        The key again, while the question is open, is a yes.
        """
        selected = getattr(self.focused, "selected_text", "") or self.screen.get_selected_text()
        if selected:
            raise SkipAction
        from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415 - not for the first frame

        if isinstance(self.screen, ConfirmScreen):
            self.screen.interrupt()
        else:
            await self.action_leave()

    def _quit_question(self) -> str:
        """Return what quitting stops, as it is now."""
        active = self.store.unfinished_studies
        if not active:
            return "Every study has ended. Quit?"
        identity = self.store.unfinished_identity
        studies = study_name(identity, hide_patients=self.hide_patients) or count(active, "study")
        return (
            f"{studies} not finished. Quitting stops {'it' if active == 1 else 'them'}; received "
            "files stay, and the next start offers to resume."
        )

    async def _leave_if(self, answer: bool | None) -> None:  # noqa: FBT001 - Textual's callback
        if answer:
            self.notify("Stopping; this takes at most three seconds.")
            await asyncio.to_thread(self.jobs.close)
            self.exit()

    @property
    def closing_line(self) -> str:
        """What is complete, what is left and how to go on; empty if nothing was retrieved."""
        if not self.store.begun:
            return ""
        totals = self.store.snapshot().totals
        left = totals.stopped + totals.active
        failed = totals.failed - totals.stopped
        parts = [
            f"{number:,} {word}"
            for number, word in ((totals.good, "complete"), (left, "stopped"), (failed, "failed"))
            if number
        ]
        if not parts:
            return ""
        further = []
        if left and self._job_history.records:
            further.append("The next start offers to resume what was stopped.")
        folders, lines = self.jobs.failed()
        if lists := sorted(filter(None, map(self._accounts.failed_list, folders))):
            further.append(f"Failed studies are listed in {', '.join(map(str, lists))}.")
        if lines:
            further.append(f"{unlisted_text(lines)}.")
        return " ".join([f"{count(totals.studies, 'study')}: {', '.join(parts)}.", *further])

    def stop(self) -> None:
        """Stop everything and wait some seconds for it. Safe from any thread."""
        self.finder.close(_FIND_ENDS_S)
        self.jobs.close()

    def on_retrieve_app_announced(self, event: Announced) -> None:
        """Ring the terminal's bell, set its title, and show a desktop notice if it has them."""
        if self._driver is not None and not self.is_headless:
            self._driver.write(notice_sequences(event.notice, os.environ))

    def _fatal_error(self) -> None:
        """Show a bug without the values of variables, which may name patients.

        Textual's own report shows them, and has no setting. Remove this override of a private
        method once there is one; a test fails if Textual no longer calls it.
        """
        error = sys.exception()
        self.panic(Text("\n".join(bug_lines(error) if error else ())))

    def _report_history(self) -> None:
        self._warn(self._job_history.take_notice())

    @property
    def _main(self) -> MainScreen:
        screen = self.screen_stack[0]
        assert isinstance(screen, MainScreen)  # noqa: S101 - it is the default screen
        return screen

    def _choice_of(
        self, profile_store: "ProfileStore | None", doctor: "Doctor | None"
    ) -> ProfileChoice | None:
        if profile_store is None or doctor is None:
            return None
        return ProfileChoice(
            self,
            profile_store,
            replace(doctor, secrets=self._secrets, loan=self.jobs.loan),
            main=lambda: self._main,
            in_use=self.jobs.uses,
            chosen=self._like_profile,
        )

    def _remember_columns(self) -> None:
        self._warn(
            self._preferences.remember_columns(
                queue=self.queue_hidden_columns, find=self.find_hidden_columns
            )
        )

    def _like_profile(self, name: str) -> None:
        self._warn(self._preferences.remember_profile(name))

    def _warn(self, fault: str) -> None:
        if fault:
            self.notify(fault, severity="warning", timeout=15, markup=False)

    def _job_ended(self, ended: JobEnded) -> None:
        """Inform the screen, and of the list of failed studies, on the session's thread.

        The list may have studies of other runs: it is named only if one of this session failed.
        """
        if ended.all_failed:
            self._secrets.forget_typed(ended.options)
        listed = []
        # If the session failed as a whole, another run may have the folder.
        if not ended.reason:
            path = self._accounts.failed_list(ended.options.output) if ended.failed else None
            listed = [f"Failed studies are listed in {path}"] if path else []
            listed += filter(None, [unlisted_text(ended.missed)])
        for line in listed:
            self.store.note(line, grave=True)
        self.post_message(self.JobOver(ended, "\n".join(listed)))

    def on_retrieve_app_job_over(self, event: JobOver) -> None:
        """Show one toast for each session."""
        ended = event.ended
        self._report_history()
        if ended.traceback:
            self.log.error(ended.traceback)
        if ended.reason:
            self.notify(clean_text(ended.reason), severity="error", timeout=15, markup=False)
            return
        short = set(ended.verdicts) - GOOD
        severity: SeverityLevel = "warning" if short else "information"
        text = "\n".join(filter(None, (self._summary_of(ended), event.listed)))
        self.notify(text, severity=severity, timeout=8, markup=False)

    def _summary_of(self, ended: JobEnded) -> str:
        """Return how a session ended; a single study by its name."""
        if len(ended.endings) != 1 or ended.missed:
            return ended.summary
        (ending,) = ended.endings
        identity = self.store.identity_of(ending.study_instance_uid)
        part = self.store.part_of(ending.study_instance_uid)
        name = study_name(identity, hide_patients=self.hide_patients, part=part)
        missing = f" ({count(ended.missing, 'instance')} missing)" if ended.missing else ""
        if not name:
            return ended.summary
        return f"{name}: {screen_verdict(ending.verdict)}{missing}"


def _unlocked(
    find: Callable[[_Asked, RetrieveOptions, CancelToken], Generator[_Answered, None, None]],
    secrets: SecretStore,
    asked: _Asked,
    settings: RetrieveOptions,
    cancel: CancelToken,
) -> Generator[_Answered, None, None]:
    """Search with the secrets that the PACS needs, and forget them if it refuses us."""
    try:
        yield from find(asked, secrets.fill_in(settings), cancel)
    except AssociationRejected as rejection:
        if not rejection.retryable:
            secrets.forget_typed(settings)
        raise


def _rehearsed(
    dry_run: DryRun,
    secrets: SecretStore,
    selections: Sequence[Selection],
    options: RetrieveOptions,
    cancel: CancelToken,
    *,
    identified: Identified,
) -> Generator[Event, None, None]:
    """Run `dry_run` with the secrets that the PACS needs."""
    return dry_run(selections, secrets.fill_in(options), cancel, identified=identified)


def run_app(app: RetrieveApp, say: Callable[[str], object] = lambda _: None) -> int:
    """Run until the user leaves; return the exit code.

    Args:
        app: The application.
        say: Receives a line for the terminal: what is complete, what is left, how to go on.

    `sys.setswitchinterval` is not touched: at 1 ms instead of 5, associations took half as much
    processor time again for the same instances, and the screen was no faster.
    """
    try:
        app.run()
    finally:
        app.stop()
    width = get_terminal_size().columns
    for line in wrap(app.closing_line, width, break_long_words=False, break_on_hyphens=False):
        say(line)
    return app.return_code or 0
