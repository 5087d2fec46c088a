"""Compare what a run still has to retrieve with the room on the disk, study by study.

A study that surely does not fit, alone, fails before it is requested. The run as a whole is only
reported: its studies are listed one after the other, and what fits is worth having.
"""

import logging
import threading
from collections import Counter, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from dicom_retrieve_tui.engine.ports import DiskRoom, SizeHistory
from dicom_retrieve_tui.errors import RetrieveError, StoreError
from dicom_retrieve_tui.model.events import Event, Noted, SpaceForecast
from dicom_retrieve_tui.model.forecast import (
    Arrivals,
    Demand,
    Extrapolation,
    Fit,
    Forecast,
    Kind,
    PlannedStudy,
    Sizes,
    SizeTable,
    fit_of,
    forecast_text,
)
from dicom_retrieve_tui.model.humanize import folder_text, rounded_size_text

_LOG = logging.getLogger(__name__)
_LEARN_EVERY_S = 10.0
_NEWS_FACTOR = 1.1
"""The forecast of the run is emitted again once that of the whole changed by this factor."""
_NEWS_FACTOR_FITTING = 2.0
"""The same while everything surely fits, so that nothing depends on the figure."""

Counts = Counter[Kind]


@dataclass(frozen=True, slots=True)
class _Open:
    """A study that is listed and not finished."""

    counts: Counts
    arrivals: Arrivals


