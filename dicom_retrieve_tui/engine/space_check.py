"""Compare what a run still has to retrieve with the room on the disk, study by study.

A study that surely does not fit fails before it is begun. The run as a whole is only reported:
its studies are listed one after the other, and what fits is worth having.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

from dicom_retrieve_tui.engine.ports import DiskRoom, SizeHistory
from dicom_retrieve_tui.errors import RetrieveError, StoreError
from dicom_retrieve_tui.model.events import Event, SpaceForecast
from dicom_retrieve_tui.model.forecast import (
    Arrivals,
    Demand,
    Extrapolation,
    Fit,
    Forecast,
    Kind,
    Sizes,
    SizeTable,
    fit_of,
    forecast_text,
)
from dicom_retrieve_tui.model.humanize import folder_text, rounded_size_text, size_text

_LOG = logging.getLogger(__name__)
_LEARN_EVERY_S = 10.0
_NEWS = 0.1
"""The forecast of the run is emitted again once it has changed by this fraction."""

Counts = Counter[Kind]


@dataclass(slots=True)
class _Open:
    """A study that is listed and not finished."""

    counts: Counts
    arrivals: Arrivals
    admitted: bool = False
    """True once it was checked: its room is taken."""


class SpaceCheck:
    """The forecast of one run. Safe for several threads."""

    def __init__(
        self,
        emit: Callable[[Event], None],
        *,
        output: Path,
        room: Callable[[], DiskRoom | None] = lambda: None,
        history: SizeHistory | None = None,
        unfinished: Callable[[], int] = lambda: 0,
    ) -> None:
        """Forecast by built-in figures until a study is learned.

        Args:
            emit: Takes events.
            output: The output folder, for messages.
            room: Returns the room on its disk; None if that is unknown.
            history: Keeps what is learned; None keeps nothing.
            unfinished: Returns how many studies of the run are not finished.
        """
        self._emit, self._output = emit, output
        self._room, self._history, self._unfinished = room, history, unfinished
        self._table: SizeTable | None = None
        """None until the first study is listed, because the history is a file."""
        self._open: dict[str, _Open] = {}
        self._demand = Demand()
        self._listed = Extrapolation()
        self._uncounted = 0
        """Studies that the PACS neither listed nor counted."""
        self._emitted: SpaceForecast | None = None
        self._news: dict[Kind, Sizes] = {}
        self._learned_s = monotonic()
        self._lock = threading.Lock()

    def expect(self, uid: str, counts: Counts | None, arrivals: Arrivals) -> Forecast | None:
        """Add a study that was listed; return what it will take, None if that is unknown.

        Args:
            uid: Study Instance UID.
            counts: Its instances that are still to come; None if the PACS does not count them.
            arrivals: What comes of it; may change in another thread.
        """
        with self._lock:
            table = self._loaded()
            if counts is None:
                self._uncounted += 1
                return None
            self._close(uid)
            self._open[uid] = _Open(counts, arrivals)
            self._demand.add(counts)
            forecast = Demand([counts]).forecast(table)
            self._listed.add(forecast.likely_bytes)
            return forecast

    def report(self) -> None:
        """Emit the forecast of the run once enough studies are listed, and when it has changed."""
        room = self._room()
        with self._lock:
            unlisted = max(self._unfinished() - len(self._open), 0)
            if unlisted and not self._listed.ready:
                return
            event = self._event(room, unlisted)
            if self._is_news(event):
                self._emitted = event
                self._emit(event)

    def total(self) -> SpaceForecast:
        """Return the forecast of what is listed, for a dry run, which finishes no study."""
        room = self._room()
        with self._lock:
            self._loaded()
            return self._event(room, 0)

    def check(self, uid: str) -> None:
        """Check that a study, beside those in progress, may fit; its room is then taken.

        Raises:
            StoreError: Even the low end of the forecast does not fit, and space is to stay free.
        """
        room = self._room()
        with self._lock:
            study = self._open.get(uid)
            if study is None or room is None or not room.kept_bytes:
                return
            own = self._left_of([study])
            others = [each for each in self._open.values() if each.admitted and each is not study]
            fits = fit_of(self._left_of([study, *others]), room.usable_bytes)
            if fits is not Fit.NO or not own.high_bytes:
                study.admitted = True
                return
            self._close(uid)
        alone = fit_of(own, room.usable_bytes) is Fit.NO
        raise StoreError(
            f"The study needs {forecast_text(own)}, and {folder_text(self._output)} has room for "
            f"{rounded_size_text(room.usable_bytes)}{'' if alone else ' with those in progress'}: "
            f"{size_text(room.free_bytes)} are free, and {size_text(room.kept_bytes)} are to stay "
            "free. Nothing of it was requested.",
            next_step="Make room, or choose another --output; --keep-free 0 tries it nevertheless.",
        )

    def finish(self, uid: str, learned: Mapping[Kind, Sizes]) -> None:
        """Remove a study that has ended, and learn what it took if it is complete."""
        with self._lock:
            self._close(uid)
            if not learned:
                return
            self._loaded().learn(learned)
            for kind, sizes in learned.items():
                self._news[kind] = self._news.get(kind, Sizes()) + sizes
            if monotonic() - self._learned_s >= _LEARN_EVERY_S:
                self._remember()

    def close(self) -> None:
        """Write what was learned."""
        with self._lock:
            self._remember()

    def _close(self, uid: str) -> None:
        if (study := self._open.pop(uid, None)) is not None:
            self._demand.remove(study.counts)

    def _left_of(self, studies: Sequence[_Open]) -> Forecast:
        came = sum(study.arrivals.total_bytes for study in studies)
        return Demand(study.counts for study in studies).forecast(self._loaded()).without(came)

    def _left(self, table: SizeTable, unlisted: int) -> Forecast:
        """Return the forecast of everything that is not finished."""
        came = sum(study.arrivals.total_bytes for study in self._open.values())
        return self._listed.extend(self._demand.moments(table), unlisted, came)

    def _event(self, room: DiskRoom | None, unlisted: int) -> SpaceForecast:
        left = self._left(self._loaded(), unlisted)
        fits = None
        if room is not None:
            fits = {Fit.YES: True, Fit.MAYBE: None, Fit.NO: False}[fit_of(left, room.usable_bytes)]
        return SpaceForecast(
            studies=len(self._open),
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

    def _is_news(self, event: SpaceForecast) -> bool:
        if (last := self._emitted) is None or last.fits is not event.fits:
            return True
        return abs(event.likely_bytes - last.likely_bytes) > _NEWS * last.likely_bytes

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
