"""Reads the account of an output folder from its journal, and writes `failed-studies.txt`."""

import contextlib
import sqlite3
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import Any

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model.folder_account import (
    UNFINISHED,
    FailedStudy,
    StudyAccount,
    failed_list_lines,
    is_failed_list,
)
from dicom_retrieve_tui.model.shard import shard_number
from dicom_retrieve_tui.model.verdict import GOOD, Verdict
from dicom_retrieve_tui.storage.folder_journals import FolderJournals, begun_journals, newest
from dicom_retrieve_tui.storage.folder_runs import shards_that_ran
from dicom_retrieve_tui.storage.heartbeat import busy_folder
from dicom_retrieve_tui.storage.journal_database import (
    HAS_TURNS,
    JournalReader,
    explained,
    number,
    open_database,
    patiently_read,
    text,
)
from dicom_retrieve_tui.storage.journal_failures import forget_study, series_of
from dicom_retrieve_tui.storage.lock import LOCK, FolderLock, holder_of
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.shared_lists import forget_listed, lists_in, read_list
from dicom_retrieve_tui.storage.writers import (
    PRIVATE_FOLDER,
    journals_in,
    writer_folder,
    writers_in,
)

FAILED_LIST = "failed-studies.txt"
_REWRITES_MAX = 3
_AT_ONCE = 500
"""Rows of one read: a longer read would keep the writer from emptying its write-ahead log."""
_GOOD = ", ".join(f"'{verdict}'" for verdict in GOOD)
_HAS_FAILURES = "SELECT 1 FROM sqlite_master WHERE name = 'failures'"
_ANY_NARROWED = "SELECT 1 FROM failures WHERE series <> '' LIMIT 1"
_TURN = (
    "COALESCE((SELECT t.turn FROM turns t WHERE t.study_instance_uid = s.study_instance_uid), 0)"
)
_NO_TURN = "0"
_COLUMNS = """
SELECT s.study_instance_uid, s.verdict, {turn},
    (SELECT COUNT(DISTINCT i.sop_instance_uid) FROM instances i
        WHERE i.study_instance_uid = s.study_instance_uid),
    (SELECT COALESCE(SUM(size_bytes), 0) FROM
        (SELECT MAX(i.size_bytes) AS size_bytes FROM instances i
            WHERE i.study_instance_uid = s.study_instance_uid GROUP BY i.sop_instance_uid)),
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
_FAILED_UNEXPLAINED = """
SELECT s.study_instance_uid, {turn}, s.verdict, '', '' FROM studies s
WHERE s.study_instance_uid > ? {chosen} ORDER BY s.study_instance_uid LIMIT ?
"""
_FAILED = """
SELECT s.study_instance_uid, {turn}, s.verdict, f.reason, f.series FROM studies s
LEFT JOIN failures f
    ON f.study_instance_uid = s.study_instance_uid AND f.verdict = s.verdict
