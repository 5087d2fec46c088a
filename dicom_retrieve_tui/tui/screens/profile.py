"""Edit one profile: save it, test it by C-ECHO, and show a fault beside its field."""

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, Static

from dicom_retrieve_tui.doctor.result import Check, Finding, Looking, Outcome, Step
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.tui.ask_secrets import unlock
from dicom_retrieve_tui.tui.doctor_job import Doctor, step_of
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.profile_form import NAME, tidied, warning
from dicom_retrieve_tui.tui.profile_store import Changed, Draft, ProfileStore
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.limited_text import LimitedText
from dicom_retrieve_tui.tui.widgets.profile_form import ProfileForm


class CopyForAdministrator(Message):
    """The user wants to copy what the administrator of the PACS must register."""

    def __init__(self, options: RetrieveOptions) -> None:
        super().__init__()
        self.options = options


@dataclass(frozen=True, slots=True)
class TestedProfile:
    """A saved profile whose PACS has answered."""

    name: str
    round_trip_s: float | None
    """Of the C-ECHO; None if the PACS does not support it."""


class ProfileScreen(ModalScreen[TestedProfile | None]):
    """Returns the profile once the PACS has answered; None if the user leaves.

    A saved profile stays saved even if the PACS did not answer.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f5", "copy", "Copy for the PACS", id="profile.copy"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
        Binding("escape", "leave", "Leave", id="profile.leave"),
    ]

    DEFAULT_CSS = """
    ProfileScreen {
        align: center middle;
        & > Vertical {
            width: 76; max-width: 100%; height: auto; max-height: 100%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & ProfileForm { max-height: 60vh; scrollbar-gutter: stable; }
        & #report { height: auto; max-height: 20vh; color: $text-muted; }
        & #report.-bad { color: $text-error; }
    }
    """

    class Found(Message):
        """A step of the test; posted by the thread that asks."""

        def __init__(self, cancel: CancelToken, finding: Finding) -> None:
            super().__init__()
            self.cancel = cancel
            self.finding = finding

    class Answered(Message):
        """The PACS has accepted us; posted by the thread that asks."""

        def __init__(self, cancel: CancelToken, round_trip_s: float | None) -> None:
            super().__init__()
            self.cancel = cancel
            self.round_trip_s = round_trip_s

    def __init__(
        self,
        profile_store: ProfileStore,
        doctor: Doctor,
        draft: Draft,
        *,
        title: str,
        fault: Step | None = None,
    ) -> None:
        """Make the form.

        Args:
            profile_store: The file of profiles.
            doctor: Tests the connection.
            draft: The first texts of the fields.
            title: The title of the window.
            fault: A fault of an earlier test, to be shown beside its field.
        """
        super().__init__()
        self._profile_store, self._doctor, self._draft = profile_store, doctor, draft
        self._title, self._fault = title, fault
        self._usual = profile_store.usual()
        self._form = ProfileForm(
            draft.texts, taken=profile_store.taken(draft), usual=self._usual, id="profile"
        )
        self._asking = CancelToken()
        self._waits = False
        """True once the reason is shown for which the test waits."""
        self._changed_meanwhile = False

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = self._title
            frame.border_subtitle = "enter saves and asks the PACS"
            yield self._form
            yield LimitedText("", id="report", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        """Focus the first field, or the one at fault."""
        self._form.focus_field()
        self._warn()
        if self._fault is not None:
            self._show_failure(self._fault)

    def on_unmount(self) -> None:
        self._asking.request()

    def action_leave(self) -> None:
        self.dismiss(None)

    def action_copy(self) -> None:
        options = self._read()
        if options is not None:
            self.post_message(CopyForAdministrator(options))

    @on(ProfileForm.Edited)
    def _edited(self) -> None:
        self._asking.request()
        self._changed_meanwhile = False
        self._warn()

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        texts = tidied(self._form.texts)
        if texts != self._form.texts:
            with self.prevent(Input.Changed):
                self._form.fill(texts)
        faults = self._profile_store.faults(self._draft, texts)
        self._form.show_faults(faults)
        if faults:
            self._form.focus_field(next(iter(faults)))
            return
        try:
            self._draft = self._profile_store.save(
                self._draft, texts, force=self._changed_meanwhile
            )
            options = self._profile_store.options(texts[NAME])
        except ConfigError as error:
            self._changed_meanwhile = isinstance(error, Changed)
            self._show(str(error), bad=True)
            return
        self._unlock_and_ask(options)

    @work
    async def _unlock_and_ask(self, options: RetrieveOptions) -> None:
        try:
            if await unlock(self, self._doctor.secrets, options):
                self._ask(options)
            else:
                self._show("Saved, but the PACS was not asked.", bad=True)
        except ConfigError as error:
            self._show_failure(step_of(error))

    def _ask(self, options: RetrieveOptions) -> None:
        self._asking.request()
        self._asking = CancelToken()
        self._waits = False
        self._show(f"Saved. Asking {options.peer}…")
        self.run_worker(partial(self._ask_pacs, options, self._asking), thread=True)

    def _ask_pacs(self, options: RetrieveOptions, cancel: CancelToken) -> None:
        """Test the connection, on a thread of its own."""
        steps: list[Step] = []

        def report(finding: Finding) -> None:
            if isinstance(finding, Step):
                steps.append(finding)
            self.post_message(self.Found(cancel, finding))

        self._doctor.run(options, report, cancel, whole=False)
        if cancel.requested or any(step.outcome is Outcome.FAILED for step in steps):
            return
        self.post_message(self.Answered(cancel, steps[-1].round_trip_s if steps else None))

    def on_profile_screen_found(self, event: Found) -> None:
        """Show the progress, and a fault beside its field."""
        if event.cancel is not self._asking or event.cancel.requested:
            return
        finding = event.finding
        if isinstance(finding, Looking):
            if not self._waits:
                self._show(f"Saved. Asking the PACS: {finding.check.label}…")
        elif not isinstance(finding, Step):
            return
        elif finding.outcome is Outcome.FAILED:
            self._show_failure(finding)
        elif finding.check is Check.ASSOCIATION and finding.outcome is Outcome.WARNING:
            self._waits = True
            self._show(f"Saved. {finding.found}")

    def on_profile_screen_answered(self, event: Answered) -> None:
        if event.cancel is not self._asking or event.cancel.requested:
            return
        if needed := warning(self._draft.texts, self._usual):
            self.app.notify(
                f"{needed} Press F2, then c to copy that for its administrator.",
                timeout=12,
                markup=False,
            )
        self.dismiss(TestedProfile(self._draft.was, event.round_trip_s))

    def _show_failure(self, step: Step) -> None:
        text = clean_text(in_fields(f"{step.found} {step.next_step}".strip()))
        guilty = next((key for key in step.keys if key in self._form.texts), "")
        if guilty:
            self._form.show_faults({guilty: text})
            self._form.focus_field(guilty)
            self._show("Saved, but the PACS cannot be used with this value.", bad=True)
        else:
            self._show(f"Saved, but: {text}", bad=True)

    def _read(self) -> RetrieveOptions | None:
        """Return the options of the form; None, with faults shown, if they are invalid."""
        texts = tidied(self._form.texts)
        faults = self._profile_store.faults(self._draft, texts)
        self._form.show_faults(faults)
        try:
            return None if faults else self._profile_store.options_of(self._draft, texts)
        except ConfigError as error:
            self._show(str(error), bad=True)
            return None

    def _warn(self) -> None:
        text = warning(tidied(self._form.texts), self._usual)
        self._show(f"{text} Press F5 to copy that for its administrator." if text else "")

    def _show(self, text: str, *, bad: bool = False) -> None:
        place = self.query_one("#report", Static)
        place.update(in_fields(text))
        place.set_class(bad, "-bad")
