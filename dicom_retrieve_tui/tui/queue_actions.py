"""Actions on the studies of the queue, one for each key that `QueuePane` binds."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from textual import work
from textual.screen import Screen

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.forecast import Fit
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.option_values import parse_keep_free
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection, SeriesSelection, join
from dicom_retrieve_tui.model.series_filter import NO_FILTER
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, SeriesIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.tui.ask_secrets import unlock_or_notify
from dicom_retrieve_tui.tui.folders import open_folder, study_folder
from dicom_retrieve_tui.tui.history import JobHistory, RecalledNames
from dicom_retrieve_tui.tui.jobs import Jobs
from dicom_retrieve_tui.tui.ports import DryRun, FolderAccounts, SpaceOutlook
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_columns import CHOOSABLE
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.search_job import BorrowingFindEach
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.snapshot import ACTIVE, Row, RowKey, State
from dicom_retrieve_tui.tui.study_names import study_name
from dicom_retrieve_tui.tui.widgets.queue_pane import QueuePane
from dicom_retrieve_tui.tui.widgets.queue_table import NO_STUDY

_FAULTS_SHOWN_MAX = 3
_ANY_DISK_BYTES = 1 << 60
_AT_ONCE_MAX = 2000
"""Studies that are queued in some milliseconds. A hundred thousand take a second, in which keys are
to be answered; of a few, the next key finds them queued."""
_KEEP_NOTHING = parse_keep_free("keep_free", "0")
_NONE_RECORDED = "No failed study is recorded in the output folder."


class QueueActions(Screen[None]):
    """A screen with a queue: its actions call `Jobs`."""

    def __init__(
        self,
        jobs: Jobs,
        store: ProgressStore,
        *,
        job_history: JobHistory,
        secrets: SecretStore,
        accounts: FolderAccounts,
        find_each: BorrowingFindEach,
        space_outlook: SpaceOutlook | None = None,
        dry_run: DryRun | None = None,
    ) -> None:
        """Keep what the actions need.

        Args:
            jobs: Runs and steers sessions.
            store: Keeps their progress, and events.
            job_history: Knows unfinished studies of earlier runs.
            secrets: Keeps typed passcodes and passphrases.
            accounts: The accounts of output folders.
            find_each: Looks up accession numbers and patient IDs.
            space_outlook: Forecasts what studies take on the disk; None if nothing does.
            dry_run: Lists what a retrieval would get; None if nothing does.
        """
        super().__init__()
        self._dry_run = dry_run
        self._space_outlook = space_outlook
        self._jobs, self._store, self._job_history = jobs, store, job_history
        self._secrets, self._accounts, self._find_each = secrets, accounts, find_each
        self._queue = QueuePane(id="queue-pane")

    def queue_changed(self, report: str = "") -> None:
        """Draw the queue after an action, and a report of what was added to it."""

    @work
    async def retrieve(
        self,
        options: RetrieveOptions,
        requests: Sequence[StudyRequest],
        lookups: Sequence[Lookup] = (),
        *,
        missed: Sequence[Missed] = (),
        again: bool = False,
    ) -> None:
        """Queue studies, once every secret is known and every lookup is answered.

        Args:
            options: How to retrieve them.
            requests: The studies.
            lookups: Accession numbers and patient IDs of further studies.
            missed: Lines that were looked up before, without a study.
            again: True if they come from the queue and not from the UID line.
        """
        found: list[StudyRequest] | None = None
        if await unlock_or_notify(self, self._secrets, options):
            answer = await self._look_up(options, requests, lookups)
            if answer is not None:
                found, none = answer
                missed = (*missed, *none)
                self._take_lookups(options, lookups, none)
        fitting = await self._options_for_room(options, found) if found else None
        if not found or fitting is None:
            if missed:
                self._jobs.add(options, (), missed)
            if not again:
                self.not_retrieved()
            self.queue_changed()
            return
        if len(found) > _AT_ONCE_MAX:
            added = await asyncio.to_thread(self._jobs.add, fitting, found, missed)
        else:
            added = self._jobs.add(fitting, found, missed)
        report = f"✓ {count(added, 'study')} queued"
        present = len(found) - added
        self.queue_changed(f"{report}, {present:,} already in the queue" if present else report)

    @work
    async def retrieve_series(self, key: RowKey, series: Sequence[SeriesIdentity]) -> None:
        """Retrieve these series of a study and no others, whatever a filter says."""
        found = self._store.entry(key)
        options = replace(self._jobs.options_of(key), series_filter=NO_FILTER)
        if found is None or not await unlock_or_notify(self, self._secrets, options):
            return
        whole, counts = found[1].selection, [each.expected for each in series]
        parts = tuple(
            SeriesSelection(series_instance_uid=each.series_instance_uid) for each in series
        )
        request = StudyRequest(
            selection=replace(whole, series=parts),
            identity=replace(found[0].identity, series=()),
            instances=None if None in counts else sum(filter(None, counts)),
        )
        fitting = await self._options_for_room(options, [request])
        if fitting is None:
            return
        if self._jobs.replace(key, request, fitting):
            self.queue_changed(f"✓ {count(len(series), 'series')} of a study queued")
        else:
            self._report("This study is being retrieved. Press x in the queue to stop it first.")

    @work
    async def rehearse(
        self,
        options: RetrieveOptions,
        requests: Sequence[StudyRequest],
        lookups: Sequence[Lookup] = (),
    ) -> None:
        """Show what a retrieval would get, and retrieve that if the user wants it."""
        if not await unlock_or_notify(self, self._secrets, options):
            return
        answer = await self._look_up(options, requests, lookups)
        if answer is None:
            return
        found, missed = answer
        planned = await self._planned(options, found, missed) if found else None
        if planned is not None:
            self._take_lookups(options, lookups, missed)
            self.rehearsed(requests)
            self.retrieve(options, planned, missed=missed)

    def rehearsed(self, requests: Sequence[StudyRequest]) -> None:
        """Clear the input of a dry run whose studies are to be retrieved."""

    @work
    async def rehearse_chosen(self) -> None:
        """Show what would come of studies in the queue; retry those that failed, if wanted."""
        rows = [row for row in self._chosen() if not row.sought]
        entries = [entry for row in rows if (entry := self._store.entry(row.key)) is not None]
        if not entries:
            return
        options = self._jobs.options_of(entries[0][0].key)
        alike = [each for each in entries if self._jobs.options_of(each[0].key) == options]
        if len(alike) < len(entries):
            self._report("Only the studies with the options of the first are listed.")
        if not await unlock_or_notify(self, self._secrets, options):
            return
        requests = [replace(wanted, identity=row.identity) for row, wanted in alike]
        if await self._planned(options, requests) is not None:
            self._retry([row.key for row, _ in alike])

    async def _planned(
        self,
        options: RetrieveOptions,
        requests: Sequence[StudyRequest],
        missed: Sequence[Missed] = (),
    ) -> list[StudyRequest] | None:
        """Show what a retrieval would get; return it if the user wants it."""
        from dicom_retrieve_tui.tui.screens.dry_run import DryRunScreen  # noqa: PLC0415 - not for the first frame

        if self._dry_run is None:
            return None
        known = [
            replace(each, identity=each.identity | self._store.identity_of(uid))
            for each in requests
            for uid in [each.selection.study_instance_uid]
        ]
        screen = DryRunScreen(self._dry_run, known, options, missed)
        return await self.app.push_screen_wait(screen)

    def not_retrieved(self) -> None:
        """Restore the input of a `retrieve` that queued nothing."""

    async def _options_for_room(
        self, options: RetrieveOptions, requests: Sequence[StudyRequest]
    ) -> RetrieveOptions | None:
        """Ask before a retrieval that does not fit; return how to retrieve, None if not at all.

        With the user's consent no space is left free, so that the run tries it.
        """
        if self._space_outlook is None:
            return options
        studies = [each.planned for each in requests]
        outlook = await asyncio.to_thread(self._space_outlook, studies, options)
        if (
            outlook is None
            or outlook.fits is not Fit.NO
            or not options.keep_free.of(_ANY_DISK_BYTES)
        ):
            return options
        question = (
            f"{count(len(requests), 'study')}: {outlook}. Retrieve nevertheless, until the disk is "
            "full? (Keep free is then 0.)"
        )
        if await self._confirm(question, "Retrieve", "Cancel"):
            return replace(options, keep_free=_KEEP_NOTHING)
        return None

    async def _look_up(
        self, options: RetrieveOptions, requests: Sequence[StudyRequest], lookups: Sequence[Lookup]
    ) -> tuple[list[StudyRequest], Sequence[Missed]] | None:
        """Return all studies, and the lookups for which there is none; None if the user declined.

        Args:
            options: How to ask the PACS.
            requests: Studies that need no lookup.
            lookups: What to ask it for; nothing is asked if there are none.
        """
        if not lookups:
            return list(requests), ()
        from dicom_retrieve_tui.tui.screens.lookup import LookupScreen  # noqa: PLC0415 - not for the first frame

        screen = LookupScreen(self._find_each, lookups, options)
        answer = await self.app.push_screen_wait(screen)
        if answer is None:
            return None
        self._report_faults(answer.faults)
        known = {each.selection.study_instance_uid: each.identity for each in requests}
        studies = [
            StudyRequest(
                selection=each,
                identity=known.get(uid, UNIDENTIFIED) | answer.identities.get(uid, UNIDENTIFIED),
                instances=None if each.series else answer.instances.get(uid),
            )
            for each in join([*(each.selection for each in requests), *answer.selections])
            for uid in [each.study_instance_uid]
        ]
        return studies, answer.missed

    def _take_lookups(
        self, options: RetrieveOptions, lookups: Sequence[Lookup], missed: Sequence[Missed]
    ) -> None:
        """Add a failed row for each line of a list without a study."""
        if lookups:
            self._jobs.looked_up(options, lookups, missed)

    def _report_faults(self, faults: Sequence[str]) -> None:
        """Report lookups without a study: some in a toast, all of them among the events."""
        for fault in faults:
            self._store.note(fault)
        if faults:
            more = len(faults) - _FAULTS_SHOWN_MAX
            shown = [*faults[:_FAULTS_SHOWN_MAX], *([f"and {more:,} more: F6"] if more > 0 else [])]
            self._report("\n".join(shown), severity="warning", timeout=15)

    @work
    async def action_resume_unfinished(self) -> None:
        """Queue what earlier runs left unfinished."""
        unfinished, faults = self._job_history.left()
        for fault in faults:
            self._report(fault, severity="warning", timeout=15)
        if not (unfinished or faults):
            self._report("No study is unfinished.")
        added = 0
        for options, requests in unfinished:
            if await unlock_or_notify(self, self._secrets, options):
                added += self._jobs.add(options, requests)
        self.queue_changed(f"✓ Resuming {count(added, 'study')}" if added else "")

    @work
    async def action_forget_unfinished(self) -> None:
        """Forget what earlier runs left unfinished."""
        offer = self._job_history.offer
        if offer is None:
            self._report("No study is unfinished.")
            return
        them = "it" if offer.studies == 1 else "them"
        if await self._confirm(f"{offer}. Forget {them}? Received files stay.", "Forget"):
            self._job_history.forget_left()
            self.queue_changed()

    def action_retry(self) -> None:
        """Retry failed and stopped studies: their missing instances only.

        While a session is held, probe now what holds it.
        """
        if self._jobs.held:
            self._jobs.try_now()
            self._report("Trying now.")
            return
        if rows := self._chosen():
            sought: dict[RetrieveOptions, list[Lookup]] = {}
            for row in rows:
                if (lookup := self._jobs.lookup_of(row.key)) is not None:
                    sought.setdefault(self._jobs.options_of(row.key), []).append(lookup)
            for options, lookups in sought.items():
                self.retrieve(options, (), lookups, again=True)
            if keys := [row.key for row in rows if not row.sought]:
                self._retry(keys)

    @work
    async def _retry(self, keys: Sequence[RowKey]) -> None:
        by_settings: dict[RetrieveOptions, list[RowKey]] = {}
        for key in keys:
            by_settings.setdefault(self._jobs.options_of(key), []).append(key)
        retried, declined = 0, False
        for settings, some in by_settings.items():
            if await unlock_or_notify(self, self._secrets, settings):
                retried += self._jobs.retry(some)
            else:
                declined = True
        if retried:
            studies = self._studies(keys) if retried == len(keys) else count(retried, "study")
            self._report(f"Retrying {studies} (missing instances only).")
        elif not declined:
            self._report("Only failed or stopped studies can be retried.")
        self._queue.table.clear_marks()
        self.queue_changed()
        self._queue.table.forget_left(keys)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer to pause, or to resume while the queue is paused."""
        if action in {"pause", "resume"}:
            return self._jobs.paused == (action == "resume")
        return super().check_action(action, parameters)

    def action_resume(self) -> None:
        self._jobs.resume()
        self.queue_changed()

    def action_pause(self) -> None:
        if self._jobs.busy:
            self._jobs.pause()
        else:
            self._report("Nothing is running.")
        self.queue_changed()

    @work
    async def action_give_up(self) -> None:
        """Wait no longer for a PACS that is gone or for room on the disk, if the user confirms."""
        if not self._jobs.held:
            self._report("The queue is not held: nothing to give up.")
        elif await self._confirm(
            "Wait no longer? Studies that are left end as not tried; r retries them.", "Give up"
        ):
            self._jobs.give_up()
            self.queue_changed()

    @work
    async def action_limits(self) -> None:
        """Change hours and rate of everything that runs or waits."""
        from dicom_retrieve_tui.tui.screens.limits import LimitsScreen  # noqa: PLC0415 - not for the first frame

        limits = self._jobs.limits
        if limits is None:
            self._report("Nothing is running.")
            return
        changed = await self.app.push_screen_wait(LimitsScreen(limits))
        if changed is None:
            return
        if self._jobs.limit(changed):
            self._store.note(f"retrieving {changed}")
            self.queue_changed()
        else:  # all of it has ended meanwhile
            self._report("Nothing is running.")

    def action_stop(self) -> None:
        """Stop studies; ask first if there are several."""
        if not (rows := self._chosen()):
            return
        # A row on the screen may be older than the end of its study.
        keys = [row.key for row in rows if self._store.state_of(row.key) in ACTIVE]
        if not keys:
            self._report(self._ended(rows))
        elif len(keys) == 1:
            self._jobs.stop(keys)
        else:
            self._stop(keys)
        self._queue.table.clear_marks()
        self.queue_changed()
        self._queue.table.forget_left(keys)

    def _ended(self, rows: Sequence[Row]) -> str:
        """Return why none of these studies can be stopped."""
        if len(rows) > 1:
            return "These studies have ended: nothing to stop."
        state = self._store.state_of(rows[0].key) or rows[0].state
        ended = {State.FAILED: "has failed", State.STOPPED: "is stopped"}.get(state, "has finished")
        return f"{self._studies([rows[0].key])} {ended}: nothing to stop."

    @work
    async def _stop(self, keys: Sequence[RowKey]) -> None:
        number = len(keys)
        if await self._confirm(f"Stop {count(number, 'study')}? Received files stay.", "Stop"):
            self._jobs.stop(keys)
            self.queue_changed()

    @work
    async def action_stop_all(self) -> None:
        """Stop every study, if the user confirms."""
        if not self._jobs.busy:
            self._report("Nothing is running.")
        elif await self._confirm("Stop all studies? Received files stay.", "Stop all"):
            self._jobs.stop_all()
            self.queue_changed()

    def action_promote(self) -> None:
        """Move studies to the front of the queue."""
        if not (rows := self._chosen()):
            return
        keys = [row.key for row in rows if row.state in {State.QUEUED, State.RETRYING}]
        self._jobs.promote(keys)
        moved = f"{self._studies(keys)} moved to the front."
        self._report(moved if keys else "Only waiting studies can move up.")
        self.queue_changed()

    def action_remove(self) -> None:
        """Remove studies from the queue, but for running ones."""
        if rows := self._chosen():
            if self._jobs.remove([row.key for row in rows]):
                self._report("Running studies stay in the queue. Press x to stop them first.")
            self.queue_changed()

    def action_copy_uids(self) -> None:
        """Copy Study Instance UIDs."""
        if rows := self._chosen():
            uids = [row.key.study_instance_uid for row in rows if not row.sought]
            if uids:
                self.app.copy_to_clipboard("\n".join(uids))
            self._report(f"Copied {count(len(uids), 'UID')}." if uids else "No study, no UID.")

    def action_columns(self) -> None:
        """Choose the columns of the queue."""
        from dicom_retrieve_tui.tui.screens.columns import (  # noqa: PLC0415 - not for the first frame
            Choice,
            ColumnsScreen,
            QueueColumnsChosen,
        )

        def choose(hidden: frozenset[str] | None) -> None:
            if hidden is not None:
                self.post_message(QueueColumnsChosen(hidden))

        choices = [Choice(each.name, each.title) for each in CHOOSABLE]
        self.app.push_screen(ColumnsScreen(choices, self._queue.table.hidden_columns), choose)

    def action_export_failed(self) -> None:
        """Write the list of failed studies of every output folder."""
        reports = [self._write_failed_list(folder) for folder in self._jobs.folders()]
        for report in list(filter(None, reports)) or [_NONE_RECORDED]:
            self._report(report)

    def _write_failed_list(self, folder: Path) -> str:
        """Write the list of a folder; return a sentence, empty if every study is complete."""
        try:
            path = self._accounts.write_failed_list(folder)
        except (ConfigError, OSError) as error:
            reason = reason_of(error) if isinstance(error, OSError) else str(error)
            return f"Could not write the list of failed studies: {reason}"
        return f"Failed studies are listed in {path}" if path else ""

    def action_export(self) -> None:
        """Write the rows that are shown as CSV into the last output folder."""
        from dicom_retrieve_tui.tui.queue_export import csv_lines, write_csv  # noqa: PLC0415 - not for the first frame

        table, folders = self._queue.table, self._jobs.folders()
        rows = table.shown_rows
        if not rows:
            self._report("There is nothing to export.")
            return
        lines = csv_lines(rows, table.exported_columns, hide_patients=table.hide_patients)
        try:
            path = write_csv(folders[-1], lines, system_local(datetime.now(UTC)))
        except OSError as error:
            reason = reason_of(error)
            self._report(f"Could not write the table: {reason}.", severity="error")
        else:
            self._report(f"{count(len(rows), 'row')} written to {path}")

    @work
    async def action_verify(self) -> None:
        """Check the files in the folder of a study, and ask again for what is lost."""
        from dicom_retrieve_tui.tui.screens.verify import verify_screen  # noqa: PLC0415 - not for the first frame

        if not (rows := self._chosen()):
            return
        options = self._jobs.options_of(rows[0].key)
        names = RecalledNames(self._store, self._job_history)

        def name(uid: str) -> str:
            hide = self._queue.table.hide_patients
            return study_name(names.identity_of(uid), hide_patients=hide)

        screen = verify_screen(options.output, name, self._jobs.active_in, options)
        if lost := await self.app.push_screen_wait(screen):
            self.retrieve(options, _requests([Selection(study_instance_uid=uid) for uid in lost]))

    def action_open_folder(self) -> None:
        """Open the folder of a study, else the last output folder, on the desktop."""
        if not self._queue.table.marked and self._queue.table.report_left():
            return
        rows = self._queue.table.chosen()
        if rows:
            folder = study_folder(self._jobs.options_of(rows[0].key), rows[0].key)
        elif folders := self._jobs.folders():
            folder = folders[-1]
        else:
            self._report("Nothing was retrieved yet.")
            return
        if fault := open_folder(folder):
            self.app.copy_to_clipboard(str(folder))
            self._report(f"{fault}; copied: {folder}")
        else:
            self._report(f"Opening {folder}")

    def _studies(self, keys: Sequence[RowKey]) -> str:
        """Return the name of one study, or the number of several, for the screen."""
        if len(keys) == 1:
            identity = self._store.identity_of(keys[0].study_instance_uid)
            hide = self._queue.table.hide_patients
            return study_name(identity, hide_patients=hide) or count(1, "study")
        return count(len(keys), "study")

    def _chosen(self) -> list[Row]:
        """Return marked rows, else the one under the cursor; report if there is none."""
        table = self._queue.table
        if not table.marked and table.report_left():
            return []
        rows = table.chosen()
        if not rows:
            self._report(NO_STUDY)
        return rows

    async def _confirm(self, question: str, yes: str, no: str = "Keep") -> bool:
        from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415 - not for the first frame

        return await self.app.push_screen_wait(ConfirmScreen(question, yes=yes, no=no))

    def _report(self, text: str, **options: Any) -> None:
        self.notify(text, markup=False, **options)


def _requests(selections: Sequence[Selection]) -> list[StudyRequest]:
    return [StudyRequest(selection=each) for each in selections]