WHERE s.study_instance_uid > ? {chosen} ORDER BY s.study_instance_uid LIMIT ?
"""
_NOT_GOOD = f"AND s.verdict NOT IN ({_GOOD})"
_ENDED = f"AND s.verdict <> '{UNFINISHED}'"


class JournalAccount:
    """Reads the account in a journal; nothing is written, and a run may write meanwhile."""

    def __init__(self, path: Path) -> None:
        """Check that the journal can be read.

        Raises:
            ConfigError: It cannot be read, is damaged, or is of a newer version.
        """
        self._reader = JournalReader(path)
        self.is_begun = self._reader.is_begun

    def studies(self, chosen: str = "") -> Iterator[tuple[str, int, StudyAccount]]:
        """Yield UID, turn and account of every study in the order of the UIDs.

        Args:
            chosen: A condition in SQL, of our own words.

        Raises:
            ConfigError: The journal is damaged.
        """
        last = ""
        while page := self._page(last, chosen):
            yield from page
            last = page[-1][0]

    def outcomes(self, chosen: str = "") -> Iterator[tuple[str, int, FailedStudy]]:
        """Yield UID, turn and outcome of every study, without the counts; there may be a million.

        Raises:
            ConfigError: The journal is damaged.
        """
        last = ""
        while True:
            with self._reader.open() as database:
                query = _FAILED if _explains(database) else _FAILED_UNEXPLAINED
                query = query.format(turn=_turn_in(database), chosen=chosen)
                rows = database.execute(query, (last, _FAILED_AT_ONCE)).fetchall()
                page = list(map(_outcome, rows))
            yield from page
            if len(page) < _FAILED_AT_ONCE:
                return
            last = page[-1][0]

    @property
    def narrowed(self) -> bool:
        """True if a failed study was narrowed to series or instances."""
        with self._reader.open() as database:
            return _explains(database) and database.execute(_ANY_NARROWED).fetchone() is not None

    def _page(self, last: str, chosen: str) -> list[tuple[str, int, StudyAccount]]:
        with self._reader.open() as database:
            explained = _EXPLAINED if _explains(database) else _UNEXPLAINED
            columns = _COLUMNS.format(turn=_turn_in(database))
            query = f"{columns}{explained}{_PAGE.format(chosen=chosen)}"
            rows = database.execute(query, (last, _AT_ONCE)).fetchall()
            return list(map(_study, rows))


class FolderAccount:
    """Reads the account of a folder from all of its journals; runs may write meanwhile."""

    def __init__(self, root: Path) -> None:
        """Check that the journals can be read.

        Raises:
            ConfigError: One cannot be read, is damaged, or is of a newer version; or the folder
                cannot be read.
        """
        self._journals = begun_journals(found_journals(root), JournalAccount)
        with _reaching(root):
            self._lists = lists_in(root)
            self._shards, self._ran = shards_that_ran(root) if self._lists else (0, {})

    @property
    def _alone(self) -> bool:
        """True if what a journal says of a study cannot be out of date."""
        return len(self._journals) == 1 and not self._lists

    def _reason(self, uid: str, path: Path) -> tuple[int, str]:
        """Return why no journal has a study of a list, with a turn: any journal knows more of it.

        If several lists have the study, that counts which its shard was given last.
        """
        if not self._shards:
            return -1, ""
        number = shard_number(uid, self._shards)
        if number not in self._ran:
            return -1, f"shard {number} of {self._shards} has not run"
        if self._ran[number] not in {"", path.stem}:
            return -2, f"shard {number} of {self._shards} was last given another list"
        return -1, ""

    def _not_begun(self, path: Path) -> Iterator[tuple[str, int, StudyAccount]]:
        for uid in read_list(path):
            turn, reason = self._reason(uid, path)
            study = StudyAccount(study_instance_uid=uid, verdict=UNFINISHED, reason=reason)
            yield uid, turn, study

    def _outcomes_not_begun(self, path: Path) -> Iterator[tuple[str, int, FailedStudy]]:
        for uid in read_list(path):
            turn, reason = self._reason(uid, path)
            yield uid, turn, FailedStudy(uid, UNFINISHED, reason)

    def studies(
        self, *, failed_only: bool = False, ended_only: bool = False
    ) -> Iterator[StudyAccount]:
        """Yield every study in the order of the UIDs.

        Args:
            failed_only: Leave out complete ones.
            ended_only: Leave out those that no run has ended.

        Raises:
            ConfigError: A journal is damaged.
        """
        chosen = f"{_NOT_GOOD if failed_only else ''} {_ENDED if ended_only else ''}"
        recorded = [each.studies(chosen if self._alone else "") for each in self._journals]
        for study in newest([*recorded, *map(self._not_begun, self._lists)]):
            if (failed_only and study.good) or (ended_only and study.verdict == UNFINISHED):
                continue
            yield study

    def failed_studies(self) -> Iterator[FailedStudy]:
        """Yield the studies that are not complete, without their counts; there may be a million.

        Raises:
            ConfigError: A journal is damaged.
        """
        recorded = [each.outcomes(_NOT_GOOD if self._alone else "") for each in self._journals]
        for study in newest([*recorded, *map(self._outcomes_not_begun, self._lists)]):
            if study.verdict not in GOOD:
                yield study

    def complete(self, uids: Collection[str]) -> set[str]:
        """Return which of these studies are complete.

        Raises:
            ConfigError: A journal is damaged.
        """
        outcomes = newest([each.outcomes() for each in self._journals])
        return {
            each.study_instance_uid
            for each in outcomes
            if each.verdict in GOOD and each.study_instance_uid in uids
        }

    @property
    def narrowed(self) -> bool:
        """True if a failed study was narrowed to series or instances."""
        return any(each.narrowed for each in self._journals)


def _turn_in(database: sqlite3.Connection) -> str:
    """Return the expression for the turn of a study."""
    return _TURN if database.execute(HAS_TURNS).fetchone() else _NO_TURN


def _explains(database: sqlite3.Connection) -> bool:
    """Return True if the journal has the table of failures."""
    return database.execute(_HAS_FAILURES).fetchone() is not None


def _outcome(row: Sequence[Any]) -> tuple[str, int, FailedStudy]:
    """Return UID, turn and outcome of a row. Raises `ValueError` for a damaged one."""
    uid, turn, verdict, reason, series = row
    selected = series_of(text(series)) if series else ()
    return uid, number(turn), FailedStudy(text(uid), text(verdict), text(reason or ""), selected)


def _study(row: Sequence[Any]) -> tuple[str, int, StudyAccount]:
    """Return UID, turn and account of a row. Raises `ValueError` for a damaged one."""
    uid, verdict, turn, stored, stored_bytes, missing, reason, expected, peer, ended, series = row
    if expected is None and verdict in (Verdict.COMPLETE, Verdict.PARTIAL):
        expected = number(stored) + number(missing)
    account = StudyAccount(
        study_instance_uid=text(uid),
        verdict=text(verdict),
        reason=text(reason or ""),
        expected=None if expected is None else number(expected),
        stored=number(stored),
        stored_bytes=number(stored_bytes),
        missing=number(missing),
        peer=text(peer or ""),
        ended=text(ended or ""),
        series=series_of(text(series or "")),
    )
    return uid, number(turn), account


def write_failed_list(root: Path, permissions: Permissions = PRIVATE) -> Path | None:
    """Write `failed-studies.txt` from the journals; without a failure, remove our earlier list.

    Each writer does so at its end, perhaps beside others: whichever writes last has read what the
    others recorded.

    Returns:
        The list; None if every study is complete.

    Raises:
        ConfigError: A journal cannot be read.
        OSError: The folder is not writable.
    """
    for _ in range(_REWRITES_MAX):
        before = _stamps(root)
        path = patiently_read(lambda: _write_failed_list(root, permissions))
        if _stamps(root) == before:
            break
    return path


def _stamps(root: Path) -> list[tuple[str, int, int]]:
    """Return what changes whenever a journal does, if there are several."""
    found = []
    journals = found_journals(root)
    for journal in journals if len(journals) > 1 else ():
        for path in (journal, journal.with_name(f"{journal.name}-wal")):
            with contextlib.suppress(OSError):
                status = path.stat()
                found.append((str(path), status.st_mtime_ns, status.st_size))
    return found


def _write_failed_list(root: Path, permissions: Permissions) -> Path | None:
    account, path = FolderAccount(root), root / FAILED_LIST
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
    if not (found_journals(root) or lists_in(root)):
        raise ConfigError(f"{root}: no retrieval has recorded anything in this folder.")
    with _locked(root):
        known = FolderJournals(root)
        for uid in uids:
            if not known.has(uid):
                raise ConfigError(f"--forget {uid}: {root} has no record of this study.")
        _forget(root, uids)
        write_failed_list(root)


@contextlib.contextmanager
def _locked(root: Path) -> Iterator[None]:
    """Have the folder alone.

    Raises:
        ConfigError: A run has it.
    """
    lock = FolderLock.acquire(root / PRIVATE_FOLDER / LOCK)
    try:
        for writer in writers_in(root):
            if holder := holder_of(writer_folder(root, writer)):
                raise busy_folder(root, f"{writer} into this folder")(holder)
        yield
    finally:
        # What a killed run left is for the next run to find.
        lock.release(leave_behind=bool(lock.killed_in))


def _forget(root: Path, uids: Sequence[str]) -> None:
    """Delete the records of studies in every journal, and their lines in every list."""
    for journal in found_journals(root):
        with explained(journal), contextlib.closing(open_database(journal, PRIVATE)) as database:
            for uid in uids:
                forget_study(database, uid)
            database.commit()
    forget_listed(root, uids)


@contextlib.contextmanager
def _reaching(root: Path) -> Iterator[None]:
    """Turn an error of a folder that cannot be read into a `ConfigError`."""
    try:
        yield
    except OSError as error:
        raise ConfigError(f"{root}: cannot be reached: {reason_of(error)}.") from error


def found_journals(root: Path) -> list[Path]:
    """Return the journals of an output folder.

    Raises:
        ConfigError: The folder cannot be read.
    """
    with _reaching(root):
        return journals_in(root)


class FolderAccounts:
    """The accounts of all folders, for the application: see `tui.ports.FolderAccounts`."""

    def failures(self, folder: Path) -> Iterator[StudyAccount]:
        """Yield the studies of a folder that are not complete. Raises `ConfigError`."""
        if found_journals(folder):
            yield from FolderAccount(folder).studies(failed_only=True)

    def complete(self, folder: Path, uids: Collection[str]) -> set[str]:
        """Return which of these studies are complete in a folder. Raises `ConfigError`."""
        if not uids or not found_journals(folder):
            return set()
        return FolderAccount(folder).complete(uids)

    def failed_list(self, folder: Path) -> Path | None:
        """Return the list of these studies, as the last run left it."""
        return failed_list_of(folder)

    def write_failed_list(self, folder: Path) -> Path | None:
        """Write the list now. Raises `ConfigError`, `OSError`."""
        return write_failed_list(folder) if found_journals(folder) else None

    def forget(self, folder: Path, uids: Sequence[str], *, held: bool) -> None:
        """Remove studies from the account. Raises `ConfigError`, `OSError`."""
        if not found_journals(folder):
            return
        if held:
            _forget(folder, uids)  # the run writes the list when it ends
            return
        with _locked(folder):
            _forget(folder, uids)
            write_failed_list(folder)


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
