"""The application: screens over one controller and one store. It retrieves nothing itself.

The screens over the main one are loaded when they are wanted: the first frame waits for none.
"""

import asyncio
import contextlib
import gc
import signal
import sys
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Literal, TypeVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.screen import Screen

from dicom_retrieve_tui.errors import AssociationRejected
from dicom_retrieve_tui.exit_codes import INTERRUPTED
from dicom_retrieve_tui.model.bug_report import bug_lines
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.tui import theme
from dicom_retrieve_tui.tui.command_palette import KeyCommands
from dicom_retrieve_tui.tui.failed_list import FailedLists
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.jobs import JobEnded, Jobs
from dicom_retrieve_tui.tui.key_overrides import judge_keys
from dicom_retrieve_tui.tui.key_queue import KeyQueueApp
from dicom_retrieve_tui.tui.ports import OpenSession, SettingsStore
from dicom_retrieve_tui.tui.preferences import RememberedPreferences
from dicom_retrieve_tui.tui.profile_choice import CopyText, ProfileChoice
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.screens.main import MainScreen
from dicom_retrieve_tui.tui.search_job import Find, FindEach, Finder
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.sighup import HangUpHandler
from dicom_retrieve_tui.tui.widgets.options_form import Preset

if TYPE_CHECKING:
    from dicom_retrieve_tui.tui.doctor_job import Doctor
    from dicom_retrieve_tui.tui.profile_store import ProfileStore
    from dicom_retrieve_tui.tui.screens.profile import CopyForAdministrator

_Asked = TypeVar("_Asked")
_Answered = TypeVar("_Answered")

_FIND_ENDS_S = 1.0
"""A search that is stopped looks up several times a second."""


