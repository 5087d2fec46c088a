"""The SQLite database of a journal: its schema, how it is opened and read, what is damage.

A journal is damaged if its bytes changed on the disk or another program wrote it. A journal that is
locked, not accessible, on a full disk or of a newer version is not damaged.
"""

import contextlib
import itertools
import os
import re
import sqlite3
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from time import monotonic
from typing import Any, Self, TypeVar

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.platform_files import shown
from dicom_retrieve_tui.storage import database_mode
from dicom_retrieve_tui.storage.database_mode import BESIDE, BEST, DatabaseMode
from dicom_retrieve_tui.storage.disk_errors import next_step
from dicom_retrieve_tui.storage.file_system import file_system_of
from dicom_retrieve_tui.storage.permissions import Permissions
from dicom_retrieve_tui.storage.transient import is_transient

SCHEMA_VERSION = 2
_VERSION_MAX = 999
"""A greater number is damage, and no later version."""
_MAGIC = b"SQLite format 3\0"
_WAL = 2
"""Write and read version of the file format. Source: https://sqlite.org/fileformat.html, 1.3."""
_CHECK_S = 0.25
"""Limit of the check; it ends early on a large database."""
_CHECK_STEPS = 10_000
_WRITTEN_BYTES = 1 << 16
_READ_AGAIN_S = (0.02, 0.1)
_T = TypeVar("_T")

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
CREATE TABLE IF NOT EXISTS failures (
    study_instance_uid TEXT PRIMARY KEY,
    verdict TEXT NOT NULL,
    reason TEXT NOT NULL,
    expected INTEGER,
    peer TEXT NOT NULL,
    ended TEXT NOT NULL,
    series TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS folder (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS turns (
    study_instance_uid TEXT PRIMARY KEY,
    turn INTEGER NOT NULL
) WITHOUT ROWID;
"""
"""The study is part of the key: some archives have one SOP Instance UID in two studies.

A row of `failures` explains the verdict of a study that is not complete. It holds as long as
`studies` has the same verdict: a version without that table changes only `studies`.

`turns` has rows only in a folder with several journals: see `study_rows`.

No patient data: UIDs, modalities, paths, sizes and reasons. A path may contain patient data if the
user's layout does."""

_COLUMNS_SINCE_VERSION_2 = ("series_instance_uid", "digest", "irregular")
_INTEGER, _NONE = "integer", "null"
_TEXT, _NUMBER, _NUMBER_OR_NONE = ("text",), (_INTEGER,), (_INTEGER, _NONE)
_KINDS: dict[str, dict[str, tuple[str, ...]]] = {
    "instances": {
        "sop_instance_uid": _TEXT,
        "layout": _TEXT,
        "study_instance_uid": _TEXT,
        "path": _TEXT,
        "size_bytes": _NUMBER,
        "synced": _NUMBER,
        **dict.fromkeys(_COLUMNS_SINCE_VERSION_2, _TEXT),
    },
    "studies": {"study_instance_uid": _TEXT, "verdict": _TEXT},
    "missing": {"study_instance_uid": _TEXT, "sop_instance_uid": _TEXT},
    "left_out": {"study_instance_uid": _TEXT, "series_instance_uid": _TEXT, "modality": _TEXT},
    "failures": {
        "study_instance_uid": _TEXT,
        "verdict": _TEXT,
        "reason": _TEXT,
        "expected": _NUMBER_OR_NONE,
        "peer": _TEXT,
        "ended": _TEXT,
        "series": _TEXT,
    },
    "folder": {"name": _TEXT, "value": _TEXT},
    "turns": {"study_instance_uid": _TEXT, "turn": _NUMBER},
}
"""Of each table, the columns, and what SQLite's `typeof` returns for their values."""
_WRONG_PATH = """
SELECT 1 FROM instances WHERE
    path = '' OR instr(path, char(0)) OR substr(path, 1, 1) = '/'
    OR instr('/' || path || '/', '/../') OR instr('/' || path || '/', '/./')
"""
"""Finds rows that `relative_path` would refuse."""
_NOT_DAMAGE = frozenset(
    {
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOLFS,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_TOOBIG,
    }
)
"""Primary result codes caused by the disk, by permissions or by another process."""
_IOERR = sqlite3.SQLITE_IOERR
_START_WITHOUT = (
    "Move it away to start without it: the files that it lists are then retrieved again and "
    "compared."
)
_UNSAFE = re.compile(r"\0|^/|(^|/)\.\.?(/|$)")
"""Matches paths that would lead out of the output folder."""

_STUDIES_AT_ONCE = 50
_RECORDS = (
    "SELECT layout, study_instance_uid, sop_instance_uid, path, size_bytes, synced,"
    " series_instance_uid, digest, irregular"
    " FROM instances WHERE study_instance_uid = ? ORDER BY layout, path"
)
_VERDICTS = (
    "SELECT s.study_instance_uid, COALESCE(t.turn, 0), s.verdict FROM studies s LEFT JOIN turns t"
    " ON t.study_instance_uid = s.study_instance_uid ORDER BY 1"
)
_VERDICTS_ALONE = "SELECT study_instance_uid, 0, verdict FROM studies ORDER BY 1"
_COMPLETE = "SELECT study_instance_uid FROM studies WHERE verdict = ?"
HAS_TURNS = "SELECT 1 FROM sqlite_master WHERE name = 'turns'"
_HAS_INSTANCES = "SELECT 1 FROM sqlite_master WHERE name = 'instances'"
_HAS_LEFT_OUT = "SELECT 1 FROM sqlite_master WHERE name = 'left_out'"
_LEFT_OUT = (
    "SELECT series_instance_uid, modality FROM left_out WHERE study_instance_uid = ?"
    " AND series_instance_uid NOT IN (SELECT series_instance_uid FROM instances"
    " WHERE instances.study_instance_uid = left_out.study_instance_uid) ORDER BY 1"
)
_RECORDS_OF_VERSION_1 = (
    "SELECT layout, study_instance_uid, sop_instance_uid, path, size_bytes, synced, '', '', ''"
    " FROM instances WHERE study_instance_uid = ? ORDER BY layout, path"
)


class JournalDamaged(ConfigError):
    """The journal is not what a run wrote; `reason` contains no path."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"The journal {shown(path)} is damaged ({reason}).",
            next_step="Move it away and run the retrieval again: it checks the files.",
        )
        self.reason = reason


@contextlib.contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn errors of the database at `path` into `RetrieveError`s.

    Raises:
        JournalDamaged: The database is damaged.
        ConfigError: The database cannot be read for another reason.
    """
    try:
        yield
    except (sqlite3.ProgrammingError, UnicodeEncodeError):
        raise  # a bug in what we write, and no damage
    except (OSError, ValueError, sqlite3.Error) as found:
        error = _cause(found, path)
        reason = reason_of(error)
        if _is_damage(error):
            raise JournalDamaged(path, reason) from error
        if is_transient(error) or getattr(error, "sqlite_errorcode", 0) & 0xFF == _IOERR:
            step = next_step(error, file_system_of(path))
        else:
            step = _START_WITHOUT
        raise ConfigError(
            f"The journal {shown(path)} cannot be read ({reason}).", next_step=step
        ) from error


def patiently_read(read: Callable[[], _T]) -> _T:
    """Read journals that others write, again if one seems damaged.

    A run that begins between two looks at the files of its journal may have changed what the first
    one saw.

    Raises:
        JournalDamaged: It is damaged.
    """
    for pause_s in _READ_AGAIN_S:
        try:
            return read()
        except JournalDamaged:
            threading.Event().wait(pause_s)
    return read()


def _cause(error: Exception, path: Path) -> Exception:
    """Return the operating system's error where SQLite has none of its own."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    try:
        if code == sqlite3.SQLITE_CANTOPEN:
            os.close(os.open(path, os.O_RDWR))
        elif code == sqlite3.SQLITE_IOERR:
            _write_beside(path)
    except OSError as cause:
        return cause
    return error


def _write_beside(path: Path) -> None:
    """Write and sync a file in the folder of a database, as SQLite does.

    Raises:
        OSError: The disk refuses.
    """
    from tempfile import NamedTemporaryFile  # noqa: PLC0415 - few runs need it

    with NamedTemporaryFile(dir=path.parent, prefix="probe-") as file:
        file.write(bytes(_WRITTEN_BYTES))
        file.flush()
        os.fsync(file.fileno())


def _is_damage(error: Exception) -> bool:
    if isinstance(error, sqlite3.Error):
        if getattr(error, "sqlite_errorcode", 0) == sqlite3.SQLITE_IOERR_SHORT_READ:
            return True
        # An error of the module itself, such as a text that is not UTF-8, has no code.
        return (getattr(error, "sqlite_errorcode", 0) & 0xFF) not in _NOT_DAMAGE
    return isinstance(error, ValueError)


def open_database(
    path: Path, permissions: Permissions, mode: DatabaseMode = BEST
) -> sqlite3.Connection:
    """Open the database of a journal; create or migrate it if necessary.

    Raises:
        JournalDamaged: The database is damaged.
        ConfigError: The database cannot be opened, or is of a newer version.
    """
    with explained(path):
        permissions.make_database(path)
        check_header(path)
        database_mode.prepare(path, mode)
        database = connect(path, mode)
        try:
            version_of(database, path)
            _bring_up_to_date(database)
            _check(database)
        except BaseException:
            database.close()
            raise
        return database


def check_header(path: Path) -> None:
    """Check the parts of the header that make SQLite report a read-only database.

    To close the file drops the locks that SQLite has on it in this process. That does no harm to a
    journal: it has one writer, and a reader of another process cannot remove the log.

    Raises:
        OSError: The file cannot be read.
        ValueError: The header is damaged.
    """
    with path.open("rb") as file:
        header = file.read(len(_MAGIC) + 4)
    if header and not (header.startswith(_MAGIC) and max(header[len(_MAGIC) + 2 :]) <= _WAL):
        raise ValueError("file is not a database")


def connect(path: Path, mode: DatabaseMode = BEST) -> sqlite3.Connection:
    """Open a database that is up to date. Raises `sqlite3.Error`."""
    database = database_mode.connect(path, mode)
    try:
        database.execute("PRAGMA cell_size_check = ON")
    except BaseException:
        database.close()
        raise
    return database


def version_of(database: sqlite3.Connection, path: Path) -> int:
    """Return the version of the schema.

    Raises:
        ConfigError: A newer version of this program wrote the journal.
        ValueError: The number is not a version; the journal is damaged.
    """
    version = int(database.execute("PRAGMA user_version").fetchone()[0])
    # A newer version has more columns. With the columns of this one, the number is damaged.
    if SCHEMA_VERSION < version <= _VERSION_MAX and _has_more_columns(database):
        raise ConfigError(
            f"The journal {shown(path)} was written by a newer version of dicom-retrieve."
        )
    if not 0 <= version <= SCHEMA_VERSION:
        raise ValueError(f"its version is {version}")
    return version


def _has_more_columns(database: sqlite3.Connection) -> bool:
    return any(
        not names <= _KINDS.get(table, {}).keys() for table, names in columns_of(database).items()
    )


def columns_of(database: sqlite3.Connection) -> dict[str, set[str]]:
    """Return the names of the columns of each table."""
    tables = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
    query = "SELECT name FROM pragma_table_info(?)"
    return {
        table: {name for (name,) in database.execute(query, (table,)).fetchall()}
        for (table,) in tables
    }


def _check(database: sqlite3.Connection) -> None:
    """Look for damage, for at most `_CHECK_S`.

    Raises:
        ValueError: The database is damaged.
        sqlite3.Error: The database is damaged: SQLite cannot read on, or a text is not UTF-8.
    """
    until_s = monotonic() + _CHECK_S
    database.set_progress_handler(lambda: monotonic() > until_s, _CHECK_STEPS)
    try:
        (verdict,) = database.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise ValueError(" ".join(str(verdict).split()))
        for query in (_WRONG_PATH, *map(_wrong_kinds, _KINDS)):
            if database.execute(query).fetchone():
                raise ValueError("it holds values of another kind")
        for table in _KINDS:
            deque(database.execute(f"SELECT * FROM {table}"), maxlen=0)  # noqa: S608 - decodes texts
    except sqlite3.OperationalError as error:
        if getattr(error, "sqlite_errorcode", 0) != sqlite3.SQLITE_INTERRUPT:
            raise
        # Damage in the rest shows when that is read.
    finally:
        database.set_progress_handler(None, 0)


def _wrong_kinds(table: str) -> str:
    """Return a query for the rows of a table that have a value of another kind."""
    wrong = " OR ".join(
        f"typeof({name}) NOT IN ({', '.join(map(repr, kinds))})"
        for name, kinds in _KINDS[table].items()
    )
    return f"SELECT 1 FROM {table} WHERE {wrong} LIMIT 1"  # noqa: S608 - our own names


def _bring_up_to_date(database: sqlite3.Connection) -> None:
    # In one transaction: a kill leaves either the old schema or the new one.
    database.executescript(f"BEGIN IMMEDIATE; {_SCHEMA}")
    with database:
        columns = columns_of(database)["instances"]
        for column in _COLUMNS_SINCE_VERSION_2:
            if column not in columns:
                database.execute(
                    f"ALTER TABLE instances ADD COLUMN {column} TEXT NOT NULL DEFAULT ''"
                )
        database.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")
    found = columns_of(database)
    if not all(kinds.keys() <= found.get(table, set()) for table, kinds in _KINDS.items()):
        raise ValueError("its tables are another program's")


def text(value: object) -> str:
    """Return a value of a row that must be a text.

    Raises:
        ValueError: The value is not a text; the journal is damaged.
    """
    if not isinstance(value, str):
        raise ValueError(f"it holds a {type(value).__name__} where a text belongs")  # noqa: TRY004
    return value


def number(value: object) -> int:
    """Return a value of a row that must be a number.

    Raises:
        ValueError: The value is not a number; the journal is damaged.
    """
    if not isinstance(value, int):
        raise ValueError(f"it holds a {type(value).__name__} where a number belongs")  # noqa: TRY004
    return value


def check_kinds(table: str, row: Mapping[str, object]) -> None:
    """Check the values of a row by column.

    Raises:
        ValueError: One is of another kind; the journal is damaged.
    """
    for name, value in row.items():
        kinds = _KINDS[table][name]
        if value is not None or _NONE not in kinds:
            (number if _INTEGER in kinds else text)(value)


def relative_path(value: object) -> str:
    """Return a value of a row that must be a path below the output folder.

    Raises:
        ValueError: The path is empty or leads out of the folder; the journal is damaged.
    """
    path = text(value)
    if not path or _UNSAFE.search(path):
        raise ValueError("it holds a path that leads out of the folder")
    return path


def set_aside(path: Path, folder: Path, permissions: Permissions) -> Path:
    """Move a damaged database and the files beside it to `folder`; return its new path.

    Raises:
        OSError: The disk refuses.
    """
    permissions.make_folder(folder)
    names = (folder / f"{path.stem}-{number}{path.suffix}" for number in itertools.count(1))
    aside = next(name for name in names if not os.path.lexists(name))
    # The files beside it first: SQLite would use them for the new database.
    for suffix in (*BESIDE, ""):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside


@dataclass(frozen=True, slots=True)
class InstanceRecord:
    """One instance, recorded when its file had its final name."""

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
        """Return the record of a row that has the fields in their order.

        Raises:
            ValueError: The row is damaged.
        """
        study, sop, path, size_bytes, synced, *rest = row
        return cls(
            text(study),
            text(sop),
            relative_path(path),
            number(size_bytes),
            bool(synced),
            *map(text, rest),
        )


@dataclass(frozen=True, slots=True)
class RecordedStudy:
    """Everything that the journal contains about a study."""

    study_instance_uid: str
    verdict: str | None
    """None if no retrieval of it has ended."""
    missing: tuple[str, ...]
    """SOP Instance UIDs that the PACS listed and that were missing when its retrieval ended."""
    layouts: tuple[tuple[InstanceRecord, ...], ...]
    """Files under each layout that was ever in use."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each series that a filter left out and no run asked
    for."""
    turn: int = 0
    """Of several journals that have the study, the one with the highest turn knows it."""

    @property
    def records(self) -> tuple[InstanceRecord, ...]:
        """Files under all layouts."""
        return tuple(chain.from_iterable(self.layouts))


class JournalReader:
    """Reads the journal of one output folder; nothing is written and nothing is created.

    A retrieval may run meanwhile: SQLite's locks keep both apart, and no read is long enough to
    delay the writer.
    """

    def __init__(self, path: Path) -> None:
        """Check that the database can be read.

        Raises:
            ConfigError: The database cannot be read, is damaged, or is of a newer version.
        """
        self._path = path
        with self.open() as database:
            version_of(database, path)
            self.is_begun = database.execute(_HAS_INSTANCES).fetchone() is not None
            """False while a run creates the journal: it has no tables yet."""

    def studies(self) -> Iterator[RecordedStudy]:
        """Yield every recorded study, in the order of the UIDs.

        Raises:
            ConfigError: The journal is damaged.
        """
        with self.open() as database:
            rows = database.execute(
                "SELECT study_instance_uid FROM instances"
                " UNION SELECT study_instance_uid FROM studies ORDER BY 1"
            ).fetchall()
            uids = [text(uid) for (uid,) in rows]
        for start in range(0, len(uids), _STUDIES_AT_ONCE):
            with self.open() as database:
                batch = [
                    _read(database, self._path, uid)
                    for uid in uids[start : start + _STUDIES_AT_ONCE]
                ]
            yield from batch

    def study(self, study_instance_uid: str) -> RecordedStudy:
        """Return what is recorded of a study; without layouts if nothing is.

        Raises:
            ConfigError: The journal is damaged.
        """
        with self.open() as database:
            return _read(database, self._path, study_instance_uid)

    def complete_studies(self) -> frozenset[str]:
        """Return the Study Instance UIDs of studies that the last retrieval found complete.

        Raises:
            ConfigError: The journal is damaged.
        """
        with self.open() as database:
            rows = database.execute(_COMPLETE, (str(Verdict.COMPLETE),)).fetchall()
            return frozenset(text(uid) for (uid,) in rows)

    def verdicts(self) -> list[tuple[str, int, str]]:
        """Return UID, turn and verdict of each study, in the order of the UIDs.

        Raises:
            ConfigError: The journal is damaged.
        """
        with self.open() as database:
            has_turns = database.execute(HAS_TURNS).fetchone() is not None
            rows = database.execute(_VERDICTS if has_turns else _VERDICTS_ALONE).fetchall()
            return [(text(uid), number(turn), text(verdict)) for uid, turn, verdict in rows]

    @contextlib.contextmanager
    def open(self) -> Iterator[sqlite3.Connection]:
        """Yield a connection for some short reads.

        Raises:
            ConfigError: The journal cannot be read.
        """
        with explained(self._path):
            check_header(self._path)
            with database_mode.reading(self._path) as database:
                yield database


def _read(database: sqlite3.Connection, path: Path, uid: str) -> RecordedStudy:
    verdict = database.execute(
        "SELECT verdict FROM studies WHERE study_instance_uid = ?", (uid,)
    ).fetchone()
    # Each answer is read at once: a cursor in the traceback of an error would keep the file open.
    missing = database.execute(
        "SELECT sop_instance_uid FROM missing WHERE study_instance_uid = ? ORDER BY 1", (uid,)
    ).fetchall()
    layouts: defaultdict[str, list[InstanceRecord]] = defaultdict(list)
    # A retrieval may migrate the journal between two reads.
    records = _RECORDS if version_of(database, path) > 1 else _RECORDS_OF_VERSION_1
    for layout, *row in database.execute(records, (uid,)).fetchall():
        layouts[text(layout)].append(InstanceRecord.from_row(row))
    return RecordedStudy(
        study_instance_uid=uid,
        verdict=text(verdict[0]) if verdict else None,
        missing=tuple(text(sop) for (sop,) in missing),
        layouts=tuple(map(tuple, layouts.values())),
        left_out=_left_out(database, uid),
        turn=_turn(database, uid),
    )


def _turn(database: sqlite3.Connection, uid: str) -> int:
    if database.execute(HAS_TURNS).fetchone() is None:
        return 0
    query = "SELECT turn FROM turns WHERE study_instance_uid = ?"
    row = database.execute(query, (uid,)).fetchone()
    return number(row[0]) if row else 0


def _left_out(database: sqlite3.Connection, uid: str) -> tuple[tuple[str, str], ...]:
    """Return the series that filters left out and of which no run retrieved files."""
    if database.execute(_HAS_LEFT_OUT).fetchone() is None:
        return ()
    rows = database.execute(_LEFT_OUT, (uid,)).fetchall()
    return tuple((text(series), text(modality)) for series, modality in rows)
