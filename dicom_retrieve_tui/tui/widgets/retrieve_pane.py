"""What to retrieve, and how: the UID line, the verdict on it, and the form."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import Input, Static

from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.uid_list import UidList
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import Draft, FormFault, read_draft, summary
from dicom_retrieve_tui.tui.widgets.framed_pane import FramedPane
from dicom_retrieve_tui.tui.widgets.options_form import OptionsForm, Preset
from dicom_retrieve_tui.tui.widgets.uid_line import UidLine


def verdict_of(found: UidList) -> str:
    """`412 UIDs, 3 duplicates, 1 bad: line 88 ...`; empty if there is nothing to judge."""
    parts = []
    if found.selections or found.duplicates or (found.bad and not found.lookups):
        parts.append(count(len(found.selections), "UID"))
    if narrowed := sum(bool(each.series) for each in found.selections):
        parts.append(f"{narrowed:,} narrowed to series")
    if found.lookups:
        parts.append(f"{count(len(found.lookups), 'line')} to look up")
    if found.duplicates:
        parts.append(count(found.duplicates, "duplicate"))
    if found.bad:
        more = f", and {len(found.bad) - 1} more" if len(found.bad) > 1 else ""
        parts.append(f"{len(found.bad)} bad: {found.bad[0]}{more}")
    parts.extend(found.notes)
    return ", ".join(parts)


class RetrievePane(FramedPane):
    """The UID line above; the form below it, where there is room."""

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

    class Submitted(Message):
        """These studies are to be retrieved with these options."""

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
            """Studies that only the PACS can name."""

    class Edited(Message):
        """The form has changed."""

    class Resumed(Message):
        """What earlier runs left is to be taken up again."""

    class Faulty(Message):
        """A field of the form cannot be meant."""

        def __init__(self, fault: FormFault) -> None:
            super().__init__()
            self.fault = fault

    def __init__(
        self,
        presets: Sequence[Preset],
        *,
        preset: str = "",
        text: str = "",
        id: str | None = None,  # noqa: A002 - Textual's name
    ) -> None:
        super().__init__(id=id)
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
        self._offer = ""
        self._told = ""
        """How the last order went; empty once something else is typed, or all of it has ended."""

    @property
    def draft(self) -> dict[str, str]:
        """What stands in the form."""
        return self._form.draft

    @property
    def form(self) -> OptionsForm:
        """The form itself."""
        return self._form

    @property
    def options(self) -> RetrieveOptions:
        """What the form says. Raises `FormFault`."""
        return read_draft(self.draft, self._form.preset)

    @property
    def line(self) -> UidLine:
        """The UID line."""
        return self.query_one(UidLine)

    def compose(self) -> ComposeResult:
        """Line and verdict; the form comes after the first frame, of which it would be a third."""
        yield UidLine(id="uids")
        yield Static("", id="verdict", markup=False)

    def on_mount(self) -> None:
        """Begin with what was handed in."""
        self.border_title = "Retrieve"
        if self._first_text:
            self.line.take_paste(self._first_text)
        self.show_verdict()
        self.call_after_refresh(self.mount, self._form)

    def show_verdict(self) -> None:
        """Say what enter would do."""
        found = self.line.found
        if found.bad or found.selections or found.lookups:
            self._told = ""
        if found.bad:
            self._say(f"✗ {verdict_of(found)}", "bad")
        elif found.selections or found.lookups:
            self._say(f"✓ {verdict_of(found)} · {summary(self.draft)}", "good")
        elif self._told:
            self._say(self._told, "good")
        else:
            self._say(self._offer or summary(self.draft), "")

    def show_offer(self, offer: str) -> None:
        """Let enter on the empty line take up what was left; empty if there is nothing."""
        told = f"{offer}: enter resumes" if offer else ""
        if told != self._offer:
            self._offer = told
            self.show_verdict()

    def say(self, text: str) -> None:
        """Tell how an order went."""
        self._told = text
        self.show_verdict()

    def settle(self) -> None:
        """Nothing runs any more: how the last order went is no news."""
        if self._told:
            self._told = ""
            self.show_verdict()

    def complain(self, fault: FormFault) -> None:
        """Tell what keeps the form from being meant."""
        self._say(f"✗ {fault}", "bad")
        self.post_message(self.Faulty(fault))

    def load(self, draft: Draft) -> None:
        """Fill the form."""
        self._form.load(draft)
        self.show_verdict()

    def take_presets(self, presets: Sequence[Preset], name: str) -> None:
        """There are other profiles, and this one is in use."""
        self._form.take_presets(presets, name)
        self.show_verdict()

    @on(UidLine.Edited)
    def _line_edited(self) -> None:
        self._warned = False
        self.show_verdict()

    @on(OptionsForm.Edited)
    def _form_edited(self) -> None:
        self._told = ""
        self.show_verdict()
        self.post_message(self.Edited())

    @on(Input.Submitted)
    def _submitted(self, event: Input.Submitted) -> None:
        event.stop()
        self.submit()

    def submit(self) -> None:
        """Ask for what stands here; bad lines need it twice, and are skipped then."""
        found = self.line.found
        if self._offer and not self.line.parts:
            self.post_message(self.Resumed())
            return
        if not (found.selections or found.lookups):
            self._say(f"✗ {verdict_of(found) or 'no UID yet: paste one'}", "bad")
            self.line.focus()
            return
        if found.bad and not self._warned:
            self._warned = True
            self._say(f"✗ {verdict_of(found)}; enter again skips what is bad", "bad")
            return
        try:
            options = self.options
            selections = _narrowed(found, self.draft)
        except FormFault as fault:
            self.complain(fault)
            return
        self.line.take_away(selections)
        self._form.forget_study()
        requests = [StudyRequest(selection=each) for each in selections]
        self.post_message(self.Submitted(options, requests, found.lookups))

    def _say(self, text: str, kind: str) -> None:
        place = self.query_one("#verdict", Static)
        place.update(text, layout=False)
        if (
            place.get_content_height(place.size, self.app.size, place.size.width)
            != place.size.height
        ):
            place.refresh(layout=True)
        place.set_class(kind == "bad", "-bad")
        place.set_class(kind == "good", "-good")


def _narrowed(found: UidList, draft: Draft) -> tuple[Selection, ...]:
    """What the list asks for; one study alone is narrowed by what the form says of it."""
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
