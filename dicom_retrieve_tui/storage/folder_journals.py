"""Reads all journals of an output folder as one: of each study, what the newest of them has.

Read-only, and without the lock of the folder.
"""

import contextlib
import heapq
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Protocol, TypeVar

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.folder_account import UNFINISHED
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.file_check import FileCondition, check_file
from dicom_retrieve_tui.storage.journal_database import JournalReader, RecordedStudy
from dicom_retrieve_tui.storage.shared_lists import lists_in, read_list
from dicom_retrieve_tui.storage.writers import is_of_plain_runs, journals_in

_T = TypeVar("_T")
_uid_of = itemgetter(0)
_turn_of = itemgetter(1)


def newest(journals: Sequence[Iterable[tuple[str, int, _T]]]) -> Iterator[_T]:
    """Merge journals, each in the order of the UIDs; yield what the newest has of each study.

    Args:
        journals: UID, turn and content of each study. Of equal turns, the first journal counts.
    """
    if len(journals) == 1:
        yield from (content for _, _, content in journals[0])
        return
    for _, entries in groupby(heapq.merge(*journals, key=_uid_of), key=_uid_of):
        yield max(entries, key=_turn_of)[2]


class _Reader(Protocol):
    @property
    def is_begun(self) -> bool: ...


_R = TypeVar("_R", bound=_Reader)


def begun_journals(paths: Sequence[Path], read: Callable[[Path], _R]) -> list[_R]:
    """Return readers of journals; those that named writers create at this moment are left out.

    Raises:
        ConfigError: One cannot be read.
    """
    found = [(path, read(path)) for path in paths]
    return [reader for path, reader in found if reader.is_begun or is_of_plain_runs(path)]


def _nothing_of(uid: str, verdict: str | None = None) -> RecordedStudy:
    return RecordedStudy(study_instance_uid=uid, verdict=verdict, missing=(), layouts=())


def _not_begun(path: Path) -> Iterator[tuple[str, int, RecordedStudy]]:
    """Yield the studies of a list with the lowest turn: any journal knows more of them."""
    for uid in read_list(path):
        yield uid, -1, _nothing_of(uid, UNFINISHED)


class FolderJournals:
    """The journals of one output folder; nothing is written, and runs may write meanwhile."""

    def __init__(self, root: Path) -> None:
        """Check that each can be read.

        Raises:
            ConfigError: One cannot be read, is damaged, or is of a newer version.
            OSError: The folder cannot be read.
        """
        self._readers = begun_journals(journals_in(root), JournalReader)
        self._lists = lists_in(root)

    def __bool__(self) -> bool:
        """Return True if there is a journal."""
        return bool(self._readers)

    def studies(self) -> Iterator[RecordedStudy]:
        """Yield every study that is recorded, or in a list of shards, in the order of the UIDs.

        Raises:
            ConfigError: A journal is damaged.
        """
        recorded = [
            ((each.study_instance_uid, each.turn, each) for each in reader.studies())
            for reader in self._readers
        ]
        return newest([*recorded, *map(_not_begun, self._lists)])

    def study(self, study_instance_uid: str) -> RecordedStudy:
        """Return what is recorded of a study; without layouts if nothing is.

        Raises:
            ConfigError: A journal is damaged.
        """
        found = [reader.study(study_instance_uid) for reader in self._readers]
        return max(
            found,
            default=_nothing_of(study_instance_uid),
            key=lambda study: (study.verdict is not None, study.turn),
        )

    def complete_studies(self) -> frozenset[str]:
        """Return the Study Instance UIDs of studies that the last retrieval found complete.

        Raises:
            ConfigError: A journal is damaged.
        """
        if len(self._readers) == 1:
            return self._readers[0].complete_studies()
        journals = [
            ((uid, turn, (uid, verdict)) for uid, turn, verdict in reader.verdicts())
            for reader in self._readers
        ]
        return frozenset(uid for uid, verdict in newest(journals) if verdict == Verdict.COMPLETE)

    def has(self, study_instance_uid: str) -> bool:
        """Return True if anything is recorded of a study.

        Raises:
            ConfigError: A journal is damaged.
        """
        study = self.study(study_instance_uid)
        if study.verdict is not None or study.layouts or study.missing:
            return True
        return any(study_instance_uid in read_list(path) for path in self._lists)


class KeptInstances:
    """The recorded instances whose files are there with their sizes. Safe for several threads."""

    def __init__(self, root: Path) -> None:
        """Find the journals of a folder; if there is none, or one is bad, nothing is there."""
        self._root = root
        self._journals: FolderJournals | None = None
        with contextlib.suppress(ConfigError, OSError):
            self._journals = FolderJournals(root)

    def of_study(self, study_instance_uid: str) -> frozenset[str]:
        """Return the SOP Instance UIDs of what is there of a study."""
        if not self._journals:
            return frozenset()
        try:
            return frozenset(
                record.sop_instance_uid
                for record in self._journals.study(study_instance_uid).records
                if check_file(self._root, record, deep=False) is FileCondition.WHOLE
            )
        except (ConfigError, OSError):
            return frozenset()

    def complete_studies(self) -> frozenset[str]:
        """Return the UIDs of studies that an earlier run found complete; no file is looked at."""
        if not self._journals:
            return frozenset()
        try:
            return self._journals.complete_studies()
        except (ConfigError, OSError):
            return frozenset()
