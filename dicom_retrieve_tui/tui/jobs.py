"""The controller between the screens and the sessions: who runs, who waits, and who is told.

Studies on equal terms share one session. Each session has one thread of ours, which folds its
events into the store; nothing here waits for the screen, and the screen waits for nothing here.
"""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from operator import methodcaller
from pathlib import Path

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.bug_report import bug_lines
from dicom_retrieve_tui.model.events import Event, StudyFinished, StudyRemoved
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.handle import Handle
from dicom_retrieve_tui.tui.history import JobHistory
from dicom_retrieve_tui.tui.ports import OpenSession
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest
from dicom_retrieve_tui.tui.snapshot import RowKey, State
from dicom_retrieve_tui.tui.terms import Terms

QUIT_S = 3.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobEnded:
    """A session is over."""

    terms: Terms
    endings: tuple[StudyFinished, ...]
    """Of the studies that it had in hand; the last one of each."""
    failed: tuple[tuple[str, str], ...]
    """Study Instance UIDs in this folder that ended badly, in this session or before, and why."""
    reason: str = ""
    """Why it came to nothing; empty if it told its story to the end."""
    traceback: str = ""
    """Of a bug; empty if there was none."""

    @property
    def verdicts(self) -> Counter[Verdict]:
        """How many studies ended how."""
        return Counter(ending.verdict for ending in self.endings)

    @property
    def in_vain(self) -> bool:
        """True if nothing at all came of it."""
        return bool(self.reason) or set(self.verdicts) == {Verdict.FAILED}

    @property
    def missing(self) -> int:
        """Instances, of all studies."""
        return sum(len(ending.missing) for ending in self.endings)