class RetrieveApp(KeyQueueApp[None]):
    """`dicom-retrieve` at a terminal."""

    TITLE = "dicom-retrieve"
    CSS_PATH = "main.tcss"
    COMMANDS = App.COMMANDS | {KeyCommands}
    ENABLE_COMMAND_PALETTE = True

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f1,question_mark", "context_help", "Help", show=False, id="app.help"),
        Binding("f2", "profiles", "Profiles", show=False, id="app.profiles"),
        Binding("q", "leave", "Quit", id="app.quit"),
        Binding("ctrl+q", "leave", "Quit", show=False, priority=True, id="app.quit_anywhere"),
    ]

    hide_patients: reactive[bool] = reactive(default=False)
    """Patients are masked, wherever they are shown."""

    class JobOver(Message):
        """A session has ended; posted by its thread."""

        def __init__(self, ended: JobEnded, listed: str) -> None:
            super().__init__()
            self.ended = ended
            self.listed = listed
            """Where the failed studies are listed, or why they are not; empty if none failed."""

    def __init__(
        self,
        open_session: OpenSession,
        presets: Sequence[Preset] = (),
        *,
        find: Find,
        find_each: FindEach,
        preset: str = "",
        text: str = "",
        job_history: JobHistory | None = None,
        settings: SettingsStore | None = None,
        profile_store: "ProfileStore | None" = None,
        doctor: "Doctor | None" = None,
        store: ProgressStore | None = None,
        secrets: SecretStore | None = None,
    ) -> None:
        """Prepare.

        Args:
            open_session: `wiring.open_session`, or a script in a test.
            presets: The profiles.
            find: `wiring.find`, likewise.
            find_each: `wiring.find_each`, likewise.
            preset: The profile to begin with; if empty, the one used last, else the first.
            text: What stands in the UID line at first.
            job_history: What was asked for in earlier runs; None remembers nothing.
            settings: Where preferences are remembered; None remembers nothing.
            profile_store: The file of the profiles; None if they are as they are.
            doctor: Asks a PACS if it would work with us.
            store: Where events are folded; a new one if None.
            secrets: Where secrets are found, and kept once they were typed.
        """
        super().__init__()
        self.store = store or ProgressStore()
        self._job_history = job_history or JobHistory()
        self._secrets = secrets = secrets or SecretStore()
        self.jobs = Jobs(
            lambda selections, options, cancel: open_session(
                selections, secrets.fill_in(options), cancel
            ),
            self.store,
            self._job_ended,
            self._job_history,
        )
        self.finder = Finder(partial(_unlocked, find, secrets))
        self._find_each = partial(_unlocked, find_each, secrets)
        self._failed_lists = FailedLists()
        self._profiles = self._choice_of(profile_store, doctor)
        self._likes = RememberedPreferences(settings)
        self._presets, self._text = presets, text
        self._preset = preset or self._likes.held.profile
        self.set_reactive(RetrieveApp.hide_patients, self._likes.held.hide_patients)
        self.register_theme(theme.THEME)
        self.theme, self._notices = theme.choose(self._likes.held.theme, self.available_themes)

    def get_default_screen(self) -> MainScreen:
        """The main screen."""
        return MainScreen(
            self.jobs,
            self.store,
            self._presets,
            job_history=self._job_history,
            finder=self.finder,
            secrets=self._secrets,
            failed_lists=self._failed_lists,
            find_each=self._find_each,
            preset=self._preset,
            text=self._text,
        )

    def on_mount(self) -> None:
        """Take the user's keys, and say what there is to know of settings and history."""
        with contextlib.suppress(NotImplementedError, RuntimeError, ValueError):  # not everywhere
            asyncio.get_running_loop().add_signal_handler(
                signal.SIGTERM, partial(self.exit, return_code=INTERRUPTED)
            )
        if not self.is_headless:
            HangUpHandler(
                stop=self.stop,
                leave=lambda code: self.exit(return_code=code),
                goes_on=lambda: self.jobs.busy and not self.jobs.paused,
                is_over=lambda: not self.jobs.busy,
            ).heed()
        keys, faults = judge_keys(self._likes.held.keys)
        self.set_keymap(keys)
        self._tell("\n".join([*self._likes.faults, *self._notices, *faults]))
        if not self._presets and self._profiles is not None:
            self._profiles.begin()

    def on_ready(self) -> None:
        """The first frame is there: look what earlier runs left."""
        if not gc.isenabled():
            gc.freeze()  # what is loaded by now stays: nobody need search it for garbage, ever
            gc.enable()
        self._main.show_offer()
        self._tell_of_memory()

    def watch_theme(self, name: str) -> None:
        """Remember a theme that was chosen."""
        self._tell(self._likes.remember_theme("" if name == theme.NAME else name))

    def action_toggle_patients(self) -> None:
        """Mask patients, or show them again; remembered."""
        self.hide_patients = not self.hide_patients
        self._tell(self._likes.remember_hidden(hide=self.hide_patients))

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Textual's, but for those that ours replace, and for the screenshot: it shows patients."""
        for command in super().get_system_commands(screen):
            if command.title not in {"Screenshot", "Quit", "Keys"}:
                yield command
        mask = "Show patients" if self.hide_patients else "Hide patients"
        yield SystemCommand(mask, "Names and IDs, everywhere", self.action_toggle_patients)

    def action_profiles(self) -> None:
        """Show the saved profiles."""
        if self._profiles is not None:
            self._profiles.show()

    def on_main_screen_profile_chosen(self, event: MainScreen.ProfileChosen) -> None:
        """Start with this one next time."""
        self._like_profile(event.name)

    def on_copy_for_administrator(self, event: "CopyForAdministrator") -> None:
        """Find out our address in a thread, and copy."""
        if self._profiles is not None:
            self._profiles.find_out_address(event.options)

    def on_copy_text(self, event: CopyText) -> None:
        """Put it on the clipboard, and show what it is."""
        self.copy_to_clipboard(event.text)
        self.notify(f"Copied:\n{event.text}", timeout=8, markup=False)

    def action_context_help(self) -> None:
        """Show what the keys do here."""
        from dicom_retrieve_tui.tui.screens.help import HelpScreen, help_of  # noqa: PLC0415 - not for the first frame

        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen(*help_of(self.screen)))

    async def action_leave(self) -> None:
        """Quit; ask first, while something would be stopped."""
        from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415 - not for the first frame

        if isinstance(self.screen, ConfirmScreen):
            return
        if not self.jobs.busy:
            self.exit()
            return
        active = self.store.unfinished_studies
        question = (
            f"{count(active, 'study')} not finished. Quitting cancels what runs; what has come "
            "stays, and the same again asks for the rest only."
        )
        self.push_screen(ConfirmScreen(question, yes="Quit", no="Go on"), self._leave_if)

    async def _leave_if(self, answer: bool | None) -> None:  # noqa: FBT001 - Textual's callback
        if answer:
            self.notify("Cancelling; at most three seconds.")
            await asyncio.to_thread(self.jobs.close)
            self.exit()

    def stop(self) -> None:
        """Stop what runs, and wait for it: at most some seconds. Any thread may do so."""
        self.finder.close(_FIND_ENDS_S)
        self.jobs.close()

    def _fatal_error(self) -> None:
        """Show a bug without the values of variables, which may be patients.

        Textual's own report shows them, and there is no setting: hence this override of a method
        that is Textual's affair; a test notices when it is not called that any more.
        """
        error = sys.exception()
        self.panic(Text("\n".join(bug_lines(error) if error else ())))

    def _tell_of_memory(self) -> None:
        self._tell(self._job_history.take_notice())

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
            replace(doctor, secrets=self._secrets),
            main=lambda: self._main,
            chosen=self._like_profile,
        )

    def _like_profile(self, name: str) -> None:
        self._tell(self._likes.remember_profile(name))

    def _tell(self, fault: str) -> None:
        if fault:
            self.notify(fault, severity="warning", timeout=15, markup=False)

    def _job_ended(self, ended: JobEnded) -> None:
        """Write the list of failed studies and inform the screen, on the session's thread."""
        if ended.all_failed:
            self._secrets.forget_typed(ended.options)
        listed = ""
        if not ended.reason:  # else another run may have the folder
            listed = self._failed_lists.report(ended.options.output, ended.failed)
        if listed:
            self.store.note(listed, grave=True)
        self.post_message(self.JobOver(ended, listed))

    def on_retrieve_app_job_over(self, event: JobOver) -> None:
        """One toast for each job."""
        ended = event.ended
        self._tell_of_memory()
        if ended.traceback:
            self.log.error(ended.traceback)
        if ended.reason:
            self.notify(clean_text(ended.reason), severity="error", timeout=15, markup=False)
            return
        severity: Literal["warning", "information"] = "warning" if event.listed else "information"
        text = "\n".join(filter(None, (ended.summary, event.listed)))
        self.notify(text, severity=severity, timeout=8, markup=False)


def _unlocked(
    find: Callable[[_Asked, RetrieveOptions, CancelToken], Generator[_Answered, None, None]],
    secrets: SecretStore,
    asked: _Asked,
    settings: RetrieveOptions,
    cancel: CancelToken,
) -> Generator[_Answered, None, None]:
    """The same answers, with the secrets that it takes to ask."""
    try:
        yield from find(asked, secrets.fill_in(settings), cancel)
    except AssociationRejected:
        secrets.forget_typed(settings)
        raise


def run_app(app: RetrieveApp) -> int:
    """Be the application until the user leaves; returns the exit code.

    How long a thread may keep the interpreter stays as it is. At 1 ms instead of 5 the associations
    take half as much processor time again for the same instances, and the screen is no sooner.
    """
    try:
        app.run()
    finally:
        app.stop()
    return app.return_code or 0
