"""The search form, two fields a line."""

from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.message import Message
from textual.widgets import Input, Label, Static

from dicom_retrieve_tui.tui.cut_text import without_patients
from dicom_retrieve_tui.tui.search_form import FIELDS, PRESETS, SearchField
from dicom_retrieve_tui.tui.widgets.framed_pane import FramedPane
from dicom_retrieve_tui.tui.widgets.patient_input import PatientInput

_A_LINE = 2
_PATIENT_FIELDS = ("patient_id", "patient_name", "accession_number")


class _OneValueInput(PatientInput):
    """A field that refuses a paste of several lines, of which Textual's keeps the first."""

    class SeveralPasted(Message):
        """Several lines were pasted, and none was taken."""

        def __init__(self, field: str, lines: int) -> None:
            super().__init__()
            self.field = field
            """The name of the field."""
            self.lines = lines

    def may_name_patient(self) -> bool:
        """Return True: its field leads to a patient, even if the text looks like a UID."""
        return True

    def _on_paste(self, event: events.Paste) -> None:
        lines = sum(bool(line.strip()) for line in event.text.splitlines())
        if lines > 1:
            # Input's own handler would insert the first line.
            event.prevent_default()
            event.stop()
            self.post_message(self.SeveralPasted(str(self.name), lines))


class SearchPane(FramedPane):
    """The fields; enter in any of them searches."""

    HELP: ClassVar[str] = """\
What to look for. `*` stands for any text, `?` for any character; without them, a name matches all
names that begin with it.
Dates: 2024-03-31, 2024-03, 2024-01-01..2024-03-31, 31.3.2024, today, this week, last
week, last 7d; F5 fills in common ones.
F2 chooses the PACS to search, one or several."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "search", "Search", id="find.search"),
        Binding("f5", "date", "Dates", id="find.date"),
        Binding("f2", "screen.pacs", "PACS", id="find.pacs", tooltip="One or several"),
    ]

    DEFAULT_CSS = """
    SearchPane {
        height: auto;
        & Horizontal { height: 1; }
        & Label { width: 11; color: $text-muted; }
        & .second { margin-left: 2; }
        & Input { width: 1fr; }
        & #search-fault { color: $text-error; height: auto; display: none; }
        & #search-fault.-shown { display: block; }
    }
    """

    class Submitted(Message):
        """The user wants to search."""

    def __init__(self, draft: dict[str, str], *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._draft = draft
        """The texts of the fields, updated with each change."""
        self._hide_patients = False

    def compose(self) -> ComposeResult:
        for at in range(0, len(FIELDS), _A_LINE):
            with Horizontal():
                for number, field in enumerate(FIELDS[at : at + _A_LINE]):
                    yield Label(field.label, classes="second" if number else "")
                    yield self._editor(field)
        yield Static("", id="search-fault", markup=False)

    def focus_field(self, name: str = FIELDS[0].name) -> None:
        """Focus a field and select its text, which typing then replaces."""
        field = self.query_one(f"#search-{name}", Input)
        field.focus()
        # Also where the field had the focus before.
        field.action_select_all()

    def fill(self, **texts: str) -> None:
        """Replace the texts of all fields; those that are not named become empty."""
        for field in FIELDS:
            self.query_one(f"#search-{field.name}", Input).value = texts.get(field.name, "")

    def mask_patients(self, *, hide: bool) -> None:
        """Draw dots in the fields that lead to a patient."""
        self._hide_patients = hide
        self.show_fault("")
        for name in _PATIENT_FIELDS:
            self.query_one(f"#search-{name}", PatientInput).mask_patients(hide=hide)

    def show_fault(self, text: str) -> None:
        """Show what is wrong; an empty text clears it."""
        place = self.query_one("#search-fault", Static)
        shown = without_patients(text, hide=self._hide_patients)
        place.update(f"✗ {shown}" if text else "")
        place.set_class(bool(text), "-shown")

    def action_search(self) -> None:
        self.post_message(self.Submitted())

    def action_date(self) -> None:
        """Fill in the next of the usual dates."""
        field = self.query_one("#search-study_date", Input)
        following = PRESETS.index(field.value) + 1 if field.value in PRESETS else 0
        field.value = PRESETS[following] if following < len(PRESETS) else ""
        self.focus_field("study_date")

    def _editor(self, field: SearchField) -> Input:
        return _OneValueInput(
            self._draft[field.name],
            placeholder=field.hint,
            compact=True,
            name=field.name,
            id=f"search-{field.name}",
        )

    @on(_OneValueInput.SeveralPasted)
    def _several_pasted(self, event: _OneValueInput.SeveralPasted) -> None:
        label = next(each.label for each in FIELDS if each.name == event.field)
        self.show_fault(
            f"{label} takes one value, and {event.lines:,} lines were pasted. The UID line of the "
            "main window takes a list."
        )

    @on(Input.Changed)
    def _typed(self, event: Input.Changed) -> None:
        event.stop()
        self._draft[str(event.input.name)] = event.value
        self.show_fault("")

    @on(Input.Submitted)
    def _entered(self, event: Input.Submitted) -> None:
        event.stop()
        self.action_search()
