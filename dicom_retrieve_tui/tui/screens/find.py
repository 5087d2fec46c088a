"""Search studies by C-FIND in one or several PACS, look into their series, retrieve some."""

from collections.abc import Sequence
from datetime import date
from typing import ClassVar

from rich.cells import cell_len
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
from dicom_retrieve_tui.tui.cut_text import cut, fit, shown_patient
from dicom_retrieve_tui.tui.found_columns import choosable, requests_for
from dicom_retrieve_tui.tui.found_match import FoundMatch
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.screens.columns import Choice, ColumnsScreen, FindColumnsChosen
from dicom_retrieve_tui.tui.search_form import SearchFault, empty_search, read_search
from dicom_retrieve_tui.tui.search_job import Finder, SearchProgress, Targets
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.widgets.found_table import FoundTable
from dicom_retrieve_tui.tui.widgets.header_line import PATIENTS_HIDDEN
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.limited_text import LimitedText
from dicom_retrieve_tui.tui.widgets.search_pane import SearchPane

_PERIOD_S = 0.25
_FAULTS_SHOWN_MAX = 3
_NO_MATCHES = "No matches. Press f3 to change the search, n for a new one."


Chosen = list[tuple[RetrieveOptions, list[StudyRequest]]]
"""The options and requests for each PACS."""


