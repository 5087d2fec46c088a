"""A study taken over from one journal into another, row by row.

In a folder with several journals, each study belongs to the journal that has taken it up last: that
one has everything that the others recorded of it. A number, the turn, tells which one it is: each
writer that takes a study up gives it a higher turn than any other journal has. The clocks of the
hosts do not matter.
"""

import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from dicom_retrieve_tui.model.folder_account import UNFINISHED
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.journal_database import InstanceRecord, check_kinds, number, text

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
