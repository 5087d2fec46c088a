"""One profile: filled in, saved, and tried by C-ECHO; a fault stands beside the guilty field."""

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

from dicom_retrieve_tui.doctor.result import Finding, Looking, Outcome, Step
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.tui.ask_secrets import unlock
from dicom_retrieve_tui.tui.doctor_job import Doctor, step_of
from dicom_retrieve_tui.tui.profile_form import NAME, tidied, warning
from dicom_retrieve_tui.tui.profile_store import Changed, Draft, ProfileStore
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.profile_form import ProfileForm


class CopyForAdministrator(Message):
    """Somebody wants to copy what the administrator of the PACS needs to know of us."""

    def __init__(self, options: RetrieveOptions) -> None:
        super().__init__()
        self.options = options


@dataclass(frozen=True, slots=True)
class TestedProfile:
    """A profile that was saved, and whose PACS has answered."""

    name: str
    round_trip_s: float | None
    """Of the C-ECHO; None if the PACS is there, but takes none."""


class ProfileScreen(ModalScreen[TestedProfile | None]):
    """Ends with the profile once the PACS has answered; with None if somebody leaves.

    What was saved stays saved, also where the PACS did not answer.
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
        & #told { height: auto; max-height: 20vh; color: $text-muted; }
        & #told.-bad { color: $text-error; }
    }
    """

    class Found(Message):
        """The PACS was asked something; posted by the thread that asks."""

        def __init__(self, cancel: CancelToken, finding: Finding) -> None:
            super().__init__()
            self.cancel = cancel
            self.finding = finding

    class Answered(Message):
        """The PACS is there and knows us; likewise."""

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
        """Prepare.

        Args:
            profile_store: Where it is saved.
            doctor: Asks the PACS.
            draft: What the fields say at first.
            title: Of the window.
            fault: What was found wrong before, to be shown beside its field.
        """
        super().__init__()
        self._profile_store, self._doctor, self._draft = profile_store, doctor, draft
        self._title, self._fault = title, fault
        self._usual = profile_store.usual()
        self._form = ProfileForm(
            draft.texts, taken=profile_store.taken(draft), usual=self._usual, id="profile"
        )
        self._asking = CancelToken()
        self._changed_meanwhile = False

    def compose(self) -> ComposeResult:
        """The form in a frame, and a line or two on how it goes."""
        with Vertical() as frame:
            frame.border_title = self._title
            frame.border_subtitle = "enter saves and asks the PACS"
            yield self._form
            yield Static("", id="told", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        """Go to the first field, or to the guilty one."""
        self._form.focus_field()
        self._warn()
        if self._fault is not None:
            self._show_failure(self._fault)

    def on_unmount(self) -> None:
        """Ask no further."""
        self._asking.request()

    def action_leave(self) -> None:
        """Leave; what was saved stays."""
        self.dismiss(None)

    def action_copy(self) -> None:
        """Copy what the administrator of the PACS needs to know."""
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
            self._say(str(error), bad=True)
            return
        self._unlock_and_ask(options)

    @work
    async def _unlock_and_ask(self, options: RetrieveOptions) -> None:
        try:
            if await unlock(self, self._doctor.secrets, options):
                self._ask(options)
            else:
                self._say("Saved, but the PACS was not asked.", bad=True)
        except ConfigError as error:
            self._show_failure(step_of(error))

    def _ask(self, options: RetrieveOptions) -> None:
        self._asking.request()
        self._asking = CancelToken()
        self._say(f"Saved. Asking {options.peer}…")
        self.run_worker(partial(self._ask_pacs, options, self._asking), thread=True)

    def _ask_pacs(self, options: RetrieveOptions, cancel: CancelToken) -> None:
        """On a thread of its own."""
        steps: list[Step] = []

        def tell(finding: Finding) -> None:
            if isinstance(finding, Step):
                steps.append(finding)
            self.post_message(self.Found(cancel, finding))

        self._doctor.ask(options, tell, cancel, whole=False)
        if cancel.requested or any(step.outcome is Outcome.FAILED for step in steps):
            return
        self.post_message(self.Answered(cancel, steps[-1].round_trip_s if steps else None))

    def on_profile_screen_found(self, event: Found) -> None:
        """Say how it goes, and where the fault is."""
        if event.cancel is not self._asking or event.cancel.requested:
            return
        finding = event.finding
        if isinstance(finding, Looking):
            self._say(f"Saved. Asking the PACS: {finding.check.label}…")
        elif isinstance(finding, Step) and finding.outcome is Outcome.FAILED:
            self._show_failure(finding)

    def on_profile_screen_answered(self, event: Answered) -> None:
        """It works."""
        if event.cancel is not self._asking or event.cancel.requested:
            return
        if needed := warning(self._draft.texts, self._usual):
            self.app.notify(
                f"{needed} F2, then c copies that for its administrator.",
                timeout=12,
                markup=False,
            )
        self.dismiss(TestedProfile(self._draft.was, event.round_trip_s))

    def _show_failure(self, step: Step) -> None:
        told = clean_text(f"{step.found} {step.next_step}".strip())
        guilty = next((key for key in step.keys if key in self._form.texts), "")
        if guilty:
            self._form.show_faults({guilty: told})
            self._form.focus_field(guilty)
            self._say("It is saved, but the PACS cannot be used like this.", bad=True)
        else:
            self._say(f"It is saved, but: {told}", bad=True)

    def _read(self) -> RetrieveOptions | None:
        """How the profile that stands in the form would retrieve; None, and faults, if not."""
        texts = tidied(self._form.texts)
        faults = self._profile_store.faults(self._draft, texts)
        self._form.show_faults(faults)
        try:
            return None if faults else self._profile_store.options_of(self._draft, texts)
        except ConfigError as error:
            self._say(str(error), bad=True)
            return None

    def _warn(self) -> None:
        told = warning(tidied(self._form.texts), self._usual)
        self._say(f"{told} F5 copies that for its administrator." if told else "")

    def _say(self, text: str, *, bad: bool = False) -> None:
        place = self.query_one("#told", Static)
        place.update(text)
        place.set_class(bad, "-bad")
