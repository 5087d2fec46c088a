"""Sessions of the application: which run, which wait for a folder or a port, how they ended.

Studies with equal options share one session. Each session has one thread, which folds its events
into the progress store. The screen never waits for a session, nor a session for the screen.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.bug_report import bug_lines
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import Event, StudyFinished, StudyRemoved
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.ports import OpenSession, Session
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.snapshot import RowKey, State
from dicom_retrieve_tui.tui.study_names import screen_verdict

QUIT_S = 3.0
_OPEN_S = 1.0
"""Longest wait for a session to be made, which takes some 0.1 s the first time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """The account of a session that has ended."""

    options: RetrieveOptions
    endings: tuple[StudyFinished, ...]
    """The last one of each study of the session."""
    failed: tuple[tuple[str, str], ...]
    """Study Instance UIDs and reasons of this folder's failed studies, of earlier sessions, too."""
    missed: int = 0
    """Lines of lists for which the PACS had no study."""
    reason: str = ""
    """Why the session failed as a whole; empty if it ran to its end."""
    traceback: str = ""
    """Of a bug; empty if there was none."""

    @property
    def verdicts(self) -> Counter[Verdict]:
        """The number of studies by verdict; lines without a study count as not found."""
        verdicts = Counter(ending.verdict for ending in self.endings)
        return verdicts + Counter({Verdict.NOT_FOUND: self.missed})

    @property
    def all_failed(self) -> bool:
        """True if the session failed as a whole, or each of its studies."""
        return bool(self.reason) or set(self.verdicts) == {Verdict.FAILED}

    @property
    def missing(self) -> int:
        """Missing instances of all studies."""
        return sum(len(ending.missing) for ending in self.endings)

    @property
    def summary(self) -> str:
        """One line: the number of studies, their verdicts, and missing instances."""
        if not self.endings:
            return "No study was started."
        verdicts = ", ".join(
            f"{number:,} {screen_verdict(each)}" for each, number in self.verdicts.items()
        )
        missing = f" ({count(self.missing, 'instance')} missing)" if self.missing else ""
        studies = count(len(self.endings) + self.missed, "study")
        return f"{studies}: {verdicts}{missing}"


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
        self.removed: set[str] = set()
        """Removed studies of which the session has not emitted `StudyRemoved` yet."""
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
    ) -> None:
        """Start with no session.

        Args:
            open_session: Makes a session.
            store: Receives the events.
            on_end: Called on the thread of each session that ends.
            job_history: Records studies and verdicts; None records nothing.
        """
        self._open_session = open_session
        self._store = store
        self._on_end = on_end
        self._job_history = job_history or JobHistory()
        self._lock = threading.RLock()
        self._options: list[RetrieveOptions] = []
        self._jobs: dict[int, _Job] = {}
        # Their session cannot start yet: an earlier one has the folder or the port.
        self._waiting: dict[int, list[StudyRequest]] = {}
        self._paused = False
        self._closed = False

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

    def failed_in(self, folder: Path) -> tuple[tuple[str, str], ...]:
        """Return UIDs and reasons of the failed studies of this folder."""
        with self._lock:
            groups = [n for n, each in enumerate(self._options) if each.output == folder]
        return self._store.failed(groups)

    def folders(self) -> list[Path]:
        """Return every output folder of this run of the application."""
        with self._lock:
            return list(dict.fromkeys(options.output for options in self._options))

    def add(self, options: RetrieveOptions, requests: Iterable[StudyRequest]) -> int:
        """Queue studies and return how many; those that are queued or running do not count."""
        with self._lock:
            return self._add(self._group(options), requests)

    def looked_up(
        self, options: RetrieveOptions, lookups: Iterable[Lookup], missed: Iterable[Missed]
    ) -> None:
        """Show lines of a list for which no study was found, as failed; drop those now found.

        Args:
            options: The options of the request.
            lookups: The lines that were looked up.
            missed: Those for which no study was found.
        """
        pacs = options.profile or str(options.peer)
        with self._lock:
            group = self._group(options)
            wanted = {each: StudyRequest.of_missed(each, pacs) for each in lookups}
            reasons = {each.lookup: each.reason for each in missed}
            for lookup, request in wanted.items():
                if lookup in reasons:
                    self._store.miss(group, request, reasons[lookup])
                else:
                    self._store.forget([RowKey(group, request.selection.study_instance_uid)])

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

    def pause(self) -> None:
        """Start no further study or request; those in progress continue."""
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

    def stop(self, keys: Iterable[RowKey]) -> None:
        """Cancel these studies, queued or running."""
        with self._lock:
            for key in keys:
                job = self._jobs.get(key.group)
                if job and (session := job.session) and not self._waits(key):
                    session.stop(key.study_instance_uid)
                    job.cancel_if_empty(session)
                else:
                    self._withdraw(key)

    def stop_all(self) -> None:
        """Cancel every queued or running study."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            for job in self._jobs.values():
                job.cancel()
            for group in waiting:
                if group not in self._jobs:
                    self._store.end(group)

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
        """Take entries out of the list, but for running ones; return how many of those."""
        running = 0
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
                    self._drop(key.group, [key.study_instance_uid])
        return running

    def close(self, within_s: float = QUIT_S) -> bool:
        """Cancel everything and wait for it; True if every thread has ended in time."""
        with self._lock:
            self._closed = True
            threads = [job.thread for job in self._jobs.values()]
        self.stop_all()
        deadline_s = time.monotonic() + within_s
        for thread in threads:
            thread.join(max(deadline_s - time.monotonic(), 0.0))
        return not any(thread.is_alive() for thread in threads)

    def _group(self, options: RetrieveOptions) -> int:
        if options not in self._options:
            self._options.append(options)
        return self._options.index(options)

    def _add(self, group: int, requests: Iterable[StudyRequest]) -> int:
        options = self._options[group]
        pacs = options.profile or str(options.peer)
        added = self._store.queue(group, [replace(each, pacs=pacs) for each in requests])
        self._job_history.asked(options, [each.selection for each in added])
        job = self._jobs.get(group)
        if job and not job.finishing and (session := job.session):
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
        run = partial(self._run, group, job, selections, paused=self._paused)
        job.thread = threading.Thread(target=run, name=f"session-{group}")
        job.thread.start()

    def _run(self, group: int, job: _Job, selections: Sequence[Selection], *, paused: bool) -> None:
        """Make a session and fold its events into the store, on the thread of the session."""
        failure: Exception | None = None
        session: Session | None = None
        try:
            try:
                session = self._open_session(
                    selections,
                    self._options[group],
                    job.token,
                    identified=partial(self._store.identify, group),
                )
                if paused:
                    session.pause()
            finally:
                job.opened(session)
            for event in session.events():
                job.begun = True
                self._take(group, job, session, event)
        except Cancelled:
            # Before the first event: no study was started.
            pass
        except Exception as error:  # noqa: BLE001 - a bug costs this session, and is shown
            failure = error
        self._end(group, job, failure)

    def _end(self, group: int, job: _Job, failure: Exception | None) -> None:
        """Give up studies that were not started, start other sessions, and report."""
        reason = bug = ""
        if isinstance(failure, RetrieveError):
            reason = str(failure)
        elif failure is not None:
            reason = f"a bug: {type(failure).__name__}; please report it"
            bug = "\n".join(bug_lines(failure))
        with self._lock:
            self._drop(group, job.removed)
            del self._jobs[group]
            waiting = [each.selection.study_instance_uid for each in self._waiting.get(group, ())]
            self._store.end(group, reason, waiting=waiting)
            self._start_possible()
        options = self._options[group]
        self._on_end(
            JobEnded(
                options=options,
                endings=tuple(job.endings.values()),
                failed=self.failed_in(options.output),
                missed=self._store.missed(group),
                reason=reason,
                traceback=bug,
            )
        )

    def _take(self, group: int, job: _Job, session: Session, event: Event) -> None:
        removed = isinstance(event, StudyRemoved) and self._store.state_of(
            RowKey(group, event.study_instance_uid)
        )
        self._store.apply(group, event)
        match event:
            case StudyFinished():
                job.endings[event.study_instance_uid] = event
                self._job_history.ended(self._options[group], event)
            case StudyRemoved():
                with self._lock:
                    job.removed.discard(event.study_instance_uid)
                if removed:
                    self._job_history.removed(self._options[group], [event.study_instance_uid])
            case _:
                return
        with self._lock:
            if not job.finishing and not self._store.unfinished(group):
                # An idle session would keep the folder and the port from others.
                job.finishing = True
                session.finish()

    def _remove_from(self, job: _Job, session: Session, key: RowKey) -> None:
        """Remove a queued study; its row goes with `StudyRemoved`, or now if that never comes."""
        if session.remove(key.study_instance_uid):
            job.removed.add(key.study_instance_uid)
        if job.cancel_if_empty(session):
            self._drop(key.group, job.removed)
            job.removed.clear()

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
