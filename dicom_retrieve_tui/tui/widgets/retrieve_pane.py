"""What to retrieve and how: the UID line, its verdict, and the form."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, Static

from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.uid_list import UidList
from dicom_retrieve_tui.tui.cut_text import without_patients
from dicom_retrieve_tui.tui.ports import SpaceOutlook
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import Draft, FormFault, read_draft, summary
from dicom_retrieve_tui.tui.widgets.framed_pane import FramedPane
from dicom_retrieve_tui.tui.widgets.limited_text import LimitedText
from dicom_retrieve_tui.tui.widgets.options_form import OptionsForm, Preset
from dicom_retrieve_tui.tui.widgets.uid_line import UidLine


def verdict_of(found: UidList) -> str:
    """Return `412 UIDs, 3 duplicates; 1 bad: line 88 ...`; empty if there is nothing."""
    parts = []
    if found.selections or found.duplicates or (found.bad and not found.lookups):
        parts.append(count(len(found.selections), "UID"))
    if narrowed := sum(bool(each.series) for each in found.selections):
        parts.append(f"{narrowed:,} narrowed to series")
    if found.lookups:
        parts.append(f"{count(len(found.lookups), 'line')} to look up")
    if found.duplicates:
        parts.append(count(found.duplicates, "duplicate"))
    sentences = [", ".join(parts), *found.notes]
    if found.bad:
        more = f", and {len(found.bad) - 1:,} more" if len(found.bad) > 1 else ""
        sentences.append(f"{len(found.bad):,} bad: {found.bad[0]}{more}")
    return "; ".join(filter(None, sentences))


class RetrievePane(FramedPane):
    """The UID line, with the form below where it fits."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+o", "screen.load", "File", key_display="^o", id="main.load"),
        Binding("f4", "screen.options", "Options", id="main.options"),
        Binding("f2", "app.profiles", "Profiles", id="app.profiles"),
        Binding("escape", "screen.queue", "Queue", id="main.queue"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
    ]

    DEFAULT_CSS = """
    RetrievePane {
        & #verdict { height: auto; max-height: 3; color: $text-muted; }
        & #verdict.-bad { color: $text-error; }
        & #verdict.-good { color: $text-success; }
    }
    """

    class _Requested(Message):
        """Studies and how to retrieve them."""

        def __init__(
            self,
            options: RetrieveOptions,
            requests: Sequence[StudyRequest],
            lookups: Sequence[Lookup],
        ) -> None:
            super().__init__()
            self.options = options
            self.requests = requests
            self.lookups = lookups
            """Accession numbers and patient IDs of further studies."""

    class Submitted(_Requested):
        """The user wants to retrieve studies."""

    class DryRunRequested(_Requested):
        """The user wants to know first what would come; the line keeps its content."""

    class Edited(Message):
        """The form has changed."""

    class Resumed(Message):
        """The user wants to resume unfinished studies of earlier runs."""

    class Faulty(Message):
        """A field of the form is invalid."""

        def __init__(self, fault: FormFault) -> None:
            super().__init__()
            self.fault = fault

    def __init__(
        self,
        presets: Sequence[Preset],
        *,
        preset: str = "",
        text: str = "",
        space_outlook: SpaceOutlook | None = None,
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
        self._space_outlook, self._outlook = space_outlook, ""
        chosen = next((each for each in presets if each.name == preset), None)
        chosen = chosen or (presets[0] if presets else None)
        self._form = OptionsForm(
            presets,
            draft=chosen.draft if chosen else None,
            preset=chosen.name if chosen else "",
            id="form",
        )
        self._first_text = text
        self._warned = False
        self._hide_patients = False
        self._offer = ""
        self._report = ""
        """A report on the last request; empty once the input changes or all studies end."""

    @property
    def draft(self) -> dict[str, str]:
        """The texts of the form."""
        return self._form.draft

    @property
    def form(self) -> OptionsForm:
        return self._form

    @property
    def options(self) -> RetrieveOptions:
        """The options of the form. Raises `FormFault`."""
        return read_draft(self.draft, self._form.preset)

    @property
    def line(self) -> UidLine:
        return self.query_one(UidLine)

    def compose(self) -> ComposeResult:
        """Yield line and verdict; the form, a third of a frame, is mounted after the first one."""
        yield UidLine(id="uids")
        yield LimitedText("", id="verdict", markup=False)

    def on_mount(self) -> None:
        self.border_title = "Retrieve"
        self.border_subtitle = "f7 dry run"
        if self._first_text:
            self.line.take_paste(self._first_text)
        self.show_verdict()
        self.call_after_refresh(self.mount, self._form)

    def show_verdict(self) -> None:
        """Show what enter would do."""
        found = self.line.found
        if found.bad or found.selections or found.lookups:
            self._report = ""
        if found.bad and self.line.names_file:
            self._show("enter opens the file", "")
        elif found.bad:
            self._show(f"✗ {self._fault(found)}", "bad")
        elif found.selections or found.lookups:
            outlook = f" · {self._outlook}" if self._outlook else ""
            self._show(f"✓ {verdict_of(found)} · {summary(self.draft)}{outlook}", "good")
        elif self._report:
            self._show(self._report, "good")
        else:
            self._show(self._offer or summary(self.draft), "")

    def mask_patients(self, *, hide: bool) -> None:
        """Show line and verdict without or with values that lead to a patient."""
        self._hide_patients = hide
        self.line.mask_patients(hide=hide)
        self.show_verdict()

    def show_offer(self, offer: str) -> None:
        """Let enter on the empty line resume unfinished studies; an empty text offers none."""
        text = f"{offer}: enter resumes" if offer else ""
        if text != self._offer:
            self._offer = text
            self.show_verdict()

    def report(self, text: str) -> None:
        """Show a report on a request."""
        self._report = text
        self.show_verdict()

    def settle(self) -> None:
        """Clear the report, now that nothing runs."""
        if self._report:
            self._report = ""
            self.show_verdict()

    def show_fault(self, fault: FormFault) -> None:
        """Show a fault of the form, and go to its field."""
        self._show(f"✗ {fault}", "bad")
        self.post_message(self.Faulty(fault))

    def load(self, draft: Draft) -> None:
        self._form.load(draft)
        self._renew_verdict()

    def take_presets(self, presets: Sequence[Preset], name: str) -> None:
        """Offer these profiles and use the named one."""
        self._form.take_presets(presets, name)
        self._renew_verdict()

    @on(UidLine.Edited)
    def _line_edited(self) -> None:
        self._warned = False
        self._renew_verdict()

    @on(UidLine.Unreadable)
    def _not_a_list(self, event: UidLine.Unreadable) -> None:
        self._show(f"✗ {clean_text(event.fault)}", "bad")

    @on(OptionsForm.Edited)
    def _form_edited(self) -> None:
        self._report = ""
        self._renew_verdict()
        self.post_message(self.Edited())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        if not self.line.open_typed():
            self.submit()

    @property
    def is_empty(self) -> bool:
        """True if nothing is typed, pasted or loaded."""
        return not self.line.parts

    def submit(self) -> None:
        """Request the studies; bad lines need a second enter, which skips them."""
        if self._offer and self.is_empty:
            self.post_message(self.Resumed())
            return
        if (read := self._read("enter")) is not None:
            self.clear_requested(read[1])
            options, selections, found = read
            self.post_message(self.Submitted(options, _requests(selections, found), found.lookups))

    def ask_dry_run(self) -> None:
        """Ask what a retrieval of the studies would get."""
        if (read := self._read("f7")) is not None:
            options, selections, found = read
            requests = _requests(selections, found)
            self.post_message(self.DryRunRequested(options, requests, found.lookups))

    def clear_requested(self, selections: Sequence[Selection]) -> None:
        """Clear what was requested, in the line and in the form."""
        self.line.take_away(tuple(selections))
        self._form.forget_study()

    def _read(self, key: str) -> tuple[RetrieveOptions, tuple[Selection, ...], UidList] | None:
        """Return what is requested; None, with the fault shown, if that is nothing or invalid.

        Bad lines are a fault until `key` is pressed again.
        """
        found = self.line.found
        if not (found.selections or found.lookups):
            self._show(f"✗ {self._fault(found) or 'no UID: paste one'}", "bad")
            self.line.focus()
            return None
        if found.bad and not self._warned:
            self._warned = True
            self._show(f"✗ {self._fault(found)}; press {key} again to skip bad lines", "bad")
            return None
        try:
            return self.options, _narrowed(found, self.draft), found
        except FormFault as fault:
            self.show_fault(fault)
            return None

    def _fault(self, found: UidList) -> str:
        """Return what is wrong with the line; what is found in it if nothing is."""
        fault = clean_text(self.line.path_fault) or verdict_of(found)
        return without_patients(fault, hide=self._hide_patients)

    def _renew_verdict(self) -> None:
        """Show the verdict on a changed input; the forecast follows once it is known."""
        self._outlook = ""
        self.show_verdict()
        self._look_ahead()

    @work(exclusive=True, group="outlook")
    async def _look_ahead(self) -> None:
        """Forecast what the selected studies take; a change of the input starts again."""
        found = self.line.found
        if self._space_outlook is None or found.bad or not found.selections:
            return
        try:
            options, selections = self.options, _narrowed(found, self.draft)
        except FormFault:
            return
        studies = (StudyRequest(selection=each).planned for each in selections)
        outlook = await asyncio.to_thread(self._space_outlook, studies, options)
        self._outlook = "" if outlook is None else str(outlook)
        self.show_verdict()

    def _show(self, text: str, kind: str) -> None:
        place = self.query_one("#verdict", Static)
        place.update(text, layout=False)
        if (
            place.get_content_height(place.size, self.app.size, place.size.width)
            != place.size.height
        ):
            place.refresh(layout=True)
        place.set_class(kind == "bad", "-bad")
        place.set_class(kind == "good", "-good")


def _requests(selections: Sequence[Selection], found: UidList) -> list[StudyRequest]:
    return [
        StudyRequest(
            selection=each, identity=found.identities.get(each.study_instance_uid, UNIDENTIFIED)
        )
        for each in selections
    ]


def _narrowed(found: UidList, draft: Draft) -> tuple[Selection, ...]:
    """Return the selections; a single study is narrowed by the fields Series and Instance."""
    series, instance = draft["series"].strip() or None, draft["instance"].strip() or None
    if series is None:
        return found.selections
    asked = len(found.selections) + len(found.lookups)
    if asked > 1 or found.lookups:
        raise FormFault("series", f"Series: it belongs to one study, and there are {asked}")
    (study,) = found.selections
    if study.series:
        raise FormFault("series", "Series: the table names series of its own")
    narrowed = Selection.of(study.study_instance_uid, series, instance)
    return (replace(narrowed, owner=study.owner),)
