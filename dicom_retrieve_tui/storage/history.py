"""The history of a user's jobs in all folders: what was asked for, and how it ended.

Unlike the journal of a folder it proves nothing; with it, the application offers to resume
unfinished jobs. It has UIDs, counts and the user's options; whose a study is and what lines without
a study name, only while the application shows patients. If it cannot be opened, everything else
works.
"""

import json
import sqlite3
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.history_records import (
    Job,
    JobStudy,
    MissedLine,
    PastJob,
    StudyEnd,
)
from dicom_retrieve_tui.model.selection import Selection, SeriesSelection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.storage.history_database import HistoryDatabase
from dicom_retrieve_tui.storage.lock import is_in_use

_ADD = (
    "INSERT OR REPLACE INTO studies"
    " (job_id, study_instance_uid, series_instance_uid, sop_instance_uid, expected)"
    " VALUES (?, ?, ?, ?, ?)"
)
_END = (
    "UPDATE studies SET verdict = ?, expected = ?, stored = ?"
    " WHERE job_id = ? AND study_instance_uid = ?"
)
_DROP = "DELETE FROM studies WHERE job_id = ? AND study_instance_uid = ?"
_CLOSE = (
    "INSERT OR IGNORE INTO closed SELECT job_id, study_instance_uid FROM studies"
    " WHERE job_id = ? AND study_instance_uid = ?"
)
_CLOSED = (
    "(SELECT COUNT(*) FROM closed WHERE closed.job_id = studies.job_id"
    " AND closed.study_instance_uid = studies.study_instance_uid)"
)
_ENDED_WELL = ", ".join(f"'{each}'" for each in GOOD)
_UNFINISHED = (
    "SELECT job_id, begun, profile, output, options FROM jobs WHERE EXISTS"  # noqa: S608 - ours
    " (SELECT 1 FROM studies WHERE studies.job_id = jobs.job_id"
    f" AND (verdict IS NULL OR verdict IN (?, ?)) AND NOT {_CLOSED}) ORDER BY job_id DESC"
)
_LATEST = (
    "SELECT study_instance_uid, MAX(job_id), verdict FROM studies JOIN jobs USING (job_id)"
    " WHERE output = ? GROUP BY study_instance_uid"
)
_LATEST_BAD = (
    "SELECT job_id, study_instance_uid FROM (SELECT study_instance_uid, MAX(job_id) AS job_id,"  # noqa: S608 - our own words
    " verdict FROM studies JOIN jobs USING (job_id) GROUP BY output, study_instance_uid)"
    f" AS studies WHERE verdict NOT IN ({_ENDED_WELL}, ?, ?) AND NOT {_CLOSED}"
)
_REOPEN = (
    "UPDATE studies SET verdict = NULL, stored = 0 WHERE job_id = ? AND study_instance_uid = ?"
)
_STUDIES = (
    "SELECT study_instance_uid, series_instance_uid, sop_instance_uid, verdict, expected, stored,"  # noqa: S608 - our own words
    f" {_CLOSED} FROM studies WHERE job_id = ? ORDER BY "
)
_AS_ASKED = "rowid"
_LEFT = f"(verdict IS NULL OR verdict IN ('{Verdict.CANCELLED}', '{Verdict.NOT_TRIED}'))"
_WORST_FIRST = (
    f"CASE WHEN verdict IN ({_ENDED_WELL}) THEN 2 WHEN {_LEFT} THEN 1 ELSE 0 END, rowid LIMIT ?"
)
_RECENT = (
    "SELECT job_id FROM jobs WHERE EXISTS"
    " (SELECT 1 FROM studies WHERE studies.job_id = jobs.job_id) ORDER BY job_id DESC LIMIT ?"
)
_SELECTIONS = (
    "SELECT study_instance_uid, series_instance_uid, sop_instance_uid"
    " FROM studies WHERE job_id = ? ORDER BY rowid"
)
_JOBS = "SELECT job_id, begun, profile, output, options FROM jobs ORDER BY job_id DESC"
_VERDICTS = (
    "SELECT job_id, verdict, COUNT(*), SUM(stored), SUM(expected), COUNT(expected)"
    " FROM studies GROUP BY job_id, verdict"
)
_FORGET = "DELETE FROM jobs WHERE job_id = ?"
_ADD_LINE = "INSERT INTO missed_lines (job_id, line, lookup, reason) VALUES (?, ?, ?, ?)"
_NAME_LINE = "UPDATE missed_lines SET lookup = ?, reason = ? WHERE line_id = ?"
_UNNAME_LINES = "UPDATE missed_lines SET lookup = NULL, reason = NULL WHERE lookup IS NOT NULL"
_LINES = "SELECT line_id, job_id, line, lookup, reason FROM missed_lines "
_LINES_OF_JOB = f"{_LINES} WHERE job_id = ? ORDER BY line_id"
_OPEN_LINES = f"{_LINES} WHERE NOT closed AND lookup IS NOT NULL ORDER BY line_id"
_LINES_BY_JOB = "SELECT job_id, COUNT(*) FROM missed_lines GROUP BY job_id"
# Of a study that was removed from the job meanwhile, nothing is kept.
_IDENTIFY = (
    "INSERT OR REPLACE INTO identities"
    " SELECT job_id, study_instance_uid, ?, ?, ?, ?, ?, ? FROM studies"
    " WHERE job_id = ? AND study_instance_uid = ?"
)
_IDENTITIES = (
    "SELECT study_instance_uid, patient_name, patient_id, study_date, modalities,"
    " study_description, accession_number FROM identities"
    " WHERE study_instance_uid IN ({}) ORDER BY job_id"
)
_UIDS_A_QUERY = 500
_PRUNE = (
    "DELETE FROM jobs WHERE job_id NOT IN (SELECT job_id FROM jobs ORDER BY job_id DESC LIMIT ?)"
)


