"""The job history as the application uses it: unfinished, recent and past jobs.

Whose studies are is recorded only while the application shows patients. A history that cannot be
opened or written is reported once; the application works without it. It is opened at its first
use, so that the first frame does not wait for a database.
"""

import threading
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.events import StudyFinished
from dicom_retrieve_tui.model.history_records import (
    Job,
    JobStudy,
    MissedLine,
    PastJob,
    StudyEnd,
)
from dicom_retrieve_tui.model.hours import system_local
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.tui.ports import History
from dicom_retrieve_tui.tui.progress_store import ProgressStore
from dicom_retrieve_tui.tui.queue_entry import StudyRequest, missed_key
from dicom_retrieve_tui.tui.retrieve_form import FormFault, draft_of, draft_of_history, read_draft

_JOBS_MAX = 100
_RECENT_MAX = 10

_Key = tuple[Path, str]
"""Folder and Study Instance UID; the same study into the same folder is the same job."""


@dataclass(frozen=True, slots=True)
class ResumeOffer:
    """Unfinished studies of earlier runs."""

    studies: int
    begun: datetime
    """The time of the latest request, in local time."""

    def __str__(self) -> str:
        """Return a sentence without its full stop."""
        were = "was" if self.studies == 1 else "were"
        day = f"{self.begun.day} {self.begun:%b}"
        return f"{count(self.studies, 'study')} {were} left unfinished on {day}"


@dataclass(slots=True)
class _Asked:
    """One request for a study or parts of it."""

    job_id: int
    study: JobStudy
    identity: StudyIdentity = UNIDENTIFIED
    """As the history has it."""
    job: Job | None = None
    """The job of an earlier run that left it unfinished, or failed; None for this run."""
    given_up: bool = False
    """True if this run will not start it any more."""

    def gives_way_to(self, selection: Selection) -> bool:
        """True if a new request replaces this one.

        An ended study can be retried, so only an equal request replaces it. Any wider request
        replaces an unfinished one.
        """
        ours = self.study.selection
        return ours == selection or (self.study.left and join([selection, ours]) == (selection,))


def _was_left(asked: _Asked) -> bool:
    return asked.job is not None and asked.study.left


def _giving_way_to(selection: Selection) -> Callable[[_Asked], bool]:
    return lambda asked: asked.gives_way_to(selection)


