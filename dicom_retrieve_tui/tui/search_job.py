"""Searches: a thread reads the answers of the PACS, and the screen polls them."""

import threading
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Found, Match, Search
from dicom_retrieve_tui.model.study_lookup import Answer
from dicom_retrieve_tui.tui.search_form import empty_search

Find = Callable[[Search, RetrieveOptions, CancelToken], Generator[Found, None, None]]
"""`wiring.find`."""

FindEach = Callable[[Iterable[Search], RetrieveOptions, CancelToken], Generator[Answer, None, None]]
"""`wiring.find_each`."""

MATCHES_MAX = 10_000
"""Matches at which a search stops as too wide."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """The state of a search at one moment."""

    news: Sequence[Match] = ()
    """Matches since the last call."""
    total: int = 0
    running: bool = False
    remarks: tuple[str, ...] = ()
    fault: str = ""
    """Why the search failed or is incomplete; empty if it is complete."""


class SearchJob:
    """One search; its thread ends with it, or soon after `stop`."""

    def __init__(self, find: Find, search: Search, settings: RetrieveOptions) -> None:
        """Start the search."""
        self.search = search
        self._find, self._settings = find, settings
        self._cancel = CancelToken()
        self._lock = threading.Lock()
        self._matches: list[Match] = []
        self._remarks: list[str] = []
        self._fault = ""
        self._running = True
        self._thread = threading.Thread(target=self._read, name="find", daemon=True)
        self._thread.start()

    def look(self, known: int = 0) -> SearchProgress:
        """Return the state of the search, without the first `known` matches."""
        with self._lock:
            return SearchProgress(
                news=tuple(self._matches[known:]),
                total=len(self._matches),
                running=self._running,
                remarks=tuple(self._remarks),
                fault=self._fault,
            )

    def stop(self) -> None:
        """Stop the search; matches so far stay."""
        self._cancel.request()

    def join(self, within_s: float) -> None:
        """Wait for the thread to end."""
        self._thread.join(within_s)

    def _read(self) -> None:
        fault = ""
        try:
            with closing(self._find(self.search, self._settings, self._cancel)) as answers:
                self._take_all(answers)
        except Cancelled:
            fault = "stopped; there may be more"
        except RetrieveError as error:
            fault = clean_text(str(error))
        except Exception as error:  # noqa: BLE001 - a bug costs this search, and is shown
            fault = f"a bug: {type(error).__name__}; please report it"
        with self._lock:
            self._fault, self._running = fault, False

    def _take_all(self, answers: Generator[Found, None, None]) -> None:
        for found in answers:
            with self._lock:
                if not isinstance(found, Match):
                    self._remarks.append(clean_text(found.text))
                    continue
                self._matches.append(found)
                if len(self._matches) == MATCHES_MAX:
                    self._remarks.append(
                        f"Stopped at {MATCHES_MAX:,}: search for less, or use dicom-retrieve find."
                    )
                    return


class Finder:
    """The current search, kept while its screen is closed."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self.draft = empty_search()
        self._path: list[SearchJob] = []
        """The search for studies, and then that for the series of one."""
        self._settings: RetrieveOptions | None = None

    @property
    def current(self) -> SearchJob | None:
        """The search whose matches are shown."""
        return self._path[-1] if self._path else None

    @property
    def depth(self) -> int:
        """0 without a search, 1 at the studies, 2 at the series of one."""
        return len(self._path)

    def point_at(self, settings: RetrieveOptions) -> None:
        """Search this PACS from now on; drop answers of another PACS or for another user."""
        before = self._settings
        if before is not None and (before.peer, before.user) != (settings.peer, settings.user):
            self._forget()
        self._settings = settings

    def search(self, search: Search) -> None:
        """Search for studies, replacing earlier searches."""
        self._forget()
        self._begin(search)

    def open(self, study: Match) -> None:
        """Search for the series of a study."""
        uid = study.study_instance_uid
        self._begin(Search(level=Level.SERIES, study_instance_uid=uid))

    def back(self) -> None:
        """Return from the series to the studies."""
        self._path.pop().stop()

    def close(self, within_s: float) -> None:
        """Stop all searches and wait for them."""
        deadline_s = time.monotonic() + within_s
        for finding in self._path:
            finding.stop()
        for finding in self._path:
            finding.join(max(deadline_s - time.monotonic(), 0.0))

    def _begin(self, search: Search) -> None:
        if self._settings is not None:
            self._path.append(SearchJob(self._find, search, self._settings))

    def _forget(self) -> None:
        for finding in self._path:
            finding.stop()
        self._path = []
