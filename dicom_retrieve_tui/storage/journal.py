"""What is proven to be in the output folder, so that the next run need not ask for it again.

One thread writes: it takes what was recorded since it last looked, in one transaction, and then has
the operating system sync those files, beside the transfer and never in it. An entry says that its
file was whole when it got its name; `synced` says that it has reached the disk, too.
"""

import contextlib
import os
import sqlite3
import threading
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self, TypeVar

from dicom_retrieve_tui.errors import ConfigError, DiskFailed
from dicom_retrieve_tui.model.journalled import StudyEntry
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

_T = TypeVar("_T")

SCHEMA_VERSION = 2
UNFINISHED = "unfinished"
"""Stands where a verdict will stand."""
_BATCH_S = 0.1
"""What was recorded less than this ago may be asked for again after a kill; it is on disk."""
_BUSY_S = 10.0

_SCHEMA = """
CREATE TABLE IF NOT EXISTS instances (
    sop_instance_uid TEXT NOT NULL,
    layout TEXT NOT NULL,
    study_instance_uid TEXT NOT NULL,
    path TEXT NOT NULL,
    size_bytes INTEGER NOT NULL,
    synced INTEGER NOT NULL,
    series_instance_uid TEXT NOT NULL DEFAULT '',
    digest TEXT NOT NULL DEFAULT '',
    irregular TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (study_instance_uid, sop_instance_uid, layout)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS studies (
    study_instance_uid TEXT PRIMARY KEY,
    verdict TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS missing (
    study_instance_uid TEXT NOT NULL,
    sop_instance_uid TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, sop_instance_uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS left_out (
    study_instance_uid TEXT NOT NULL,
    series_instance_uid TEXT NOT NULL,
    modality TEXT NOT NULL,
    PRIMARY KEY (study_instance_uid, series_instance_uid)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folder (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
"""
"""The study is part of the key: some archives have one SOP Instance UID in two studies.

No patient data: UIDs, modalities, paths and sizes. A path may hold what the user's own layout puts
in it."""

_COLUMNS_SINCE_VERSION_2 = ("series_instance_uid", "digest", "irregular")
_INSERT = """
INSERT OR REPLACE INTO instances (
    sop_instance_uid, layout, study_instance_uid, path, size_bytes, synced,
    series_instance_uid, digest, irregular
) VALUES (?, ?, ?, ?, ?, 0, ?, ?, ?)
"""
_ENTRIES = (
    "SELECT study_instance_uid, sop_instance_uid, path, size_bytes, synced, series_instance_uid,"
    " digest, irregular FROM instances WHERE study_instance_uid = ? AND layout = ?"
)
"""In the order of the fields of `Entry`."""
_DOUBTFUL = "doubtful"
"""In `folder`: the machine stopped during a run, so that what is not recorded may hold zeros."""
_SET_DOUBTFUL = "INSERT OR REPLACE INTO folder VALUES (?, '1')"
_IS_DOUBTFUL = "SELECT 1 FROM folder WHERE name = ?"
_ENTRY = f"{_ENTRIES} AND sop_instance_uid = ?"
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


