"""The main screen: what to retrieve, the queue, and the progress.

Other screens are imported when they open, so that the first frame does not wait. A timer takes a
snapshot of the progress four times a second; nothing else draws numbers.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from typing import ClassVar

from textual import events, on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message

from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.study_identity import SeriesIdentity
from dicom_retrieve_tui.tui.ask_secrets import unlock_or_notify
from dicom_retrieve_tui.tui.found_match import pacs_label
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.jobs import Jobs
from dicom_retrieve_tui.tui.list_file import ListChoice
from dicom_retrieve_tui.tui.ports import DryRun, FolderAccounts, SpaceOutlook
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_actions import QueueActions
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.retrieve_form import FormFault, read_draft, unverified
from dicom_retrieve_tui.tui.search_job import BorrowingFindEach, Finder, SearchJob
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.widgets.associations import Associations
from dicom_retrieve_tui.tui.widgets.events_pane import EventsPane
from dicom_retrieve_tui.tui.widgets.guide_line import GuideLine
from dicom_retrieve_tui.tui.widgets.header_line import HeaderLine, PeerSummary, pause_text
from dicom_retrieve_tui.tui.widgets.keys_line import KeysLine
from dicom_retrieve_tui.tui.widgets.options_form import Preset
from dicom_retrieve_tui.tui.widgets.queue_table import NO_STUDY, QueueTable
from dicom_retrieve_tui.tui.widgets.retrieve_pane import RetrievePane
from dicom_retrieve_tui.tui.widgets.throughput import Throughput
from dicom_retrieve_tui.tui.widgets.total_line import TotalLine
from dicom_retrieve_tui.tui.widgets.uid_line import Part

PERIOD_S = 0.25
WIDE = 100
TALL, HIGH = 30, 45


class MainScreen(QueueActions):
    """Panes, arranged by the size of the terminal."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f3", "find", "Find studies", show=False, id="main.find"),
        Binding("f4", "options", "Options", show=False, id="main.options"),
        Binding("f5", "history", "History", show=False, id="main.history"),
        Binding("f6", "events", "Events", show=False, id="main.events"),
        Binding("f7", "dry_run", "Dry run: what would come", show=False, id="main.dry_run"),
        Binding("ctrl+o", "load", "File", show=False, id="main.load"),
        Binding("escape", "queue", "Queue", show=False, id="main.queue"),
    ]

    class ProfileChosen(Message):
        """The user has chosen a profile in the form."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    class ListLoaded(Message):
        """A list was loaded from a folder."""

        def __init__(self, folder: str) -> None:
            super().__init__()
            self.folder = folder

    def __init__(
        self,
        jobs: Jobs,
        store: ProgressStore,
        presets: Sequence[Preset],
        *,
        job_history: JobHistory,
        finder: Finder,
        secrets: SecretStore,
        accounts: FolderAccounts,
        find_each: BorrowingFindEach,
        space_outlook: SpaceOutlook | None = None,
        dry_run: DryRun | None = None,
        preset: str = "",
        text: str = "",
        guide: bool = False,
        list_folder: str = "",
    ) -> None:
        """Make the panes.

        Args:
            jobs: Runs and steers sessions.
            store: Keeps their progress.
            presets: The profiles.
            job_history: Knows unfinished and recent jobs.
            finder: Keeps the current search.
            secrets: Keeps typed passcodes and passphrases.
            accounts: The accounts of output folders.
            find_each: Looks up accession numbers and patient IDs.
            space_outlook: Forecasts what studies take on the disk; None if nothing does.
            dry_run: Lists what a retrieval would get; None if nothing does.
            preset: The profile to begin with; the first one if empty.
            text: The first text of the UID line.
            guide: Show what to press next, until a study is complete.
            list_folder: Where the window that loads a list begins; empty for nowhere.
        """
        super().__init__(
            jobs,
            store,
            job_history=job_history,
            secrets=secrets,
            accounts=accounts,
            find_each=find_each,
            space_outlook=space_outlook,
            dry_run=dry_run,
        )
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (WIDE, "-wide")]
        self.VERTICAL_BREAKPOINTS = [(0, "-short"), (TALL, "-tall"), (HIGH, "-high")]
        self._finder, self._presets = finder, presets
        self._retrieve = RetrievePane(
            presets, preset=preset, text=text, space_outlook=space_outlook, id="retrieve"
        )
        self._list_choice = ListChoice(f"{list_folder}/" if list_folder else "")
        self._echo, self._announced = "", self.profile
        self._shown_paused = False
        self._guide = GuideLine(id="guide") if guide else None

    def compose(self) -> ComposeResult:
        """Yield every pane; the style sheet decides which are shown, and where."""
        # Textual sets these classes only after a first frame without them.
        width, height = self.app.size
        self.add_class("-wide" if width >= WIDE else "-narrow")
        self.add_class("-high" if height >= HIGH else "-tall" if height >= TALL else "-short")
        yield HeaderLine(id="header")
        if self._guide is not None:
            yield self._guide
        yield self._retrieve
        yield self._queue
        with Horizontal(id="below"):
            with Vertical(id="speed"):
                yield Throughput(id="throughput")
                yield Associations(id="associations")
            yield EventsPane(id="events")
        yield TotalLine(id="total")
        yield KeysLine()

    def on_mount(self) -> None:
        self.query_one("#speed").border_title = "Throughput"
        self._show_peer()
        self._retrieve.line.recall_from(self._job_history.recent)
        self._retrieve.line.focus()
        self.watch(self.app, "hide_patients", self._mask_patients)
        self.watch(self.app, "queue_hidden_columns", self.table.hide_columns)
        self.set_interval(PERIOD_S, self._look)

    @property
    def table(self) -> QueueTable:
        return self._queue.table

    @property
    def profile(self) -> str:
        """The name of the profile in use; empty if there is none."""
        return self._retrieve.form.preset

    def take_presets(self, presets: Sequence[Preset], name: str, *, echo: str = "") -> None:
        """Use a profile.

        Args:
            presets: The profiles that exist now.
            name: The one to use; empty for none.
            echo: How it has just answered C-ECHO; empty if it was not asked.
        """
        self._presets = presets
        if echo or name != self.profile:
            self._echo = echo
        self._announced = name
        self._retrieve.take_presets(presets, name)
        self._show_peer()

    @property
    def _fits_both(self) -> bool:
        """True if there is room for the events below the queue."""
        width, height = self.app.size
        return width >= WIDE and height >= TALL

    def on_resize(self) -> None:
        """Show the queue where the terminal is now large, or small; Textual sets classes later."""
        did_fit = self.has_class("-wide") and not self.has_class("-short")
        if did_fit != self._fits_both:
            self.remove_class("-events")
            if self.focused in {None, self.query_one(EventsPane)}:
                self.table.focus()

    def action_queue(self) -> None:
        """Go to the queue, also where the events are shown in its place."""
        self.remove_class("-events")
        self.table.focus()

    def action_new(self) -> None:
        """Go to the UID line before the next key is handled."""
        self.set_focus(self._retrieve.line)

    def action_events(self) -> None:
        """Show the events instead of the queue, or hide them where both fit."""
        events = self.query_one(EventsPane)
        if not self._fits_both:
            self.toggle_class("-events")
            (events if self.has_class("-events") else self.table).focus()
            return
        self.toggle_class("-queue-only")
        if self.has_class("-queue-only") and self.focused is events:
            self.table.focus()

    def action_options(self, field: str = "") -> None:
        """Open the form, at a field if one is named."""
        from dicom_retrieve_tui.tui.screens.options import OptionsScreen  # noqa: PLC0415 - not for the first frame

        form = self._retrieve.form
        screen = OptionsScreen(self._presets, form.draft, form.preset, field)
        self.app.push_screen(screen, self._take_options)

    def action_find(self) -> None:
        try:
            options = self._retrieve.options
        except FormFault as fault:
            self._retrieve.show_fault(fault)
            return
        self._find(options)

    def action_priors(self) -> None:
        """Search for all studies of the patient under the cursor, at the PACS of that study."""
        if self.table.report_left():
            return
        row = self.table.cursor_row
        if row is None:
            self.notify(NO_STUDY)
        elif not row.identity.patient_id:
            self.notify("The patient ID of this study is not known.")
        else:
            self._find(self._jobs.options_of(row.key), row.identity.patient_id)

    def _find(self, options: RetrieveOptions, patient_id: str = "") -> None:
        """Search the PACS of the form, or those chosen beside it; for priors, that of the study."""
        from dicom_retrieve_tui.tui.screens.find import Chosen, FindScreen  # noqa: PLC0415 - not for the first frame

        offered = {pacs_label(options): options, **self._other_pacs(options)}
        names = [pacs_label(options)]
        if not patient_id:
            names = [name for name in self._finder.chosen(options) if name in offered] or names
        screen = FindScreen(self._finder, offered, names, self._secrets, patient_id=patient_id)

        def take_found(chosen: Chosen | None) -> None:
            if chosen:
                self._retrieve_found(chosen)

        self.app.push_screen(screen, take_found)

    def _other_pacs(self, options: RetrieveOptions) -> dict[str, RetrieveOptions]:
        """Return the valid profiles, but for the one of these options."""
        others = {}
        for preset in self._presets:
            # A profile with mistakes cannot be searched; its window shows them.
            with suppress(FormFault):
                if preset.name != options.profile:
                    others[preset.name] = read_draft(preset.draft, preset.name)
        return others

    @work
    async def _retrieve_found(
        self, chosen: Sequence[tuple[RetrieveOptions, list[StudyRequest]]]
    ) -> None:
        """Queue what was found, PACS by PACS, so that prompts follow one another."""
        for options, requests in chosen:
            await self.retrieve(options, requests).wait()

    def action_history(self) -> None:
        """Show earlier retrievals."""
        from dicom_retrieve_tui.tui.screens.history import Again, HistoryScreen  # noqa: PLC0415 - not for the first frame

        def ask_again(again: Again | None) -> None:
            if again is not None:
                options, requests, lookups = again
                self.retrieve(options, requests, lookups, again=True)
            self.show_offer()

        screen = HistoryScreen(self._job_history, self._store, self._jobs.active_in)
        self.app.push_screen(screen, ask_again)

    def action_load(self) -> None:
        from dicom_retrieve_tui.tui.screens.load_list import LoadListScreen  # noqa: PLC0415 - not for the first frame

        self.app.push_screen(LoadListScreen(self._list_choice), self._take_list)

    def on_paste(self, event: events.Paste) -> None:
        """Paste into the UID line, wherever the focus is."""
        event.stop()
        self._retrieve.line.take_paste(event.text)
        self._retrieve.line.focus()

    @on(RetrievePane.Submitted)
    def _submitted(self, event: RetrievePane.Submitted) -> None:
        self.retrieve(event.options, event.requests, event.lookups)

    @on(RetrievePane.DryRunRequested)
    def _dry_run_requested(self, event: RetrievePane.DryRunRequested) -> None:
        self.rehearse(event.options, event.requests, event.lookups)

    def action_dry_run(self) -> None:
        """Show what would come of the studies in the UID line, else of those in the queue."""
        if self._retrieve.is_empty and self.table.chosen():
            self.rehearse_chosen()
        else:
            self._retrieve.ask_dry_run()

    def rehearsed(self, requests: Sequence[StudyRequest]) -> None:
        """Clear the UID line."""
        self._retrieve.clear_requested([each.selection for each in requests])

    @on(RetrievePane.Resumed)
    def _resumed(self) -> None:
        self.action_resume_unfinished()

    def queue_changed(self, report: str = "") -> None:
        """Draw the queue; with a report, go to it."""
        self.show_offer()
        self.refresh_bindings()
        if report:
            self._retrieve.report(report)
            self.action_queue()
        self._look()

    def not_retrieved(self) -> None:
        """Put the UIDs back into their line."""
        self._retrieve.line.give_back()

    def show_offer(self) -> None:
        """Offer what is left, unless something else is queued."""
        offer = self._job_history.offer if not self._store.begun else None
        self._retrieve.show_offer(str(offer or ""))
        self.table.show_offer(str(offer or ""))

    def recall(self) -> None:
        """Show the studies that failed in the folder of the form, in this run or an earlier one."""
        try:
            options = self._retrieve.options
        except FormFault:
            return
        self.run_worker(self._recall_and_offer(options))

    async def _recall_and_offer(self, options: RetrieveOptions) -> None:
        await asyncio.to_thread(self._jobs.recall, options)
        await asyncio.to_thread(self._jobs.recall_failed)
        await asyncio.to_thread(self._jobs.recall_missed)
        self.show_offer()

    @on(RetrievePane.Edited)
    def _form_edited(self) -> None:
        self._show_peer()
        self._announce_profile()

    @on(RetrievePane.Faulty)
    def _form_faulty(self, event: RetrievePane.Faulty) -> None:
        self.action_options(event.fault.field)

    @on(QueueTable.Opened)
    def _opened(self, event: QueueTable.Opened) -> None:
        from dicom_retrieve_tui.tui.screens.details import DetailsScreen  # noqa: PLC0415 - not for the first frame

        key, options = event.key, self._jobs.options_of(event.key)

        async def search_series() -> SearchJob | None:
            if not await unlock_or_notify(self, self._secrets, options):
                return None
            return self._finder.start_series(key.study_instance_uid, options)

        def take_series(series: Sequence[SeriesIdentity] | None) -> None:
            if series:
                self.retrieve_series(key, series)

        screen = DetailsScreen(
            lambda: self._store.details(key),
            options,
            lambda: self._accounts.failed_list(options.output),
            search_series,
            hide_patients=self.table.hide_patients,
        )
        self.app.push_screen(screen, take_series)

    def _mask_patients(self, hide: bool) -> None:  # noqa: FBT001 - Textual's callback
        self._queue.mask_patients(hide=hide)
        self._retrieve.mask_patients(hide=hide)
        self.query_one(EventsPane).mask_patients(hide=hide)
        self.query_one(Associations).mask_patients(hide=hide)
        self.query_one(HeaderLine).show_masked(masked=hide)

    def _take_options(self, chosen: tuple[str, dict[str, str]] | None) -> None:
        if chosen is not None:
            preset, draft = chosen
            self._retrieve.form.take_preset(preset)
            self._retrieve.load(draft)
            self._show_peer()
            self._announce_profile()

    def _take_list(self, part: Part | None) -> None:
        if part is not None:
            self._retrieve.line.hold(part)
            self.action_new()
            self.post_message(self.ListLoaded(self._list_choice.folder))

    def _show_peer(self) -> None:
        draft, form = self._retrieve.draft, self._retrieve.form
        moves = draft["method"] != "c-get"
        theirs = f"{draft['called_aet']} {draft['pacs']}" if draft["pacs"].strip() else ""
        self.query_one(HeaderLine).show_peer(
            PeerSummary(
                profile=form.preset,
                ours=draft["aet"],
                theirs=theirs,
                destination=draft["move_dest"] if moves else "",
                echo=self._echo,
                unverified=unverified(draft),
            )
        )

    def _announce_profile(self) -> None:
        """Announce a profile that was chosen in the form, so that it is remembered."""
        if self.profile != self._announced:
            self._echo, self._announced = "", self.profile
            self._show_peer()
            self.post_message(self.ProfileChosen(self.profile))

    def _look(self) -> None:
        """Draw what has changed, unless another screen is on top."""
        if not self._store.stale or not self.is_current:
            return
        snapshot = self._store.snapshot()
        totals = snapshot.totals
        if self._jobs.paused != self._shown_paused:
            # Resumed by the end of its studies.
            self._shown_paused = self._jobs.paused
            self.refresh_bindings()
        self.table.update_rows(snapshot.rows, snapshot.removed)
        self._queue.show_totals(totals)
        if not totals.active:
            self._retrieve.settle()
        if self._guide is not None:
            self._guide.show_totals(totals)
        self.query_one(HeaderLine).show_totals(
            totals, pause=pause_text(snapshot, paused=self._jobs.paused), held=snapshot.held
        )
        self.query_one(TotalLine).show_totals(totals)
        self.query_one(Throughput).show_history(snapshot.history, live=totals.associations_max > 0)
        self.query_one(Associations).show_workers(snapshot.workers)
        self.query_one(EventsPane).show_lines(snapshot.lines)
