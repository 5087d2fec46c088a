"""Earlier retrievals: ask again, open or verify their folders, forget them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import ClassVar

from rich.text import Text
from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import Screen
from textual.widgets import DataTable, Static

from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns
from dicom_retrieve_tui.model.history_records import (
    UNFINISHED,
    JobStudy,
    MissedLine,
    PastJob,
)
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_lookup import Lookup
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.tui.cut_text import cut, without_accession
from dicom_retrieve_tui.tui.field_words import method_words
from dicom_retrieve_tui.tui.folders import open_folder
from dicom_retrieve_tui.tui.history import JobHistory, RecalledNames, options_of_job
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import FormFault
from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen
from dicom_retrieve_tui.tui.screens.verify import ActiveIn, verify_screen
from dicom_retrieve_tui.tui.study_names import screen_verdict, study_name
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine

_STUDIES_MAX = 1000
"""Studies of one retrieval that are shown; the screen stays quick."""
_PADDING = 1
_NONE = "Nothing is recorded of earlier retrievals."

_COLUMNS = (
    ColumnSize(name="begun", least=16),
    ColumnSize(name="pacs", least=10),
    ColumnSize(name="studies", least=7),
    ColumnSize(name="verdict", least=12),
    ColumnSize(name="instances", least=13, rank=1),
    ColumnSize(name="folder", least=20, rank=2),
)
_GROWTH = ({"verdict": 28}, {"pacs": 20}, {"folder": 80, "verdict": 40})
_TITLES = {
    "begun": "DATE",
    "pacs": "PACS",
    "studies": "STUDIES",
    "verdict": "VERDICT",
    "instances": "INSTANCES",
    "folder": "FOLDER",
}
_RIGHT = {"studies", "instances"}

Again = tuple[RetrieveOptions, list[StudyRequest], list[Lookup]]
"""The options, the studies to retrieve, and the lines to look up."""


def verdict_text(job: PastJob, *, running: bool = False) -> str:
    """Return `complete`, or how many studies ended how: `298 complete, 2 failed`.

    Args:
        job: The retrieval.
        running: True if it has not ended: `running: 15 complete, 137 to come`.
    """
    if set(job.verdicts) == {Verdict.COMPLETE}:
        return str(Verdict.COMPLETE)
    order = [*Verdict, None]
    counts = ", ".join(
        f"{job.verdicts[each]:,} {_word(each, running=running)}"
        for each in order
        if each in job.verdicts
    )
    return f"running: {counts}" if running else counts


def instances_text(job: PastJob) -> str:
    """Return `480/480`, or what came if the total is unknown."""
    return f"{job.stored:,}" if job.expected is None else f"{job.stored:,}/{job.expected:,}"


def _word(verdict: Verdict | None, *, running: bool) -> str:
    if verdict is not None:
        return screen_verdict(verdict)
    return "to come" if running else "unfinished"


def _pacs(job: PastJob) -> str:
    return job.profile or str(job.options.get("pacs", ""))


def _begun(moment: datetime) -> str:
    return f"{system_local(moment):%Y-%m-%d %H:%M}"


def _cells(job: PastJob, *, running: bool) -> dict[str, str]:
    return {
        "begun": _begun(job.begun),
        "pacs": _pacs(job),
        "studies": f"{job.studies:,}",
        "verdict": verdict_text(job, running=running),
        "instances": instances_text(job),
        "folder": folder_text(job.output),
    }


_JOB_BINDINGS: tuple[Binding, ...] = (
    Binding("enter,r", "screen.again", "Ask again", key_display="enter", id="history.again"),
    Binding("o", "screen.open_folder", "Open", id="history.open", tooltip="Open the folder"),
    Binding(
        "v", "screen.verify", "Verify", id="history.verify", tooltip="Check the files of the folder"
    ),
    Binding("d,delete", "screen.forget", "Forget", key_display="d", id="history.forget"),
    Binding("D", "screen.forget_all", "Forget all", show=False, id="history.forget_all"),
    Binding("h", "app.toggle_patients", "Hide or show patients", show=False, id="history.mask"),
    Binding("question_mark", "app.context_help", "Help", key_display="?", id="app.help"),
)


class HistoryTable(DataTable[Text]):
    """A line for each earlier retrieval, the latest first."""

    HELP = """\