class FindScreen(Screen[Chosen | None]):
    """Returns requests for the chosen studies or series; None for none."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "back", "Back", id="find.back"),
        Binding("f3", "change", "Change the search", show=False, id="find.new"),
        Binding("f2", "pacs", "Choose the PACS", show=False, id="find.pacs"),
        Binding("f1", "app.context_help", "Help", id="app.help"),
    ]

    DEFAULT_CSS = """
    FindScreen {
        & #find-where {
            height: 1; color: $text-muted; padding: 0 1;
            text-wrap: nowrap; text-overflow: ellipsis;
        }
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
        & #find-report { height: auto; max-height: 6; padding: 0 1; color: $text-warning; }
        & #find-report.-bad { color: $text-error; }
    }
    """

    def __init__(
        self,
        finder: Finder,
        offered: Targets,
        chosen: Sequence[str],
        secrets: SecretStore,
        *,
        patient_id: str = "",
    ) -> None:
        """Keep the search and its options.

        Args:
            finder: The current search; it survives this screen.
            offered: The PACS that can be searched, with the options of a retrieval.
            chosen: The names of those to search.
            secrets: Passcodes and passphrases.
            patient_id: Search for the studies of this patient at once.
        """
        super().__init__()
        self._finder, self._offered, self._secrets = finder, offered, secrets
        finder.point_at({name: offered[name] for name in chosen})
        self._patient_id = patient_id
        self._known = 0
        self._study: FoundMatch | None = None
        """The study whose series are shown."""
        self._searching = False

    def compose(self) -> ComposeResult:
        yield Static("", id="find-where", markup=False)
        yield SearchPane(self._finder.draft, id="search")
        yield FoundTable(id="found")
        yield LimitedText("", id="find-report", markup=False)
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
        self._show_where()
        self._look(anyway=True)

    @property
    def table(self) -> FoundTable:
        return self.query_one(FoundTable)

    @property
    def _where(self) -> str:
        """The title: `Find studies in PACS1@pacs.example:104 (hospital)`."""
        targets = self._finder.targets
        if len(targets) > 1:
            return f"Find studies in {len(targets):,} PACS: {', '.join(targets)}"
        ((_, options),) = targets.items()
        profile = f" ({options.profile})" if options.profile else ""
        return f"Find studies in {options.peer}{profile}"

    def _show_where(self) -> None:
        """Show what is searched and, as the main screen does, that patients are hidden."""
        hidden = f"  {PATIENTS_HIDDEN}" if self.table.hide_patients else ""
        room = self.size.width - 2 - cell_len(hidden)
        where = fit(self._where, room) if hidden else self._where
        self.query_one("#find-where", Static).update(where + hidden)

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

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to retrieve where something is found."""
        if action == "retrieve" and not any(table.count for table in self.query(FoundTable)):
            return False
        return super().check_action(action, parameters)

    def action_new(self) -> None:
        """Empty the form and go there."""
        self.query_one(SearchPane).fill()
        self.action_change()

    def action_change(self) -> None:
        """Go to the form as it is."""
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
        targets = self._finder.targets
        locked = [name for name in targets if not await self._unlock(name)]
        if len(locked) < len(targets):
            self._finder.search(search, locked)
            self._show_list()
            self.table.focus()

    def action_pacs(self) -> None:
        """Choose the PACS to search."""
        from dicom_retrieve_tui.tui.screens.choose_pacs import ChoosePacsScreen  # noqa: PLC0415 - seldom used

        if len(self._offered) == 1:
            self.notify("There is one PACS. F2 in the main screen adds another.")
            return
        screen = ChoosePacsScreen(self._offered, self._finder.targets)
        self.app.push_screen(screen, self._take_pacs)

    def _take_pacs(self, names: tuple[str, ...] | None) -> None:
        """Search these from now on; answers of others are dropped."""
        if names is None or set(names) == set(self._finder.targets):
            return
        self._finder.choose(names)
        self._finder.point_at({name: self._offered[name] for name in names})
        self._show_where()
        self._study = None
        self._show_list()
        self._show(SearchProgress())
        self.action_change()

    @on(FoundTable.Opened)
    def _opened(self, event: FoundTable.Opened) -> None:
        """Search for the series of a study, or retrieve a series."""
        if not (named := self._named([event.found])):
            return
        if self._finder.depth == 1:
            self._open(event.found)
        else:
            self.dismiss(self._requests(named))

    @on(FoundTable.ViewChanged)
    def _view_changed(self) -> None:
        self._look(anyway=True)

    def action_retrieve(self) -> None:
        """Retrieve marked studies or series, else the one under the cursor."""
        if named := self._named(self.table.chosen()):
            self.dismiss(self._requests(named))

    def _requests(self, chosen: Sequence[FoundMatch]) -> Chosen:
        """Return what to retrieve from each PACS: of every study, where it was found."""
        by_pacs: dict[str, list[Match]] = {}
        for found in chosen:
            by_pacs.setdefault(found.pacs, []).append(found.match)
        targets = self._finder.targets
        return [(targets[name], requests_for(matches)) for name, matches in by_pacs.items()]

    def action_copy_uids(self) -> None:
        """Copy the UIDs of marked studies or series, else of the one under the cursor."""
        if named := self._named(self.table.chosen()):
            uids = list(dict.fromkeys(each.match.uid for each in named))
            self.app.copy_to_clipboard("\n".join(uids))
            self.notify(f"Copied {count(len(uids), 'UID')}.")

    def action_priors(self) -> None:
        """Search for all studies of the patient under the cursor."""
        found = self._study if self._finder.depth > 1 else self.table.under_cursor
        if found is None or not found.match.patient_id:
            self.notify("The PACS gives this study no patient ID.")
        else:
            self._search_for_patient(found.match.patient_id)

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

    def _named(self, chosen: Sequence[FoundMatch]) -> list[FoundMatch]:
        """Return matches with a valid UID, and report the others."""
        faults = [(found, uid_fault(found.match.uid)) for found in chosen]
        for found, fault in [each for each in faults if each[1]][:_FAULTS_SHOWN_MAX]:
            text = f"The PACS returned the UID {quoted(found.match.uid)}, which {fault}."
            self.notify(text, severity="error", markup=False)
        return [found for found, fault in faults if fault is None]

    @work
    async def _open(self, study: FoundMatch) -> None:
        if await self._unlock(study.pacs):
            self._finder.open(study)
            self._study = study
            self._show_list()

    async def _unlock(self, pacs: str) -> bool:
        return await unlock_or_notify(self, self._secrets, self._finder.targets[pacs])

    def _show_list(self) -> None:
        """Show the matches of the current search from its start."""
        finding = self._finder.current
        self._known, self._searching = 0, True
        self.table.several = self._finder.depth < 2 and len(self._finder.targets) > 1
        self.table.begin(finding.search.level if finding else Level.STUDY)
        self._look(anyway=True)

    def _look(self, *, anyway: bool = False) -> None:
        """Add the matches since the last call."""
        finding = self._finder.current
        if finding is None or not (self._searching or anyway):
            return
        now, before = finding.look(self._known), self.table.count
        self._known += len(now.news)
        self.table.add(now.news)
        if not before:
            self.refresh_bindings()
        if self._searching and not now.running:
            self.table.settle()
        self._searching = bool(now.running)
        self._show(now)

    def _show(self, now: SearchProgress) -> None:
        table = self.table
        what = count(now.total, "study")
        if now.running and not now.total:
            what = "Searching"
        elif self._finder.depth > 1:
            what = f"{now.total:,} series of {self._patient_text()}"
        elif table.several:
            what = f"{what} in {len(self._finder.targets):,} PACS"
        marked = f", {table.marked:,} marked" if table.marked else ""
        if self._finder.depth:
            # Not a str, which is parsed as markup: the patient's name comes from the PACS.
            table.border_title = Content(what + marked)
            where = f" {', '.join(now.running)}" if table.several else ""
            table.border_subtitle = (
                Content(f"searching{where} ...") if now.running else Content(table.order)
            )
        else:
            table.border_title = "No search yet"
        report = self.query_one("#find-report", Static)
        nothing = not (now.running or now.total or now.faults) and self._finder.depth
        lines = [*now.remarks, *now.faults]
        if table.several:
            # A line for each PACS, so that none hides another.
            lines = [cut(line, self.size.width - 2) for line in lines]
        report.update("\n".join(lines) or (_NO_MATCHES if nothing else ""))
        report.set_class(bool(now.faults), "-bad")

    def _patient_text(self) -> str:
        name = name_text(self._study.match.patient_name) if self._study else ""
        return shown_patient(name, hide=self.table.hide_patients) or "this study"

    def _hide_columns(self, names: frozenset[str]) -> None:
        self.table.hidden_columns = names
        self.table.lay_out()
        self._look(anyway=True)

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self.query_one(SearchPane).mask_patients(hide=hide)
        self.table.hide_patients = hide
        self._show_where()
        self.table.lay_out()
        self._look(anyway=True)
