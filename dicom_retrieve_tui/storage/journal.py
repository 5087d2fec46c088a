"""The journal of an output folder: what is proven to be there, so that the next run can skip it.

One thread writes: it commits the new records in one transaction and then syncs their files to the
disk, in parallel with the transfer. A record means that its file was whole when it got its name;
`synced` means that the file has reached the disk, too.
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
from typing import Any, NamedTuple, TypeVar

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.folder_account import UNFINISHED
from dicom_retrieve_tui.model.store_records import StudyRecord
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.platform_files import below, shown
from dicom_retrieve_tui.storage import database_mode
from dicom_retrieve_tui.storage.database_mode import PLAINEST, DatabaseMode
from dicom_retrieve_tui.storage.disk_errors import is_want_of_room, journal_failed
from dicom_retrieve_tui.storage.folder_features import FolderFeatures
from dicom_retrieve_tui.storage.fsync import Syncer
from dicom_retrieve_tui.storage.journal_database import (
    InstanceRecord,
    JournalDamaged,
    connect,
    explained,
    number,
    open_database,
    set_aside,
    text,
)
from dicom_retrieve_tui.storage.journal_failures import (
    keeps_failure,
    write_failure,
    write_not_tried,
)
from dicom_retrieve_tui.storage.lock import UNKNOWN_BOOT
from dicom_retrieve_tui.storage.other_journals import StudyRows, set_turn, write_rows
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.transient import is_transient, is_unsupported

_T = TypeVar("_T")


class _Plan(NamedTuple):
    """What is to become of studies that no worker has begun."""

    uids: Collection[str]
    planned: bool = True
    not_tried: str = ""
    """Why the run has given them up; empty if it has not."""


_BATCH_S = 0.1
"""After a kill, files that were recorded less than this ago may be retrieved again."""
_HURRIED_S = 1.0
_PAUSES_S = (0.1, 0.5, 1.5)
"""Before a batch is written again."""
_RECOVERY_S = 1.0
"""Until the writer has tried again."""
_MAY_SUCCEED = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_PROTOCOL,
    }
)
"""Primary result codes of a file system that fails for a moment, or loses a feature.