Earlier retrievals, the latest first. `enter` asks again for the studies of one, with its options:
what is on disk is not sent again. `v` checks the files of its folder. `tab` goes to the studies of
the retrieval, to scroll through them. Forgetting a retrieval deletes no file, only what the
history records of it, names of patients included."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_JOB_BINDINGS,
        Binding("j", "cursor_down", "Down", show=False, id="history.down"),
        Binding("k", "cursor_up", "Up", show=False, id="history.up"),
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id, cursor_type="row", cell_padding=_PADDING)
        self.jobs: Sequence[PastJob] = ()
        self.running: Collection[int] = ()
        """Those that have not ended, by their numbers."""

    @property
    def job(self) -> PastJob | None:
        """The retrieval under the cursor."""
        return self.jobs[self.cursor_row] if self.is_valid_row_index(self.cursor_row) else None

    def on_resize(self) -> None:
        self.show_jobs(self.jobs, self.running)

    def show_jobs(self, jobs: Sequence[PastJob], running: Collection[int]) -> None:
        """Show these with the columns that fit; the cursor keeps its line."""
        row = self.cursor_row
        self.jobs, self.running = jobs, running
        self.clear(columns=True)
        width = self.size.width - self.styles.scrollbar_size_vertical - 2 * _PADDING
        widths = fit_columns(_COLUMNS, width, gap=2 * _PADDING, growth=_GROWTH)
        for name, cells in widths.items():
            title = _TITLES[name]
            self.add_column(title.rjust(cells) if name in _RIGHT else title, width=cells, key=name)
        for job in jobs:
            texts = _cells(job, running=job.job_id in running)
            cut_texts = {
                name: cut(clean_text(texts[name]), cells) for name, cells in widths.items()
            }
            self.add_row(
                *(
                    Text(text.rjust(widths[name]) if name in _RIGHT else text)
                    for name, text in cut_texts.items()
                )
            )
        self.move_cursor(row=min(row, len(jobs) - 1), animate=False)


class JobStudies(VerticalScroll, can_focus=True):
    """The retrieval under the cursor and its studies, to scroll through."""

    HELP = """\
The studies of the retrieval that is chosen above, incomplete ones first. `tab` goes back to the
retrievals."""

    BINDINGS: ClassVar[list[BindingType]] = [
        *_JOB_BINDINGS,
        Binding("j", "scroll_down", "Down", show=False, id="history.down"),
        Binding("k", "scroll_up", "Up", show=False, id="history.up"),
    ]

    def compose(self) -> ComposeResult:
        yield Static("", id="past-text", markup=False)

    def show_lines(self, lines: Sequence[str]) -> None:
        """Show these lines from the first one."""
        self.query_one("#past-text", Static).update("\n".join(map(clean_text, lines)))
        self.border_subtitle = "tab, then ↓ scrolls" if len(lines) > self.size.height else ""
        self.scroll_home(animate=False)


