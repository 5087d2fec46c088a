"""Reads the account of an output folder from its journal, and writes `failed-studies.txt`."""

import contextlib
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.folder_account import (
    UNFINISHED,
    FailedStudy,
    StudyAccount,
    failed_list_lines,
    is_failed_list,
)
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.storage.folder import JOURNAL, PRIVATE_FOLDER
from dicom_retrieve_tui.storage.journal_database import (
    JournalReader,
    explained,
    number,
    open_database,
    text,
)
from dicom_retrieve_tui.storage.journal_failures import forget_study, series_of
from dicom_retrieve_tui.storage.lock import LOCK, FolderLock
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

FAILED_LIST = "failed-studies.txt"
_AT_ONCE = 500
"""Rows of one read: a longer read would keep the writer from emptying its write-ahead log."""
_GOOD = ", ".join(f"'{verdict}'" for verdict in GOOD)
_HAS_FAILURES = "SELECT 1 FROM sqlite_master WHERE name = 'failures'"
_ANY_NARROWED = "SELECT 1 FROM failures WHERE series <> '' LIMIT 1"
_COLUMNS = """
SELECT s.study_instance_uid, s.verdict,
    (SELECT COUNT(DISTINCT i.sop_instance_uid) FROM instances i
        WHERE i.study_instance_uid = s.study_instance_uid),
    (SELECT COUNT(*) FROM missing m WHERE m.study_instance_uid = s.study_instance_uid),
"""
_EXPLAINED = """
    f.reason, f.expected, f.peer, f.ended, f.series
FROM studies s LEFT JOIN failures f
    ON f.study_instance_uid = s.study_instance_uid AND f.verdict = s.verdict
"""
_UNEXPLAINED = """
    NULL, NULL, NULL, NULL, NULL FROM studies s
"""
_PAGE = "WHERE s.study_instance_uid > ? {chosen} ORDER BY s.study_instance_uid LIMIT ?"


_FAILED_AT_ONCE = 5_000
_FAILED_UNEXPLAINED = f"""
SELECT s.study_instance_uid, s.verdict, '', '' FROM studies s
WHERE s.study_instance_uid > ? AND s.verdict NOT IN ({_GOOD})
ORDER BY s.study_instance_uid LIMIT ?
"""  # noqa: S608 - our own words
_FAILED = f"""
SELECT s.study_instance_uid, s.verdict, f.reason, f.series FROM studies s LEFT JOIN failures f
    ON f.study_instance_uid = s.study_instance_uid AND f.verdict = s.verdict
WHERE s.study_instance_uid > ? AND s.verdict NOT IN ({_GOOD})
ORDER BY s.study_instance_uid LIMIT ?
"""  # noqa: S608 - our own words


class JournalAccount:
    """Reads the account in a journal; nothing is written, and a run may write meanwhile."""

    def __init__(self, path: Path) -> None:
        """Check that the journal can be read.

        Raises:
            ConfigError: It cannot be read, is damaged, or is of a newer version.
        """
        self._reader = JournalReader(path)

    def studies(
        self, *, failed_only: bool = False, ended_only: bool = False
    ) -> Iterator[StudyAccount]:
        """Yield every study in the order of the UIDs.

        Args:
            failed_only: Leave out complete ones.
            ended_only: Leave out those that no run has ended.

        Raises:
            ConfigError: The journal is damaged.
        """
        chosen = f"AND s.verdict NOT IN ({_GOOD})" if failed_only else ""
        chosen += f" AND s.verdict <> '{UNFINISHED}'" if ended_only else ""
        last = ""
        while rows := self._page(last, chosen):
            yield from map(_study, rows)
            last = rows[-1][0]

    def failed_studies(self) -> Iterator[FailedStudy]:
        """Yield the studies that are not complete, without their counts; there may be a million.

        Raises:
            ConfigError: The journal is damaged.
        """
        last = ""
        while True:
            with self._reader.open() as database:
                query = _FAILED if _explains(database) else _FAILED_UNEXPLAINED
                rows = database.execute(query, (last, _FAILED_AT_ONCE)).fetchall()
            for uid, verdict, reason, series in rows:
                selected = series_of(series) if series else ()
                yield FailedStudy(text(uid), text(verdict), str(reason or ""), selected)
            if len(rows) < _FAILED_AT_ONCE:
                return
            last = rows[-1][0]

    @property
    def narrowed(self) -> bool:
        """True if a failed study was narrowed to series or instances."""
        with self._reader.open() as database:
            return _explains(database) and database.execute(_ANY_NARROWED).fetchone() is not None

    def _page(self, last: str, chosen: str) -> list[Sequence[Any]]:
        with self._reader.open() as database:
            explained = _EXPLAINED if _explains(database) else _UNEXPLAINED
            query = f"{_COLUMNS}{explained}{_PAGE.format(chosen=chosen)}"
            rows = database.execute(query, (last, _AT_ONCE)).fetchall()
            for row in rows:
                text(row[0])
            return rows


