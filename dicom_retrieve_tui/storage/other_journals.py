"""The journals that other writers keep in the same output folder, as one writer reads them."""

import contextlib
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from operator import itemgetter
from pathlib import Path
from sqlite3 import Connection
from typing import NamedTuple

from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.storage.journal_database import (
    JournalReader,
    columns_of,
    explained,
    patiently_read,
)
from dicom_retrieve_tui.storage.lock import boot_left_in
from dicom_retrieve_tui.storage.study_rows import Columns, StudyRows, read_rows, turn_of
from dicom_retrieve_tui.storage.writers import JOURNAL, PRIVATE_FOLDER, writer_folder, writers_in

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