A database that still cannot be opened has the error of the operating system as its cause, and not
`SQLITE_CANTOPEN`.
"""
DAMAGED_FOLDER = "damaged"
_REPLACED_MAX = 3
"""If the database is damaged more often than this, something keeps damaging it."""
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
"""If the machine stopped after a run was killed, files without a record may contain zeros."""
_RECORD = f"{_RECORDS} AND sop_instance_uid = ?"
SET_SYNCED = (
    "UPDATE instances SET synced = 1"
    " WHERE study_instance_uid = ? AND sop_instance_uid = ? AND layout = ?"
)
"""By the whole key: without the study, SQLite would search the whole table."""
_PLAN = "INSERT OR IGNORE INTO studies VALUES (?, ?)"
_UNPLAN = (
    "DELETE FROM studies WHERE study_instance_uid = ? AND verdict = ? AND NOT EXISTS"
    " (SELECT 1 FROM instances WHERE instances.study_instance_uid = studies.study_instance_uid)"
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
_TURN = "SELECT turn FROM turns WHERE study_instance_uid = ?"
_VERDICT = "SELECT verdict FROM studies WHERE study_instance_uid = ?"
_SETTLED = frozenset({str(Verdict.COMPLETE), str(Verdict.PARTIAL)})
"""Verdicts after which every missing instance is known by its UID."""
_SET_VERDICT = "INSERT OR REPLACE INTO studies VALUES (?, ?)"
_SET_VERDICT_IF_OPEN = (
    "INSERT INTO studies VALUES (?, ?) ON CONFLICT (study_instance_uid)"
    " DO UPDATE SET verdict = excluded.verdict WHERE verdict <> 'complete'"
)
"""A PACS that cannot be reached today does not change what was proven yesterday."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """Records that are written in one transaction."""

    taken_up: list[StudyRows] = field(default_factory=list)
    """Written first: what this run records of a study comes on top of what others recorded."""
    finished: list[StudyRecord] = field(default_factory=list)
    records: list[InstanceRecord] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.taken_up or self.finished or self.records)


class _TakenUp:
    """Studies that this run took up, with what other journals had of them."""

    def __init__(self, *, named: bool) -> None:
        self.named = named
        self.queue: deque[StudyRows] = deque()
        self.unwritten: dict[str, StudyRows] = {}
        """Those that are not yet in the database, by UID."""
        self.turns: dict[str, int] = {}
        """The turn of each."""

    def add(self, rows: StudyRows) -> None:
        """Queue a study for the database."""
        self.turns[rows.study_instance_uid] = rows.turn
        if rows.rows:
            self.unwritten[rows.study_instance_uid] = rows
        self.queue.append(rows)

    def forget(self, written: Iterable[StudyRows]) -> None:
        """Forget the rows that the database has by now."""
        for rows in written:
            if self.unwritten.get(rows.study_instance_uid) is rows:
                del self.unwritten[rows.study_instance_uid]


class Journal:
    """The journal of one output folder. Any thread may record; one connection reads."""

    _closed: ConfigError | None = None
    """Why there is no connection at present; None if there is one."""

    def __init__(
        self,
        path: Path,
        root: Path,
        layout: str,
        planned: Collection[str] = (),
        permissions: Permissions = PRIVATE,
        *,
        peer: str = "",
        boot: str = UNKNOWN_BOOT,
        killed_in: Collection[str] = (),
        named: bool = False,
        hurried: Callable[[], bool] = lambda: False,
        note: Callable[[str], None] = lambda _: None,
        features: FolderFeatures | None = None,
        recorded: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Open or create the database.

        Args:
            path: The database.
            root: The output folder, to which the paths of the records are relative.
            layout: The template in use: an instance under another name is another file.
            planned: Study Instance UIDs to retrieve; those that are never started stay recorded
                as unfinished.
            permissions: Of a new database.
            peer: The PACS that this run retrieves from, for the record of failures.
            boot: Identifies this boot of the machine.
            killed_in: The boots in which earlier runs were killed.
            named: It is the journal of a named writer, and not that of plain runs: see `take_up`.
            hurried: True once the user waits for the end: files that cannot be synced within a
                second are recorded as not synced.
            note: Reports a sentence to the user, from any thread.
            features: What the file system can do.
            recorded: Called with the UID of a study once its end is recorded, from the writer.

        Raises:
            ConfigError: The database cannot be opened, or is of a newer version.
        """
        self._path = path
        self._root = root
        self._layout, self._permissions = layout, permissions
        self._peer, self._boot, self._killed_in = peer, boot, killed_in
        self._note, self._recorded = note, recorded
        self._plans: deque[_Plan] = deque([_Plan(planned)])
        self._new_plans: list[_Plan] = []
        self._planned: list[_Plan] = []
        """What this run has recorded as planned, in order."""
        self._pending: deque[InstanceRecord] = deque()
        self._unwritten: dict[str, InstanceRecord] = {}
        """Records that are not yet in the database, by path."""
        self._taken_up = _TakenUp(named=named)
        self._finished: deque[StudyRecord] = deque()
        self._failure: Exception | None = None
        self._failure_raised = False
        self._wake = threading.Event()
        # Set when the writer, which found no room, is to write again.
        self._try_again = threading.Event()
        # Set when it has.
        self._tried = threading.Event()
        self._closing, self._hurried = False, hurried
        self._until_s: float | None = None
        """End of syncing, once the run is hurried; by the monotonic clock."""
        self._mode = DatabaseMode.of(features)
        # Failed writes since the last one that succeeded.
        self._failures = 0
        self._syncer = Syncer(str(root), self._has_time, features, note)
        # The first is held while the writer's connection is used or replaced, and taken before the
        # other.
        self._transacting, self._reading = threading.RLock(), threading.Lock()
        self._replaced = 0
        """Number of times that the database was replaced while in use."""
        self._batch = _Batch()
        """The batch that is being written."""
        self._synced = _Batch()
        """The batch that was written before, and is synced."""
        self._wrote = self._lost = False
        """The latter: a replaced database contained records of this run."""
        self.doubtful = False
        """True if the machine stopped during a run: files without a record may contain zeros."""
        self._reader = self._open_patiently()
        try:
            # Opened here and not by the writer, so that a failure is raised to the caller.
            with explained(self._path):
                self._writing = connect(self._path, self._mode)
        except BaseException:
            self._reader.close()
            raise
        self._writer = threading.Thread(target=self._write, name="journal")
        self._writer.start()

    def _open_patiently(self) -> sqlite3.Connection:
        """Open the database for the first time; replace a damaged one.

        Raises:
            ConfigError: It cannot be opened.
        """
        for pause_s in _PAUSES_S:
            try:
                return self._open()
            except JournalDamaged as damage:
                self._set_aside(damage)
                return self._open()
            except ConfigError as error:
                if self._hurried() or not _may_succeed(error):
                    raise
                if not is_transient(error.__cause__):
                    self._mode = PLAINEST
            threading.Event().wait(pause_s)
        return self._open()

    def _open(self) -> sqlite3.Connection:
        database = open_database(self._path, self._permissions, self._mode)
        try:
            with explained(self._path):
                self.doubtful = self._is_doubtful(database)
        except BaseException:
            database.close()
            raise
        return database

    def _is_doubtful(self, database: sqlite3.Connection) -> bool:
        """Record the boots in which runs were killed; return whether the machine stopped since."""
        if self._killed_in:
            with database:
                database.executemany(_SET_KILLED, [(boot,) for boot in self._killed_in])
        return database.execute(_IS_DOUBTFUL, (UNKNOWN_BOOT, self._boot)).fetchone() is not None

    def _set_aside(self, damage: JournalDamaged) -> None:
        """Move the damaged database away, and report it.

        Raises:
            ConfigError: The disk refuses.
        """
        with explained(self._path):
            aside = set_aside(self._path, self._path.parent / DAMAGED_FOLDER, self._permissions)
        lost = " Run the same command again to have all files of this run on record."
        self._note(
            f"The journal was damaged ({damage.reason}) and has been set aside at {shown(aside)}. "
            f"The files in the folder are checked again.{lost if self._lost else ''}"
        )

    def _replace(self, damage: JournalDamaged, replaced: int) -> None:
        """Replace a database that was found damaged while in use.

        Args:
            damage: Raised if that happens too often.
            replaced: The value of `_replaced` when the caller used the database.
        """
        with self._transacting, self._reading:
            if replaced != self._replaced:
                return  # another thread has replaced it since
            if replaced == _REPLACED_MAX:
                raise damage
            # Windows renames no open file.
            self._reader.close()
            self._writing.close()
            self._lost = self._wrote
            self._set_aside(damage)
            self._reader = self._open()
            self._replaced += 1

    @property
    def failed(self) -> bool:
        """True if the journal could not be written."""
        return self._failure is not None

    def recovers(self) -> bool:
        """Return True if the journal can be written, after the writer has tried again."""
        if self._failure is not None:
            self._tried.clear()
            self._try_again.set()
            self._tried.wait(_RECOVERY_S)
        return self._failure is None

    def raise_failure(self) -> None:
        """Raise the error that ended the writer, if there is one.

        Raises:
            DiskFailed: The journal could not be written, or a file could not be synced.
        """
        if self._failure is not None:
            self._failure_raised = True
            raise self._failure

    def plan(self, uids: Iterable[str]) -> None:
        """Record further studies as planned."""
        self._plans.append(_Plan(tuple(uids)))

    def unplan(self, uid: str) -> None:
        """Withdraw a planned study, unless instances of it are recorded."""
        self._plans.append(_Plan((uid,), planned=False))

    def give_up(self, uids: Iterable[str], reason: str) -> None:
        """Record planned studies as not tried, with one reason."""
        self._plans.append(_Plan(tuple(uids), not_tried=reason))

    def record(self, record: InstanceRecord) -> None:
        """Record an instance; the writer commits it and syncs its file within moments."""
        self._unwritten[record.path] = record
        self._pending.append(record)

    def finish(self, study: StudyRecord) -> None:
        """Record how a study ended, after the files recorded before are synced."""
        self._finished.append(study)

    def take_up(self, study_instance_uid: str, newest: StudyRows | None) -> None:
        """Make this the journal that knows a study, with all that another one recorded of it.

        Args:
            study_instance_uid: The study, before this run records anything of it.
            newest: What the newest of the other journals has of it; None if none has anything.
        """
        own, named = self._taken_up.turns.get(study_instance_uid), self._taken_up.named
        if own is None:
            turns = self._query(lambda row: number(row[0]), _TURN, study_instance_uid)
            own = max(turns, default=-1 if named else 0)
        if newest is None:
            if own >= 0:
                return
            self._taken_up.add(StudyRows(study_instance_uid, 1, {}))
        elif newest.turn > own or (named and newest.turn == own):
            self._taken_up.add(StudyRows(study_instance_uid, newest.turn + 1, newest.rows))

    def records(self, study_instance_uid: str) -> list[InstanceRecord]:
        """Return what earlier runs recorded of a study under the layout in use."""
        if (rows := self._taken_up.unwritten.get(study_instance_uid)) is not None:
            return rows.records(self._layout)
        return self._query(InstanceRecord.from_row, _RECORDS, study_instance_uid, self._layout)

    def record_of(
        self, study_instance_uid: str, sop_instance_uid: str, path: str
    ) -> InstanceRecord | None:
        """Return the record of a file, of this run or of an earlier one."""
        if (record := self._unwritten.get(path)) is not None:
            return record
        if (rows := self._taken_up.unwritten.get(study_instance_uid)) is not None:
            found = rows.records(self._layout)
        else:
            key = (study_instance_uid, self._layout, sop_instance_uid)
            found = self._query(InstanceRecord.from_row, _RECORD, *key)
        return next((each for each in found if each.path == path), None)

    def is_complete(self, study_instance_uid: str) -> bool:
        """Return True if the last run that ended found the study complete."""
        if (rows := self._taken_up.unwritten.get(study_instance_uid)) is not None:
            return rows.complete
        verdicts = self._query(lambda row: text(row[0]), _VERDICT, study_instance_uid)
        return verdicts == [str(Verdict.COMPLETE)]

    def missing(self, study_instance_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of a study that earlier runs recorded as missing."""
        if (rows := self._taken_up.unwritten.get(study_instance_uid)) is not None:
            return rows.missing
        return frozenset(self._query(lambda row: text(row[0]), _MISSING, study_instance_uid))

    def _query(self, read: Callable[[Sequence[Any]], _T], query: str, *values: str) -> list[_T]:
        """Return `read` of each row; replace a damaged database and return no rows."""
        try:
            with self._reading, explained(self._path):
                if self._closed is not None:
                    raise self._closed
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
            DiskFailed: That failed, and `raise_failure` has not raised it yet.
        """
        self._closing = True
        self._wake.set()
        self._try_again.set()
        self._writer.join()
        self._reader.close()
        database_mode.remove_empty_rollback(self._path)
        if not self._failure_raised:
            self.raise_failure()

    def _has_time(self) -> bool:
        """Return True while files may still be synced; the next run checks those that are not."""
        if not (self._closing and self._hurried()):
            return True
        if self._until_s is None:
            self._until_s = monotonic() + _HURRIED_S
        return monotonic() < self._until_s

    def _write(self) -> None:
        """Writer thread: commit a batch, sync its files, repeat until closed and empty."""
        while True:
            last = self._closing
            try:
                self._write_batches()
            except (OSError, sqlite3.Error, ConfigError) as error:
                # Of the database alone: what a failed fsync has lost cannot be written again.
                cause = error.__cause__ or error
                no_room = isinstance(cause, sqlite3.Error) and is_want_of_room(cause)
                self._failure = journal_failed(error, self._path, no_room=no_room)
                if last or not no_room:
                    return
            except Exception as error:  # noqa: BLE001 - a bug, which the end of a thread does not show
                self._failure = error
                return
            else:
                return
            self._tried.set()
            self._try_again.wait()
            self._try_again.clear()

    def _write_batches(self) -> None:
        if self._failure:
            with self._transacting:
                self._writing = connect(self._path, self._mode)
        replaced = self._replaced if self._failure else 0
        while True:
            try:
                with contextlib.closing(self._writing):
                    if self._write_to(self._writing, replaced):
                        return
            except ConfigError as error:
                self._take_up_again(error)
            with self._transacting, explained(self._path):
                replaced, self._writing = self._replaced, connect(self._path, self._mode)

    def _take_up_again(self, error: ConfigError) -> None:
        """Open the database again after the file system failed, perhaps in a plainer mode.

        Raises:
            ConfigError: It has failed too often, or for a reason that stays.
        """
        while True:
            self._failures += 1
            if self._failures > len(_PAUSES_S) or self._hurried() or not _may_succeed(error):
                raise error
            threading.Event().wait(_PAUSES_S[self._failures - 1])
            if self._failures > 1 or not is_transient(error.__cause__):
                self._mode = PLAINEST
            try:
                self._reopen()
            except ConfigError as again:
                error = again
            else:
                return

    def _reopen(self) -> None:
        """Replace the reader's connection; the writer's is closed.

        Raises:
            ConfigError: The database cannot be opened.
        """
        with self._transacting, self._reading:
            self._reader.close()
            try:
                with explained(self._path):
                    database_mode.prepare(self._path, self._mode)
                    self._reader = connect(self._path, self._mode)
            except ConfigError as error:
                self._closed = error
                raise
            self._closed = None

    def _write_to(self, database: sqlite3.Connection, replaced: int) -> bool:
        """Write until closed and empty; return False if the database was replaced."""
        while True:
            last = self._closing
            self._take_plans()
            if not self._batch:
                # The studies first: what is recorded after this look belongs to the next batch.
                # Those that are taken up last: a study is, before anything of it is recorded.
                finished, records = _take(self._finished), _take(self._pending)
                taken_up = _take(self._taken_up.queue)
                self._batch = _Batch(taken_up=taken_up, finished=finished, records=records)
            try:
                with self._transacting, explained(self._path):
                    if replaced == self._replaced:
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
        """Queue for the new database what only the old one contains."""
        self._batch = _Batch(
            taken_up=self._batch.taken_up,
            finished=[*self._synced.finished, *self._batch.finished],
            records=[*self._synced.records, *self._batch.records],
        )
        self._synced = _Batch()
        self._new_plans = list(self._planned)

    def _forget_written(self) -> None:
        self._failures = 0
        self._failure, self._failure_raised = None, False
        self._tried.set()
        self._new_plans = []
        self._wrote = self._wrote or bool(self._batch)
        for study in self._synced.finished:
            self._taken_up.turns.pop(study.study_instance_uid, None)
            self._recorded(study.study_instance_uid)
        self._taken_up.forget(self._batch.taken_up)
        for record in self._batch.records:
            if self._unwritten.get(record.path) is record:
                del self._unwritten[record.path]

    def _take_plans(self) -> None:
        plans = _take(self._plans)
        self._planned += plans
        self._new_plans += plans

    def _write_batch(self, database: sqlite3.Connection) -> None:
        """Write the new batch, and mark the batch before it as synced.

        In one transaction: the records are spread over the whole database by their UIDs, so each
        half alone would write nearly all pages.
        """
        batch, synced, layout = self._batch, self._synced, self._layout
        if self._new_plans:
            with database:
                for plan in self._new_plans:
                    self._write_plan(database, plan)
        if not batch and not synced:
            return
        with database:
            for rows in batch.taken_up:
                write_rows(database, rows)
            # First: an instance of that batch may be in the new one, too, and that is not synced.
            database.executemany(
                SET_SYNCED,
                [(e.study_instance_uid, e.sop_instance_uid, layout) for e in synced.records],
            )
            database.executemany(_INSERT, [_row(record, layout) for record in batch.records])
            for study in synced.finished:
                self._write_study(database, study)

    def _write_plan(self, database: sqlite3.Connection, plan: _Plan) -> None:
        # In the order of the table, a million take seconds instead of minutes.
        uids = sorted(plan.uids)
        if plan.not_tried:
            write_not_tried(database, uids, plan.not_tried, self._peer)
            return
        values = ((uid, UNFINISHED) for uid in uids)
        database.executemany(_PLAN if plan.planned else _UNPLAN, values)

    def _write_study(self, database: sqlite3.Connection, study: StudyRecord) -> None:
        """Update the records of a study; instances that were not asked for keep theirs."""
        uid = study.study_instance_uid
        if (turn := self._taken_up.turns.get(uid)) is not None:
            set_turn(database, uid, turn)  # once more, for a database that was replaced
        settled = study.asked | study.retired
        database.executemany(_FORGET_MISSING, [(uid, sop) for sop in settled])
        for sop in study.retired:
            self._forget_lost_copies(database, uid, sop)
        database.executemany(
            "INSERT OR IGNORE INTO missing VALUES (?, ?)", [(uid, sop) for sop in study.missing]
        )
        left = database.execute(_ANY_MISSING, (uid,)).fetchone()
        self._write_left_out(database, study)
        if self._leaves_doubt(database, study) or keeps_failure(database, study):
            return
        whole = study.verdict == Verdict.COMPLETE
        verdict = str(Verdict.PARTIAL) if whole and left else study.verdict
        if self._lost:
            verdict = UNFINISHED  # not all of its files are recorded
        database.execute(_SET_VERDICT if study.asked else _SET_VERDICT_IF_OPEN, (uid, verdict))
        write_failure(database, study, self._peer)

    @staticmethod
    def _write_left_out(database: sqlite3.Connection, study: StudyRecord) -> None:
        """Update the series that filters left out; series that were not asked for keep theirs."""
        uid = study.study_instance_uid
        if study.asked and not study.series:
            database.execute(_FORGET_ALL_LEFT_OUT, (uid,))
        database.executemany(_FORGET_LEFT_OUT, [(uid, series) for series in study.series])
        database.executemany(_SET_LEFT_OUT, [(uid, *series) for series in study.left_out])

    @staticmethod
    def _leaves_doubt(database: sqlite3.Connection, study: StudyRecord) -> bool:
        """Return True if an earlier verdict must stand: it is about other series of the study.

        The records of those may be incomplete, because the earlier run was cut short.
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
        """Delete the records of an instance under each layout whose file is gone."""
        for layout, path in database.execute(_COPIES, (study, sop)).fetchall():
            if not os.path.lexists(below(self._root, path)):
                database.execute(_FORGET_COPY, (study, sop, layout))


def _may_succeed(error: ConfigError) -> bool:
    """Return True if the database may be used in a moment, or in a plainer mode."""
    cause = error.__cause__ or error
    code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    return code in _MAY_SUCCEED or is_transient(cause) or is_unsupported(cause)


def _row(record: InstanceRecord, layout: str) -> tuple[str | int, ...]:
    """Return the values for `_INSERT`."""
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
    """Empty a queue; return its items."""
    return [queue.popleft() for _ in range(len(queue))]