class HistoryScreen(Screen[Again | None]):
    """Returns what to retrieve again; None for nothing."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,f5", "leave", "Back", key_display="esc", id="history.back"),
        Binding("f1", "app.context_help", "Help", show=False, id="app.help"),
    ]

    DEFAULT_CSS = """
    HistoryScreen {
        & #past, & #past-job {
            border: round $panel-lighten-2;
            border-title-color: $text-muted;
        }
        & #past:focus, & #past-job:focus {
            border: round $primary; border-title-color: $text;
        }
        & #past { height: auto; max-height: 50%; background: transparent; overflow-x: hidden; }
        & #past-job { height: 1fr; padding: 0 1; scrollbar-size-vertical: 1; }
        & #past-text { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }
    }
    """

    def __init__(self, job_history: JobHistory, store: ProgressStore, active_in: ActiveIn) -> None:
        """Keep the sources.

        Args:
            job_history: Knows the retrievals.
            store: Knows what the studies are called.
            active_in: Knows what runs or waits in the queue.
        """
        super().__init__()
        self._job_history, self._store = job_history, store
        self._active_in = active_in
        self._hide = False

    def compose(self) -> ComposeResult:
        table = HistoryTable(id="past")
        table.border_title = "Earlier retrievals"
        yield table
        studies = JobStudies(id="past-job")
        studies.border_title = "This retrieval"
        yield studies
        yield KeysLine()

    def on_mount(self) -> None:
        self.table.focus()
        self._read()
        self.watch(self.app, "hide_patients", self._mask)

    def on_resize(self) -> None:
        self._show_job()

    @property
    def table(self) -> HistoryTable:
        return self.query_one(HistoryTable)

    def action_leave(self) -> None:
        self.dismiss(None)

    @work
    async def action_again(self) -> None:
        """Leave, and retrieve the studies again with their options; ask if that may be much."""
        if (job := self._chosen()) is None:
            return
        runs = job.job_id in self._job_history.running()
        question = (
            f"{'This retrieval still runs. ' if runs else ''}Ask again for "
            f"{count(job.studies, 'study')}? What is on disk is not sent again."
        )
        if job.studies > 1 or runs:
            confirm = ConfirmScreen(question, yes="Ask again", no="Cancel")
            if not await self.app.push_screen_wait(confirm):
                return
        lines = self._job_history.missed_lines(job.job_id)
        lookups = [each.missed.lookup for each in lines if each.missed is not None]
        self._retrieve(job, self._selections(job), lookups)

    def action_open_folder(self) -> None:
        """Open the folder on the desktop, or copy its path."""
        if (job := self._chosen()) is None:
            return
        if fault := open_folder(job.output):
            self.app.copy_to_clipboard(str(job.output))
            self.notify(f"{fault}; copied: {job.output}", markup=False)
        else:
            self.notify(f"Opening {job.output}", markup=False)

    @work
    async def action_verify(self) -> None:
        """Check the files of the folder, and ask again for what is lost."""
        if (job := self._chosen()) is None:
            return
        asked = {each.study_instance_uid: each for each in self._selections(job)}
        # The folder may have studies of other retrievals, too.
        names = RecalledNames(self._store, self._job_history)

        def name(uid: str) -> str:
            return study_name(names.identity_of(uid), hide_patients=self._hide)

        try:
            options: RetrieveOptions | FormFault = options_of_job(job)
        except FormFault as fault:
            options = fault
        screen = verify_screen(job.output, name, self._active_in, options)
        if lost := await self.app.push_screen_wait(screen):
            whole = {uid: Selection(study_instance_uid=uid) for uid in lost}
            self._retrieve(job, [asked.get(uid, whole[uid]) for uid in lost])

    @work
    async def action_forget(self) -> None:
        """Forget the retrieval under the cursor, if the user confirms."""
        if (job := self._chosen()) is not None:
            what = f"the retrieval of {count(job.studies, 'study')} on {_begun(job.begun)}"
            await self._forget([job], what)

    @work
    async def action_forget_all(self) -> None:
        """Forget every retrieval, if the user confirms."""
        if jobs := list(self.table.jobs):
            what = "this retrieval" if len(jobs) == 1 else f"all {len(jobs):,} retrievals"
            await self._forget(jobs, what)

    async def _forget(self, jobs: Sequence[PastJob], what: str) -> None:
        unfinished = sum(
            study.left for job in jobs for study in self._job_history.studies(job.job_id)
        )
        question = f"Forget {what}? Files stay."
        if unfinished:
            question += f" {count(unfinished, 'unfinished study')} will not be offered to resume."
        if await self.app.push_screen_wait(ConfirmScreen(question, yes="Forget", no="Keep")):
            self._job_history.forget([job.job_id for job in jobs])
            self._read()

    def _retrieve(
        self, job: PastJob, selections: Sequence[Selection], lookups: Sequence[Lookup] = ()
    ) -> None:
        try:
            options = options_of_job(job)
        except FormFault as fault:
            self.notify(str(fault), severity="error", timeout=15, markup=False)
        else:
            requests = [StudyRequest(selection=each) for each in selections]
            self.dismiss((options, requests, list(lookups)))

    def _selections(self, job: PastJob) -> list[Selection]:
        """Return the selections of a retrieval; from now on, names of its studies are known."""
        selections = [each.selection for each in self._job_history.studies(job.job_id)]
        self._know(selections)
        return selections

    def _know(self, selections: Sequence[Selection]) -> None:
        uids = [each.study_instance_uid for each in selections]
        self._store.know(self._job_history.identities(uids))

    def _name_of(self, uid: str) -> str:
        return study_name(self._store.identity_of(uid), hide_patients=self._hide)

    def _mask(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self._hide = hide
        self._show_job()

    def _chosen(self) -> PastJob | None:
        if self.table.job is None:
            self.notify(_NONE)
        return self.table.job

    def _read(self) -> None:
        self.table.show_jobs(self._job_history.past_jobs(), self._job_history.running())
        self._show_job()

    @on(DataTable.RowHighlighted)
    def _moved(self, event: DataTable.RowHighlighted) -> None:
        event.stop()
        self._show_job()

    def _show_job(self) -> None:
        job = self.table.job
        lines = [_NONE] if job is None else self._lines(job)
        self.query_one(JobStudies).show_lines(lines)

    def _lines(self, job: PastJob) -> list[str]:
        options, studies = job.options, self._job_history.studies(job.job_id, _STUDIES_MAX)
        self._know([each.selection for each in studies])
        running = job.job_id in self.table.running
        method = method_words(str(options.get("method", "")))
        address = f"{options.get('called_aet', '')}@{options.get('pacs', '')}"
        lines = self._job_history.missed_lines(job.job_id)[:_STUDIES_MAX]
        more = job.studies - len(studies) - len(lines)
        return [
            f"Folder    {folder_text(job.output)}",
            f"PACS      {address}, by {method}",
            f"Verdict   {verdict_text(job, running=running)}; {instances_text(job)} instances",
            *(f"! {self._place(each)}: {Verdict.NOT_FOUND}" for each in lines),
            *(self._line(each, running=running) for each in studies),
            *([f"and {more:,} more"] if more > 0 else []),
        ]

    def _place(self, line: MissedLine) -> str:
        if line.missed is None:
            return f"line {line.line}"
        lookup = line.missed.lookup
        return without_accession(lookup.place, lookup.accession_number, hide=self._hide)

    def _line(self, study: JobStudy, *, running: bool) -> str:
        uid, part = study.selection.study_instance_uid, study.selection.part
        mark = "✓" if study.verdict in GOOD else "·" if study.verdict in UNFINISHED else "!"
        name = self._name_of(uid) or uid
        word = _word(study.verdict, running=running)
        return f"{mark} {f'{part} of ' if part else ''}{name}: {word}"
