"""The journals of other writers in the same folder, and studies taken over from them.

In a folder with several journals, each study belongs to the journal that has taken it up last: that
one has everything that the others recorded of it. A number, the turn, tells which one it is: each
writer that takes a study up gives it a higher turn than any other journal has. The clocks of the
hosts do not matter.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from sqlite3 import Connection
from typing import Any, NamedTuple

from dicom_retrieve_tui.model.folder_account import UNFINISHED
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.journal_database import (
    InstanceRecord,
    JournalReader,
    check_kinds,
    columns_of,
    explained,
    number,
    patiently_read,
    text,
)
from dicom_retrieve_tui.storage.lock import boot_left_in
from dicom_retrieve_tui.storage.writers import JOURNAL, PRIVATE_FOLDER, writer_folder, writers_in

_TABLES = {
    "instances": (
        "study_instance_uid",
        "sop_instance_uid",
        "path",
        "size_bytes",
        "synced",
        "series_instance_uid",
        "digest",
        "irregular",
        "layout",
    ),
    "studies": ("study_instance_uid", "verdict"),
    "missing": ("study_instance_uid", "sop_instance_uid"),
    "left_out": ("study_instance_uid", "series_instance_uid", "modality"),
    "failures": (
        "study_instance_uid",
        "verdict",
        "reason",
        "expected",
        "peer",
        "ended",
        "series",
    ),
}
"""Every table with rows of a study, and its columns; those of an instance begin with the fields of
`InstanceRecord`."""
_IS_KNOWN = (
    "SELECT 1 FROM studies WHERE study_instance_uid = ?"
    " UNION ALL SELECT 1 FROM instances WHERE study_instance_uid = ? LIMIT 1"
)
_TURN = "SELECT turn FROM turns WHERE study_instance_uid = ?"
_SET_TURN = "INSERT OR REPLACE INTO turns VALUES (?, ?)"


@dataclass(frozen=True, slots=True)
class StudyRows:
    """Everything that one journal has of a study."""

    study_instance_uid: str
    turn: int
    rows: Mapping[str, Sequence[Sequence[Any]]]
    """By table; empty for a study that is new to the folder."""

    def records(self, layout: str) -> list[InstanceRecord]:
        """Return its instances under a layout."""
        return [
            InstanceRecord.from_row(row[:-1])
            for row in self.rows.get("instances", ())
            if row[-1] == layout
        ]

    @property
    def missing(self) -> frozenset[str]:
        """SOP Instance UIDs that were missing when its retrieval ended."""
        return frozenset(text(sop) for _, sop in self.rows.get("missing", ()))

    @property
    def verdict(self) -> str:
        """Its verdict, or `UNFINISHED`."""
        return next((text(verdict) for _, verdict in self.rows.get("studies", ())), UNFINISHED)

    @property
    def complete(self) -> bool:
        """True if its last retrieval found it complete."""
        return self.verdict == Verdict.COMPLETE


Columns = Mapping[str, set[str]]
"""The names of the columns of each table that a journal has."""


def turn_of(database: sqlite3.Connection, columns: Columns, uid: str) -> int | None:
    """Return the turn of a study in a journal, perhaps of an earlier version.

    Returns:
        None if the journal has nothing of the study.
    """
    if not {"studies", "instances"} <= columns.keys():  # a run creates the journal now
        return None
    if database.execute(_IS_KNOWN, (uid, uid)).fetchone() is None:
        return None
    row = database.execute(_TURN, (uid,)).fetchone() if "turns" in columns else None
    return 0 if row is None else number(row[0])


def read_rows(database: sqlite3.Connection, columns: Columns, uid: str) -> StudyRows:
    """Return what a journal, perhaps of an earlier version, has of a study.

    Raises:
        ValueError: A value is not of its kind; the journal is damaged.
    """
    rows = {
        table: _rows_of(database, table, names, columns[table], uid)
        for table, names in _TABLES.items()
        if table in columns
    }
    for table, found in rows.items():
        for row in found:
            if table == "instances":
                InstanceRecord.from_row(row[:-1])  # raises for a damaged one
            else:
                check_kinds(table, dict(zip(_TABLES[table], row, strict=True)))
    return StudyRows(uid, turn_of(database, columns, uid) or 0, rows)


def _rows_of(
    database: sqlite3.Connection, table: str, names: Sequence[str], known: set[str], uid: str
) -> list[Sequence[Any]]:
    columns = ", ".join(name if name in known else "''" for name in names)
    query = f"SELECT {columns} FROM {table} WHERE study_instance_uid = ?"  # noqa: S608 - our names
    return database.execute(query, (uid,)).fetchall()


def write_rows(database: sqlite3.Connection, study: StudyRows) -> None:
    """Set everything that a journal has of a study; a new study keeps what is planned of it."""
    uid = study.study_instance_uid
    set_turn(database, uid, study.turn)
    if not any(study.rows.values()):
        return
    for table, names in _TABLES.items():
        database.execute(f"DELETE FROM {table} WHERE study_instance_uid = ?", (uid,))  # noqa: S608
        columns, places = ", ".join(names), ", ".join("?" * len(names))
        insert = f"INSERT INTO {table} ({columns}) VALUES ({places})"  # noqa: S608 - our names
        database.executemany(insert, study.rows.get(table, ()))


def set_turn(database: sqlite3.Connection, uid: str, turn: int) -> None:
    """Record the turn of a study."""
    database.execute(_SET_TURN, (uid, turn))


_KILLED = "SELECT name FROM folder WHERE value = 'killed'"


class _Journal(NamedTuple):
    """An open journal."""

    path: Path
    database: Connection
    columns: Columns

    def turn_of(self, uid: str) -> int | None:
        with explained(self.path):
            return turn_of(self.database, self.columns, uid)

    def rows_of(self, uid: str) -> StudyRows:
        with explained(self.path):
            return read_rows(self.database, self.columns, uid)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[_Journal]:
    with JournalReader(path).open() as database:
        yield _Journal(path, database, columns_of(database))


class OtherJournals:
    """What the other journals of a folder have of a study. Thread-safe.

    A writer that claims its studies shares them with its group, whose journals change meanwhile:
    each is opened again for each study. Every other journal rests while this writer has the folder.
    """

    def __init__(self, root: Path, writer: Writer | None) -> None:
        """Open the journals that rest.

        Raises:
            ConfigError: One cannot be read, is damaged, or is of a newer version.
            OSError: The folder cannot be read.
        """
        self._root = root
        self._writer = writer
        self._reading = threading.Lock()
        self._stack = ExitStack()
        self._resting: list[_Journal] = []
        with ExitStack() as stack:
            for other in self._others():
                path = writer_folder(root, other) / JOURNAL
                if path.is_file() and not self._is_live(other):
                    self._resting.append(stack.enter_context(_opened(path)))
            self._stack = stack.pop_all()

    def _others(self) -> list[Writer | None]:
        """Return the writers whose studies this one may meet."""
        own = self._writer
        found: list[Writer | None] = [] if own is None else [None]
        for each in writers_in(self._root):
            same = own is not None and each.name == own.name
            if not same and (own is None or own.claims or each.group != own.group):
                found.append(each)
        return found

    def _is_live(self, other: Writer | None) -> bool:
        own = self._writer
        return own is not None and other is not None and other.group == own.group

    @property
    def any(self) -> bool:
        """True if there is a journal to ask, or may be one later."""
        return bool(self._resting) or (self._writer is not None and self._writer.claims)

    def newest(self, study_instance_uid: str) -> StudyRows | None:
        """Return what the newest of them has of a study; None if none has anything.

        Raises:
            ConfigError: A journal cannot be read.
        """
        return patiently_read(lambda: self._newest(study_instance_uid))

    def _newest(self, uid: str) -> StudyRows | None:
        with self._reading, ExitStack() as stack:
            live = [stack.enter_context(_opened(path)) for path in self._live()]
            turns = [(each.turn_of(uid), each) for each in (*self._resting, *live)]
            known = [(turn, each) for turn, each in turns if turn is not None]
            if not known:
                return None
            _, journal = max(known, key=itemgetter(0))
            return journal.rows_of(uid)

    def _live(self) -> list[Path]:
        """Return the journals that others of the group write, perhaps at this moment.

        Raises:
            ConfigError: The folder cannot be read.
        """
        if self._writer is None or not self._writer.claims:
            return []
        with explained(self._root / PRIVATE_FOLDER):
            live = filter(self._is_live, self._others())
            paths = [writer_folder(self._root, each) / JOURNAL for each in live]
            return list(filter(Path.is_file, paths))

    def killed_boots(self) -> frozenset[str]:
        """Return the boots of machines in which a writer was killed.

        Raises:
            ConfigError: A journal cannot be read.
            OSError: The folder cannot be read.
        """
        boots = {
            boot_left_in(writer_folder(self._root, each), resting=not self._is_live(each))
            for each in self._others()
        }
        with self._reading:
            for path, database, columns in self._resting:
                with explained(path):
                    if "folder" in columns:
                        boots.update(str(name) for (name,) in database.execute(_KILLED).fetchall())
        return frozenset(filter(None, boots))

    def close(self) -> None:
        """Close the journals."""
        with self._reading:
            self._stack.close()