class History(HistoryDatabase):
    """The history of one user. Safe to use from several threads and processes.

    Every call is one transaction: its records survive a kill.
    """

    def record_job(
        self,
        *,
        begun: datetime,
        profile: str,
        output: Path,
        options: Mapping[str, object],
        selections: Iterable[Selection],
        instances: Mapping[str, int] | None = None,
    ) -> int:
        """Record a job; return its number.

        Args:
            begun: The start, with its time zone.
            profile: Name of the PACS profile.
            output: The output folder.
            options: What else is needed to run the job again, as JSON values.
            selections: The studies.
            instances: How many instances the PACS counts in them, by UID, as far as known.

        Raises:
            DiskFailed: The database cannot be written.
        """
        row = (
            begun.astimezone(UTC).isoformat(timespec="seconds"),
            profile,
            str(output.absolute()),
            json.dumps(dict(options)),
        )
        with self._transaction() as database:
            made = database.execute(
                "INSERT INTO jobs (begun, profile, output, options) VALUES (?, ?, ?, ?)", row
            )
            job_id = made.lastrowid or 0
            _add(database, job_id, selections, instances or {})
        return job_id

    def drop_studies(self, job_id: int, uids: Iterable[str]) -> None:
        """Delete studies that the user removed from a job.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.executemany(_DROP, [(job_id, uid) for uid in uids])

    def close_studies(self, job_id: int, uids: Iterable[str]) -> None:
        """Offer studies of a job no longer, as a later request has taken them up; they stay in it.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.executemany(_CLOSE, [(job_id, uid) for uid in uids])

    def record_missed(
        self, job_id: int, missed: Sequence[Missed], *, named: bool
    ) -> list[MissedLine]:
        """Record the lines of a list for which the PACS had no study.

        Args:
            job_id: The job.
            missed: The lines.
            named: Record what they name, which may identify a patient.

        Raises:
            DiskFailed: The database cannot be written.
        """
        lines = []
        with self._transaction() as database:
            for each in missed:
                texts = (_keys_text(each.lookup), each.reason) if named else (None, None)
                made = database.execute(_ADD_LINE, (job_id, each.lookup.line, *texts))
                lines.append(
                    MissedLine(
                        line_id=made.lastrowid or 0,
                        job_id=job_id,
                        line=each.lookup.line,
                        missed=each,
                    )
                )
        return lines

    def name_missed(self, lines: Iterable[MissedLine]) -> None:
        """Record what lines name that were recorded without it.

        Raises:
            DiskFailed: The database cannot be written.
        """
        rows = [
            (_keys_text(each.missed.lookup), each.missed.reason, each.line_id)
            for each in lines
            if each.missed is not None
        ]
        with self._transaction() as database:
            database.executemany(_NAME_LINE, rows)

    def close_missed(self, line_ids: Iterable[int]) -> None:
        """Show lines no longer as failed, as they were looked up again; they stay in their jobs.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            query = "UPDATE missed_lines SET closed = 1 WHERE line_id = ?"
            database.executemany(query, [(line_id,) for line_id in line_ids])

    def drop_missed(self, line_ids: Iterable[int]) -> None:
        """Delete lines that the user removed.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            query = "DELETE FROM missed_lines WHERE line_id = ?"
            database.executemany(query, [(line_id,) for line_id in line_ids])

    def missed_lines(self, job_id: int) -> list[MissedLine]:
        """Return the lines of a job for which the PACS had no study.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            return [_line(row) for row in database.execute(_LINES_OF_JOB, (job_id,))]

    def open_lines(self) -> list[MissedLine]:
        """Return the lines of all jobs that can be looked up again, and were not yet.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            return [_line(row) for row in database.execute(_OPEN_LINES)]

    def record_ends(self, job_id: int, ends: Iterable[StudyEnd]) -> None:
        """Record how studies of a job ended; many at once are faster than one by one.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.executemany(
                _END,
                [(e.verdict, e.expected, e.stored, job_id, e.study_instance_uid) for e in ends],
            )

    def reopen(self, output: Path, uids: Collection[str]) -> None:
        """Make complete studies unfinished again that the journal of their folder has as such.

        A process that was killed may have recorded their ends here and not there. Nothing changes
        while a retrieval has the folder.

        Args:
            output: The folder.
            uids: Study Instance UIDs (0020,000D) that its journal has as unfinished.

        Raises:
            DiskFailed: The database cannot be read or written.
        """
        if not uids or is_in_use(output):
            return
        with self._transaction() as database:
            latest = database.execute(_LATEST, (str(output.absolute()),)).fetchall()
            ended = [(job, uid) for uid, job, verdict in latest if verdict in GOOD and uid in uids]
            database.executemany(_REOPEN, ended)

    def unfinished(self) -> list[Job]:
        """Return jobs with unfinished studies that do not run at present, the latest first.

        A job runs while a retrieval, in this process or another, holds the lock of its folder.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            rows = database.execute(_UNFINISHED, (Verdict.CANCELLED, Verdict.NOT_TRIED)).fetchall()
            found = [_job(database, row) for row in rows]
        return [job for job in found if not is_in_use(job.output)]

    def failed(self) -> list[Job]:
        """Return jobs that do not run, with their failed studies that no later job has.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            bad = set(database.execute(_LATEST_BAD, (Verdict.CANCELLED, Verdict.NOT_TRIED)))
            jobs = {job_id for job_id, _ in bad}
            rows = [row for row in database.execute(_JOBS).fetchall() if row[0] in jobs]
            found = [_job(database, row) for row in rows]
        return [
            replace(
                job,
                studies=tuple(
                    each
                    for each in job.studies
                    if (job.job_id, each.selection.study_instance_uid) in bad
                ),
            )
            for job in found
            if not is_in_use(job.output)
        ]

    def recent(self, most: int) -> list[tuple[Selection, ...]]:
        """Return the selections of the latest jobs with any studies, the latest first.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            jobs = database.execute(_RECENT, (most,)).fetchall()
            return [
                tuple(_selection(*row) for row in database.execute(_SELECTIONS, job).fetchall())
                for job in jobs
            ]

    def past_jobs(self) -> list[PastJob]:
        """Return all jobs with any studies, and how many of these ended how; the latest first.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            jobs = database.execute(_JOBS).fetchall()
            counted: dict[int, list[_Count]] = {}
            for job_id, *count in database.execute(_VERDICTS).fetchall():
                counted.setdefault(job_id, []).append(_Count(*count))
            lines = dict(database.execute(_LINES_BY_JOB).fetchall())
        return [
            _past_job(job, counted.get(job[0], ()), lines.get(job[0], 0))
            for job in jobs
            if job[0] in counted or job[0] in lines
        ]

    def studies(self, job_id: int, most: int | None = None) -> tuple[JobStudy, ...]:
        """Return the studies of a job as they were asked for; none of an unknown job.

        Args:
            job_id: The job.
            most: Return only so many: failed and stopped ones first, complete ones last.

        Raises:
            DiskFailed: The database cannot be read.
        """
        with self._transaction() as database:
            return _studies(database, job_id, most)

    def forget(self, job_ids: Iterable[int]) -> None:
        """Delete jobs so that nothing of them is left in the files of the database.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.executemany(_FORGET, [(job_id,) for job_id in job_ids])
        self._overwrite()

    def record_identities(self, job_id: int, identities: Mapping[str, StudyIdentity]) -> None:
        """Record whose the studies of a job are, by Study Instance UID.

        Raises:
            DiskFailed: The database cannot be written.
        """
        rows = [(*_texts_of(whose), job_id, uid) for uid, whose in identities.items()]
        with self._transaction() as database:
            database.executemany(_IDENTIFY, rows)

    def identities(self, uids: Iterable[str]) -> dict[str, StudyIdentity]:
        """Return whose these studies are, as far as any job knows.

        Raises:
            DiskFailed: The database cannot be read.
        """
        wanted, found = list(uids), dict[str, StudyIdentity]()
        with self._transaction() as database:
            for at in range(0, len(wanted), _UIDS_A_QUERY):
                some = wanted[at : at + _UIDS_A_QUERY]
                query = _IDENTITIES.format(",".join("?" * len(some)))
                for uid, *texts in database.execute(query, some):
                    found[uid] = _identity(texts)
        return found

    def forget_identities(self) -> None:
        """Delete whose the studies are, and what lines without a study name, from the files, too.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            deleted = database.execute("DELETE FROM identities").rowcount
            deleted += database.execute(_UNNAME_LINES).rowcount
        if deleted:
            self._overwrite()

    def prune(self, keep: int) -> None:
        """Delete all but the latest `keep` jobs.

        Raises:
            DiskFailed: The database cannot be written.
        """
        with self._transaction() as database:
            database.execute(_PRUNE, (keep,))

    def _overwrite(self) -> None:
        """Empty the write-ahead log, which still holds what `secure_delete` has overwritten."""
        with self._transaction() as database:
            database.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _add(
    database: sqlite3.Connection,
    job_id: int,
    selections: Iterable[Selection],
    instances: Mapping[str, int],
) -> None:
    asked = [(each.study_instance_uid, *_written(each.series)) for each in selections]
    rows = [(job_id, *each, instances.get(each[0])) for each in asked]
    database.executemany(_ADD, rows)


def _written(series: tuple[SeriesSelection, ...]) -> tuple[str | None, str | None]:
    """Return series and instances as two texts, separated by backslashes; None for all of them.

    Commas separate the instances of one series.
    """
    uids = "\\".join(each.series_instance_uid for each in series)
    instances = "\\".join(",".join(each.sop_instance_uids) for each in series)
    return uids or None, (instances.strip("\\") and instances) or None


def _read(series: str | None, instances: str | None) -> tuple[SeriesSelection, ...]:
    """Parse the two texts that `_written` made."""
    uids = series.split("\\") if series else []
    parts = instances.split("\\") if instances else [""] * len(uids)
    return tuple(
        SeriesSelection(
            series_instance_uid=uid, sop_instance_uids=tuple(filter(None, part.split(",")))
        )
        for uid, part in zip(uids, parts, strict=True)
    )


def _selection(study: str, series: str | None, instances: str | None) -> Selection:
    return Selection(study_instance_uid=study, series=_read(series, instances))


def _job(database: sqlite3.Connection, row: tuple[int, str, str, str, str]) -> Job:
    job_id, begun, profile, output, options = row
    return Job(
        job_id=job_id,
        begun=datetime.fromisoformat(begun),
        profile=profile,
        output=Path(output),
        options=json.loads(options),
        studies=_studies(database, job_id),
    )


def _studies(
    database: sqlite3.Connection, job_id: int, most: int | None = None
) -> tuple[JobStudy, ...]:
    if most is None:
        rows = database.execute(_STUDIES + _AS_ASKED, (job_id,))
    else:
        rows = database.execute(_STUDIES + _WORST_FIRST, (job_id, most))
    return tuple(
        JobStudy(
            selection=_selection(study, series, sop),
            verdict=_verdict(verdict),
            expected=expected,
            stored=stored,
            closed=bool(closed),
        )
        for study, series, sop, verdict, expected, stored, closed in rows.fetchall()
    )


def _verdict(word: str | None) -> Verdict | None:
    return None if word is None else Verdict(word)


class _Count(NamedTuple):
    """The studies of a job with one verdict."""

    verdict: str | None
    studies: int
    stored: int
    expected: int | None
    counted: int
    """Studies whose expected instances are known."""


def _past_job(row: tuple[int, str, str, str, str], counts: Sequence[_Count], lines: int) -> PastJob:
    job_id, begun, profile, output, options = row
    known = all(each.counted == each.studies for each in counts)
    verdicts = Counter({_verdict(each.verdict): each.studies for each in counts})
    if lines:
        verdicts[Verdict.NOT_FOUND] += lines
    return PastJob(
        job_id=job_id,
        begun=datetime.fromisoformat(begun),
        profile=profile,
        output=Path(output),
        options=json.loads(options),
        verdicts=dict(verdicts),
        stored=sum(each.stored for each in counts),
        expected=sum(each.expected or 0 for each in counts) if known else None,
        lines=lines,
    )


def _keys_text(lookup: Lookup) -> str:
    return json.dumps(asdict(lookup), default=str)


def _line(row: tuple[int, int, int, str | None, str | None]) -> MissedLine:
    line_id, job_id, line, keys, reason = row
    missed = None if keys is None else Missed(_lookup(json.loads(keys)), reason or "")
    return MissedLine(line_id=line_id, job_id=job_id, line=line, missed=missed)


def _lookup(values: dict[str, Any]) -> Lookup:
    """Return the lookup whose values `_keys_text` wrote."""
    if (days := values["study_date"]) is not None:
        ends = {name: day and date.fromisoformat(day) for name, day in days.items()}
        values["study_date"] = DateRange(**ends)
    return Lookup(**{**values, "modalities": tuple(values["modalities"])})


def _texts_of(whose: StudyIdentity) -> tuple[str, ...]:
    return (
        whose.patient_name,
        whose.patient_id,
        whose.study_date,
        "\\".join(whose.modalities),
        whose.study_description,
        whose.accession_number,
    )


def _identity(texts: Sequence[str]) -> StudyIdentity:
    """Return the identity that `_texts_of` made these texts of."""
    name, patient_id, date, modalities, description, accession = texts
    return StudyIdentity(
        patient_name=name,
        patient_id=patient_id,
        study_date=date,
        modalities=tuple(filter(None, modalities.split("\\"))),
        study_description=description,
        accession_number=accession,
    )
