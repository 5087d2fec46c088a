"""What is proven to be in the output folder, so that the next run need not ask for it again.

One thread writes: it takes what was recorded since it last looked, in one transaction, and then has
the operating system sync those files, beside the transfer and never in it. An record says that its
file was whole when it got its name; `synced` says that it has reached the disk, too.
"""

import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.disk_errors import journal_failed
from dicom_retrieve_tui.storage.fsync import Syncer
from dicom_retrieve_tui.storage.journal_database import (
    InstanceRecord,
    JournalDamaged,
    connect,
    explained,
    open_database,
    set_aside,
    text,
)
from dicom_retrieve_tui.storage.lock import UNKNOWN_BOOT
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

_T = TypeVar("_T")

UNFINISHED = "unfinished"
"""Stands where a verdict will stand."""
_BATCH_S = 0.1
"""What was recorded less than this ago may be asked for again after a kill; it is on disk."""
_HURRIED_S = 1.0
DAMAGED_FOLDER = "damaged"
_REPLACED_MAX = 3
"""A database that is damaged more often than this is not damaged by chance."""
_INSERT = """
INSERT OR REPLACE INTO instances (
    sop_instance_uid, layout, study_instance_uid, path, size_bytes, synced,
    series_instance_uid, digest, irregular
) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)
"""
_RECORDS = (
    "SELECT study_instance_uid, sop_instance_uid, path, size_bytes, synced, series_instance_uid,"
    " digest, irregular FROM instances WHERE study_instance_uid = ? AND layout = ?"
)
"""In the order of the fields of `InstanceRecord`."""
_SET_KILLED = "INSERT OR IGNORE INTO folder VALUES (?, 'killed')"
"""The boot of the machine in which a run was killed."""
_IS_DOUBTFUL = "SELECT 1 FROM folder WHERE value = 'killed' AND (name = ? OR name <> ?)"
"""The machine has stopped since a run was killed: what that run did not record may hold zeros."""
_RECORD = f"{_RECORDS} AND sop_instance_uid = ?"
SET_SYNCED = (
    "UPDATE instances SET synced = 1"
    " WHERE study_instance_uid = ? AND sop_instance_uid = ? AND layout = ?"
)
"""By the whole key: without the study, each would read through all of the journal."""
_PLAN = "INSERT OR IGNORE INTO studies VALUES (?, ?)"
_UNPLAN = (
    "DELETE FROM studies WHERE study_instance_uid = ?1 AND verdict = ?2"
    " AND NOT EXISTS (SELECT 1 FROM instances WHERE study_instance_uid = ?1)"
)
_ANY_MISSING = "SELECT 1 FROM missing WHERE study_instance_uid = ?"
_MISSING = "SELECT sop_instance_uid FROM missing WHERE study_instance_uid = ?"
_FORGET_MISSING = "DELETE FROM missing WHERE study_instance_uid = ? AND sop_instance_uid = ?"
_COPIES = "SELECT layout, path FROM instances WHERE study_instance_uid = ? AND sop_instance_uid = ?"
"""Under all layouts."""
_FORGET_COPY = (
    "DELETE FROM instances WHERE study_instance_uid = ? AND sop_instance_uid = ? AND layout = ?"
)
_SET_LEFT_OUT = "INSERT OR REPLACE INTO left_out VALUES (?, ?, ?)"
_FORGET_LEFT_OUT = "DELETE FROM left_out WHERE study_instance_uid = ? AND series_instance_uid = ?"
_FORGET_ALL_LEFT_OUT = "DELETE FROM left_out WHERE study_instance_uid = ?"
_SERIES = "SELECT DISTINCT series_instance_uid FROM instances WHERE study_instance_uid = ?"
_VERDICT = "SELECT verdict FROM studies WHERE study_instance_uid = ?"
_SETTLED = frozenset({str(Verdict.COMPLETE), str(Verdict.PARTIAL)})
"""Verdicts after which all that is missing is known by name."""
_SET_VERDICT = "INSERT OR REPLACE INTO studies VALUES (?, ?)"
_SET_VERDICT_IF_OPEN = (
    "INSERT INTO studies VALUES (?, ?) ON CONFLICT (study_instance_uid)"
    " DO UPDATE SET verdict = excluded.verdict WHERE verdict <> 'complete'"
)
"""A PACS that cannot be reached today does not undo what was proven yesterday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is written at once."""

    finished: list[StudyRecord] = field(default_factory=list)
    records: list[InstanceRecord] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.finished or self.records)


