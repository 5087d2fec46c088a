"""Forecast the bytes that a retrieval takes: instances by kind, times what such instances took.

A kind is a SOP class and a modality. For each kind, `Sizes` holds how many instances complete
studies brought, their bytes, and how far the studies differ; until the first of them, built-in
figures are used. Instances of one study are much alike and those of two studies are not, so the
uncertainty is that of studies: the error of each study averages out over many, the error of the
figure itself does not. This module does no I/O.
"""

import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple, Protocol, Self

from dicom_retrieve_tui.model.humanize import count, rounded_size_text
from dicom_retrieve_tui.model.inventory import Inventory

_Z = 1.645
"""The range has 90 % of a normal distribution: 5 % lie below it, 5 % above."""
_BUILT_IN_FACTOR = 3.0
"""A built-in figure may be wrong by this factor for a whole archive, which may compress its images,
or may have small ones. A study is refused only if it surely does not fit."""
_SPREAD_MAX = math.log(6)
"""A wider spread says no more than that nothing is known."""
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_UID_CHARACTERS_MAX = 64
_STUDIES_MIN = 5
"""So many listed studies are needed to estimate those that are not listed yet."""
_WIDE_FACTOR = 10
"""A range from one end to more than so many times that has no middle worth reporting."""


class Kind(NamedTuple):
    """Instances of about the same size share SOP class and modality; empty where unknown."""

    sop_class_uid: str = ""
    modality: str = ""


WHOLE_STUDY = Kind(modality="*")
"""A whole study counts as one instance of this kind: for studies of which nothing is known."""

_KB, _MB = 10**3, 10**6
_OTHER = (1 * _MB, 6.0)
_DOCUMENTS = ("ASMT", "KO", "PR", "REG", "SMR", "SR", "RTRECORD")
_BY_MODALITY: Mapping[str, tuple[int, float]] = {
    "*": (100 * _MB, 6.0),
    **dict.fromkeys(("CR", "DX", "IO", "PX", "RG"), (10 * _MB, 2.0)),
    **dict.fromkeys(("RF", "XA"), (12 * _MB, 4.0)),
    **dict.fromkeys(("ES", "GM", "OP", "XC"), (3 * _MB, 3.0)),
    **dict.fromkeys(("IVUS", "OCT", "OPT", "IVOCT"), (30 * _MB, 4.0)),
    **dict.fromkeys(("AU", "DOC", "ECG", "EPS", "HD", "PLAN", "RESP"), (200 * _KB, 4.0)),
    **dict.fromkeys(_DOCUMENTS, (30 * _KB, 4.0)),
    "CT": (530 * _KB, 1.5),
    "MG": (22 * _MB, 2.0),
    "MR": (260 * _KB, 2.2),
    "NM": (500 * _KB, 4.0),
    "OT": _OTHER,
    "PT": (50 * _KB, 2.2),
    "RTDOSE": (5 * _MB, 3.0),
    "RTIMAGE": (1 * _MB, 2.0),
    "RTPLAN": (150 * _KB, 3.0),
    "RTSTRUCT": (2 * _MB, 3.0),
    "SC": _OTHER,
    "SEG": (5 * _MB, 5.0),
    "SM": (60 * _MB, 6.0),
    "US": (2 * _MB, 5.0),
}
"""Bytes of an instance, and the factor by which the mean of a study usually differs."""

_ENHANCED = (100 * _MB, 4.0)
_BY_CLASS: Mapping[str, tuple[int, float]] = {
    "1.2.840.10008.5.1.4.1.1.2.1": _ENHANCED,  # Enhanced CT
    "1.2.840.10008.5.1.4.1.1.4.1": _ENHANCED,  # Enhanced MR
    "1.2.840.10008.5.1.4.1.1.130": _ENHANCED,  # Enhanced PET
    "1.2.840.10008.5.1.4.1.1.13.1.3": (90 * _MB, 2.5),  # Breast Tomosynthesis
    "1.2.840.10008.5.1.4.1.1.6.1": (1 * _MB, 2.0),  # Ultrasound
    "1.2.840.10008.5.1.4.1.1.3.1": (20 * _MB, 4.0),  # Ultrasound Multi-frame
    "1.2.840.10008.5.1.4.1.1.7": _OTHER,  # Secondary Capture
    "1.2.840.10008.5.1.4.1.1.104.1": (500 * _KB, 4.0),  # Encapsulated PDF
    **dict.fromkeys(
        (
            "1.2.840.10008.5.1.4.1.1.88.11",  # Basic Text SR
            "1.2.840.10008.5.1.4.1.1.88.22",  # Enhanced SR
            "1.2.840.10008.5.1.4.1.1.88.33",  # Comprehensive SR
            "1.2.840.10008.5.1.4.1.1.88.67",  # X-Ray Radiation Dose SR
            "1.2.840.10008.5.1.4.1.1.88.59",  # Key Object Selection
            "1.2.840.10008.5.1.4.1.1.11.1",  # Grayscale Softcopy Presentation State
        ),
        _BY_MODALITY["SR"],
    ),
}
"""The same for classes whose instances are unlike others of their modality."""

