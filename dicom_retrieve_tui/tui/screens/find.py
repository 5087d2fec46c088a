"""Search studies by C-FIND, look into their series, and retrieve what is marked."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Static

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.sanitize import quoted
from dicom_retrieve_tui.model.search import Match, Search
from dicom_retrieve_tui.model.uids import uid_fault
from dicom_retrieve_tui.tui.ask_secrets import unlock_or_notify
from dicom_retrieve_tui.tui.cut_text import shown_patient
from dicom_retrieve_tui.tui.found_columns import choosable, requests_for
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.screens.columns import Choice, ColumnsScreen, FindColumnsChosen
from dicom_retrieve_tui.tui.search_form import SearchFault, empty_search, read_search
from dicom_retrieve_tui.tui.search_job import Finder, SearchProgress
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.widgets.found_table import FoundTable
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.search_pane import SearchPane

_PERIOD_S = 0.25
_ROOMY = 70
_FAULTS_SHOWN_MAX = 3


class FindScreen(Screen[list[StudyRequest] | None]):
    """Returns requests for the chosen studies or series; None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="find.back"),
        Binding("f3", "new", "New search", show=False, id="find.new"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
    ]

    DEFAULT_CSS = """
    FindScreen {
        & #find-where { height: 1; color: $text-muted; padding: 0 1; }
        & #search, & #found {
            border: round $panel-lighten-2;
            border-title-color: $text-muted;
            border-subtitle-color: $text-muted;
        }
        & #search.-entered, & #found:focus {
            border: round $primary;
            border-title-color: $text;
        }
        & #search { padding: 0 1; }
        & #found { height: 1fr; background: transparent; overflow-x: hidden; }
        & #find-report { height: auto; max-height: 4; padding: 0 1; color: $text-warning; }
        & #find-report.-bad { color: $text-error; }
    }
    """

    def __init__(
        self,
        finder: Finder,
        options: RetrieveOptions,
        secrets: SecretStore,
        *,
        patient_id: str = "",
    ) -> None:
        """Keep the search and its options.

        Args:
            finder: The current search; it survives this screen.
            options: The PACS, and the options of a retrieval.
            secrets: Passcodes and passphrases.
            patient_id: Search for the studies of this patient at once.
        """
        super().__init__()
        self._finder, self._options, self._secrets = finder, options, secrets
        finder.point_at(options)
        self._patient_id = patient_id
        self._known = 0
        self._study: Match | None = None
        """The study whose series are shown."""
        self._searching = False

    def compose(self) -> ComposeResult:
        profile = f" ({self._options.profile})" if self._options.profile else ""
        yield Static(
            f"Find studies in {self._options.peer}{profile}", id="find-where", markup=False
        )
        yield SearchPane(self._finder.draft, id="search")
        yield FoundTable(id="found")
        yield Static("", id="find-report", markup=False)
        yield KeysLine()

    def on_mount(self) -> None:
        pane = self.query_one(SearchPane)
        pane.border_title = "What to look for"
        pane.border_subtitle = "enter searches"
        self.watch(self.app, "hide_patients", self._mask)
        self.watch(self.app, "find_hidden_columns", self._hide_columns)
        self.set_interval(_PERIOD_S, self._look)
        if self._patient_id:
            self._show(SearchProgress())
            self._search_for_patient(self._patient_id)
        elif self._finder.depth:
            self._show_list()
            self.table.focus()
        else:
            self._show(SearchProgress())
            pane.focus_field()

    def on_resize(self) -> None:
        """Drop the gaps between the keys if the last one would not fit."""
        self.query_one(KeysLine).compact = self.size.width < _ROOMY

    @property
    def table(self) -> FoundTable:
        return self.query_one(FoundTable)

    def action_back(self) -> None:
        """Go back: from series to studies, from the form to the table, from there to the queue."""
        in_form = self.focused is not None and self.focused is not self.table
        if in_form and self.table.count:
            self.table.focus()
        elif self._finder.depth > 1:
            self._finder.back()
            self._show_list()
        else:
            self.dismiss(None)

    def action_new(self) -> None:
        self.query_one(SearchPane).focus_field()

    @on(SearchPane.Submitted)
    def _search(self) -> None:
        pane = self.query_one(SearchPane)
        try:
            search = read_search(self._finder.draft, date.today())  # noqa: DTZ011 - the user's day
        except SearchFault as fault:
            pane.show_fault(str(fault))
            pane.focus_field(fault.field)
            return

        self._search_for(search)

    @work
    async def _search_for(self, search: Search) -> None:
        if await self._unlock():
            self._finder.search(search)
            self._show_list()
            self.table.focus()

    @on(FoundTable.Opened)
    def _opened(self, event: FoundTable.Opened) -> None:
        """Search for the series of a study, or retrieve a series."""
        if not (matches := self._named([event.match])):
            return
        if self._finder.depth == 1:
            self._open(event.match)
        else:
            self.dismiss(requests_for(matches))

    @on(FoundTable.ViewChanged)
    def _view_changed(self) -> None:
        self._look(anyway=True)

    def action_retrieve(self) -> None:
        """Retrieve marked studies or series, else the one under the cursor."""
        if matches := self._named(self.table.chosen()):
            self.dismiss(requests_for(matches))

    def action_copy_uids(self) -> None:
        """Copy the UIDs of marked studies or series, else of the one under the cursor."""
        if matches := self._named(self.table.chosen()):
            self.app.copy_to_clipboard("\n".join(match.uid for match in matches))
            self.notify(f"Copied {count(len(matches), 'UID')}.")

    def action_priors(self) -> None:
        """Search for all studies of the patient under the cursor."""
        match = self._study if self._finder.depth > 1 else self.table.under_cursor
        if match is None or not match.patient_id:
            self.notify("The PACS gives this study no patient ID.")
        else:
            self._search_for_patient(match.patient_id)

    def _search_for_patient(self, patient_id: str) -> None:
        self.query_one(SearchPane).fill(patient_id=patient_id)
        self._finder.draft |= {**empty_search(), "patient_id": patient_id}
        self._search()

    def action_columns(self) -> None:
        """Choose the columns of the table."""

        def choose(hidden: frozenset[str] | None) -> None:
            if hidden is not None:
                self.post_message(FindColumnsChosen(hidden))

        choices = [Choice(each.name, each.title) for each in choosable(self.table.level)]
        self.app.push_screen(ColumnsScreen(choices, self.table.hidden_columns), choose)

    def _named(self, matches: Sequence[Match]) -> list[Match]:
        """Return matches with a valid UID, and report the others."""
        faults = [(match, uid_fault(match.uid)) for match in matches]
        for match, fault in [each for each in faults if each[1]][:_FAULTS_SHOWN_MAX]:
            text = f"The PACS returned the UID {quoted(match.uid)}, which {fault}."
            self.notify(text, severity="error", markup=False)
        return [match for match, fault in faults if fault is None]

    @work
    async def _open(self, study: Match) -> None:
        if await self._unlock():
            self._finder.open(study)
            self._study = study
            self._show_list()

    async def _unlock(self) -> bool:
        return await unlock_or_notify(self, self._secrets, self._options)

    def _show_list(self) -> None:
        """Show the matches of the current search from its start."""
        finding = self._finder.current
        self._known, self._searching = 0, True
        self.table.begin(finding.search.level if finding else Level.STUDY)
        self._look(anyway=True)

    def _look(self, *, anyway: bool = False) -> None:
        """Add the matches since the last call."""
        finding = self._finder.current
        if finding is None or not (self._searching or anyway):
            return
        now = finding.look(self._known)
        self._known += len(now.news)
        self.table.add(now.news)
        if self._searching and not now.running:
            self.table.settle()
        self._searching = now.running
        self._show(now)

    def _show(self, now: SearchProgress) -> None:
        table = self.table
        what = count(now.total, "study")
        if self._finder.depth > 1:
            what = f"{now.total:,} series of {self._patient_text()}"
        marked = f", {table.marked:,} marked" if table.marked else ""
        if self._finder.depth:
            # Not a str, which is parsed as markup: the patient's name comes from the PACS.
            table.border_title = Content(what + marked)
            table.border_subtitle = "searching ..." if now.running else table.order
        else:
            table.border_title = "No search yet"
        report = self.query_one("#find-report", Static)
        nothing = not (now.running or now.total or now.fault) and self._finder.depth
        lines = [*now.remarks, *([now.fault] if now.fault else ())]
        report.update(
            "\n".join(lines) or ("No matches. Press n for a new search." if nothing else "")
        )
        report.set_class(bool(now.fault), "-bad")

    def _patient_text(self) -> str:
        name = name_text(self._study.patient_name) if self._study else ""
        return shown_patient(name, hide=self.table.hide_patients) or "this study"

    def _hide_columns(self, names: frozenset[str]) -> None:
        self.table.hidden_columns = names
        self.table.lay_out()
        self._look(anyway=True)

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self.query_one(SearchPane).mask_patients(hide=hide)
        self.table.hide_patients = hide
        self.table.lay_out()
        self._look(anyway=True)