class Jobs:
    """Everything that runs, and everything that waits for it."""

    def __init__(
        self,
        open_session: OpenSession,
        store: ProgressStore,
        on_end: Callable[[JobEnded], object],
        job_history: JobHistory | None = None,
    ) -> None:
        """Prepare.

        Args:
            open_session: Makes a session; it sends nothing yet.
            store: Where events are folded.
            on_end: Told of each session that ends, on that session's thread.
            job_history: Told of what is asked for, and of how it ends; None remembers nothing.
        """
        self._open_session = open_session
        self._store = store
        self._on_end = on_end
        self._job_history = job_history or JobHistory()
        self._lock = threading.RLock()
        self._terms: list[Terms] = []
        self._jobs: dict[int, Handle] = {}
        self._waiting: dict[int, list[StudyRequest]] = {}
        """Studies whose session cannot start yet: one before it has the folder or the port."""
        self._paused = False
        self._closed = False

    @property
    def busy(self) -> bool:
        """True if quitting would stop something."""
        with self._lock:
            return bool(self._jobs or self._waiting)

    @property
    def paused(self) -> bool:
        """True if nothing new is begun."""
        return self._paused

    def terms_of(self, key: RowKey) -> Terms:
        """The terms on which an entry was asked for."""
        return self._terms[key.group]

    def failed_in(self, folder: Path) -> tuple[tuple[str, str], ...]:
        """Study Instance UIDs in this folder that ended badly, and why."""
        with self._lock:
            groups = [n for n, each in enumerate(self._terms) if each.settings.output == folder]
        return self._store.failed(groups)

    def folders(self) -> list[Path]:
        """Every folder that something was asked for into."""
        with self._lock:
            return list(dict.fromkeys(terms.settings.output for terms in self._terms))

    def add(self, terms: Terms, wanted: Iterable[StudyRequest]) -> int:
        """Queue studies; returns how many of them were not queued or running already."""
        with self._lock:
            return self._add(self._group(terms), wanted)

    def retry(self, keys: Iterable[RowKey]) -> int:
        """Ask again for what is missing of these; returns how many there were to ask for."""
        by_group: dict[int, list[StudyRequest]] = {}
        for key in keys:
            found = self._store.entry(key)
            if found is not None and found[0].state in {State.FAILED, State.STOPPED}:
                by_group.setdefault(key.group, []).append(found[1])
        with self._lock:
            return sum(self._add(group, wanted) for group, wanted in by_group.items())

    def pause(self) -> None:
        """Begin no further study or request; those in hand go on to their end."""
        self._steer_all(paused=True)

    def resume(self) -> None:
        """Go on."""
        self._steer_all(paused=False)

    def stop(self, keys: Iterable[RowKey]) -> None:
        """Cancel these studies, whether they wait or run."""
        with self._lock:
            for key in keys:
                if (job := self._jobs.get(key.group)) and not self._waits(key):
                    job.stop(key.study_instance_uid)
                else:
                    self._withdraw(key)

    def stop_all(self) -> None:
        """Cancel everything that runs or waits."""
        with self._lock:
            waiting, self._waiting = self._waiting, {}
            for job in self._jobs.values():
                job.cancel()
            for group in waiting:
                if group not in self._jobs:
                    self._store.end(group)

    def promote(self, keys: Sequence[RowKey]) -> None:
        """Let these be the next ones, in their order."""
        with self._lock:
            for key in reversed(keys):
                uid = key.study_instance_uid
                if (waiting := self._waiting.get(key.group)) is not None:
                    waiting.sort(key=lambda each: each.selection.study_instance_uid != uid)
                if (job := self._jobs.get(key.group)) is not None:
                    job.tell(methodcaller("promote", uid))

    def remove(self, keys: Iterable[RowKey]) -> int:
        """Take entries out of the list; returns how many run, and hence stay."""
        left = 0
        with self._lock:
            for key in keys:
                state = self._store.state_of(key)
                if state in {State.RUNNING, State.RETRYING}:
                    left += 1
                    continue
                if state is State.QUEUED:
                    if (job := self._jobs.get(key.group)) is not None and not self._waits(key):
                        job.remove(key.study_instance_uid)
                        if job.given_up:
                            self._drop(key.group, job.let_go())
                        continue
                    self._withdraw(key)
                self._drop(key.group, [key.study_instance_uid])
        return left

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

    def _group(self, terms: Terms) -> int:
        if terms not in self._terms:
            self._terms.append(terms)
        return self._terms.index(terms)

    def _add(self, group: int, wanted: Iterable[StudyRequest]) -> int:
        taken = self._store.queue(group, wanted)
        self._job_history.asked(self._terms[group], [each.selection for each in taken])
        job = self._jobs.get(group)
        if job is not None and not job.finishing:
            job.tell(methodcaller("add", [each.selection for each in taken]))
            job.opening_for.update(each.selection.study_instance_uid for each in taken)
        elif taken:
            self._waiting.setdefault(group, []).extend(taken)
            self._start_what_can()
        return len(taken)

    def _start_what_can(self) -> None:
        for group in list(self._waiting):
            terms = self._terms[group]
            taken = (self._terms[other].clashes_with(terms) for other in self._jobs)
            if not self._closed and not any(taken):
                self._start(group, self._waiting.pop(group))

    def _start(self, group: int, wanted: Sequence[StudyRequest]) -> None:
        terms = self._terms[group]
        plan = terms.plan([each.selection for each in wanted])
        self._store.begin(
            group,
            associations=plan.parallel,
            timeout_s=terms.settings.timeout_s,
            delivering=terms.delivering,
        )
        thread = threading.Thread(target=self._consume, args=(group,), name=f"session-{group}")
        uids = {each.selection.study_instance_uid for each in wanted}
        job = self._jobs[group] = Handle(plan, thread, opening_for=uids)
        if self._paused:
            job.tell(methodcaller("pause"))
        thread.start()

    def _consume(self, group: int) -> None:
        """The one thread of a session."""
        with self._lock:
            job = self._jobs[group]
        reason = bug = ""
        try:
            settings = self._terms[group].settings
            session = self._open_session(job.plan, settings, job.cancel_opening)
            with self._lock:
                job.open(session)
            for event in session.events():
                job.begun = True
                self._take(group, job, event)
        except Cancelled:
            pass  # while it was opened: nothing was begun
        except RetrieveError as error:
            reason = str(error)
        except Exception as error:  # noqa: BLE001 - a bug costs this session, and is shown
            reason = f"a bug: {type(error).__name__}; please report it"
            bug = "\n".join(bug_lines(error))
        with self._lock:
            self._drop(group, job.let_go())
            waiting = [each.selection.study_instance_uid for each in self._waiting.get(group, ())]
            self._store.end(group, reason, waiting=waiting)
            del self._jobs[group]
            self._start_what_can()
        self._on_end(
            JobEnded(
                terms=self._terms[group],
                endings=tuple(job.endings.values()),
                failed=self.failed_in(self._terms[group].settings.output),
                reason=reason,
                traceback=bug,
            )
        )

    def _take(self, group: int, job: Handle, event: Event) -> None:
        listed = isinstance(event, StudyRemoved) and self._store.state_of(
            RowKey(group, event.study_instance_uid)
        )
        self._store.apply(group, event)
        if isinstance(event, StudyFinished):
            job.endings[event.study_instance_uid] = event
            self._job_history.ended(self._terms[group], event)
        if isinstance(event, StudyRemoved) and listed:
            self._job_history.removed(self._terms[group], [event.study_instance_uid])
        if isinstance(event, StudyFinished | StudyRemoved):
            with self._lock:
                if not job.finishing and not self._store.unfinished(group):
                    # Idle, it would keep the folder and the port from everybody else.
                    job.finishing = True
                    job.tell(methodcaller("finish"))

    def _steer_all(self, *, paused: bool) -> None:
        with self._lock:
            self._paused = paused
            for job in self._jobs.values():
                job.tell(methodcaller("pause" if paused else "resume"))

    def _waits(self, key: RowKey) -> bool:
        return any(
            each.selection.study_instance_uid == key.study_instance_uid
            for each in self._waiting.get(key.group, ())
        )

    def _drop(self, group: int, uids: list[str]) -> None:
        """Forget that these were asked for."""
        self._store.forget([RowKey(group, uid) for uid in uids])
        self._job_history.removed(self._terms[group], uids)

    def _withdraw(self, key: RowKey) -> None:
        """Take a study out of what waits for a session."""
        kept = [
            each
            for each in self._waiting.pop(key.group, [])
            if each.selection.study_instance_uid != key.study_instance_uid
        ]
        if kept:
            self._waiting[key.group] = kept
        self._store.stop(key)