class Journal:
    """The journal of one output folder; any thread may record, one connection reads."""

    def __init__(
        self,
        path: Path,
        root: Path,
        layout: str,
        planned: Collection[str] = (),
        permissions: Permissions = PRIVATE,
        *,
        boot: str = UNKNOWN_BOOT,
        killed_in: str = "",
        hurried: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open or create it.

        Args:
            path: The database.
            root: The output folder, which the records' paths start from.
            layout: The template in use: an instance under another name is another file.
            planned: Study Instance UIDs that are to be retrieved; those that are never begun stay
                on record as unfinished.
            permissions: Of the database, if it is made now.
            boot: What tells this boot of the machine from any other.
            killed_in: The boot in which an earlier run was killed; empty if none was.
            hurried: True once the user waits for the end: what cannot be synced within a second
                then is recorded as not synced.
            note: Reports a sentence to the user, from any thread.

        Raises:
            ConfigError: It cannot be opened, or is of a newer version.
        """
        self._path = path
        self._root = root
        self._layout = layout
        self._permissions = permissions
        self._boot = boot
        self._killed_in = killed_in
        self._note = note
        self._plans = deque((uid, True) for uid in planned)
        self._new_plans: list[tuple[str, bool]] = []
        self._planned: dict[str, None] = {}
        """What this run has recorded as planned."""
        self._pending: deque[InstanceRecord] = deque()
        self._unwritten: dict[str, InstanceRecord] = {}
        """What is recorded and not yet in the database, by its path."""
        self._finished: deque[StudyRecord] = deque()
        self._failure: Exception | None = None
        self._told = False
        self._wake = threading.Event()
        self._closing = False
        self._hurried = hurried
        self._until_s: float | None = None
        """When to sync no further, once the run is hurried; by the monotonic clock."""
        self._syncer = Syncer(str(root), self._has_time)
        self._reading = threading.Lock()
        self._replaced = 0
        """How often the database was replaced while it was in use."""
        self._batch = _Batch()
        """What is being written."""
        self._synced = _Batch()
        """What was written before, and is synced."""
        self._wrote = False
        self._lost = False
        """True if something that this run wrote was in a database that was replaced."""
        self.doubtful = False
        """True if files that are not recorded may hold zeros: the machine stopped during a run."""
        try:
            self._reader = self._open()
        except JournalDamaged as damage:
            self._set_aside(damage)
            self._reader = self._open()
        try:
            # Here, because whoever opens the journal can be told that it fails.
            with explained(self._path):
                self._writing = connect(self._path)
        except BaseException:
            self._reader.close()
            raise
        self._writer = threading.Thread(target=self._write, name="journal")
        self._writer.start()

    def _open(self) -> sqlite3.Connection:
        database = open_database(self._path, self._permissions)
        try:
            with explained(self._path):
                self.doubtful = self._is_doubtful(database)
        except BaseException:
            database.close()
            raise
        return database

    def _is_doubtful(self, database: sqlite3.Connection) -> bool:
        """Record that a run was killed, if one was; return if the machine has stopped since one."""
        if self._killed_in:
            with database:
                database.execute(_SET_KILLED, (self._killed_in,))
        return database.execute(_IS_DOUBTFUL, (UNKNOWN_BOOT, self._boot)).fetchone() is not None

    def _set_aside(self, damage: JournalDamaged) -> None:
        """Make room for a new database.

        Raises:
            ConfigError: The disk refuses.
        """
        with explained(self._path):
            aside = set_aside(self._path, self._path.parent / DAMAGED_FOLDER, self._permissions)
        lost = " Run the same command again to have all files of this run on record."
        self._note(
            f"The journal was damaged ({damage.reason}) and has been set aside at {aside}. "
            f"The files in the folder are checked again.{lost if self._lost else ''}"
        )

    def _replace(self, damage: JournalDamaged, replaced: int) -> None:
        """Replace a database that turned out to be damaged while it was in use.

        Args:
            damage: What is raised if it happens too often.
            replaced: The count that the caller saw when it used the database.
        """
        with self._reading:
            if replaced != self._replaced:
                return  # another thread has replaced it since
            if replaced == _REPLACED_MAX:
                raise damage
            self._reader.close()
            self._lost = self._wrote
            self._set_aside(damage)
            self._reader = self._open()
            self._replaced += 1

    @property
    def failed(self) -> bool:
        """True if something could not be recorded."""
        return self._failure is not None

    def raise_failure(self) -> None:
        """Raise what keeps the journal from being written, if anything does.

        Raises:
            DiskFailed: It could not be written, or a file could not be synced.
        """
        if self._failure is not None:
            self._told = True
            raise self._failure

    def plan(self, uids: Iterable[str]) -> None:
        """Note studies that are to be retrieved, too."""
        self._plans.extend((uid, True) for uid in uids)

    def unplan(self, uid: str) -> None:
        """A study that was planned, and of which nothing came, is not to be retrieved after all."""
        self._plans.append((uid, False))

    def record(self, record: InstanceRecord) -> None:
        """Note an instance; it reaches the database within moments, and is then synced."""
        self._unwritten[record.path] = record
        self._pending.append(record)

    def finish(self, study: StudyRecord) -> None:
        """Note how a study ended, once the files recorded before are synced."""
        self._finished.append(study)

    def records(self, study_instance_uid: str) -> list[InstanceRecord]:
        """What earlier runs recorded of a study under the layout in use."""
        return self._query(InstanceRecord.from_row, _RECORDS, study_instance_uid, self._layout)

    def record_of(
        self, study_instance_uid: str, sop_instance_uid: str, path: str
    ) -> InstanceRecord | None:
        """Return the record of a file, of this run or of an earlier one."""
        if (record := self._unwritten.get(path)) is not None:
            return record
        key = (study_instance_uid, self._layout, sop_instance_uid)
        found = self._query(InstanceRecord.from_row, _RECORD, *key)
        return next((each for each in found if each.path == path), None)

    def is_complete(self, study_instance_uid: str) -> bool:
        """Return True if the last run that ended found the study complete."""
        verdicts = self._query(lambda row: text(row[0]), _VERDICT, study_instance_uid)
        return verdicts == [str(Verdict.COMPLETE)]

    def missing(self, study_instance_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of a study that earlier runs recorded as missing."""
        return frozenset(self._query(lambda row: text(row[0]), _MISSING, study_instance_uid))

    def _query(self, read: Callable[[Sequence[Any]], _T], query: str, *values: str) -> list[_T]:
        """Return what `read` makes of each row; nothing of a database that is damaged."""
        try:
            with self._reading, explained(self._path):
                replaced = self._replaced
                # At once: a cursor in the traceback of an error would keep the file open.
                rows = self._reader.execute(query, values).fetchall()
                return [read(row) for row in rows]
        except JournalDamaged as damage:
            self._replace(damage, replaced)
            return []

    def close(self) -> None:
        """Write and sync what is left.

        Raises:
            DiskFailed: That was not possible, and nobody has been told yet.
        """
        self._closing = True
        self._wake.set()
        self._writer.join()
        self._reader.close()
        if not self._told:
            self.raise_failure()

    def _has_time(self) -> bool:
        """True while files may still be synced: those that are not are proven by their checksum."""
        if not (self._closing and self._hurried()):
            return True
        if self._until_s is None:
            self._until_s = monotonic() + _HURRIED_S
        return monotonic() < self._until_s

    def _write(self) -> None:
        """Writer thread: commit a batch, sync its files, repeat until closed and empty."""
        try:
            self._write_batches()
        except (OSError, sqlite3.Error, ConfigError) as error:
            self._failure = journal_failed(error, self._path)
        except Exception as error:  # noqa: BLE001 - a bug, and no thread's end shows it
            self._failure = error

    def _write_batches(self) -> None:
        replaced, database = 0, self._writing
        while True:
            with contextlib.closing(database):
                if self._write_to(database, replaced):
                    return
            with self._reading:
                replaced, database = self._replaced, connect(self._path)

    def _write_to(self, database: sqlite3.Connection, replaced: int) -> bool:
        """Write until closed and empty; False if the database has been replaced meanwhile."""
        while True:
            last = self._closing
            self._take_plans()
            if not self._batch:
                # The studies first: what is recorded after this look belongs to the next batch.
                self._batch = _Batch(finished=_take(self._finished), records=_take(self._pending))
            try:
                with explained(self._path):
                    self._write_batch(database)
            except JournalDamaged as damage:
                self._replace(damage, replaced)
            if replaced != self._replaced:
                self._write_again()
                return False
            self._forget_written()
            if last and not self._batch:
                return True
            left = self._syncer.sync([record.path for record in self._batch.records])
            records = [record for record in self._batch.records if record.path not in left]
            self._synced = _Batch(finished=self._batch.finished, records=records)
            self._batch = _Batch()
            if not last:
                self._wake.wait(_BATCH_S)

    def _write_again(self) -> None:
        """Keep for the new database what only the old one has."""
        self._batch = _Batch(
            finished=[*self._synced.finished, *self._batch.finished],
            records=[*self._synced.records, *self._batch.records],
        )
        self._synced = _Batch()
        self._new_plans = [(uid, True) for uid in self._planned]

    def _forget_written(self) -> None:
        self._new_plans = []
        self._wrote = self._wrote or bool(self._batch)
        for record in self._batch.records:
            if self._unwritten.get(record.path) is record:
                del self._unwritten[record.path]

    def _take_plans(self) -> None:
        for uid, planned in (plans := _take(self._plans)):
            if planned:
                self._planned[uid] = None
            else:
                self._planned.pop(uid, None)
        self._new_plans += plans

    def _write_batch(self, database: sqlite3.Connection) -> None:
        """Record what is new, and that what was recorded the last time has been synced.

        In one transaction: an record is found by its UID, so that each touches pages all over the
        database, and nearly all pages are written by either half.
        """
        batch, synced, layout = self._batch, self._synced, self._layout
        if self._new_plans:
            with database:
                for uid, planned in self._new_plans:
                    database.execute(_PLAN if planned else _UNPLAN, (uid, UNFINISHED))
        if not batch and not synced:
            return
        with database:
            # First, because what came again since then is not synced.
            database.executemany(
                SET_SYNCED,
                [(e.study_instance_uid, e.sop_instance_uid, layout) for e in synced.records],
            )
            database.executemany(_INSERT, [_row(record, layout) for record in batch.records])
            for study in synced.finished:
                self._write_study(database, study)

    def _write_study(self, database: sqlite3.Connection, study: StudyRecord) -> None:
        """Bring what is known of a study up to date; of what was not asked for, nothing is new."""
        uid = study.study_instance_uid
        settled = study.asked | study.retired
        database.executemany(_FORGET_MISSING, [(uid, sop) for sop in settled])
        for sop in study.retired:
            self._forget_lost_copies(database, uid, sop)
        database.executemany(
            "INSERT OR IGNORE INTO missing VALUES (?, ?)", [(uid, sop) for sop in study.missing]
        )
        left = database.execute(_ANY_MISSING, (uid,)).fetchone()
        self._write_left_out(database, study)
        if self._leaves_doubt(database, study):
            return
        whole = study.verdict == Verdict.COMPLETE
        verdict = str(Verdict.PARTIAL) if whole and left else study.verdict
        if self._lost:
            verdict = UNFINISHED  # not all of its files are on record
        database.execute(_SET_VERDICT if study.asked else _SET_VERDICT_IF_OPEN, (uid, verdict))

    @staticmethod
    def _write_left_out(database: sqlite3.Connection, study: StudyRecord) -> None:
        """Bring up to date what filters left out; of series not asked for, nothing is new."""
        uid = study.study_instance_uid
        if study.asked and not study.series:
            database.execute(_FORGET_ALL_LEFT_OUT, (uid,))
        database.executemany(_FORGET_LEFT_OUT, [(uid, series) for series in study.series])
        database.executemany(_SET_LEFT_OUT, [(uid, *series) for series in study.left_out])

    @staticmethod
    def _leaves_doubt(database: sqlite3.Connection, study: StudyRecord) -> bool:
        """Tell if an earlier verdict stands: this run was about other series of the study.

        What is recorded of those may be cut short, as the earlier run was.
        """
        if not study.series and not study.left_out:
            return False
        uid = study.study_instance_uid
        (earlier,) = database.execute(_VERDICT, (uid,)).fetchone() or (None,)
        if earlier is None or earlier in _SETTLED:
            return False
        rows = database.execute(_SERIES, (uid,)).fetchall()
        recorded = {series for (series,) in rows if series}
        return not recorded <= study.series

    def _forget_lost_copies(self, database: sqlite3.Connection, study: str, sop: str) -> None:
        """Delete the records of an instance whose files are gone."""
        for layout, path in database.execute(_COPIES, (study, sop)).fetchall():
            if not os.path.lexists(f"{self._root}/{path}"):
                database.execute(_FORGET_COPY, (study, sop, layout))


def _row(record: InstanceRecord, layout: str) -> tuple[str | int, ...]:
    """The values of `_INSERT`."""
    return (
        record.sop_instance_uid,
        layout,
        record.study_instance_uid,
        record.path,
        record.size_bytes,
        record.series_instance_uid,
        record.digest,
        record.irregular,
    )


def _take(queue: deque[_T]) -> list[_T]:
    """All that is in the queue now."""
    return [queue.popleft() for _ in range(len(queue))]
