"""The saved profiles: choose, edit, test or remove one; mistakes in the file are shown."""

from collections.abc import Callable
from functools import partial
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical, VerticalScroll
from textual.message import Message
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from dicom_retrieve_tui.doctor.result import Finding, Looking, Outcome, Step
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.tui.ask_secrets import unlock
from dicom_retrieve_tui.tui.cut_text import cut
from dicom_retrieve_tui.tui.doctor_job import Doctor, finding_lines, step_of
from dicom_retrieve_tui.tui.field_words import method_words
from dicom_retrieve_tui.tui.profile_store import Draft, ProfileStore, SavedProfile
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.profile import (
    CopyForAdministrator,
    ProfileScreen,
    TestedProfile,
)
from dicom_retrieve_tui.tui.widgets.fields_form import FieldRow
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine

_NONE = "No profile yet. Press n to add your PACS."
_KEYS = "d duplicate · del remove · c copy for the PACS"
_SAMPLE_KEYS = "enter runs the doctor · tab moves on"
_REPORT_KEYS = "↑ ↓ pgup pgdn home end scroll · tab to the profiles"


class ProfilesScreen(ModalScreen[str | None]):
    """Returns the profile to use; None to keep the current one."""

    HELP: ClassVar[str] = """\
The saved profiles. `t` tests the connection by C-ECHO, `D` checks everything a retrieval needs.
With a Study Instance UID in the field below the list, the doctor also retrieves one instance of
that study by each method, into a temporary folder; `enter` in the field runs it.
A report that is longer than its window scrolls with the arrow keys; `tab` goes to the profiles.
`c` copies what the administrator of the PACS must register."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "new", "New", id="profiles.new"),
        Binding("e", "edit", "Edit", id="profiles.edit"),
        Binding("t", "ask(False)", "Test", tooltip="C-ECHO", id="profiles.test"),
        Binding("D", "ask(True)", "Doctor", id="profiles.doctor"),
        Binding("d", "duplicate", "Duplicate", show=False, id="profiles.duplicate"),
        Binding("delete", "remove", "Remove", show=False, id="profiles.remove"),
        Binding("c", "copy", "Copy for the PACS", show=False, id="profiles.copy"),
        # From the report; the list has a key of its own.
        Binding("enter", "use", "Use the profile", show=False, id="profiles.use"),
        Binding("f1,question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
        Binding("escape,f2,q", "leave", "Close", key_display="esc", id="profiles.close"),
    ]

    DEFAULT_CSS = """
    ProfilesScreen {
        align: center middle;
        & > Vertical {
            width: 100; max-width: 100%; height: auto; max-height: 100%;
            border: round $primary; padding: 0 1; background: $surface;
        }
        & OptionList, & OptionList:focus {
            height: auto; max-height: 35vh; border: none; padding: 0; background: $surface;
        }
        & VerticalScroll { height: auto; max-height: 45vh; margin-top: 1; }
        & #report { height: auto; color: $text-muted; }
    }
    """

    class Found(Message):
        """A step of a test; posted by the thread that asks."""

        def __init__(self, cancel: CancelToken, name: str, finding: Finding) -> None:
            super().__init__()
            self.cancel = cancel
            self.name = name
            self.finding = finding

    def __init__(
        self,
        profile_store: ProfileStore,
        doctor: Doctor,
        current: str,
        *,
        in_use: Callable[[str], bool],
    ) -> None:
        """Keep the sources.

        Args:
            profile_store: The file of profiles.
            doctor: Tests the connection.
            current: The profile in use.
            in_use: True if a study of a profile is running or waiting.
        """
        super().__init__()
        self._in_use = in_use
        self._profile_store, self._doctor, self._current = profile_store, doctor, current
        self._saved: dict[str, SavedProfile] = {}
        self._asking = CancelToken()
        self._asked_of = ""
        """The profile that was tested last."""
        self._findings: list[Finding] = []
        self._faults: list[str] = []
        self._sample = Input(
            placeholder="optional: D retrieves one instance", compact=True, id="sample"
        )
        self._sample.cursor_blink = False
        self._blamed: dict[str, Step] = {}
        """The failed step of each profile's last test."""

    def compose(self) -> ComposeResult:
        with Vertical() as frame:
            frame.border_title = "Profiles"
            frame.border_subtitle = _KEYS
            yield OptionList(markup=False, id="profiles")
            yield FieldRow("Study UID", self._sample)
            with VerticalScroll(can_focus=False):
                yield Static("", id="report", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        self._list.focus()
        self._read(self._current)
        self.watch(self.query_one(VerticalScroll), "show_vertical_scrollbar", self._overflows)

    def _overflows(self, overflows: bool) -> None:  # noqa: FBT001 - Textual's callback
        """Let the keys scroll a report of the doctor that does not fit."""
        report = self.query_one(VerticalScroll)
        report.can_focus = overflows
        if not overflows and report.has_focus:
            self._list.focus()
        elif overflows and self._findings:
            report.focus(scroll_visible=False)

    def on_descendant_focus(self) -> None:
        """Show the keys of the list, the field or the report."""
        scrolls = self.query_one(VerticalScroll).has_focus
        keys = _REPORT_KEYS if scrolls else _SAMPLE_KEYS if self._sample.has_focus else _KEYS
        self.query_one(Vertical).border_subtitle = keys

    def on_screen_resume(self) -> None:
        """Read the file again; it may have changed."""
        if self._saved:
            self._read(self._pointed)

    def on_unmount(self) -> None:
        self._asking.request()

    @property
    def _list(self) -> OptionList:
        return self.query_one(OptionList)

    @property
    def _pointed(self) -> str:
        """The profile under the cursor; empty if there is none."""
        index = self._list.highlighted
        return list(self._saved)[index] if index is not None and self._saved else ""

    def action_use(self) -> None:
        self._list.action_select()

    def action_leave(self) -> None:
        self.dismiss(None)

    @on(OptionList.OptionSelected)
    def _chosen(self, event: OptionList.OptionSelected) -> None:
        event.stop()
        name = event.option.id or ""
        saved = self._saved.get(name)
        if saved is not None and saved.options is None:
            self._edit(name)
        elif saved is not None:
            self.dismiss(name)

    @on(OptionList.OptionHighlighted)
    def _moved(self, event: OptionList.OptionHighlighted) -> None:
        event.stop()
        if self._findings and self._pointed != self._asked_of:
            self._asking.request()
            self._findings = []
            self.query_one(VerticalScroll).anchor(anchor=False)
        self._report()

    def action_new(self) -> None:
        self._open(self._profile_store.new(), "A new PACS")

    def action_edit(self) -> None:
        if self._pointed:
            self._edit(self._pointed)

    def action_duplicate(self) -> None:
        try:
            if self._pointed:
                self._open(
                    self._profile_store.duplicate(self._pointed), f"Copy of @{self._pointed}"
                )
        except ConfigError as error:
            self._complain(error)

    def action_remove(self) -> None:
        """Remove the profile under the cursor, if the user confirms."""
        name = self._pointed
        if not name:
            return

        def answered(answer: bool | None) -> None:  # noqa: FBT001 - Textual's callback
            if answer:
                self._remove(name)

        runs = f"Studies of @{name} are being retrieved, and go on. " if self._in_use(name) else ""
        path = self._profile_store.path
        question = f"{runs}Remove @{name} from {path}? Retrieved files stay."
        self.app.push_screen(ConfirmScreen(question, yes="Remove", no="Keep"), answered)

    def action_copy(self) -> None:
        if (options := self._options()) is not None:
            self.post_message(CopyForAdministrator(options))

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_ask(whole=True)

    @on(Input.Changed)
    def _sample_typed(self, event: Input.Changed) -> None:
        event.stop()

    def action_ask(self, whole: bool) -> None:  # noqa: FBT001 - an action's argument
        """Test the connection of the profile under the cursor, or run every check."""
        options, name = self._options(), self._pointed
        if options is None:
            return
        uid = self._sample.value.strip() if whole else ""
        if uid and (fault := uid_fault(uid)):
            self.notify(f"The Study UID {uid!r} {fault}.", severity="error", markup=False)
            self._sample.focus()
            return
        self._asking.request()
        self._asking = cancel = CancelToken()
        self._asked_of = name
        self._findings = []
        # Not by scroll_end: it may come before the new lines are laid out.
        self.query_one(VerticalScroll).anchor()
        self._blamed.pop(name, None)

        def report(finding: Finding) -> None:
            self.post_message(self.Found(cancel, name, finding))

        study = Selection.of(uid) if uid else None
        self._ask(options, report, cancel, whole=whole, study=study)
        self._report()

    @work
    async def _ask(
        self,
        options: RetrieveOptions,
        report: Callable[[Finding], object],
        cancel: CancelToken,
        *,
        whole: bool,
        study: Selection | None,
    ) -> None:
        try:
            if not await unlock(self, self._doctor.secrets, options):
                return
        except ConfigError as error:
            report(step_of(error))
            return
        self.run_worker(
            partial(self._doctor.run, options, report, cancel, whole=whole, study=study),
            thread=True,
        )

    def on_profiles_screen_found(self, event: Found) -> None:
        if event.cancel is not self._asking or event.cancel.requested:
            return
        finding = event.finding
        if self._findings and isinstance(self._findings[-1], Looking):
            self._findings.pop()
        self._findings.append(finding)
        if isinstance(finding, Step) and finding.outcome is Outcome.FAILED:
            self._blamed.setdefault(event.name, finding)
        self._report()

    def on_resize(self) -> None:
        self._report()

    def _edit(self, name: str) -> None:
        try:
            self._open(
                self._profile_store.edit(name), f"@{name}", fault=self._blamed.pop(name, None)
            )
        except ConfigError as error:
            self._complain(error)

    def _open(self, draft: Draft, title: str, fault: Step | None = None) -> None:
        self._asking.request()
        self._findings = []
        screen = ProfileScreen(self._profile_store, self._doctor, draft, title=title, fault=fault)
        self.app.push_screen(screen, self._saved_one)

    def _saved_one(self, tried: TestedProfile | None) -> None:
        if tried is not None:
            self._read(tried.name)

    def _remove(self, name: str) -> None:
        try:
            self._profile_store.remove(name)
        except ConfigError as error:
            self._complain(error)
        self._read(self._current)

    def _options(self) -> RetrieveOptions | None:
        """Return the options under the cursor; None, with a toast, if they are invalid."""
        saved = self._saved.get(self._pointed)
        if saved is None:
            self.notify(_NONE)
        elif saved.options is None:
            self.notify(f"@{saved.name} has mistakes; press e to correct them.", severity="warning")
        return saved.options if saved is not None else None

    def _complain(self, error: ConfigError) -> None:
        self.notify(str(error), severity="error", timeout=15, markup=False)

    def _read(self, name: str) -> None:
        saved, self._faults = self._profile_store.profiles()
        self._saved = {each.name: each for each in saved}
        width = max((len(each.name) for each in saved), default=0)
        self._list.clear_options().add_options(
            Option(_line(each, width, current=each.name == self._current), id=each.name)
            for each in saved
        )
        if name in self._saved:
            self._list.highlighted = list(self._saved).index(name)
        elif saved:
            self._list.highlighted = 0
        self._report()

    def _report(self) -> None:
        """Show faults, a summary of the profile, or the steps of a test."""
        saved = self._saved.get(self._pointed)
        place, scroll = self.query_one("#report", Static), self.query_one(VerticalScroll)
        width = scroll.outer_size.width - scroll.styles.scrollbar_size_vertical - 1
        lines = [line for finding in self._findings for line in finding_lines(finding, width)]
        if not lines and saved is not None:
            lines = _about(saved)
        elif not self._saved:
            lines = [_NONE]
        lines += [line for fault in self._faults for line in ("", *fault.split("\n"))]
        place.update("\n".join(map(clean_text, lines)))


def _line(saved: SavedProfile, width: int, *, current: bool) -> Text:
    mark = "●" if current else " "
    if saved.options is None:
        return Text(f"{mark} @{saved.name:<{width}}  has mistakes", style="bold")
    options = saved.options
    peer, method = options.peer, method_words(options.method)
    return Text(
        f"{mark} @{saved.name:<{width}}  {peer}  {method}", no_wrap=True, overflow="ellipsis"
    )


def _about(saved: SavedProfile) -> list[str]:
    if saved.options is None:
        return [*saved.faults, "Press e to correct fields; correct the rest in the file."]
    options = saved.options
    how = method_words(options.method, options.move_destination)
    lines = [f"Our AE title is {options.calling_ae_title}; {how}, into {options.output}"]
    if protection := _protection(options):
        lines.append(protection)
    if notes := saved.said.get("notes"):
        lines.append(cut(notes, 200))
    return [*lines, *saved.faults]


def _protection(settings: RetrieveOptions) -> str:
    """Describe TLS and user identity in a sentence; empty if neither is used."""
    tls, user = settings.tls, settings.user
    verified = "" if tls is None or tls.verify else ", certificate not verified"
    words = [f"encrypted by TLS{verified}"] if tls else []
    words += [f"as user {user.name}"] if user else []
    text = "; ".join(words)
    return text[:1].upper() + text[1:]
