"""What was asked for, from one run of the application to the next. Knows no screen.

Nothing depends on it: where the history cannot be kept, that is said once, and all goes on. It is
opened when somebody first wants to know of it: the first frame waits for no database.
"""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.history_records import Job, JobStudy, StudyEnd
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.tui.ports import History
from dicom_retrieve_tui.tui.retrieve_form import FormFault, draft_of, draft_of_history, read_draft

_JOBS_MAX = 100
_RECENT_MAX = 10

_Key = tuple[Path, str]
"""A folder and a Study Instance UID: whoever asks for the same into the same goes on with it."""


@dataclass(frozen=True, slots=True)
class ResumeOffer:
    """What earlier runs left unfinished."""

    studies: int
    begun: datetime
    """When the latest of it was asked for, in local time."""

    def __str__(self) -> str:
        """One sentence, without its end."""
        were = "was" if self.studies == 1 else "were"
        day = f"{self.begun.day} {self.begun:%b}"
        return f"{count(self.studies, 'study')} {were} left unfinished on {day}"


@dataclass(slots=True)
class _Asked:
    """A study, or parts of it, as it was asked for at one time."""

    job_id: int
    study: JobStudy
    job: Job | None = None
    """Of an earlier run, which left this; None if it is of this run."""

    def gives_way_to(self, selection: Selection) -> bool:
        """True if nothing need be known of it any more once that is asked for.

        What has ended can be asked for again, so only the same takes its place; what was left has
        a place in anything wider.
        """
        ours = self.study.selection
        return ours == selection or (self.study.left and join([selection, ours]) == (selection,))


def _was_left(asked: _Asked) -> bool:
    return asked.job is not None


def _giving_way_to(selection: Selection) -> Callable[[_Asked], bool]:
    return lambda asked: asked.gives_way_to(selection)


class JobHistory:
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
        self._asked: dict[_Key, list[_Asked]] = {}
        """What is recorded of each study, in this run or as left by earlier ones; the latest last.
        """

    @property
    def offer(self) -> ResumeOffer | None:
        """What could be taken up again; None if nothing is left."""
        with self._using():
            begun = {key: job.begun for key, job, _ in self._left()}
            return ResumeOffer(len(begun), max(begun.values()).astimezone()) if begun else None

    def left(self) -> tuple[list[tuple[RetrieveOptions, list[Selection]]], list[str]]:
        """What is left, by the options on which it was asked for; and why some of it cannot be."""
        jobs: dict[int, tuple[Job, list[Selection]]] = {}
        with self._using():
            for _, job, selection in self._left():
                jobs.setdefault(job.job_id, (job, []))[1].append(selection)
        found: dict[RetrieveOptions, list[Selection]] = {}
        faults = []
        for job, selections in jobs.values():
            texts = {name: str(text) for name, text in job.options.items()}
            try:
                options = read_draft(draft_of_history(texts, job.output), job.profile)
            except FormFault as fault:
                faults.append(
                    f"{count(len(selections), 'study')} of {job.profile or 'old'}: {fault}"
                )
            else:
                found.setdefault(options, []).extend(selections)
        return [(options, list(join(selections))) for options, selections in found.items()], faults

    def forget_left(self) -> None:
        """Stop offering it."""
        with self._using() as history:
            self._drop(
                history, [each for key in self._asked for each in self._take(key, _was_left)]
            )

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

    def asked(self, options: RetrieveOptions, selections: Sequence[Selection]) -> None:
        """These studies are queued, or queued again."""
        with self._using() as history:
            if history is None or not selections:
                return
            job_id = history.record_job(
                begun=self._now(),
                profile=options.profile,
                output=options.output,
                options=draft_of(options),
                selections=selections,
            )
            now = [(_key(options, each.study_instance_uid), each) for each in selections]
            before = [each for key, new in now for each in self._take(key, _giving_way_to(new))]
            self._drop(history, before)
            for key, selection in now:
                asked = _Asked(job_id, JobStudy(selection=selection))
                self._asked.setdefault(key, []).append(asked)

    def ended(self, options: RetrieveOptions, ending: StudyFinished) -> None:
        """A study has its verdict."""
        with self._using() as history:
            asked = self._asked.get(_key(options, ending.study_instance_uid))
            if history is None or not asked:
                return
            latest = asked[-1]
            latest.study = replace(latest.study, verdict=ending.verdict)
            end = StudyEnd(
                study_instance_uid=ending.study_instance_uid,
                verdict=ending.verdict,
                expected=ending.expected,
                stored=ending.stored,
            )
            history.record_ends(latest.job_id, [end])

    def removed(self, options: RetrieveOptions, uids: Iterable[str]) -> None:
        """The user took these out of the list."""
        with self._using() as history:
            asked = [self._asked.get(_key(options, uid)) for uid in uids]
            self._drop(history, [each.pop() for each in asked if each])

    def _left(self) -> Iterator[tuple[_Key, Job, Selection]]:
        """What earlier runs left, and nobody has asked for again."""
        for key, asked in self._asked.items():
            for each in asked:
                if each.job is not None:
                    yield key, each.job, each.study.selection

    def _note_left(self, job: Job) -> None:
        for study in job.studies:
            if study.left:
                key = (job.output, study.selection.study_instance_uid)
                self._asked.setdefault(key, []).append(_Asked(job.job_id, study, job))

    def _take(self, key: _Key, out: Callable[[_Asked], bool]) -> list[_Asked]:
        """Take out what is recorded of a study and meets a condition."""
        asked = self._asked.get(key, [])
        taken = [each for each in asked if out(each)]
        asked[:] = [each for each in asked if each not in taken]
        return taken

    def _drop(self, history: History | None, asked: Iterable[_Asked]) -> None:
        """Let the history forget these."""
        by_job: dict[int, list[str]] = {}
        for each in asked:
            uid = each.study.selection.study_instance_uid
            by_job.setdefault(each.job_id, []).append(uid)
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


def _key(options: RetrieveOptions, uid: str) -> _Key:
    return options.output.absolute(), uid