_MODALITY_OF_CLASS: Mapping[str, str] = {
    "1.2.840.10008.5.1.4.1.1.1": "CR",
    "1.2.840.10008.5.1.4.1.1.1.1": "DX",
    "1.2.840.10008.5.1.4.1.1.1.2": "MG",
    "1.2.840.10008.5.1.4.1.1.12.1": "XA",
    "1.2.840.10008.5.1.4.1.1.12.2": "RF",
    "1.2.840.10008.5.1.4.1.1.128": "PT",
    "1.2.840.10008.5.1.4.1.1.2": "CT",
    "1.2.840.10008.5.1.4.1.1.20": "NM",
    "1.2.840.10008.5.1.4.1.1.4": "MR",
    "1.2.840.10008.5.1.4.1.1.481.2": "RTDOSE",
    "1.2.840.10008.5.1.4.1.1.481.3": "RTSTRUCT",
    "1.2.840.10008.5.1.4.1.1.481.5": "RTPLAN",
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
}
"""For a PACS that returns no modality."""


@lru_cache(maxsize=256)
def kind_of(sop_class_uid: str | None, modality: str) -> Kind:
    """Return the kind of an instance; what is not a UID or a known modality is left out.

    A PACS may return any text, which must not get into the history.
    """
    uid, modality = sop_class_uid or "", modality.strip().upper()
    valid = len(uid) <= _UID_CHARACTERS_MAX and _UID.fullmatch(uid)
    known = modality in _BY_MODALITY and modality != WHOLE_STUDY.modality
    return Kind(uid if valid else "", modality if known else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The sizes of the instances of one kind in complete studies."""

    studies: int = 0
    instances: int = 0
    size_bytes: int = 0
    log_sum: float = 0.0
    """Sum over the studies of the natural logarithm of their mean bytes an instance."""
    log_square_sum: float = 0.0
    """The same of its square."""

    @classmethod
    def of_study(cls, instances: int, size_bytes: int) -> Self:
        """Return what one study brought; nothing of no bytes."""
        if instances <= 0 or size_bytes <= 0:
            return cls()
        log = math.log(size_bytes / instances)
        return cls(
            studies=1,
            instances=instances,
            size_bytes=size_bytes,
            log_sum=log,
            log_square_sum=log * log,
        )

    def __add__(self, other: "Sizes") -> "Sizes":
        """Return what the studies of both brought."""
        return Sizes(
            studies=self.studies + other.studies,
            instances=self.instances + other.instances,
            size_bytes=self.size_bytes + other.size_bytes,
            log_sum=self.log_sum + other.log_sum,
            log_square_sum=self.log_square_sum + other.log_square_sum,
        )


@dataclass(frozen=True, slots=True)
class _Figure:
    """The forecast size of an instance."""

    mean_bytes: float
    of_study: float
    """Variance of a study's mean, relative to the square of the mean."""
    of_mean: float
    """The same of the mean itself."""
    built_in: bool


def _figure(kind: Kind, sizes: Sizes) -> _Figure:
    """Return the figure of a kind; the built-in spread counts as one more study."""
    uid, modality = kind.sop_class_uid, kind.modality or _MODALITY_OF_CLASS.get(kind.sop_class_uid)
    mean_bytes, factor = _BY_CLASS.get(uid) or _BY_MODALITY.get(modality or "", _OTHER)
    variance = math.log(factor) ** 2
    if not sizes.studies or not sizes.instances:
        of_mean = math.expm1(math.log(_BUILT_IN_FACTOR) ** 2 + variance)
        return _Figure(mean_bytes, math.expm1(variance), of_mean, built_in=True)
    # Rounding may leave a difference of equal squares below zero.
    squares = max(sizes.log_square_sum - sizes.log_sum**2 / sizes.studies, 0.0)
    variance = min((variance + squares) / sizes.studies, _SPREAD_MAX**2)
    return _Figure(
        sizes.size_bytes / sizes.instances,
        math.expm1(variance),
        math.expm1(variance / sizes.studies),
        built_in=False,
    )


class SizeTable:
    """The known sizes of instances, by kind."""

    def __init__(self, learned: Mapping[Kind, Sizes] | None = None) -> None:
        self._exact: dict[Kind, Sizes] = dict(learned or {})
        self._figures: dict[Kind, _Figure] = {}

    def learn(self, news: Mapping[Kind, Sizes]) -> None:
        """Add what a complete study brought."""
        for kind, sizes in news.items():
            self._exact[kind] = self._exact.get(kind, Sizes()) + sizes
        self._figures.clear()

    @property
    def knows_studies(self) -> bool:
        """True if the size of an average study was learned."""
        return not self.figure(WHOLE_STUDY).built_in

    def figure(self, kind: Kind) -> _Figure:
        """Return what an instance of this kind takes, by the best that is known."""
        if (known := self._figures.get(kind)) is None:
            known = self._figures[kind] = _figure(kind, self._sizes(kind))
        return known

    def _sizes(self, kind: Kind) -> Sizes:
        """Return the sizes of a kind; where class or modality is unknown, those of all that fit.

        A class without known sizes is taken to be like its modality, unless its size is special.
        """
        if (exact := self._exact.get(kind)) is not None or kind == WHOLE_STUDY:
            return exact or Sizes()
        uid, modality = kind
        found = Sizes()
        if uid:
            found = self._sum(lambda each: each.sop_class_uid == uid)
        if not found.studies and modality and uid not in _BY_CLASS:
            found = self._sum(lambda each: each.modality == modality)
        return found

    def _sum(self, fits: Callable[[Kind], bool]) -> Sizes:
        return sum((sizes for kind, sizes in self._exact.items() if fits(kind)), Sizes())


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """Bytes that something will take."""

    likely_bytes: int = 0
    low_bytes: int = 0
    """The probability of less is 5 %."""
    high_bytes: int = 0
    """The probability of more is 5 %."""
    built_in: bool = False
    """True if a part of it is from built-in figures."""

    def without(self, size_bytes: int) -> "Forecast":
        """Return what is left once so many bytes have come."""
        return Forecast(
            likely_bytes=max(self.likely_bytes - size_bytes, 0),
            low_bytes=max(self.low_bytes - size_bytes, 0),
            high_bytes=max(self.high_bytes - size_bytes, 0),
            built_in=self.built_in,
        )


NOTHING = Forecast()


def _forecast(mean: float, variance: float, *, built_in: bool) -> Forecast:
    """Return the range of a log-normal distribution with this mean and variance."""
    if mean <= 0:
        return NOTHING
    variance_of_log = math.log1p(variance / mean**2)
    median, reach = mean * math.exp(-variance_of_log / 2), _Z * math.sqrt(variance_of_log)
    high = median * math.exp(reach)
    return Forecast(
        likely_bytes=round(mean),
        low_bytes=min(round(median * math.exp(-reach)), round(mean)),
        # With a very wide spread, the mean itself lies above nearly everything.
        high_bytes=max(round(high), round(mean)),
        built_in=built_in,
    )


class Estimate(Protocol):
    """A size with its range: a `Forecast`, or an event that has one."""

    @property
    def likely_bytes(self) -> int:
        """The mean."""

    @property
    def low_bytes(self) -> int:
        """The low end."""

    @property
    def high_bytes(self) -> int:
        """The high end."""


def forecast_text(forecast: Estimate) -> str:
    """Format a forecast: `about 29 MB (20 MB to 41 MB)`, `at most about 18 MB` of a wide range."""
    if _is_wide(forecast):
        return f"at most about {rounded_size_text(forecast.high_bytes)}"
    low, likely, high = map(
        rounded_size_text, (forecast.low_bytes, forecast.likely_bytes, forecast.high_bytes)
    )
    return f"about {likely}" if low == high else f"about {likely} ({low} to {high})"


def short_forecast_text(forecast: Estimate) -> str:
    """Format a forecast without its range: `~29 MB`, `≤18 MB` if that is wide."""
    if _is_wide(forecast):
        return f"≤{rounded_size_text(forecast.high_bytes)}"
    return f"~{rounded_size_text(forecast.likely_bytes)}"


def _is_wide(forecast: Estimate) -> bool:
    """Return True if the middle of the range says nothing."""
    return forecast.high_bytes > _WIDE_FACTOR * forecast.low_bytes


Counts = Mapping[Kind, int]
"""Instances of a study that are still to come, by kind."""


class Demand:
    """The instances that are still to come, of several studies."""

    def __init__(self, studies: Iterable[Counts] = ()) -> None:
        self._sums: Counter[Kind] = Counter()
        self._squares: Counter[Kind] = Counter()
        for counts in studies:
            self.add(counts)

    def add(self, counts: Counts, studies: int = 1) -> None:
        """Add one study, or several with the same counts."""
        for kind, number in counts.items():
            self._sums[kind] += number * studies
            self._squares[kind] += number * number * studies

    def remove(self, counts: Counts) -> None:
        """Remove a study that was added."""
        for kind, number in counts.items():
            self._sums[kind] -= number
            self._squares[kind] -= number * number

    def moments(self, table: SizeTable) -> tuple[float, float, bool]:
        """Return mean and variance of the bytes, and if a figure was built in."""
        mean = variance = 0.0
        built_in = False
        for kind, number in self._sums.items():
            if not number:
                continue
            figure = table.figure(kind)
            mean += number * figure.mean_bytes
            relative = self._squares[kind] * figure.of_study + number**2 * figure.of_mean
            variance += figure.mean_bytes**2 * relative
            built_in |= figure.built_in
        return mean, variance, built_in

    def forecast(self, table: SizeTable) -> Forecast:
        """Return the bytes that all of them take."""
        mean, variance, built_in = self.moments(table)
        return _forecast(mean, variance, built_in=built_in)


@dataclass(slots=True)
class Extrapolation:
    """The bytes of studies that are not listed yet: as of those that are, or as earlier ones."""

    studies: int = 0
    total: float = 0.0
    squares: float = 0.0

    def add(self, size_bytes: float) -> None:
        """Add what a listed study is likely to take."""
        self.studies += 1
        self.total += size_bytes
        self.squares += size_bytes * size_bytes

    def is_ready(self, table: SizeTable) -> bool:
        """Return True if enough studies are listed, or earlier ones are known."""
        return self.studies >= _STUDIES_MIN or table.knows_studies

    def extend(
        self, demand: Demand, table: SizeTable, unlisted: int, came_bytes: int = 0
    ) -> Forecast:
        """Return the forecast of listed studies with that of further ones, less what has come.

        Args:
            demand: What is still to come of the listed studies.
            table: The sizes of earlier instances and studies.
            unlisted: How many further studies there are.
            came_bytes: What has come of the listed studies.
        """
        mean, variance, built_in = demand.moments(table)
        if unlisted:
            more_mean, more_variance = self._unlisted(table, unlisted)
            mean, variance = mean + more_mean, variance + more_variance
        return _forecast(mean, variance, built_in=built_in).without(came_bytes)

    def _unlisted(self, table: SizeTable, unlisted: int) -> tuple[float, float]:
        if self.studies < _STUDIES_MIN:
            average = Demand()
            average.add({WHOLE_STUDY: 1}, unlisted)
            mean, variance, _ = average.moments(table)
            return mean, variance
        mean = self.total / self.studies
        spread = max(self.squares - self.total * mean, 0.0) / (self.studies - 1)
        return unlisted * mean, spread * (unlisted + unlisted**2 / self.studies)


class Fit(StrEnum):
    """Whether something fits on the disk."""

    YES = "fits"
    MAYBE = "may not fit"
    NO = "does not fit"


def fit_of(forecast: Forecast, room_bytes: int) -> Fit:
    """Compare a forecast with the room; `NO` only if even its low end does not fit."""
    if forecast.low_bytes > max(room_bytes, 0):
        return Fit.NO
    return Fit.MAYBE if forecast.high_bytes > max(room_bytes, 0) else Fit.YES


def counts_to_come(inventory: Inventory, present: frozenset[str]) -> Counter[Kind] | None:
    """Count the instances of a study that are still to come, by kind; None if unknown.

    Args:
        inventory: What the PACS lists, or only counts.
        present: SOP Instance UIDs that are on disk already.
    """
    expected = inventory.expected_count
    if expected is None:
        return None
    classes = inventory.study_classes
    only = next(iter(classes)) if len(classes) == 1 else ""
    modalities = inventory.modality_by_series
    counts = Counter(
        kind_of(each.sop_class_uid or only, modalities.get(each.series_instance_uid, ""))
        for each in inventory.instances
        if each.sop_instance_uid not in present
    )
    if more := expected - len(inventory.sop_instance_uids):
        # Counted and not listed: most likely more of what there is most of.
        ((likely, _),) = counts.most_common(1) or [(_likely_kind(inventory, only), 0)]
        unlisted_present = len(present - inventory.sop_instance_uids)
        counts[likely] += max(more - unlisted_present, 0)
    return counts


def _likely_kind(inventory: Inventory, only_class: str) -> Kind:
    counts = {uid: n or 0 for uid, n in inventory.count_by_series.items()}
    largest = max(counts, key=counts.__getitem__, default="")
    return kind_of(only_class, inventory.modality_by_series.get(largest, ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedStudy:
    """The known counts of a study before the PACS lists its instances."""

    study_instance_uid: str
    whole: bool = True
    """False if only a part of it is requested."""
    instances: int | None = None
    """Instances of what is requested, by the PACS's count."""
    modalities: tuple[str, ...] = ()

    @property
    def counts(self) -> Counts | None:
        """Its instances by kind; None without a count."""
        return None if self.instances is None else _spread(self.instances, self.modalities)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """The forecast for studies that are not requested yet."""

    forecast: Forecast = NOTHING
    averaged: int = 0
    """Studies without a count, taken as average studies."""
    uncounted: int = 0
    """Parts of studies without a count; they are not in the forecast."""
    here: int = 0
    """Studies that are complete on the disk; they are not in the forecast."""
    room_bytes: int | None = None
    """The room on the disk; None if it is unknown."""

    @property
    def fits(self) -> Fit | None:
        """Whether they fit; None if the room is unknown."""
        return None if self.room_bytes is None else fit_of(self.forecast, self.room_bytes)

    def __str__(self) -> str:
        """Return it without a full stop; empty if nothing is known."""
        parts = []
        if self.forecast.high_bytes:
            average = " by the average study" if self.averaged else ""
            parts.append(f"{forecast_text(self.forecast)}{average}")
        if self.uncounted:
            parts.append(f"{count(self.uncounted, 'study')} not counted")
        if self.here:
            parts.append(f"{count(self.here, 'study')} on disk already")
        if parts and self.room_bytes is not None:
            doubt = "" if self.fits is Fit.YES else f": {self.fits}"
            parts.append(f"room for {rounded_size_text(self.room_bytes)}{doubt}")
        return ", ".join(parts)


def outlook_of(
    studies: Iterable[PlannedStudy],
    table: SizeTable,
    here: frozenset[str] = frozenset(),
    room_bytes: int | None = None,
) -> Outlook:
    """Return what studies will take.

    Args:
        studies: What is to be retrieved.
        table: The sizes of earlier instances.
        here: Study Instance UIDs of studies that are complete on the disk.
        room_bytes: The room there; None if it is unknown.
    """
    demand = Demand()
    averaged = uncounted = present = 0
    for study in studies:
        if study.study_instance_uid in here:
            present += 1
        elif (counts := study.counts) is not None:
            demand.add(counts)
        elif study.whole:
            demand.add({WHOLE_STUDY: 1})
            averaged += 1
        else:
            uncounted += 1
    return Outlook(
        forecast=demand.forecast(table),
        averaged=averaged,
        uncounted=uncounted,
        here=present,
        room_bytes=room_bytes,
    )


def _spread(instances: int, modalities: Iterable[str]) -> Counts:
    """Divide instances among the modalities of a study; one document of each is enough."""
    kinds = dict.fromkeys(kind_of("", modality) for modality in modalities)
    documents = [kind for kind in kinds if kind.modality in _DOCUMENTS]
    images = [kind for kind in kinds if kind not in documents]
    if not images:
        return {(documents or [Kind()])[0]: instances}
    counts = dict.fromkeys(documents, 1)
    each, more = divmod(max(instances - len(documents), 0), len(images))
    return counts | {kind: each + (n < more) for n, kind in enumerate(images)}


@dataclass(slots=True)
class Arrivals:
    """The bytes of a study that came in this run, by kind."""

    modality_by_series: Mapping[str, str]
    total_bytes: int = 0
    _by_kind: dict[Kind, list[int]] = field(default_factory=dict)

    def add(self, sop_class_uid: str, series_instance_uid: str, size_bytes: int) -> None:
        """Add an instance."""
        kind = kind_of(sop_class_uid, self.modality_by_series.get(series_instance_uid, ""))
        of_kind = self._by_kind.setdefault(kind, [0, 0])
        of_kind[0] += 1
        of_kind[1] += size_bytes
        self.total_bytes += size_bytes

    def learned(self, *, whole: bool) -> dict[Kind, Sizes]:
        """Return what can be learned from it.

        Args:
            whole: The complete study came in this run, so that its total is known, too.
        """
        learned = {kind: Sizes.of_study(*came) for kind, came in self._by_kind.items()}
        if whole:
            learned[WHOLE_STUDY] = Sizes.of_study(1, self.total_bytes)
        return {kind: sizes for kind, sizes in learned.items() if sizes.studies}