class RunForecast:
    """The forecast of one run. Safe for several threads."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        *,
        output: Path,
        room: Callable[[], DiskRoom | None] = lambda: None,
        history: SizeHistory | None = None,
        unfinished: Callable[[], int] = lambda: 0,
        counted: deque[PlannedStudy] | None = None,
    ) -> None:
        """Forecast by built-in figures until a study is learned.

        Args:
            emit: Takes events.
            output: The output folder, for messages.
            room: Returns the room on its disk; None if that is unknown.
            history: Keeps what is learned; None keeps nothing.
            unfinished: Returns how many studies of the run are not finished.
            counted: Any thread appends studies here that a search has counted, before they are in
                the queue.
        """
        self._emit, self._output = emit, output
        self._room, self._history, self._unfinished = room, history, unfinished
        self._table: SizeTable | None = None
        """None until the first study is listed, because the history is a file."""
        self._open: dict[str, _Open] = {}
        self._counted = deque() if counted is None else counted
        self._foreseen: dict[str, Mapping[Kind, int]] = {}
        """Studies that were counted, and are not listed yet."""
        self._demand = Demand()
        self._listed = Extrapolation()
        self._planned = 0
        """Studies of a dry run."""
        self._uncounted = 0
        """Studies that the PACS neither listed nor counted."""
        self._first_room: DiskRoom | None = None
        """Before anything was written."""
        self._emitted: SpaceForecast | None = None
        self._emitted_bytes = 0
        """What the whole run was to take by that."""
        self._done_bytes = 0
        """What came of studies that are finished."""
        self._news: dict[Kind, Sizes] = {}
        self._learned_s = monotonic()
        self._lock = threading.Lock()

    def expect(
        self, uid: str, counts: Counts | None, arrivals: Arrivals | None = None
    ) -> Forecast | None:
        """Add a study that was listed; return what it will take, None if that is unknown.

        Args:
            uid: Study Instance UID.
            counts: Its instances that are still to come; None if the PACS does not count them.
            arrivals: What comes of it; may change in another thread. None in a dry run, which
                finishes no study: only the sums are kept.
        """
        with self._lock:
            if self._first_room is None:
                self._first_room = self._room()
            table = self._loaded()
            self._forget(uid)
            if counts is None:
                self._uncounted += 1
                return None
            self._close(uid)
            if arrivals is None:
                self._planned += 1
            else:
                self._open[uid] = _Open(counts, arrivals)
            self._demand.add(counts)
            forecast = Demand([counts]).forecast(table)
            self._listed.add(forecast.likely_bytes)
            return forecast

    def report(self) -> None:
        """Emit the forecast of the run once enough studies are listed, and when it has changed."""
        room = self._room()
        with self._lock:
            self._foresee()
            unlisted = max(self._unfinished() - len(self._open) - len(self._foreseen), 0)
            if unlisted and not self._listed.is_ready(self._loaded()):
                return
            event = self._event(room, unlisted)
            whole_bytes = event.likely_bytes + self._done_bytes + self._came_bytes()
            if self._is_news(event, whole_bytes):
                self._emitted, self._emitted_bytes = event, whole_bytes
                self._emit(event)

    def total(self) -> SpaceForecast:
        """Return the forecast of what is listed, for a dry run, which finishes no study."""
        room = self._room()
        with self._lock:
            self._loaded()
            return self._event(room, 0)

    def check(self, uid: str) -> None:
        """Check that a study may fit into the room of now, or of the start of the run.

        What other studies have used since is not its failure: the run goes on until the disk is
        full, as without a forecast, so that what fits is retrieved.

        Raises:
            StoreError: Even the low end of the forecast does not fit, and space is to stay free.
        """
        room = self._room()
        with self._lock:
            study = self._open.get(uid)
            if study is None or room is None or not room.kept_bytes:
                return
            best = max(room, self._first_room or room, key=lambda each: each.usable_bytes)
            needed = Demand([study.counts]).forecast(self._loaded())
            needed = needed.without(study.arrivals.total_bytes)
            if fit_of(needed, best.usable_bytes) is not Fit.NO:
                return
            self._close(uid)
        self._emit(Noted(study_instance_uid=uid, text=f"needs {forecast_text(needed)}"))
        # The same words for all studies, which the summary groups by their reasons.
        raise StoreError(
            f"It does not fit on the disk of {folder_text(self._output)}, which has room for "
            f"{rounded_size_text(best.usable_bytes)}: {rounded_size_text(best.free_bytes)} are "
            f"free, and {rounded_size_text(best.kept_bytes)} of them are to stay free. Nothing was "
            "requested.",
            next_step="Make room, or choose another --output; --keep-free 0 tries it nevertheless.",
        )

    def finish(self, uid: str, learned: Mapping[Kind, Sizes]) -> None:
        """Remove a study that has ended, and learn what it took if it is complete."""
        with self._lock:
            self._forget(uid)
            self._close(uid)
            if not learned:
                return
            self._loaded().learn(learned)
            for kind, sizes in learned.items():
                self._news[kind] = self._news.get(kind, Sizes()) + sizes
            if monotonic() - self._learned_s >= _LEARN_EVERY_S:
                self._remember()

    def forget(self, uid: str) -> None:
        """Remove a study that will not be listed."""
        with self._lock:
            self._forget(uid)

    def _foresee(self) -> None:
        """Take the studies that were counted: they need not be taken for average ones."""
        while self._counted:
            study = self._counted.popleft()
            self._drop(study.study_instance_uid)
            if (counts := study.counts) is not None:
                self._foreseen[study.study_instance_uid] = counts
                self._demand.add(counts)

    def _forget(self, uid: str) -> None:
        self._foresee()
        self._drop(uid)

    def _drop(self, uid: str) -> None:
        if (counts := self._foreseen.pop(uid, None)) is not None:
            self._demand.remove(counts)

    def close(self) -> None:
        """Write what was learned."""
        with self._lock:
            self._remember()

    def _close(self, uid: str) -> None:
        if (study := self._open.pop(uid, None)) is not None:
            self._demand.remove(study.counts)
            self._done_bytes += study.arrivals.total_bytes

    def _left(self, unlisted: int) -> Forecast:
        """Return the forecast of everything that is not finished."""
        return self._listed.extend(self._demand, self._loaded(), unlisted, self._came_bytes())

    def _came_bytes(self) -> int:
        return sum(study.arrivals.total_bytes for study in self._open.values())

    def _event(self, room: DiskRoom | None, unlisted: int) -> SpaceForecast:
        left = self._left(unlisted)
        fits = None
        if room is not None:
            fits = {Fit.YES: True, Fit.MAYBE: None, Fit.NO: False}[fit_of(left, room.usable_bytes)]
        return SpaceForecast(
            studies=self._planned + len(self._open) + len(self._foreseen),
            estimated=unlisted,
            uncounted=self._uncounted,
            likely_bytes=left.likely_bytes,
            low_bytes=left.low_bytes,
            high_bytes=left.high_bytes,
            built_in=left.built_in,
            free_bytes=None if room is None else room.free_bytes,
            keep_free_bytes=None if room is None else room.kept_bytes,
            fits=fits,
        )

    def _is_news(self, event: SpaceForecast, whole_bytes: int) -> bool:
        if self._emitted is None or self._emitted.fits is not event.fits:
            return True
        factor = _NEWS_FACTOR_FITTING if event.fits else _NEWS_FACTOR
        # Of the whole run: the rest becomes less with each study.
        low, high = sorted((whole_bytes, self._emitted_bytes))
        return high > low * factor

    def _loaded(self) -> SizeTable:
        if self._table is None:
            known: Mapping[Kind, Sizes] = {}
            if self._history is not None:
                try:
                    known = self._history.sizes()
                except RetrieveError as error:
                    _LOG.debug("no sizes of earlier studies: %s", error)
            self._table = SizeTable(known)
        return self._table

    def _remember(self) -> None:
        news, self._news = self._news, {}
        self._learned_s = monotonic()
        if self._history is not None and news:
            try:
                self._history.add_sizes(news)
            except RetrieveError as error:
                _LOG.debug("sizes not kept: %s", error)
