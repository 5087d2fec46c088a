"""Sessions of the application: which run, which wait for a folder or a port, how they ended.

Studies with equal options share one session. Each session has one thread, which folds its events
into the progress store. The screen never waits for a session, nor a session for the screen.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TypeVar

from dicom_retrieve_tui import wiring
from dicom_retrieve_tui.errors import Cancelled, ConfigError, RetrieveError, reason_of
from dicom_retrieve_tui.model.bug_report import bug_lines, bug_reason
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    Event,
    QueueGivenUp,
    RetrieveFinished,
    StudyCommandFinished,
    StudyCommandsDropped,
    StudyFinished,
    StudyRemoved,
)
from dicom_retrieve_tui.model.folder_account import StudyAccount
from dicom_retrieve_tui.model.forecast import PlannedStudy
from dicom_retrieve_tui.model.history_records import JobStudy
from dicom_retrieve_tui.model.hook_command import FinishHook
from dicom_retrieve_tui.model.humanize import count, folder_text
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.model.terminal_notice import Notice
from dicom_retrieve_tui.model.verdict import Verdict, total_verdict
from dicom_retrieve_tui.tui.association_loan import (
    AssociationLoan,
    BorrowingLookUp,
    LookUp,
    Waits,
    ask_borrowing,
)
from dicom_retrieve_tui.tui.found_match import pacs_label
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.job_summary import JobEnded
from dicom_retrieve_tui.tui.limits import Limits
from dicom_retrieve_tui.tui.ports import FolderAccounts, OpenSession, Session
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.snapshot import ACTIVE, BAD, RowKey, State

QUIT_S = 3.0
_Asked = TypeVar("_Asked")
_Answered = TypeVar("_Answered")

FinishCommand = Callable[[RetrieveOptions, FinishHook, CancelToken], str]
"""Runs a command to its end; returns why it failed, or an empty text."""
_NOTHING_CAME = frozenset({Verdict.FAILED, Verdict.NOT_TRIED})
_OPEN_S = 1.0
"""Longest wait for a session to be made, which takes some 0.1 s the first time."""


class _Job:
    """A session that runs, and its thread, which makes it: that loads many modules."""

    def __init__(self) -> None:
        self.thread = threading.Thread()
        self.token = CancelToken()
        self.begun = False
        """True from the first event on: until then, a folder or a name server may be slow."""
        self.finishing = False
        """True if it takes no further studies."""
        self.endings: dict[str, StudyFinished] = {}
        self.commands_failed = 0
        self.started_s = time.monotonic()
        self.removed: set[str] = set()
        """Removed studies of which the session has not emitted `StudyRemoved` yet."""
        self.replaced: dict[str, tuple[int, StudyRequest]] = {}
        """Requests in place of former ones, and how often the session has yet to emit
        `StudyRemoved` for these."""
        self._session: Session | None = None
        self._opened = threading.Event()

    def opened(self, session: Session | None) -> None:
        """Set the session; None if it could not be made."""
        self._session = session
        self._opened.set()

    @property
    def session(self) -> Session | None:
        """The session, once it is made; None if that failed, or takes too long."""
        self._opened.wait(_OPEN_S)
        return self._session

    def cancel(self) -> None:
        """End the session soon."""
        self.finishing = True
        self.token.request()
        if (session := self.session) is not None:
            session.cancel()

    def cancel_if_empty(self, session: Session) -> bool:
        """Cancel a session that would begin without a study; True if so."""
        if not self.begun and not session.has_studies:
            self.cancel()
            return True
        return False


class Jobs:
    """All running sessions, and the studies that wait for one. Safe from any thread."""

    def __init__(
        self,
        open_session: OpenSession,
        store: ProgressStore,
        on_end: Callable[[JobEnded], object],
        job_history: JobHistory | None = None,
        accounts: FolderAccounts | None = None,
        *,
        on_notice: Callable[[Notice], object] = lambda _: None,
        finish_command: FinishCommand = wiring.run_finish_command,
    ) -> None:
        """Start with no session.

        Args:
            open_session: Makes a session.
            store: Receives the events.
            on_end: Called on the thread of each session that ends.
            job_history: Records studies and verdicts; None records nothing.
            accounts: Knows what earlier runs left incomplete in a folder; None knows nothing.
            on_notice: Called on a session's thread with what a user who looks elsewhere should
                know, unless the options turn that off.
            finish_command: Runs the command of `--on-finish`, if the options name one.
        """
        self._on_notice = on_notice
        self._finish_command = finish_command
        self._open_session = open_session
        self._store = store
        self._on_end = on_end
        self._job_history = job_history or JobHistory()
        self._accounts = accounts
        self._lock = threading.RLock()
        self._options: list[RetrieveOptions] = []
        self._jobs: dict[int, _Job] = {}
        # Their session cannot start yet: an earlier one has the folder or the port.
        self._waiting: dict[int, list[StudyRequest]] = {}
        self._forgetting: list[threading.Thread] = []
        """Threads that remove studies from accounts."""
        self._limits: dict[int, Limits] = {}
        """Of the groups whose limits were changed while they ran or waited."""
        self._missed: set[RowKey] = set()
        """Lines without a study that the account of a session has counted."""
        self._loans: dict[AssociationLoan, RetrieveOptions] = {}
        """Of the look-ups that are under way."""
        self._loans_lock = threading.Lock()
        """Its own: the thread of a session takes it, which `close` joins."""
        self._paused = False
        self._closed = False
        self._leaving = CancelToken()
        """Ends the commands of `--on-finish`."""
        self._finishing: list[threading.Thread] = []
        """Threads of ended sessions that run one."""

    @property
    def busy(self) -> bool:
        """True if quitting would stop something."""
        with self._lock:
            return bool(self._jobs or self._waiting)

    @property
    def paused(self) -> bool:
        """True between `pause` and `resume`."""
        return self._paused

    def uses(self, profile: str) -> bool:
        """True if a study of this profile is running or waiting."""
        with self._lock:
            groups = {*self._jobs, *self._waiting}
            return any(self._options[group].profile == profile for group in groups)

    def options_of(self, key: RowKey) -> RetrieveOptions:
        """Return the options of an entry."""
        return self._options[key.group]

    def active_in(self, folder: Path, study_instance_uid: str) -> State | None:
        """Return the state of a study that is being retrieved into a folder or waits for that."""
        with self._lock:
            groups = [
                group
                for group, options in enumerate(self._options)
                if options.output.absolute() == folder.absolute()
            ]
        states = {self._store.state_of(RowKey(group, study_instance_uid)) for group in groups}
        return next((each for each in State if each in states & ACTIVE), None)

    def folders(self) -> list[Path]:
        """Return every output folder of this run of the application."""
        with self._lock:
            return list(dict.fromkeys(options.output for options in self._options))

    def failed(self) -> tuple[list[Path], int]:
        """Return the folders with failed studies, and the number of lines without a study."""
        groups, lines = self._store.failed()
        with self._lock:
            return list(dict.fromkeys(self._options[group].output for group in groups)), lines

    def add(
        self,
        options: RetrieveOptions,
        requests: Iterable[StudyRequest],
        missed: Sequence[Missed] = (),
    ) -> int:
        """Queue studies and return how many; those that are queued or running do not count.

        Args:
            options: How to retrieve them.
            requests: The studies.
            missed: Lines of their list without a study, for the history.
        """
        with self._lock:
            return self._add(self._group(options), requests, missed)

    def looked_up(
        self, options: RetrieveOptions, lookups: Iterable[Lookup], missed: Iterable[Missed]
    ) -> None:
        """Show lines of a list for which no study was found, as failed; drop those now found.

        Args:
            options: The options of the request.
            lookups: The lines that were looked up.
            missed: Those for which no study was found.
        """
        pacs = pacs_label(options)
        with self._lock:
            group = self._group(options)
            wanted = {each: StudyRequest.of_missed(each, pacs) for each in lookups}
            self._job_history.looked_up(options, wanted)
            others = [other for other in self._neighbours(options) if other != group]
            reasons = {each.lookup: each.reason for each in missed}
            for lookup, request in wanted.items():
                key = RowKey(group, request.selection.study_instance_uid)
                self._missed.discard(key)
                self._store.forget([RowKey(other, key.study_instance_uid) for other in others])
                if lookup in reasons:
                    self._store.miss(group, request, reasons[lookup])
                else:
                    self._store.forget([key])

    def recall_missed(self) -> None:
        """Show the lines for which earlier runs found no study."""
        for options, missed in self._job_history.missed_earlier():
            pacs = pacs_label(options)
            with self._lock:
                group = self._group(options)
                for each in missed:
                    request = StudyRequest.of_missed(each.lookup, pacs)
                    self._store.miss(group, request, each.reason)
                    self._missed.add(RowKey(group, request.selection.study_instance_uid))

    def lookup_of(self, key: RowKey) -> Lookup | None:
        """Return the line for which no study was found; None for a study."""
        found = self._store.entry(key)
        return found[1].lookup if found else None

    def retry(self, keys: Iterable[RowKey]) -> int:
        """Queue failed and stopped studies again, and return how many."""
        by_group: dict[int, list[StudyRequest]] = {}
        for key in keys:
            found = self._store.entry(key)
            if found is None or found[1].lookup is not None:
                continue
            if found[0].state in {State.FAILED, State.STOPPED}:
                by_group.setdefault(key.group, []).append(found[1])
        with self._lock:
            return sum(self._add(group, requests) for group, requests in by_group.items())

    @property
    def limits(self) -> Limits | None:
        """Hours and rate of what runs or waits; of the first session, if they differ."""
        with self._lock:
            group = next(iter([*self._jobs, *self._waiting]), None)
            if group is None:
                return None
            return self._limits.get(group) or Limits.of(self._options[group])

    def limit(self, limits: Limits) -> bool:
        """Change hours and rate of everything that runs or waits; False if nothing does."""
        with self._lock:
            self._limits |= dict.fromkeys([*self._jobs, *self._waiting], limits)
            for session in self._sessions():
                _apply(limits, session)
            return self.busy

    def replace(self, key: RowKey, request: StudyRequest, options: RetrieveOptions) -> bool:
        """Retrieve this part of a study instead of what an entry requests.

        Args:
            key: The entry. One that has ended is queued again.
            request: The part.
            options: How to retrieve it; with other options it gets an entry of its own.

        Returns:
            False if the study is being retrieved: it must be stopped first.
        """
        uid = key.study_instance_uid
        with self._lock:
            state, group = self._store.state_of(key), self._group(options)
            if self._waits(key):
                self._withdraw(key)
                self._drop(key.group, [uid])
            elif state is State.QUEUED and group == key.group:
                return self._replace_in_session(key, request)
            elif state is State.QUEUED:
                if self.remove([key]):
                    return False
            elif state in ACTIVE:
                return False
            else:
                # Else what was stopped would be offered beside its part.
                self._job_history.replaced(self._options[key.group], uid)
            self._add(group, [request])
            return True

    def _replace_in_session(self, key: RowKey, request: StudyRequest) -> bool:
        """Replace a study that a session has queued; False if it has begun."""
        job, uid, options = self._jobs.get(key.group), key.study_instance_uid, self.options_of(key)
        session = job.session if job is not None else None
        if job is None or session is None or not session.remove(uid):
            return False
        request = replace(request, pacs=pacs_label(options))
        session.add([request.selection])
        pending, _ = job.replaced.get(uid, (0, request))
        job.replaced[uid] = pending + 1, request
        self._job_history.removed(options, [uid])
        self._job_history.asked(options, [request])
        return True

    def pause(self) -> None:
        """Start no further study or request, and end those in progress."""
        with self._lock:
            self._paused = True
            for session in self._sessions():
                session.pause()

    def resume(self) -> None:
        """Undo `pause`."""
        with self._lock:
            self._paused = False
            for session in self._sessions():
                session.resume()

    def loan(self, options: RetrieveOptions, waits: Waits) -> AssociationLoan:
        """Return what sessions with the same PACS may lend a look-up.

        Args:
            options: Of the look-up.
            waits: Takes why it waits.
        """
        others = partial(self._look_several_up, options)
        loan = AssociationLoan((), options.peer, waits, self._end_loan, others)
        with self._loans_lock:
            self._loans[loan] = options
        with self._lock:
            for group, job in self._jobs.items():
                shares = _shares_associations(self._options[group], options)
                if shares and (session := job.session) is not None:
                    loan.join(session)
        return loan

    def _look_several_up(self, options: RetrieveOptions) -> bool:
        with self._loans_lock:
            return sum(_shares_associations(options, each) for each in self._loans.values()) > 1

    def _end_loan(self, loan: AssociationLoan) -> None:
        with self._loans_lock:
            del self._loans[loan]

    def _join_look_ups(self, group: int, session: Session) -> None:
        """Let a new session know of the look-ups in the same PACS."""
        with self._loans_lock:
            for loan, options in self._loans.items():
                if _shares_associations(self._options[group], options):
                    loan.join(session)

    def lending(self, ask: LookUp[_Asked, _Answered]) -> BorrowingLookUp[_Asked, _Answered]:
        """Return a look-up to which sessions lend an association, if the PACS accepts no more."""

        def look_up(
            asked: _Asked, options: RetrieveOptions, cancel: CancelToken, waits: Waits
        ) -> Generator[_Answered, None, None]:
            loan = partial(self.loan, options, waits)
            return ask_borrowing(partial(ask, asked, options, cancel), loan, cancel)

        return look_up

    @property
    def held(self) -> bool:
        """True while the PACS of a session is gone, or the disk has no room."""
        return self._store.held

    def try_now(self) -> None:
        """Probe what holds a session now."""
        with self._lock:
            for session in self._sessions():
                session.try_now()

    def give_up(self) -> None:
        """Wait no longer for what holds a session."""
        with self._lock:
            for session in self._sessions():
                session.give_up()

    def stop(self, keys: Iterable[RowKey]) -> None:
        """Cancel these studies; their rows stay, as stopped."""
        with self._lock:
            for key in keys:
                job = self._jobs.get(key.group)
                if not job or not (session := job.session) or self._waits(key):
                    self._withdraw(key)
                else:
                    self._store.keep_waiting(key)
                    session.stop(key.study_instance_uid)
                    job.cancel_if_empty(session)

    def stop_all(self) -> None:
        """Cancel every queued or running study."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            for job in self._jobs.values():
                job.cancel()
            for group in waiting:
                if group not in self._jobs:
                    given_up = self._store.end(group)
                    self._job_history.given_up(self._options[group], given_up, stopped=True)

    def promote(self, keys: Sequence[RowKey]) -> None:
        """Move these studies to the front of the queue, in their order."""
        with self._lock:
            for key in reversed(keys):
                uid = key.study_instance_uid
                if (waiting := self._waiting.get(key.group)) is not None:
                    waiting.sort(key=lambda each: each.selection.study_instance_uid != uid)
                job = self._jobs.get(key.group)
                if job and (session := job.session):
                    session.promote(uid)

    def remove(self, keys: Iterable[RowKey]) -> int:
        """Take entries out of the list, but for running ones; return how many of those.

        Failed and stopped studies are removed from the account of their folder, too.
        """
        running = 0
        failed: dict[Path, list[str]] = {}
        with self._lock:
            for key in keys:
                state = self._store.state_of(key)
                job = self._jobs.get(key.group) if state is State.QUEUED else None
                if state in {State.RUNNING, State.RETRYING}:
                    running += 1
                elif job and (session := job.session) and not self._waits(key):
                    self._remove_from(job, session, key)
                else:
                    if state is State.QUEUED:
                        self._withdraw(key)
                    elif state in BAD and self.lookup_of(key) is None:
                        failed.setdefault(self._options[key.group].output, []).append(
                            key.study_instance_uid
                        )
                    self._drop(key.group, [key.study_instance_uid])
        self._forget(failed)
        return running

    def _forget(self, failed: Mapping[Path, Sequence[str]]) -> None:
        """Remove studies from the accounts of their folders, on a thread: a disk may be slow."""
        if self._accounts is not None and failed:
            thread = threading.Thread(
                target=self._forget_in, args=(self._accounts, failed), name="forget"
            )
            self._forgetting.append(thread)
            thread.start()

    def _forget_in(self, accounts: FolderAccounts, failed: Mapping[Path, Sequence[str]]) -> None:
        for folder, uids in failed.items():
            with self._lock:
                held = any(self._options[group].output == folder for group in self._jobs)
            try:
                accounts.forget(folder, uids, held=held)
            except (ConfigError, OSError) as error:
                reason = reason_of(error) if isinstance(error, OSError) else str(error)
                studies = count(len(uids), "study")
                self._store.note(
                    f"Could not remove {studies} from the account of the folder: {reason}",
                    grave=True,
                )

    def close(self, within_s: float = QUIT_S) -> bool:
        """Cancel everything and wait for it; True if every thread has ended in time."""
        with self._lock:
            self._closed = True
            threads = [*self._finishing, *(job.thread for job in self._jobs.values())]
            threads += self._forgetting
        self._leaving.request()
        self.stop_all()
        deadline_s = time.monotonic() + within_s
        for thread in threads:
            thread.join(max(deadline_s - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in threads)

    def _group(self, options: RetrieveOptions) -> int:
        if options not in self._options:
            self._options.append(options)
        return self._options.index(options)

    def _add(
        self, group: int, requests: Iterable[StudyRequest], missed: Sequence[Missed] = ()
    ) -> int:
        options = self._options[group]
        pacs = pacs_label(options)
        named = [replace(each, pacs=pacs) for each in requests]
        self._recall_names(each.selection for each in named if not each.identity)
        added = self._store.queue(group, named, self._neighbours(options))
        self._job_history.asked(options, added, missed)
        job = self._jobs.get(group)
        if job and not job.finishing and (session := job.session):
            if counted := self._foreseen(group, added):
                session.foresee(counted)
            session.add([each.selection for each in added])
        elif added:
            self._waiting.setdefault(group, []).extend(added)
            self._start_possible()
        return len(added)

    def _start_possible(self) -> None:
        """Start a session for every waiting group whose folder and port are free."""
        for group in list(self._waiting):
            options = self._options[group]
            clashes = (self._options[other].clashes_with(options) for other in self._jobs)
            if not self._closed and not any(clashes):
                self._start(group, self._waiting.pop(group))

    def _start(self, group: int, requests: Sequence[StudyRequest]) -> None:
        options = self._options[group]
        self._store.begin(
            group,
            associations=options.parallel,
            timeout_s=options.timeout_s,
            delivering=options.delivering,
        )
        job = self._jobs[group] = _Job()
        selections = tuple(each.selection for each in requests)
        limits = self._limits.get(group)
        counted = self._foreseen(group, requests)
        run = partial(
            self._run, group, job, selections, counted, paused=self._paused, limits=limits
        )
        job.thread = threading.Thread(target=run, name=f"session-{group}")
        job.thread.start()

    def _foreseen(self, group: int, requests: Iterable[StudyRequest]) -> list[PlannedStudy]:
        """Return the studies that a search has counted and of which nothing has come.

        Of others, it is not known how much of them is on the disk.
        """
        counted = []
        for planned in (each.planned for each in requests):
            if planned.instances is not None and planned.modalities:
                found = self._store.entry(RowKey(group, planned.study_instance_uid))
                if found is not None and not found[0].done:
                    counted.append(planned)
        return counted

    def _run(
        self,
        group: int,
        job: _Job,
        selections: Sequence[Selection],
        counted: Sequence[PlannedStudy],
        *,
        paused: bool,
        limits: Limits | None,
    ) -> None:
        """Make a session and fold its events into the store, on the thread of the session."""
        failure: Exception | None = None
        session: Session | None = None
        try:
            try:
                session = self._open_session(
                    selections,
                    self._options[group],
                    job.token,
                    identified=partial(self._identified, group),
                )
                if counted:
                    session.foresee(counted)
                if limits is not None:
                    _apply(limits, session)
                if paused:
                    session.pause()
            finally:
                job.opened(session)
            self._join_look_ups(group, session)
            for event in session.events():
                if not job.begun:
                    self._recall(group)
                job.begun = True
                self._take(group, job, session, event)
        except Cancelled:
            # Before the first event: no study was started.
            pass
        except Exception as error:  # noqa: BLE001 - a bug costs this session, and is shown
            failure = error
        self._end(group, job, failure)

    def _identified(self, group: int, uid: str, identity: StudyIdentity) -> None:
        self._store.identify(group, uid, identity)
        self._job_history.identified(self._options[group], uid, identity)

    def _recall_names(self, selections: Iterable[Selection]) -> None:
        """Have the store know whose these studies are, as far as the history does."""
        uids = [each.study_instance_uid for each in selections]
        self._store.know(self._job_history.identities(uids))

    def recall(self, options: RetrieveOptions) -> None:
        """Add the studies that earlier runs have brought to a bad end in a folder.

        Those that no run has ended are left to `JobHistory`, which offers to resume them.
        """
        failures = self._failures_in(options)
        left = {each.study_instance_uid for each in failures if not each.failed}
        self._job_history.reopen(options.output, left)
        failed = [self._counted(options, each) for each in failures if each.failed]
        if not failed:
            return
        with self._lock:
            group = self._group(options)
            neighbours = self._neighbours(options)
        self._recall_names(each.selection for each in failed)
        self._store.recall(group, failed, neighbours)

    def _counted(self, options: RetrieveOptions, study: StudyAccount) -> StudyAccount:
        """Return a failure with what earlier runs expected, if the last one could not list it."""
        known = self._job_history.expected_of(options, study.study_instance_uid)
        if study.expected is not None or known is None:
            return study
        return replace(study, expected=known, missing=max(known - study.stored, 0))

    def recall_failed(self) -> None:
        """Add the studies that failed in earlier runs, whatever folder they are for.

        A run that the PACS did not answer at all has left no account in the folder.
        """
        for options, studies in self._job_history.failed_earlier():
            recorded, complete = self._account_of(options.output, studies)
            failed = [
                account
                for each in studies
                if each.selection.study_instance_uid not in complete
                if (account := _account(each, recorded)) is not None
            ]
            with self._lock:
                group = self._group(options)
                neighbours = self._neighbours(options)
            self._recall_names(each.selection for each in failed)
            self._store.recall(group, failed, neighbours)

    def _account_of(
        self, folder: Path, studies: Sequence[JobStudy]
    ) -> tuple[dict[str, StudyAccount], set[str]]:
        """Return what a folder records of studies: failures by UID, and which are complete."""
        uids = {each.selection.study_instance_uid for each in studies}
        if self._accounts is None:
            return {}, set()
        try:
            failures = {each.study_instance_uid: each for each in self._accounts.failures(folder)}
            return failures, self._accounts.complete(folder, uids - failures.keys())
        except ConfigError as error:
            self._store.note(str(error), grave=True)
            return {}, set()

    def _recall(self, group: int) -> None:
        """Add what earlier runs left incomplete in the folder, once the session has it."""
        options = self._options[group]
        with self._lock:
            neighbours = self._neighbours(options)
        failures = self._failures_in(options)
        self._recall_names(each.selection for each in failures)
        self._store.recall(group, failures, neighbours)

    def _neighbours(self, options: RetrieveOptions) -> list[int]:
        """Return the groups with the same folder."""
        return [n for n, each in enumerate(self._options) if each.output == options.output]

    def _failures_in(self, options: RetrieveOptions) -> list[StudyAccount]:
        """Return the incomplete studies of a folder that can be retried; note the others."""
        ours = {"", str(options.peer)}
        studies: list[StudyAccount] = []
        elsewhere: Counter[str] = Counter()
        try:
            for each in self._accounts.failures(options.output) if self._accounts else ():
                if each.peer in ours:
                    studies.append(each)
                else:
                    elsewhere[each.peer] += 1
        except ConfigError as error:
            self._store.note(str(error), grave=True)
        for peer, number in elsewhere.items():
            where = folder_text(options.output)
            self._store.note(
                f"{count(number, 'study')} of {peer} not complete in {where}; dicom-retrieve "
                "status lists them."
            )
        return studies

    def _end(self, group: int, job: _Job, failure: Exception | None) -> None:
        """Give up studies that were not started, start other sessions, and report."""
        reason = bug = ""
        if isinstance(failure, RetrieveError):
            reason = str(failure)
        elif failure is not None:
            reason = bug_reason(failure)
            bug = "\n".join(bug_lines(failure))
        with self._lock:
            self._drop(group, job.removed)
            del self._jobs[group]
            if group not in self._waiting:
                self._limits.pop(group, None)
            waiting = [each.selection.study_instance_uid for each in self._waiting.get(group, ())]
            given_up = self._store.end(group, reason, waiting=waiting)
            self._job_history.given_up(self._options[group], given_up, stopped=not reason)
            missed = self._store.missed(group) - self._missed
            self._missed |= missed
            self._start_possible()
            self._finishing.append(threading.current_thread())
        options = self._options[group]
        ended = JobEnded(
            options=options,
            endings=tuple(job.endings.values()),
            missed=len(missed),
            reason=reason,
            traceback=bug,
            commands_failed=job.commands_failed,
            seconds=time.monotonic() - job.started_s,
        )
        self._on_end(ended)
        if fault := self._finish_command(options, ended.finish_hook, self._leaving):
            self._store.note(f"The --on-finish command failed: {fault}", grave=True)
        with self._lock:
            self._finishing.remove(threading.current_thread())

    def _take(self, group: int, job: _Job, session: Session, event: Event) -> None:
        if isinstance(event, RetrieveFinished) and self._store.missed(group) - self._missed:
            event = replace(event, verdict=total_verdict([event.verdict, Verdict.NOT_FOUND]))
        removed = isinstance(event, StudyRemoved) and self._store.state_of(
            RowKey(group, event.study_instance_uid)
        )
        self._store.apply(group, event)
        self._announce(group, job, event)
        match event:
            case StudyCommandFinished():
                job.commands_failed += bool(event.reason)
                return
            case StudyCommandsDropped():
                job.commands_failed += event.studies
                return
            case StudyFinished():
                job.endings[event.study_instance_uid] = event
                self._job_history.ended(self._options[group], [event])
            case StudyRemoved():
                self._take_removal(group, job, event.study_instance_uid, shown=bool(removed))
            case QueueGivenUp():
                given_up = _not_tried(event)
                job.endings.update(given_up)
                self._job_history.ended(self._options[group], given_up.values())
            case _:
                return
        with self._lock:
            if not job.finishing and not self._store.unfinished(group):
                # An idle session would keep the folder and the port from others.
                job.finishing = True
                session.finish()

    def _take_removal(self, group: int, job: _Job, uid: str, *, shown: bool) -> None:
        """Forget a study that has left the queue, or show what has replaced it.

        One that was stopped stays, and is offered at the next start.
        """
        with self._lock:
            job.removed.discard(uid)
            if uid not in job.replaced:
                if self._store.state_of(RowKey(group, uid)) is State.STOPPED:
                    self._job_history.given_up(self._options[group], [uid], stopped=True)
                elif shown:
                    self._job_history.removed(self._options[group], [uid])
                return
            pending, request = job.replaced.pop(uid)
            if pending > 1:
                job.replaced[uid] = pending - 1, request
            else:
                # The session has it already.
                self._store.queue(group, [request])

    def _announce(self, group: int, job: _Job, event: Event) -> None:
        if not self._options[group].notify:
            return
        elapsed_s = time.monotonic() - job.started_s
        if (notice := self._store.notice_of(group, event, elapsed_s)) is not None:
            self._on_notice(notice)

    def _remove_from(self, job: _Job, session: Session, key: RowKey) -> bool:
        """Remove a queued study, False if it was begun.

        Its row goes with `StudyRemoved`, or now if that never comes.
        """
        if removed := session.remove(key.study_instance_uid):
            job.removed.add(key.study_instance_uid)
        if job.cancel_if_empty(session):
            self._drop(key.group, job.removed)
            job.removed.clear()
        return removed

    def _sessions(self) -> Iterator[Session]:
        return (session for job in self._jobs.values() if (session := job.session) is not None)

    def _waits(self, key: RowKey) -> bool:
        return any(
            each.selection.study_instance_uid == key.study_instance_uid
            for each in self._waiting.get(key.group, ())
        )

    def _drop(self, group: int, uids: Iterable[str]) -> None:
        """Take entries out of the list and the history."""
        uids = list(uids)
        self._store.forget([RowKey(group, uid) for uid in uids])
        self._job_history.removed(self._options[group], uids)

    def _withdraw(self, key: RowKey) -> None:
        """Take a study out of those that wait for a session."""
        kept = [
            each
            for each in self._waiting.pop(key.group, [])
            if each.selection.study_instance_uid != key.study_instance_uid
        ]
        if kept:
            self._waiting[key.group] = kept
        self._store.stop(key)
        uid = key.study_instance_uid
        self._job_history.given_up(self._options[key.group], [uid], stopped=True)


def _account(study: JobStudy, recorded: Mapping[str, StudyAccount]) -> StudyAccount | None:
    """Return the failure of an earlier run by the history and the account of its folder.

    Of a study that the account does not know, the PACS has answered nothing, or the user has
    removed it: only what failed altogether is a failure then.
    """
    uid, known = study.selection.study_instance_uid, study.expected
    if (account := recorded.get(uid)) is None:
        if study.verdict is not Verdict.FAILED:
            return None
        account = StudyAccount(study_instance_uid=uid, verdict=str(Verdict.FAILED))
    if not account.failed:
        account = replace(account, verdict=str(study.verdict), reason="")
    return replace(
        account,
        reason=account.reason or "in an earlier run",
        expected=known if account.expected is None else account.expected,
        stored=max(account.stored, study.stored),
        missing=account.missing or max((known or 0) - study.stored, 0),
        series=study.selection.series,
    )


def _not_tried(event: QueueGivenUp) -> dict[str, StudyFinished]:
    """Return the endings of the studies that were not begun when a session gave up."""
    return {
        uid: StudyFinished(
            study_instance_uid=uid,
            verdict=Verdict.NOT_TRIED,
            expected=None,
            stored=0,
            reason=event.reason,
        )
        for uid in event.study_instance_uids
    }


def _shares_associations(run: RetrieveOptions, look_up: RetrieveOptions) -> bool:
    """True if a PACS counts the associations of both as those of one caller.

    Those of a cluster belong to other machines.
    """
    same = (run.peer, run.calling_ae_title) == (look_up.peer, look_up.calling_ae_title)
    return same and not run.cluster


def _apply(limits: Limits, session: Session) -> None:
    session.limit_hours(limits.hours)
    session.limit_rate(limits.rate)