@dataclass(frozen=True, slots=True)
class Entry:
    """One instance that stood under its final name when it was recorded."""

    study_instance_uid: str
    sop_instance_uid: str
    path: str
    """Relative to the output folder."""
    size_bytes: int
    synced: bool = False
    series_instance_uid: str = ""
    """Empty if the data set has none, or if version 1 of the journal recorded it."""
    digest: str = ""
    """Checksum of the file as it was received; empty in a record of version 1."""
    irregular: str = ""
    """Why the data set is irregular, in a short phrase; empty for a regular one."""

    @classmethod
    def from_row(cls, row: Sequence[Any]) -> Self:
        """Return the entry of a row that has its fields in their order."""
        study, sop, path, size_bytes, synced, *rest = row
        return cls(study, sop, path, size_bytes, bool(synced), *rest)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Batch:
    """What is written at once."""

    finished: list[StudyEntry] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.finished or self.entries)


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
        restarted: bool = False,
    ) -> None:
        """Open or create it.

        Args:
            path: The database.
            root: The output folder, which the entries' paths start from.
            layout: The template in use: an instance under another name is another file.
            planned: Study Instance UIDs that are to be retrieved; those that are never begun stay
                on record as unfinished.
            permissions: Of the database, if it is made now.
            restarted: The machine may have stopped during the last run.

        Raises:
            ConfigError: It is damaged, or of a newer version.
        """
        self._path = path
        self._root = root
        self._layout = layout
        self._plans = deque((uid, True) for uid in planned)
        self._pending: deque[Entry] = deque()
        self._unwritten: dict[str, Entry] = {}
        """What is recorded and not yet in the database, by its path."""
        self._finished: deque[StudyEntry] = deque()
        self._failure: Exception | None = None
        self._told = False
        self._wake = threading.Event()
        self._closing = False
        self._named: set[str] = set()
        """Folders whose own names are synced."""
        self._reading = threading.Lock()
        with _explained(path):
            # SQLite gives the files beside a database the permissions that the database has.
            os.close(permissions.open(path, os.O_RDWR))
            self._reader = _connect(path)
            try:
                self._make_ready(restarted=restarted)
            except BaseException:
                self._reader.close()
                raise
        self._writer = threading.Thread(target=self._write, name="journal")
        self._writer.start()

    def _make_ready(self, *, restarted: bool) -> None:
        version = self._reader.execute("PRAGMA user_version").fetchone()[0]
        if version > SCHEMA_VERSION:
            raise ConfigError(
                f"The journal {self._path} was written by a newer version of dicom-retrieve."
            )
        # In one transaction: a kill leaves the journal as it was, or as it is to be.
        self._reader.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
        with self._reader:
            columns = {row[1] for row in self._reader.execute("PRAGMA table_info(instances)")}
            for column in _COLUMNS_SINCE_VERSION_2:
                if column not in columns:
                    self._reader.execute(
                        f"ALTER TABLE instances ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"
                    )
            if restarted:
                self._reader.execute(_SET_DOUBTFUL, (_DOUBTFUL,))
            self._reader.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
        self.doubtful = self._reader.execute(_IS_DOUBTFUL, (_DOUBTFUL,)).fetchone() is not None
        """True if files that are not recorded may hold zeros: the machine stopped during a run."""

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

    def record(self, entry: Entry) -> None:
        """Note an instance; it reaches the database within moments, and is then synced."""
        self._unwritten[entry.path] = entry
        self._pending.append(entry)

    def finish(self, study: StudyEntry) -> None:
        """Note how a study ended, once the files recorded before are synced."""
        self._finished.append(study)

    def entries(self, study_instance_uid: str) -> list[Entry]:
        """What earlier runs recorded of a study under the layout in use."""
        return list(map(Entry.from_row, self._query(_ENTRIES, study_instance_uid, self._layout)))

    def entry(self, study_instance_uid: str, sop_instance_uid: str, path: str) -> Entry | None:
        """Return the record of a file, of this run or of an earlier one."""
        if (entry := self._unwritten.get(path)) is not None:
            return entry
        rows = self._query(_ENTRY, study_instance_uid, self._layout, sop_instance_uid)
        return next((each for each in map(Entry.from_row, rows) if each.path == path), None)

    def missing(self, study_instance_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of a study that earlier runs recorded as missing."""
        return frozenset(sop for (sop,) in self._query(_MISSING, study_instance_uid))

    def _query(self, query: str, *values: str) -> list[Any]:
        with self._reading, _explained(self._path):
            return self._reader.execute(query, values).fetchall()

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

    def _write(self) -> None:
        """The writer's life: a transaction, a sync, and again, until nothing is left to tell."""
        try:
            with contextlib.closing(_connect(self._path)) as database:
                synced = _Batch()
                while True:
                    last = self._closing
                    # The studies first: what is recorded after this look belongs to the next batch.
                    batch = _Batch(finished=_take(self._finished), entries=_take(self._pending))
                    self._write_batch(database, batch, synced)
                    if last and not batch:
                        return
                    _sync_files(self._root, batch.entries, self._named)
                    synced = batch
                    if not last:
                        self._wake.wait(_BATCH_S)
        except (OSError, sqlite3.Error) as error:
            reason = getattr(error, "strerror", None) or str(error)
            self._failure = DiskFailed(
                f"Cannot keep the journal {self._path}: {reason.lower()}. What is finished is "
                "kept; make room and run the same command again.",
                path=str(self._path),
            )
        except Exception as error:  # noqa: BLE001 - a bug, and no thread's end shows it
            self._failure = error

    def _write_batch(self, database: sqlite3.Connection, batch: "_Batch", synced: "_Batch") -> None:
        """Record what is new, and that what was recorded the last time has been synced.

        In one transaction: an entry is found by its UID, so that each touches pages all over the
        database, and nearly all pages are written by either half.
        """
        self._write_plans(database)
        if not batch and not synced:
            return
        layout = self._layout
        with database:
            # First, because what came again since then is not synced.
            database.executemany(
                SET_SYNCED,
                [(e.study_instance_uid, e.sop_instance_uid, layout) for e in synced.entries],
            )
            database.executemany(_INSERT, [_row(entry, layout) for entry in batch.entries])
            for study in synced.finished:
                self._write_study(database, study)
        for entry in batch.entries:
            if self._unwritten.get(entry.path) is entry:
                del self._unwritten[entry.path]

    def _write_plans(self, database: sqlite3.Connection) -> None:
        if not (plans := _take(self._plans)):
            return
        with database:
            for uid, planned in plans:
                database.execute(_PLAN if planned else _UNPLAN, (uid, UNFINISHED))

    def _write_study(self, database: sqlite3.Connection, study: StudyEntry) -> None:
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
        database.execute(_SET_VERDICT if study.asked else _SET_VERDICT_IF_OPEN, (uid, verdict))

    @staticmethod
    def _write_left_out(database: sqlite3.Connection, study: StudyEntry) -> None:
        """Bring up to date what filters left out; of series not asked for, nothing is new."""
        uid = study.study_instance_uid
        if study.asked and not study.series:
            database.execute(_FORGET_ALL_LEFT_OUT, (uid,))
        database.executemany(_FORGET_LEFT_OUT, [(uid, series) for series in study.series])
        database.executemany(_SET_LEFT_OUT, [(uid, *series) for series in study.left_out])

    @staticmethod
    def _leaves_doubt(database: sqlite3.Connection, study: StudyEntry) -> bool:
        """Tell if an earlier verdict stands: this run was about other series of the study.

        What is recorded of those may be cut short, as the earlier run was.
        """
        if not study.series and not study.left_out:
            return False
        uid = study.study_instance_uid
        (earlier,) = database.execute(_VERDICT, (uid,)).fetchone() or (None,)
        if earlier is None or earlier in _SETTLED:
            return False
        recorded = {series for (series,) in database.execute(_SERIES, (uid,)) if series}
        return not recorded <= study.series

    def _forget_lost_copies(self, database: sqlite3.Connection, study: str, sop: str) -> None:
        """Delete the records of an instance whose files are gone."""
        for layout, path in database.execute(_COPIES, (study, sop)).fetchall():
            if not os.path.lexists(f"{self._root}/{path}"):
                database.execute(_FORGET_COPY, (study, sop, layout))


def _row(entry: Entry, layout: str) -> tuple[str | int, ...]:
    """The values of `_INSERT`."""
    return (
        entry.sop_instance_uid,
        layout,
        entry.study_instance_uid,
        entry.path,
        entry.size_bytes,
        entry.series_instance_uid,
        entry.digest,
        entry.irregular,
    )


def _connect(path: Path) -> sqlite3.Connection:
    database = sqlite3.connect(path, timeout=_BUSY_S, check_same_thread=False)
    try:
        database.execute("PRAGMA journal_mode = WAL")
        # A kill of our process costs nothing; a power cut may cost the last transactions, whose
        # instances are then asked for again.
        database.execute("PRAGMA synchronous = NORMAL")
    except BaseException:
        database.close()
        raise
    return database


@contextlib.contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, sqlite3.Error) as error:
        reason = str(getattr(error, "strerror", None) or error).lower()
        raise ConfigError(
            f"The journal {path} cannot be read ({reason}). Move it away to start without it: what "
            "it lists is then retrieved again and compared."
        ) from error


def _take(queue: deque[_T]) -> list[_T]:
    """All that is in the queue now."""
    return [queue.popleft() for _ in range(len(queue))]


def _sync_files(root: Path, entries: list[Entry], named: set[str]) -> None:
    """Have the operating system write files, and their names, to the disk.

    Args:
        named: Folders whose own names are there already; those that are synced now are added.
    """
    # Texts: making a `Path` of each would hold up the threads that receive.
    paths = [f"{root}/{entry.path}" for entry in entries]
    for path in paths:
        _sync(path)
    for folder in _folders_of(paths, str(root), named):
        _sync(folder)


def _folders_of(paths: list[str], root: str, named: set[str]) -> set[str]:
    """The folders to sync, each once: those of `paths`, and those above a new one up to `root`."""
    folders = set()
    for path in paths:
        folder = os.path.dirname(path)  # noqa: PTH120
        folders.add(folder)
        while folder != root and folder not in named:
            named.add(folder)
            folder = os.path.dirname(folder)  # noqa: PTH120
            folders.add(folder)
    return folders


def _sync(path: str) -> None:
    """Have the operating system write a file, or the names in a folder, to the disk."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return  # somebody took it away since; the next run will notice
    try:
        os.fsync(fd)
    finally:
        os.close(fd)
