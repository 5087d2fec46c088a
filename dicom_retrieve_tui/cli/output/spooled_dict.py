"""A dictionary that keeps what was used last in memory, and the rest in a temporary database.

The database is SQLite's own temporary file: it has no name, and a killed process leaves nothing.
"""

import pickle
import sqlite3
import threading
import weakref
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from dataclasses import fields
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

_T = TypeVar("_T")

_KEPT_MAX = 1000
_AT_ONCE = 500
"""Entries in one statement: SQLite takes at least 999 values."""
_SCHEMA = "CREATE TABLE entries (name TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"


def temporary_database() -> sqlite3.Connection:
    """Open a database that is gone once it is closed; a small one stays in memory."""
    database = sqlite3.connect("", check_same_thread=False)
    database.execute("PRAGMA journal_mode = MEMORY")
    return database


class SpooledDict(MutableMapping[str, _T]):
    """Entries that are dataclasses with positional fields; safe for several threads.

    An entry may be changed until as many others were used as are kept in memory. If the disk
    refuses to take entries, all further ones stay in memory.
    """

    def __init__(
        self,
        kind: type[_T],
        kept_max: int = _KEPT_MAX,
        open_database: Callable[[], sqlite3.Connection] = temporary_database,
    ) -> None:
        """Open no database before it is needed.

        Args:
            kind: The dataclass.
            kept_max: Entries to keep in memory.
            open_database: Returns the database.
        """
        self._kind = kind
        self._values_of = attrgetter(*(field.name for field in fields(kind)))  # type: ignore[arg-type] # a dataclass
        self._kept_max = kept_max
        self._open_database = open_database
        self._kept: OrderedDict[str, _T] = OrderedDict()
        """Entries in memory, the one used last at the end. None of them is in the database."""
        self._database: sqlite3.Connection | None = None
        self._spilled = 0
        """Entries in the database."""
        self._full = False
        self._lock = threading.RLock()

    def __len__(self) -> int:
        return len(self._kept) + self._spilled

    def __iter__(self) -> Iterator[str]:
        """Yield the keys in no order."""
        with self._lock:
            kept = list(self._kept)
            spilled = self._query("SELECT name FROM entries") if self._spilled else []
        yield from kept
        yield from (name for (name,) in spilled)

    def __getitem__(self, key: str) -> _T:
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            (entry,) = self.peek([key])
            if entry is None:
                raise KeyError(key)
            self[key] = entry
            return entry

    def __setitem__(self, key: str, entry: _T) -> None:
        with self._lock:
            if key not in self._kept:
                self._drop_spilled(key)
                if len(self._kept) >= self._kept_max and not self._full:
                    self._spill()
            self._kept[key] = entry

    def __delitem__(self, key: str) -> None:
        with self._lock:
            if key in self._kept:
                del self._kept[key]
            elif not self._drop_spilled(key):
                raise KeyError(key)

    def peek(self, keys: Iterable[str]) -> Iterator[_T | None]:
        """Yield the entry of each key, or None, without taking it into memory."""
        left = iter(keys)
        while some := list(islice(left, _AT_ONCE)):
            with self._lock:
                missing = [key for key in some if key not in self._kept] if self._spilled else []
                query = f"SELECT * FROM entries WHERE name IN ({', '.join('?' * len(missing))})"  # noqa: S608 - marks
                spilled = dict(self._query(query, missing)) if missing else {}
                found = [self._kept.get(key) or self._unpacked(spilled.get(key)) for key in some]
            yield from found

    def _unpacked(self, content: bytes | None) -> _T | None:
        return None if content is None else self._kind(*pickle.loads(content))  # noqa: S301 - ours

    def _query(self, query: str, values: Iterable[str] = ()) -> list[Any]:
        assert self._database is not None  # noqa: S101 - opened with the first entry in it
        return self._database.execute(query, tuple(values)).fetchall()

    def _drop_spilled(self, key: str) -> bool:
        """Delete an entry from the database; return False if it is not there."""
        if not self._spilled or self._database is None:
            return False
        dropped = self._database.execute("DELETE FROM entries WHERE name = ?", (key,)).rowcount
        self._spilled -= dropped
        return dropped > 0

    def _spill(self) -> None:
        """Move the entries that were not used for the longest time to the database."""
        oldest = list(islice(self._kept, max(self._kept_max // 2, 1)))
        try:
            if self._database is None:
                self._database = self._open_database()
                weakref.finalize(self, self._database.close)
                self._database.execute(_SCHEMA)
            with self._database:
                self._database.executemany(
                    "INSERT INTO entries VALUES (?, ?)",
                    ((key, pickle.dumps(self._values_of(self._kept[key]))) for key in oldest),
                )
        except sqlite3.Error:
            self._full = True
            return
        self._spilled += len(oldest)
        for key in oldest:
            del self._kept[key]
