"""A journal as it is, for whoever only wants to know: nothing is written, nothing is created.

A retrieval may run meanwhile. While it does, SQLite's own locks keep both apart, and no read lasts
long enough to hold up its writer.
"""

import contextlib
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from dicom_retrieve_tui.storage.journal import Entry
from dicom_retrieve_tui.storage.journal_database import check_header, explained, text, version_of

_STUDIES_AT_ONCE = 50
_ENTRIES = (
    "SELECT layout, study_instance_uid, sop_instance_uid, path, size_bytes, synced,"
    " series_instance_uid, digest, irregular"
    " FROM instances WHERE study_instance_uid = ? ORDER BY layout, path"
)
_HAS_LEFT_OUT = "SELECT 1 FROM sqlite_master WHERE name = 'left_out'"
_LEFT_OUT = (
    "SELECT series_instance_uid, modality FROM left_out WHERE study_instance_uid = ?1"
    " AND series_instance_uid NOT IN"
    " (SELECT series_instance_uid FROM instances WHERE study_instance_uid = ?1) ORDER BY 1"
)
_ENTRIES_OF_VERSION_1 = (
    "SELECT layout, study_instance_uid, sop_instance_uid, path, size_bytes, synced, '', '', ''"
    " FROM instances WHERE study_instance_uid = ? ORDER BY layout, path"
)


@dataclass(frozen=True, slots=True)
class Recorded:
    """Everything that the journal says of a study."""

    study_instance_uid: str
    verdict: str | None
    """None if no retrieval of it has ended."""
    missing: tuple[str, ...]
    """SOP Instance UIDs that the PACS listed and that had not come when it ended."""
    layouts: tuple[tuple[Entry, ...], ...]
    """Files under every layout that was ever in use, those of each by themselves."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series that a filter left out on purpose and no run has asked for: Series Instance UID and
    modality."""

    @property
    def entries(self) -> tuple[Entry, ...]:
        """Files under all layouts."""
        return tuple(chain.from_iterable(self.layouts))


class JournalReader:
    """Reads the journal of one output folder."""

    def __init__(self, path: Path) -> None:
        """Make sure that it can be read.

        Raises:
            ConfigError: It cannot be read, is damaged, or is of a newer version.
        """
        self._path = path
        with self._open() as database:
            version_of(database, path)

    def studies(self) -> Iterator[Recorded]:
        """Every study of which the journal knows, in the order of the UIDs.

        Raises:
            ConfigError: The journal is damaged.
        """
        with self._open() as database:
            rows = database.execute(
                "SELECT study_instance_uid FROM instances"
                " UNION SELECT study_instance_uid FROM studies ORDER BY 1"
            ).fetchall()
            uids = [text(uid) for (uid,) in rows]
        for start in range(0, len(uids), _STUDIES_AT_ONCE):
            with self._open() as database:
                batch = [
                    _read(database, self._path, uid)
                    for uid in uids[start : start + _STUDIES_AT_ONCE]
                ]
            yield from batch

    @contextlib.contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with explained(self._path):
            check_header(self._path)
            with contextlib.closing(self._connect()) as database:
                yield database

    def _connect(self) -> sqlite3.Connection:
        # Whoever writes keeps a write-ahead log beside the database, and takes it away at the end.
        # Without one nobody writes, and the database is all there is: read like that, SQLite makes
        # no log of its own, which it could not remove, or not even make in a read-only folder.
        log = self._path.with_name(f"{self._path.name}-wal")
        how = "mode=ro" if log.exists() else "mode=ro&immutable=1"
        return sqlite3.connect(f"{self._path.absolute().as_uri()}?{how}", uri=True)


def _read(database: sqlite3.Connection, path: Path, uid: str) -> Recorded:
    verdict = database.execute(
        "SELECT verdict FROM studies WHERE study_instance_uid = ?", (uid,)
    ).fetchone()
    # Each answer is read at once: a cursor in the traceback of an error would keep the file open.
    missing = database.execute(
        "SELECT sop_instance_uid FROM missing WHERE study_instance_uid = ? ORDER BY 1", (uid,)
    ).fetchall()
    layouts: defaultdict[str, list[Entry]] = defaultdict(list)
    # A retrieval may migrate the journal between two reads.
    entries = _ENTRIES if version_of(database, path) > 1 else _ENTRIES_OF_VERSION_1
    for layout, *row in database.execute(entries, (uid,)).fetchall():
        layouts[text(layout)].append(Entry.from_row(row))
    return Recorded(
        study_instance_uid=uid,
        verdict=text(verdict[0]) if verdict else None,
        missing=tuple(text(sop) for (sop,) in missing),
        layouts=tuple(map(tuple, layouts.values())),
        left_out=_left_out(database, uid),
    )


def _left_out(database: sqlite3.Connection, uid: str) -> tuple[tuple[str, str], ...]:
    """What filters left out, except series of which a run with another filter brought files."""
    if database.execute(_HAS_LEFT_OUT).fetchone() is None:
        return ()
    rows = database.execute(_LEFT_OUT, (uid,)).fetchall()
    return tuple((text(series), text(modality)) for series, modality in rows)
