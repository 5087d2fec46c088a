"""Searches: a thread for each PACS reads its answers, and the screen polls them."""

import threading
import time
from collections.abc import Collection, Generator, Iterable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import partial

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.bug_report import bug_reason
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Found, Match, Search
from dicom_retrieve_tui.model.study_lookup import Answer
from dicom_retrieve_tui.tui.association_loan import BorrowingLookUp, LookUp
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.found_match import FoundMatch, pacs_label
from dicom_retrieve_tui.tui.search_form import empty_search

Find = LookUp[Search, Found]
"""`wiring.find`."""

FindEach = LookUp[Iterable[Search], Answer]
"""`wiring.find_each`."""

BorrowingFind = BorrowingLookUp[Search, Found]
BorrowingFindEach = BorrowingLookUp[Iterable[Search], Answer]

Targets = Mapping[str, RetrieveOptions]
"""PACS by `pacs_label`."""

MATCHES_MAX = 10_000
"""Matches of one PACS at which a search stops as too wide."""
_LOCKED = "not searched, because its passcode or passphrase was not entered"


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchProgress:
    """The state of a search at one moment."""

    news: Sequence[FoundMatch] = ()
    """Matches since the last call."""
    total: int = 0
    running: Sequence[str] = ()
    """The PACS that have not answered to the end."""
    remarks: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()
    """Why the search failed or is incomplete, a line for each PACS; empty if it is complete."""


class SearchJob:
    """One search in one or several PACS; its threads end with it, or soon after `stop`."""

    def __init__(
        self, find: BorrowingFind, search: Search, targets: Targets, locked: Collection[str] = ()
    ) -> None:
        """Start the search in all PACS at once.

        Args:
            find: Searches one of them.
            search: What to search.
            targets: The PACS.
            locked: Those of them that are not searched, because a secret is unknown.
        """
        self.search = search
        self._find, self._targets = find, targets
        self._cancel = CancelToken()
        self._lock = threading.Lock()
        self._matches: list[FoundMatch] = []
        self._remarks: list[str] = []
        self._waits: dict[str, str] = {}
        """Why an answer is not there yet, by PACS."""
        self._faults = [self._line(name, _LOCKED) for name in locked]
        self._running = [name for name in targets if name not in locked]
        self._threads = [
            threading.Thread(target=self._read, args=(name,), name=f"find-{name}", daemon=True)
            for name in self._running
        ]
        for thread in self._threads:
            thread.start()

    def look(self, known: int = 0) -> SearchProgress:
        """Return the state of the search, without the first `known` matches."""
        with self._lock:
            return SearchProgress(
                news=tuple(self._matches[known:]),
                total=len(self._matches),
                running=tuple(self._running),
                remarks=(*self._waits.values(), *self._remarks),
                faults=tuple(self._faults),
            )

    def stop(self) -> None:
        """Stop the search; matches so far stay."""
        self._cancel.request()

    def join(self, within_s: float) -> None:
        """Wait for the threads to end."""
        deadline_s = time.monotonic() + within_s
        for thread in self._threads:
            thread.join(max(deadline_s - time.monotonic(), 0.0))

    def _read(self, pacs: str) -> None:
        fault = ""
        try:
            find = self._find(
                self.search, self._targets[pacs], self._cancel, partial(self._wait, pacs)
            )
            with closing(find) as answers:
                self._take_all(pacs, answers)
        except Cancelled:
            fault = "stopped; there may be more"
        except RetrieveError as error:
            fault = clean_text(in_fields(str(error)))
        except Exception as error:  # noqa: BLE001 - a bug costs this search, and is shown
            fault = bug_reason(error)
        with self._lock:
            self._running.remove(pacs)
            if fault:
                self._faults.append(self._line(pacs, fault))

    def _wait(self, pacs: str, reason: str) -> None:
        with self._lock:
            self._waits.pop(pacs, None)
            if reason:
                self._waits[pacs] = self._line(pacs, reason)

    def _take_all(self, pacs: str, answers: Generator[Found, None, None]) -> None:
        matches = 0
        for found in answers:
            with self._lock:
                if not isinstance(found, Match):
                    self._remarks.append(self._line(pacs, clean_text(in_fields(found.text))))
                    continue
                self._matches.append(FoundMatch(found, pacs))
                matches += 1
                if matches == MATCHES_MAX:
                    text = (
                        f"Stopped at {MATCHES_MAX:,}: search for less, or use dicom-retrieve find."
                    )
                    self._remarks.append(self._line(pacs, text))
                    return

    def _line(self, pacs: str, text: str) -> str:
        """Return a text that names its PACS, if there are several."""
        return f"{pacs}: {text}" if len(self._targets) > 1 else text


class Finder:
    """The current search, kept while its screen is closed."""

    def __init__(self, find: BorrowingFind) -> None:
        self._find = find
        self.draft = empty_search()
        self._path: list[SearchJob] = []
        """The search for studies, and then that for the series of one."""
        self._targets: Targets = {}
        self._form: object = None
        """The PACS of the form while others were chosen beside it."""
        self._chosen: tuple[str, ...] = ()

    @property
    def current(self) -> SearchJob | None:
        """The search whose matches are shown."""
        return self._path[-1] if self._path else None

    @property
    def depth(self) -> int:
        """0 without a search, 1 at the studies, 2 at the series of one."""
        return len(self._path)

    @property
    def targets(self) -> Targets:
        """The PACS that are searched."""
        return self._targets

    def chosen(self, form: RetrieveOptions) -> tuple[str, ...]:
        """Return the PACS to search: those chosen while the form had this PACS, else that one."""
        if self._form != _access(form):
            self._form, self._chosen = _access(form), (pacs_label(form),)
        return self._chosen

    def choose(self, names: tuple[str, ...]) -> None:
        """Remember which PACS to search until the form has another one."""
        self._chosen = names

    def point_at(self, targets: Targets) -> None:
        """Search these PACS from now on; drop answers of others or for another user."""
        before = {name: _access(each) for name, each in self._targets.items()}
        if before != {name: _access(each) for name, each in targets.items()}:
            self._forget()
        self._targets = targets

    def search(self, search: Search, locked: Collection[str] = ()) -> None:
        """Search for studies, replacing earlier searches.

        Args:
            search: What to search.
            locked: The PACS that are not searched, because a secret is unknown.
        """
        self._forget()
        self._path.append(SearchJob(self._find, search, self._targets, locked))

    def open(self, study: FoundMatch) -> None:
        """Search for the series of a study, in the PACS that lists it."""
        search = Search(level=Level.SERIES, study_instance_uid=study.match.study_instance_uid)
        target = {study.pacs: self._targets[study.pacs]}
        self._path.append(SearchJob(self._find, search, target))

    def start_series(self, study_instance_uid: str, options: RetrieveOptions) -> SearchJob:
        """Search for the series of a study, beside the current search."""
        search = Search(level=Level.SERIES, study_instance_uid=study_instance_uid)
        return SearchJob(self._find, search, {pacs_label(options): options})

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

    def _forget(self) -> None:
        for finding in self._path:
            finding.stop()
        self._path = []


def _access(options: RetrieveOptions) -> tuple[object, object]:
    """Return what decides on the answers: the PACS, and the user."""
    return options.peer, options.user