def _explains(database: sqlite3.Connection) -> bool:
    """Return True if the journal has the table of failures."""
    return database.execute(_HAS_FAILURES).fetchone() is not None


def _study(row: Sequence[Any]) -> StudyAccount:
    uid, verdict, stored, missing, reason, expected, peer, ended, series = row
    if expected is None and verdict in (Verdict.COMPLETE, Verdict.PARTIAL):
        expected = number(stored) + number(missing)
    return StudyAccount(
        study_instance_uid=text(uid),
        verdict=text(verdict),
        reason=str(reason or ""),
        expected=expected if isinstance(expected, int) else None,
        stored=number(stored),
        missing=number(missing),
        peer=str(peer or ""),
        ended=str(ended or ""),
        series=series_of(str(series or "")),
    )


def write_failed_list(root: Path, journal: Path, permissions: Permissions = PRIVATE) -> Path | None:
    """Write `failed-studies.txt` from the journal; without a failure, remove our earlier list.

    Returns:
        The list; None if every study is complete.

    Raises:
        ConfigError: The journal cannot be read.
        OSError: The folder is not writable.
    """
    account, path = JournalAccount(journal), root / FAILED_LIST
    lines = failed_list_lines(account.failed_studies(), narrowed=account.narrowed)
    first = next(lines, None)
    if first is None:
        if _is_ours(path):
            path.unlink(missing_ok=True)
        return None
    replace_file(path, _with_ends(first, lines), permissions.umask)
    return path


def forget_studies(root: Path, uids: Sequence[str]) -> None:
    """Remove studies from the account of a folder in which no run goes on; their files stay.

    Raises:
        ConfigError: A run has the folder, there is no journal, it cannot be read, or a study is
            not in it; nothing is removed.
        OSError: The folder is not writable.
    """
    journal = _journal_in(root)
    if not journal.is_file():
        raise ConfigError(f"{root}: no retrieval has recorded anything in this folder.")
    with _locked(root):
        if unknown := _forget(journal, uids, all_or_none=True):
            raise ConfigError(f"--forget {unknown[0]}: {root} has no record of this study.")
        write_failed_list(root, journal)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    lock = FolderLock.acquire(root / PRIVATE_FOLDER / LOCK)
    try:
        yield
    finally:
        # What a killed run left is for the next run to find.
        lock.release(leave_behind=bool(lock.killed_in))


def _forget(journal: Path, uids: Sequence[str], *, all_or_none: bool = False) -> list[str]:
    """Delete the records of studies; return those of which there is none."""
    with explained(journal), contextlib.closing(open_database(journal, PRIVATE)) as database:
        unknown = [uid for uid in uids if not forget_study(database, uid)]
        if not (unknown and all_or_none):
            database.commit()
    return unknown


def _journal_in(root: Path) -> Path:
    return root / PRIVATE_FOLDER / JOURNAL


class FolderAccounts:
    """The accounts of all folders, for the application: see `tui.ports.FolderAccounts`."""

    def failures(self, folder: Path) -> Iterator[StudyAccount]:
        """Yield the studies of a folder that are not complete. Raises `ConfigError`."""
        journal = _journal_in(folder)
        if journal.is_file():
            yield from JournalAccount(journal).studies(failed_only=True)

    def failed_list(self, folder: Path) -> Path | None:
        """Return the list of these studies, as the last run left it."""
        return failed_list_of(folder)

    def write_failed_list(self, folder: Path) -> Path | None:
        """Write the list now. Raises `ConfigError`, `OSError`."""
        journal = _journal_in(folder)
        return write_failed_list(folder, journal) if journal.is_file() else None

    def forget(self, folder: Path, uids: Sequence[str], *, held: bool) -> None:
        """Remove studies from the account. Raises `ConfigError`, `OSError`."""
        journal = _journal_in(folder)
        if not journal.is_file():
            return
        if held:
            _forget(journal, uids)  # the run writes the list when it ends
            return
        with _locked(folder):
            _forget(journal, uids)
            write_failed_list(folder, journal)


def failed_list_of(root: Path) -> Path | None:
    """Return the list of a folder; None if it has none that we wrote."""
    path = root / FAILED_LIST
    return path if _is_ours(path) else None


def _with_ends(first: str, lines: Iterator[str]) -> Iterator[str]:
    yield f"{first}\n"
    for line in lines:
        yield f"{line}\n"


def _is_ours(path: Path) -> bool:
    with contextlib.suppress(OSError, UnicodeDecodeError), path.open(encoding="utf-8") as file:
        return is_failed_list(file.readline())
    return False