class JobHistory:
    """Records jobs and verdicts, and finds unfinished ones. Safe from any thread."""

    def __init__(
        self,
        open_history: Callable[[], History] | None = None,
        *,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Keep the opener; the history is opened at the first use.

        Args:
            open_history: May raise `ConfigError`; None records nothing.
            now: The current time, with its zone.
        """
        self._open_history = open_history
        self._history: History | None = None
        self._notice = ""
        self._now = now
        self._keeps_names = False
        self._lock = threading.RLock()
        self._asked: dict[_Key, list[_Asked]] = {}
        """The requests of this run, and unfinished and failed ones of earlier runs, the latest
        last."""
        self._missed: dict[_Key, MissedLine] = {}
        """Lines without a study that can be looked up again, by `missed_key`."""
        self._earlier: dict[int, PastJob] = {}
        """The jobs of those that earlier runs have left, by their numbers."""

    @property
    def records(self) -> bool:
        """True if the next start knows what this one leaves."""
        return self._history is not None

    @property
    def offer(self) -> ResumeOffer | None:
        """Unfinished studies of earlier runs; None if there are none."""
        with self._using():
            begun = {key: job.begun for key, job, _ in self._left()}
            return ResumeOffer(len(begun), system_local(max(begun.values()))) if begun else None

    def left(self) -> tuple[list[tuple[RetrieveOptions, list[StudyRequest]]], list[str]]:
        """Return unfinished studies by their options, and why others cannot be resumed."""
        with self._using():
            found, faults = _by_options((job, study) for _, job, study in self._left())
        return [(options, _requests(studies)) for options, studies in found.items()], faults

    def failed_earlier(self) -> list[tuple[RetrieveOptions, list[JobStudy]]]:
        """Return the failed studies of earlier runs that no later run has, by their options."""
        with self._using():
            found, _ = _by_options(
                (each.job, each.study)
                for asked in self._asked.values()
                for each in asked
                if each.job is not None and not each.study.left
            )
        return list(found.items())

    def reopen(self, folder: Path, uids: Collection[str]) -> None:
        """Offer studies that ended according to the history, and not by the journal of the folder.

        A kill may come between both records.
        """
        with self._using() as history:
            if history is None or not uids:
                return
            history.reopen(folder, uids)
            for job in reversed(history.unfinished()):
                self._note_left(job)

    def expected_of(self, options: RetrieveOptions, uid: str) -> int | None:
        """Return how many instances runs that did not end well knew of; None if unknown."""
        with self._lock:
            asked = self._asked.get(_key(options, uid), [])
            known = [each.study.expected for each in reversed(asked)]
        return next((count for count in known if count is not None), None)

    def missed_earlier(self) -> list[tuple[RetrieveOptions, list[Missed]]]:
        """Return the lines for which earlier runs found no study, by their options."""
        found: dict[RetrieveOptions, list[Missed]] = {}
        with self._using():
            for line in self._missed.values():
                job = self._earlier.get(line.job_id)
                # Of a job whose options are no longer valid, the window of the history tells.
                with suppress(FormFault):
                    if job is not None and line.missed is not None:
                        found.setdefault(options_of_job(job), []).append(line.missed)
        return list(found.items())

    def missed_lines(self, job_id: int) -> list[MissedLine]:
        """Return the lines of a past job for which the PACS had no study."""
        lines: list[MissedLine] = []
        with self._using() as history:
            lines += history.missed_lines(job_id) if history is not None else ()
        return lines

    def looked_up(self, options: RetrieveOptions, lookups: Iterable[Lookup]) -> None:
        """Note that lines were looked up again: what earlier answers were is history."""
        with self._using() as history:
            lines = [self._missed.pop(_key(options, missed_key(each)), None) for each in lookups]
            ids = [line.line_id for line in lines if line is not None]
            if history is not None and ids:
                history.close_missed(ids)

    def forget_left(self) -> None:
        with self._using() as history:
            self._drop(
                history, [each for key in self._asked for each in self._take(key, _was_left)]
            )

    def past_jobs(self) -> list[PastJob]:
        """Return what was retrieved before, this run included; the latest first."""
        jobs: list[PastJob] = []
        with self._using() as history:
            jobs += history.past_jobs() if history is not None else ()
        return jobs

    def studies(self, job_id: int, most: int | None = None) -> tuple[JobStudy, ...]:
        """Return the studies of a past job, the first ones up to `most`."""
        studies: tuple[JobStudy, ...] = ()
        with self._using() as history:
            studies += history.studies(job_id, most) if history is not None else ()
        return studies

    def running(self) -> frozenset[int]:
        """Return the jobs of this run of the application of which some study has not ended."""
        with self._lock:
            return frozenset(
                each.job_id
                for asked in self._asked.values()
                for each in asked
                if each.job is None and each.study.verdict is None and not each.given_up
            )

    def forget(self, job_ids: Collection[int]) -> None:
        """Delete past jobs; what they left unfinished is offered no longer."""
        with self._using() as history:
            for asked in self._asked.values():
                asked[:] = [each for each in asked if each.job_id not in job_ids]
            kept = {key: line for key, line in self._missed.items() if line.job_id not in job_ids}
            self._missed = kept
            if history is not None:
                history.forget(job_ids)

    def keep_names(self, identity_of: Callable[[str], StudyIdentity]) -> None:
        """Record from now on whose studies are, and at once those that were queued.

        Args:
            identity_of: Returns what is known of a study by its UID.
        """
        with self._lock:
            self._keeps_names = True
            if self._missed:
                with self._using() as history:
                    if history is not None:
                        history.name_missed(self._missed.values())
            for (_, uid), asked in self._asked.items():
                for each in asked:
                    self._note_identity(each, uid, identity_of(uid))

    def forget_names(self) -> None:
        """Delete whose studies are, and record it no longer."""
        with self._using() as history:
            self._keeps_names = False
            for asked in self._asked.values():
                for each in asked:
                    each.identity = UNIDENTIFIED
            if history is not None:
                history.forget_identities()

    def identities(self, uids: Collection[str]) -> dict[str, StudyIdentity]:
        """Return whose these studies are, as far as earlier jobs have recorded it."""
        found: dict[str, StudyIdentity] = {}
        with self._using() as history:
            if history is not None and self._keeps_names and uids:
                found |= history.identities(uids)
        return found

    def identified(self, options: RetrieveOptions, uid: str, identity: StudyIdentity) -> None:
        """Record whose a study is, by the PACS's own answer."""
        with self._lock:
            for asked in self._asked.get(_key(options, uid), ())[-1:]:
                self._note_identity(asked, uid, identity | asked.identity)

    def recent(self) -> list[tuple[Selection, ...]]:
        """Return recent requests, each once, the latest first."""
        jobs: list[tuple[Selection, ...]] = []
        with self._using() as history:
            jobs = history.recent(_RECENT_MAX) if history is not None else []
        return list(dict.fromkeys(jobs))

    def take_notice(self) -> str:
        """Return a message for the user, once; empty if there is none."""
        with self._using():
            notice, self._notice = self._notice, ""
        return notice

    def close(self) -> None:
        """Close the history; everything is recorded already."""
        with self._lock:
            self._open_history = None
            self._let_go()

    def asked(
        self,
        options: RetrieveOptions,
        requests: Sequence[StudyRequest],
        missed: Sequence[Missed] = (),
    ) -> None:
        """Record that studies were queued, and the lines of their list without a study."""
        selections = [each.selection for each in requests]
        with self._using() as history:
            if history is None or not (selections or missed):
                return
            job_id = history.record_job(
                begun=self._now(),
                profile=options.profile,
                output=options.output,
                options=draft_of(options),
                selections=selections,
                instances={
                    each.selection.study_instance_uid: each.instances
                    for each in requests
                    if each.instances is not None
                },
            )
            for line in history.record_missed(job_id, missed, named=self._keeps_names):
                if line.missed is not None:
                    self._missed[_key(options, missed_key(line.missed.lookup))] = line
            now = [(_key(options, each.study_instance_uid), each) for each in selections]
            before = [each for key, new in now for each in self._take(key, _giving_way_to(new))]
            # They would be offered beside this request; how they ended stays on record.
            self._close(history, [each for each in before if each.study.verdict not in GOOD])
            names = {} if not self._keeps_names else _names_of(requests)
            if names:
                history.record_identities(job_id, names)
            for (key, selection), request in zip(now, requests, strict=True):
                identity = names.get(selection.study_instance_uid, UNIDENTIFIED)
                study = JobStudy(selection=selection, expected=request.instances)
                self._asked.setdefault(key, []).append(_Asked(job_id, study, identity))

    def ended(self, options: RetrieveOptions, endings: Iterable[StudyFinished]) -> None:
        """Record the verdicts on studies."""
        by_job: dict[int, list[StudyEnd]] = {}
        with self._using() as history:
            if history is None:
                return
            for ending in endings:
                if not (asked := self._asked.get(_key(options, ending.study_instance_uid))):
                    continue
                latest = asked[-1]
                # A PACS that does not answer lists nothing: what was known before holds.
                expected = latest.study.expected if ending.expected is None else ending.expected
                latest.study = replace(latest.study, verdict=ending.verdict, expected=expected)
                end = StudyEnd(
                    study_instance_uid=ending.study_instance_uid,
                    verdict=ending.verdict,
                    expected=expected,
                    stored=ending.stored,
                )
                by_job.setdefault(latest.job_id, []).append(end)
            for job_id, ends in by_job.items():
                history.record_ends(job_id, ends)

    def given_up(self, options: RetrieveOptions, uids: Iterable[str], *, stopped: bool) -> None:
        """Note that this run will not start these studies; the next one offers to resume them.

        Args:
            options: Those of the studies.
            uids: Study Instance UIDs.
            stopped: True if the user stopped them, False if their session failed.
        """
        by_job: dict[int, list[StudyEnd]] = {}
        with self._using() as history:
            for uid in uids:
                for asked in self._asked.get(_key(options, uid), ())[-1:]:
                    asked.given_up = True
                    if stopped and asked.study.verdict is None:
                        by_job.setdefault(asked.job_id, []).append(_stop(asked, uid))
            if history is not None:
                for job_id, ends in by_job.items():
                    history.record_ends(job_id, ends)

    def replaced(self, options: RetrieveOptions, uid: str) -> None:
        """Offer a study no longer, as a part of it is requested instead."""
        with self._using() as history:
            if asked := self._asked.get(_key(options, uid)):
                self._close(history, [asked.pop()])

    def removed(self, options: RetrieveOptions, uids: Iterable[str]) -> None:
        """Delete unfinished studies that the user removed from the queue; others are history.

        Failed ones are no longer shown after the next start. Lines without a study are deleted.
        """
        uids = list(uids)
        with self._using() as history:
            lines = [self._missed.pop(_key(options, uid), None) for uid in uids]
            ids = [line.line_id for line in lines if line is not None]
            if history is not None and ids:
                history.drop_missed(ids)
            asked = [self._asked.get(_key(options, uid)) for uid in uids]
            latest = [each.pop() for each in asked if each]
            self._drop(history, [each for each in latest if each.study.left])
            bad = [each for each in latest if each.study.verdict not in GOOD]
            self._close(history, [each for each in bad if not each.study.left])

    def _left(self) -> Iterator[tuple[_Key, Job, JobStudy]]:
        """Yield unfinished requests of earlier runs that this run has not repeated."""
        for key, asked in self._asked.items():
            for each in asked:
                if each.job is not None and each.study.left:
                    yield key, each.job, each.study

    def _note_left(self, job: Job) -> None:
        self._note_earlier(job, [study for study in job.studies if study.left])

    def _note_earlier(self, job: Job, studies: Iterable[JobStudy]) -> None:
        for study in studies:
            key = (job.output, study.selection.study_instance_uid)
            if not any(each.job_id == job.job_id for each in self._asked.get(key, ())):
                self._asked.setdefault(key, []).append(_Asked(job.job_id, study, job=job))

    def _note_identity(self, asked: _Asked, uid: str, identity: StudyIdentity) -> None:
        """Record whose a study is, unless the history has it already."""
        identity = replace(identity, series=())
        with self._using() as history:
            if history is not None and self._keeps_names and identity != asked.identity:
                history.record_identities(asked.job_id, {uid: identity})
                asked.identity = identity

    def _take(self, key: _Key, out: Callable[[_Asked], bool]) -> list[_Asked]:
        """Remove and return the requests for a study that meet a condition."""
        asked = self._asked.get(key, [])
        taken = [each for each in asked if out(each)]
        asked[:] = [each for each in asked if each not in taken]
        return taken

    def _drop(self, history: History | None, asked: Iterable[_Asked]) -> None:
        """Delete these requests from the history."""
        if history is not None:
            for job_id, uids in _uids_by_job(asked).items():
                history.drop_studies(job_id, uids)

    def _close(self, history: History | None, asked: Iterable[_Asked]) -> None:
        """Keep these requests in the history as they ended, and offer them no longer."""
        if history is not None:
            for job_id, uids in _uids_by_job(asked).items():
                history.close_studies(job_id, uids)

    @contextmanager
    def _using(self) -> Iterator[History | None]:
        """Yield the history if there is one; close it after a fault of its disk."""
        with self._lock:
            try:
                self._open()
                yield self._history
            except (ConfigError, DiskFailed) as error:
                self._let_go()
                self._notice = str(error)

    def _open(self) -> None:
        """Open the history once, and load unfinished jobs."""
        open_history, self._open_history = self._open_history, None
        if open_history is None:
            return
        history = self._history = open_history()
        self._notice = history.notice
        history.prune(_JOBS_MAX)
        if not self._keeps_names:
            history.forget_identities()
        for job in reversed(history.failed()):
            self._note_earlier(job, job.studies)
        for job in reversed(history.unfinished()):
            self._note_left(job)
        if lines := history.open_lines():
            self._earlier = {job.job_id: job for job in history.past_jobs()}
        for line in lines:
            if line.missed is not None:
                folder = self._earlier[line.job_id].output
                self._missed[folder, missed_key(line.missed.lookup)] = line

    def _let_go(self) -> None:
        if self._history is not None:
            self._history.close()
            self._history = None


def _stop(asked: _Asked, uid: str) -> StudyEnd:
    """Give a request that has not ended the verdict of a stopped one; return that."""
    asked.study = replace(asked.study, verdict=Verdict.CANCELLED)
    return StudyEnd(
        study_instance_uid=uid,
        verdict=Verdict.CANCELLED,
        expected=asked.study.expected,
        stored=asked.study.stored,
    )


def _key(options: RetrieveOptions, uid: str) -> _Key:
    return options.output.absolute(), uid


def _by_options(
    studies: Iterable[tuple[Job, JobStudy]],
) -> tuple[dict[RetrieveOptions, list[JobStudy]], list[str]]:
    """Return studies by the options of their jobs, and what is wrong with other options."""
    jobs: dict[int, tuple[Job, list[JobStudy]]] = {}
    for job, study in studies:
        jobs.setdefault(job.job_id, (job, []))[1].append(study)
    found: dict[RetrieveOptions, list[JobStudy]] = {}
    faults = []
    for job, some in jobs.values():
        try:
            options = options_of_job(job)
        except FormFault as fault:
            faults.append(f"{count(len(some), 'study')} of {job.profile or 'old'}: {fault}")
        else:
            found.setdefault(options, []).extend(some)
    return found, faults


def _requests(studies: Sequence[JobStudy]) -> list[StudyRequest]:
    """Return what is requested of these studies, each once, with what is known of its size."""
    expected = {each.selection: each.expected for each in studies}
    return [
        StudyRequest(selection=each, instances=expected.get(each))
        for each in join([each.selection for each in studies])
    ]


def _uids_by_job(asked: Iterable[_Asked]) -> dict[int, list[str]]:
    by_job: dict[int, list[str]] = {}
    for each in asked:
        by_job.setdefault(each.job_id, []).append(each.study.selection.study_instance_uid)
    return by_job


def _names_of(requests: Iterable[StudyRequest]) -> dict[str, StudyIdentity]:
    """Return what is known of the studies; their series are not recorded."""
    return {
        each.selection.study_instance_uid: replace(each.identity, series=())
        for each in requests
        if each.identity
    }


def options_of_job(job: Job | PastJob) -> RetrieveOptions:
    """Return the options of a job. Raises `FormFault` if they are no longer valid."""
    texts = {name: str(text) for name, text in job.options.items()}
    return read_draft(draft_of_history(texts, job.output), job.profile)


class RecalledNames:
    """Looks up each unknown study once in the history."""

    def __init__(self, store: ProgressStore, job_history: JobHistory) -> None:
        """Keep the sources.

        Args:
            store: Knows the studies of this run.
            job_history: Knows those of earlier runs, while patients are shown.
        """
        self._store, self._job_history = store, job_history
        self._sought: set[str] = set()

    def identity_of(self, uid: str) -> StudyIdentity:
        """Return whose a study is; what the history knows, the store knows from then on."""
        if uid not in self._sought and not self._store.identity_of(uid):
            self._sought.add(uid)
            self._store.know(self._job_history.identities([uid]))
        return self._store.identity_of(uid)
