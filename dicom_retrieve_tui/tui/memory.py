"""What was asked for, from one run of the application to the next. Knows no screen.

Nothing depends on it: where the history cannot be kept, that is said once, and all goes on. It is
opened when somebody first wants to know of it: the first frame waits for no database.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.jobs import Job, StudyEnd
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.wording import count
from dicom_retrieve_tui.tui.form import FormFault, defaults, draft_of, read_terms
from dicom_retrieve_tui.tui.ports import History
from dicom_retrieve_tui.tui.terms import Terms

_JOBS_MAX = 100
_RECENT_MAX = 10

_Key = tuple[Path, str]
"""A folder and a Study Instance UID: whoever asks for the same into the same goes on with it."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What earlier runs left unfinished."""

    studies: int
    begun: datetime
    """When the latest of it was asked for, in local time."""

    def __str__(self) -> str:
        """One sentence, without its end."""
        were = "was" if self.studies == 1 else "were"
        day = f"{self.begun.day} {self.begun:%b}"
        return f"{count(self.studies, 'study')} {were} left unfinished on {day}"


@dataclass(frozen=True, slots=True)
class _Left:
    job: Job
    selection: Selection


class Memory:
    """The history as the application uses it; safe from any thread."""

    def __init__(
        self,
        open_history: Callable[[], History] | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Prepare; nothing is opened yet.

        Args:
            open_history: May raise `ConfigError`; None remembers nothing.
            now: The time of day, with its zone.
        """
        self._open_history = open_history
        self._history: History | None = None
        self._notice = ""
        self._now = now
        self._lock = threading.RLock()
        self._jobs: dict[_Key, int] = {}
        """Where each study of this run, or of what is left, is recorded."""
        self._left: dict[_Key, _Left] = {}

    @property
    def offer(self) -> Offer | None:
        """What could be taken up again; None if nothing is left."""
        with self._using():
            if not self._left:
                return None
            begun = max(left.job.begun for left in self._left.values())
            return Offer(len(self._left), begun.astimezone())

    def left(self) -> tuple[list[tuple[Terms, list[Selection]]], list[str]]:
        """What is left, by the terms on which it was asked for; and why some of it cannot be."""
        jobs: dict[int, list[_Left]] = {}
        with self._using():
            for left in self._left.values():
                jobs.setdefault(left.job.job_id, []).append(left)
        found, faults = [], []
        for lefts in jobs.values():
            job = lefts[0].job
            draft = {**defaults(), **{name: str(text) for name, text in job.options.items()}}
            try:
                terms = read_terms({**draft, "folder": str(job.output)}, job.profile)
            except FormFault as fault:
                faults.append(f"{count(len(lefts), 'study')} of {job.profile or 'old'}: {fault}")
            else:
                found.append((terms, [left.selection for left in lefts]))
        return found, faults

    def forget_left(self) -> None:
        """Offer it no more."""
        with self._using() as history:
            self._drop(history, list(self._left))

    def recent(self) -> list[tuple[Selection, ...]]:
        """What was asked for lately, time by time and each once, the latest first."""
        jobs: list[tuple[Selection, ...]] = []
        with self._using() as history:
            jobs = history.recent(_RECENT_MAX) if history is not None else []
        return list(dict.fromkeys(jobs))

    def take_notice(self) -> str:
        """What the user should know, once; empty if all is well."""
        with self._using():
            notice, self._notice = self._notice, ""
        return notice

    def close(self) -> None:
        """Remember nothing any more; all is recorded already."""
        with self._lock:
            self._open_history = None
            self._let_go()

    def asked(self, terms: Terms, selections: Sequence[Selection]) -> None:
        """These studies are queued, or queued again."""
        with self._using() as history:
            if history is None or not selections:
                return
            job_id = history.record_job(
                begun=self._now(),
                profile=terms.profile,
                output=terms.settings.output,
                options=draft_of(terms),
                selections=selections,
            )
            keys = [_key(terms, each.study_instance_uid) for each in selections]
            self._drop(history, keys)
            self._jobs.update(dict.fromkeys(keys, job_id))

    def ended(self, terms: Terms, ending: StudyFinished) -> None:
        """A study has its verdict."""
        with self._using() as history:
            job_id = self._jobs.get(_key(terms, ending.study_instance_uid))
            if history is None or job_id is None:
                return
            end = StudyEnd(
                study_instance_uid=ending.study_instance_uid,
                verdict=ending.verdict,
                expected=ending.expected,
                stored=ending.stored,
            )
            history.record_ends(job_id, [end])

    def removed(self, terms: Terms, uids: Iterable[str]) -> None:
        """The user took these out of the list."""
        with self._using() as history:
            self._drop(history, [_key(terms, uid) for uid in uids])

    def _note_left(self, job: Job) -> None:
        for selection in job.left:
            key = (job.output, selection.study_instance_uid)
            self._left[key] = _Left(job, selection)
            self._jobs[key] = job.job_id

    def _drop(self, history: History | None, keys: Iterable[_Key]) -> None:
        """Forget what was recorded of these before."""
        by_job: dict[int, list[str]] = {}
        for key in keys:
            self._left.pop(key, None)
            if (job_id := self._jobs.pop(key, None)) is not None:
                by_job.setdefault(job_id, []).append(key[1])
        if history is not None:
            for job_id, uids in by_job.items():
                history.drop_studies(job_id, uids)

    @contextmanager
    def _using(self) -> Iterator[History | None]:
        """The history, if there is one; a fault of its disk is the end of it, and no more."""
        with self._lock:
            try:
                self._open()
                yield self._history
            except (ConfigError, DiskFailed) as error:
                self._let_go()
                self._notice = str(error)

    def _open(self) -> None:
        """Open the history, unless somebody has, and look what is left."""
        open_history, self._open_history = self._open_history, None
        if open_history is None:
            return
        history = self._history = open_history()
        self._notice = history.notice
        history.prune(_JOBS_MAX)
        for job in reversed(history.unfinished()):
            self._note_left(job)

    def _let_go(self) -> None:
        if self._history is not None:
            self._history.close()
            self._history = None


def _key(terms: Terms, uid: str) -> _Key:
    return terms.settings.output.absolute(), uid
