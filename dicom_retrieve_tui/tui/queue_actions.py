"""What people do to the studies of the queue: each key, its question and its answer in words.

It draws nothing: the screen that it works for shows what has come of it.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from textual.screen import Screen

from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.selection import join
from dicom_retrieve_tui.model.study_lookup import Lookup, LookupResult
from dicom_retrieve_tui.tui.ask_secrets import unlock, unlock_each
from dicom_retrieve_tui.tui.failed_list import FailedLists
from dicom_retrieve_tui.tui.folders import open_folder, study_folder
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.jobs import Jobs
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.search_job import FindEach
from dicom_retrieve_tui.tui.secret_store import SecretStore
from dicom_retrieve_tui.tui.snapshot import BAD, Row, RowKey, State
from dicom_retrieve_tui.tui.terms import Terms
from dicom_retrieve_tui.tui.widgets.queue_pane import QueuePane
from dicom_retrieve_tui.tui.widgets.queue_table import NO_STUDY

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.settings import Settings

_FAULTS_TOLD_MAX = 3
_OF_STUDIES = {"retry", "stop", "promote", "remove", "copy"}
"""What there must be a study for."""


class QueueActions:
    """Acts on studies for one screen."""

    def __init__(
        self,
        screen: Screen[Any],
        queue: QueuePane,
        *,
        jobs: Jobs,
        job_history: JobHistory,
        secrets: SecretStore,
        failed_lists: FailedLists,
        find_each: FindEach,
        note: Callable[[str], object],
        after: Callable[[str], object],
    ) -> None:
        """Prepare.

        Args:
            screen: Who asks questions, and tells.
            queue: Where the studies are marked.
            jobs: What is asked for goes there.
            job_history: What earlier runs left.
            secrets: What the PACS wants to know and only a person can tell.
            failed_lists: Where studies that failed are listed.
            find_each: Looks up what only the PACS can name.
            note: Puts a line among the events.
            after: Called once something was done, with what there is to say of an order.
        """
        self._screen, self._queue, self._after = screen, queue, after
        self._jobs, self._job_history, self._secrets = jobs, job_history, secrets
        self._failed_lists, self._find_each, self._note = failed_lists, find_each, note

    def act(self, what: str, rows: Sequence[Row]) -> None:
        """Do what a key of the queue stands for, to these studies."""
        keys = [row.key for row in rows]
        acts: dict[str, Callable[[], object]] = {
            "retry": lambda: self._retry(keys),
            "pause": self._pause,
            "stop": lambda: self._stop(rows),
            "stop_all": self._stop_all,
            "promote": lambda: self._promote(rows),
            "remove": lambda: self._remove(keys),
            "copy": lambda: self._copy(keys),
            "export": self._export,
            "open": lambda: self._open(rows),
            "resume": self.resume,
            "forget": self._forget,
        }
        if rows or what not in _OF_STUDIES:
            acts[what]()
        else:
            self._notify(NO_STUDY)
        self._after("")

    def order(
        self,
        terms: Terms,
        wanted: Sequence[StudyRequest],
        lookups: Sequence[Lookup] = (),
        otherwise: Callable[[], object] = lambda: None,
    ) -> None:
        """Queue studies, once every secret is known.

        Args:
            terms: How to retrieve them.
            wanted: What to retrieve.
            lookups: What else to retrieve, once the PACS has told which studies that are.
            otherwise: What to do where nothing may be sent.
        """

        def send() -> None:
            if lookups:
                self._look_up(terms, wanted, lookups, otherwise)
            else:
                self._send(terms, wanted)

        unlock(self._screen, self._secrets, terms.settings, send, otherwise=otherwise)

    def _send(self, terms: Terms, wanted: Sequence[StudyRequest]) -> None:
        added = self._jobs.add(terms, wanted)
        there = len(wanted) - added
        told = f"✓ {count(added, 'study')} queued"
        self._after(f"{told}, {there:,} there already" if there else told)

    def _look_up(
        self,
        terms: Terms,
        wanted: Sequence[StudyRequest],
        lookups: Sequence[Lookup],
        otherwise: Callable[[], object],
    ) -> None:
        from dicom_retrieve_tui.tui.screens.lookup import LookupScreen  # noqa: PLC0415 - not for the first frame

        def done(found: LookupResult | None) -> None:
            if found is None:
                otherwise()
                return
            self._tell_of_lines(found.faults)
            named = [each.selection for each in wanted]
            selections = join([*named, *found.selections])
            if selections:
                self._send(terms, [StudyRequest(selection=each) for each in selections])
            else:
                otherwise()

        screen = LookupScreen(self._find_each, lookups, terms.settings)
        self._screen.app.push_screen(screen, done)

    def _tell_of_lines(self, faults: Sequence[str]) -> None:
        """Tell of lines that stand for no study: some at once, all of them among the events."""
        for fault in faults:
            self._note(fault)
        if faults:
            more = len(faults) - _FAULTS_TOLD_MAX
            shown = [*faults[:_FAULTS_TOLD_MAX], *([f"and {more:,} more: F6"] if more > 0 else [])]
            self._notify("\n".join(shown), severity="warning", timeout=15)

    def resume(self) -> None:
        """Ask for what earlier runs left."""
        orders, faults = self._job_history.left()
        for fault in faults:
            self._notify(fault, severity="warning", timeout=15)

        def done(asked: int, left: int) -> None:
            taken_up = f"✓ {count(asked, 'study')} taken up again: what is missing"
            if not (asked or faults or left):
                self._notify("Nothing was left unfinished.")
            self._after(taken_up if asked else "")

        again = [
            (
                terms.settings,
                partial(
                    self._jobs.add, terms, [StudyRequest(selection=each) for each in selections]
                ),
            )
            for terms, selections in orders
        ]
        unlock_each(self._screen, self._secrets, again, done)

    def _forget(self) -> None:
        def forget() -> None:
            self._job_history.forget_left()
            self._after("")

        offer = self._job_history.offer
        if offer is None:
            self._notify("Nothing was left unfinished.")
        else:
            self._ask(f"{offer}. Forget that? What has come stays.", "Forget", forget)

    def _retry(self, keys: list[RowKey]) -> None:
        by_settings: dict[Settings, list[RowKey]] = {}
        for key in keys:
            by_settings.setdefault(self._jobs.terms_of(key).settings, []).append(key)

        def done(asked: int, left: int) -> None:
            again = f"{count(asked, 'study')} asked for again: what is missing, and no more."
            if asked:
                self._notify(again)
            elif not left:
                self._notify("Only a study that failed or was stopped can be asked for again.")
            self._queue.table.clear_marks()
            self._after("")

        again = [(held, partial(self._jobs.retry, some)) for held, some in by_settings.items()]
        unlock_each(self._screen, self._secrets, again, done)

    def _pause(self) -> None:
        if not self._jobs.paused and not self._jobs.busy:
            self._notify("Nothing runs.")
        elif self._jobs.paused:
            self._jobs.resume()
        else:
            self._jobs.pause()

    def _stop(self, rows: Sequence[Row]) -> None:
        keys = [row.key for row in rows if row.state not in BAD and row.state is not State.DONE]
        if not keys:
            self._notify("It does not run.")
        elif len(keys) == 1:
            self._jobs.stop(keys)
        else:
            self._ask(
                f"Stop {count(len(keys), 'study')}? What has come stays.",
                f"Stop {len(keys)}",
                lambda: self._jobs.stop(keys),
            )
        self._queue.table.clear_marks()

    def _stop_all(self) -> None:
        if self._jobs.busy:
            self._ask(
                "Stop everything that runs or waits? What has come stays.",
                "Stop everything",
                self._jobs.stop_all,
            )
        else:
            self._notify("Nothing runs.")

    def _promote(self, rows: Sequence[Row]) -> None:
        keys = [row.key for row in rows if row.state in {State.QUEUED, State.RETRYING}]
        self._jobs.promote(keys)
        self._notify(f"{count(len(keys), 'study')} next." if keys else "It does not wait.")

    def _remove(self, keys: list[RowKey]) -> None:
        if self._jobs.remove(keys):
            self._notify("A study that runs stays; x stops it first.")

    def _copy(self, keys: list[RowKey]) -> None:
        self._screen.app.copy_to_clipboard("\n".join(key.study_instance_uid for key in keys))
        self._notify(f"Copied {count(len(keys), 'UID')}.")

    def _open(self, rows: Sequence[Row]) -> None:
        """Show where the files are: of the study, else of whatever was asked for last."""
        folders = [study_folder(self._jobs.terms_of(row.key), row.key) for row in rows[:1]]
        for folder in folders or self._jobs.folders()[-1:]:
            fault = open_folder(folder)
            if fault:
                self._screen.app.copy_to_clipboard(str(folder))
                self._notify(f"{fault}; copied: {folder}")
            else:
                self._notify(f"Opening {folder}")
            return
        self._notify("Nothing was retrieved yet.")

    def _export(self) -> None:
        listed = False
        for folder in self._jobs.folders():
            failed = self._jobs.failed_in(folder)
            if not failed:
                continue
            listed = True
            try:
                path = self._failed_lists.keep(folder, failed)
            except OSError as error:
                self._notify(f"{folder} takes no list: {error.strerror}", severity="error")
            else:
                self._notify(f"{count(len(failed), 'study')} listed in {path}")
        if not listed:
            self._notify("Nothing failed.")

    def _ask(self, question: str, yes: str, act: Callable[[], object]) -> None:
        from dicom_retrieve_tui.tui.screens.confirm import ConfirmScreen  # noqa: PLC0415 - not for the first frame

        def answered(answer: bool | None) -> None:  # noqa: FBT001 - Textual's callback
            if answer:
                act()

        self._screen.app.push_screen(ConfirmScreen(question, yes=yes, no="Go on"), answered)

    def _notify(self, text: str, **how: Any) -> None:
        self._screen.notify(text, markup=False, **how)
