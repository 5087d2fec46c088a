"""Search a PACS by C-FIND: studies, then their series, then their instances.

Each query is for one entity of the level above, which every archive understands. In the Patient
Root model it has the Patient ID of the study, too. Source: PS3.4 section C.4.1.
"""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import replace
from datetime import date
from functools import partial

from dicom_retrieve_tui.errors import OperationFailed
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.character_sets import SPECIFIC_CHARACTER_SET_UTF_8
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.inventory import looks_capped
from dicom_retrieve_tui.model.search import (
    ASK_BY_UID,
    MODALITY,
    STUDY_DATE,
    Found,
    Match,
    Remark,
    Search,
    any_fits,
    fewest_study_keys,
    ignored_key,
    instance_keys,
    instance_match,
    series_keys,
    series_match,
    study_keys,
    study_match,
    uncounted,
    unproven_key,
)
from dicom_retrieve_tui.model.sop_classes import PATIENT_ROOT_CLASSES
from dicom_retrieve_tui.model.status import CANCELLED
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.c_find import c_find, find_context
from dicom_retrieve_tui.network.identifiers import decode_texts

_Keys = dict[int, str]
_Listing = Generator[Match, None, str]
"""Yields matches; returns why there may be more, or an empty text."""


def find(
    association: Association,
    search: Search,
    split_until: date | None = None,
    *,
    fewest_keys: bool = False,
) -> Iterator[Found]:
    """Yield each match once, as it comes; then remarks on the list.

    Args:
        association: Must propose C-FIND.
        search: What to list.
        split_until: If the peer seems to limit its matches, split the range of dates until every
            part stays below the limit; a range with an open end is split up to this day.
        fewest_keys: Ask only for the keys that identify a study.

    Raises:
        ContextNotAccepted: The peer does not offer C-FIND.
        OperationFailed: It refuses the search, but not for too many matches.
        PeerError, Cancelled: No final response came.
    """
    return _Finder(association, search, split_until, fewest_keys=fewest_keys).run()


class _Finder:
    """One search, level by level."""

    def __init__(
        self,
        association: Association,
        search: Search,
        split_until: date | None,
        *,
        fewest_keys: bool,
    ) -> None:
        self._association = association
        self._search = search
        self._split_until = split_until
        self._fewest_keys = fewest_keys
        self._context = find_context(association)
        self._patient_root = self._context.abstract_syntax in PATIENT_ROOT_CLASSES
        self._ignored: Counter[str] = Counter()
        """Number of dropped responses by the key that they contradict."""
        self._unproven: Counter[str] = Counter()
        """Number of dropped responses by the key that they do not return."""
        self._unnamed = 0
        self._answers = 0
        """Number of responses to the last query, dropped ones included."""
        self._seen_studies: set[str] = set()
        self._parts = 1
        self._remarks: list[Remark] = []

    def run(self) -> Iterator[Found]:
        yield from {
            Level.STUDY: self._studies,
            Level.SERIES: self._all_series,
            Level.IMAGE: self._all_instances,
        }[self._search.level]()
        if self._parts > 1:
            yield Remark(text=f"The dates were split into {self._parts:,} parts.")
        for key, left_out in self._ignored.items():
            yield Remark(text=f"The PACS seems to ignore the {key}: {left_out:,} left out.")
        yield from self._remarks_on_proof()
        if self._unnamed:
            yield Remark(text=f"{count(self._unnamed, 'answer')} without a UID left out.")
        yield from self._remarks

    def _remarks_on_proof(self) -> Iterator[Remark]:
        for key, left_out in self._unproven.items():
            answers = count(left_out, "answer")
            text = (
                f"The PACS does not return the {key} that was asked for, so it may have ignored "
                f"it: {answers} left out. {ASK_BY_UID}."
            )
            yield Remark(text=text, incomplete=True)

    def _all_series(self) -> Iterator[Match]:
        for study in list(self._studies()):
            yield from self._series(study)

    def _all_instances(self) -> Iterator[Match]:
        for series in list(self._all_series()):
            yield from self._instances(series)

    def _studies(self) -> Iterator[Match]:
        without_modalities: list[Match] = []
        for study in self._studies_of(self._search.study_date):
            if self._search.modality and not study.modalities:
                without_modalities.append(study)
            else:
                yield study
        # dcmqrscp ignores Modalities in Study, and lists all studies.
        for study in without_modalities:
            modalities = self._modalities_of(study)
            if not modalities:
                self._unproven[MODALITY] += 1
            if any_fits(self._search.modality, modalities):
                yield replace(study, modalities=modalities)

    def _studies_of(self, dates: DateRange | None) -> Iterator[Match]:
        """Yield each study of these days once; split the days if necessary."""
        search = replace(self._search, study_date=dates)
        keys = (fewest_study_keys if self._fewest_keys else study_keys)(search)
        seen = self._seen_studies
        query = partial(self._query, Level.STUDY, match_of=study_match, seen=seen)
        unique = bool(search.study_instance_uid)
        doubt = yield from self._unfolded(query, keys, seen, unique=unique)
        if not doubt:
            return
        halves = self._halves(dates)
        if halves is None:
            self._doubt(f"{doubt} {self._undivided(dates)}".rstrip())
            return
        self._parts += 1
        for half in halves:
            yield from self._studies_of(half)

    def _halves(self, dates: DateRange | None) -> tuple[DateRange, DateRange] | None:
        """Return the halves of `dates`; None if splitting does not help."""
        if self._split_until is None or dates is None or self._ignored[STUDY_DATE]:
            return None
        return dates.halves(self._split_until)

    def _undivided(self, dates: DateRange | None) -> str:
        """Return why the dates were not split, if splitting was requested."""
        if self._split_until is None:
            return ""
        if self._ignored[STUDY_DATE]:
            return "Splitting by date does not help: the PACS ignores the study date."
        return f"{dates} cannot be split further: narrow the search by another key."

    def _modalities_of(self, study: Match) -> tuple[str, ...]:
        keys = series_keys(Search(), study)
        answers = self._ask(Level.SERIES, keys, study)
        modalities = {values.get(tags.MODALITY, "") for values in answers if _is_of(values, study)}
        return tuple(sorted(modalities - {""}))

    def _series(self, study: Match) -> Iterator[Match]:
        search = self._search
        narrowed = search.modality or search.series_instance_uid
        seen: set[str] = set()
        query = partial(
            self._query,
            Level.SERIES,
            match_of=lambda values: series_match(values, study),
            seen=seen,
            within=study,
            announced=None if narrowed else study.number_of_series,
        )
        unique = bool(search.series_instance_uid) or study.number_of_series == 1
        keys = series_keys(search, study)
        doubt = yield from self._unfolded(query, keys, seen, unique=unique)
        self._doubt(doubt)

    def _instances(self, series: Match) -> Iterator[Match]:
        doubt = yield from self._query(
            Level.IMAGE,
            instance_keys(self._search, series),
            lambda values: instance_match(values, series),
            within=series,
            announced=None if self._search.sop_instance_uid else series.number_of_instances,
        )
        self._doubt(doubt)

    def _unfolded(
        self, query: Callable[[_Keys], _Listing], keys: _Keys, seen: set[str], *, unique: bool
    ) -> _Listing:
        """Yield the matches of a query; repeat it without counts if there is only one.

        Some archives fold all matches into one if a count is among the keys.

        Args:
            query: Sends the query.
            keys: Its keys.
            unique: True if there can be only one match.
        """
        single, doubt = yield from _all_but_single(query(keys))
        if single is None:
            return doubt
        if self._answers == 1 and not unique and single.counted and not self._is_one(single):
            seen.discard(single.uid)
            several = self._several(query, uncounted(keys))
            if several is not None:
                yield from several[0]
                return several[1]
        yield single
        return doubt

    def _is_one(self, single: Match) -> bool:
        """Return True for a study that has as many series as the PACS counts.

        Only for searches by modality: a repeated query without that key may match far more.
        """
        if single.level is not Level.STUDY or not self._search.modality:
            return False
        keys = uncounted(series_keys(Search(), single))
        answers = self._ask(Level.SERIES, keys, single)
        listed = {
            values.get(tags.SERIES_INSTANCE_UID) for values in answers if _is_of(values, single)
        }
        return len(listed) >= (single.number_of_series or 0)

    def _several(
        self, query: Callable[[_Keys], _Listing], keys: _Keys
    ) -> tuple[list[Match], str] | None:
        """Return the matches without counts, and the doubt; None if there are not more."""
        try:
            matches, doubt = _collected(query(keys))
        except OperationFailed:
            return None
        return (matches, doubt) if self._answers > 1 else None

    def _query(
        self,
        level: Level,
        keys: _Keys,
        match_of: Callable[[_Keys], Match],
        *,
        seen: set[str] | None = None,
        within: Match | None = None,
        announced: int | None = None,
    ) -> _Listing:
        """Yield the matches of one C-FIND; return why there may be more, or an empty text.

        Args:
            seen: UIDs to skip.
            within: The study or series that is queried.
            announced: The number of matches by the peer's count.
        """
        seen = set() if seen is None else seen
        self._answers = answers = 0
        named: set[str] = set()
        try:
            for values in self._ask(level, keys, within):
                self._answers = answers = answers + 1
                match = match_of(values)
                named.add(match.uid)
                if match.uid in seen or not self._is_asked_for(values, match, within):
                    continue
                seen.add(match.uid)
                yield match
        except OperationFailed as failure:
            if not _is_limit(failure.status):
                raise
            # Orthanc answers this status at its limit, though we have not cancelled.
            limit = failure.status == CANCELLED
            why = "the PACS seems to have a limit (status 0xFE00)." if limit else str(failure)
            return f"The list ends after {count(answers, level.noun)}: {why}"
        repeated = answers - len(named)
        # Each repeated match may replace another.
        if repeated > len(named):
            return (
                f"Of {count(answers, level.noun)} that the PACS listed, {repeated:,} repeat "
                "another one: others may be missing."
            )
        return _doubt_about(level, answers, announced)

    def _ask(self, level: Level, keys: _Keys, within: Match | None) -> Iterator[_Keys]:
        wanted = frozenset(keys) | {tags.STUDY_INSTANCE_UID, tags.SERIES_INSTANCE_UID}
        if self._patient_root and within is not None:
            keys = keys | {tags.PATIENT_ID: within.patient_id}
        if not all(text.isascii() for text in keys.values()):
            keys = keys | {tags.SPECIFIC_CHARACTER_SET: SPECIFIC_CHARACTER_SET_UTF_8}
        for answer in c_find(self._association, self._context, level, keys, send_cancel=True):
            yield decode_texts(answer, wanted)

    def _is_asked_for(self, values: _Keys, match: Match, within: Match | None) -> bool:
        """Return True unless the response has no UID, or contradicts the search."""
        if not match.uid:
            self._unnamed += 1
            return False
        if within is not None and not _is_of(values, within):
            return False
        if ignored := ignored_key(self._search, match):
            self._ignored[ignored] += 1
        elif unproven := unproven_key(self._search, match):
            self._unproven[unproven] += 1
            return False
        return ignored is None

    def _doubt(self, text: str) -> None:
        if text:
            self._remarks.append(Remark(text=text, incomplete=True))


def _all_but_single(listing: _Listing) -> Generator[Match, None, tuple[Match | None, str]]:
    """Yield the matches unless there is only one; return that one, and the doubt."""
    held: Match | None = None
    number = 0
    while True:
        try:
            match = next(listing)
        except StopIteration as end:
            return held, str(end.value)
        number += 1
        if number == 1:
            held = match
            continue
        if held is not None:
            yield held
            held = None
        yield match


def _collected(listing: _Listing) -> tuple[list[Match], str]:
    """Return all matches of a listing, and its doubt."""
    matches: list[Match] = []
    while True:
        try:
            matches.append(next(listing))
        except StopIteration as end:
            return matches, str(end.value)


def _doubt_about(level: Level, answers: int, announced: int | None) -> str:
    """Return the doubt on a list that is too short, or of a suspicious length without a count."""
    listed = count(answers, level.noun)
    if announced is not None:
        short = answers < announced
        return f"The PACS listed {listed} where it counts {announced:,}." if short else ""
    if level is Level.IMAGE or not looks_capped(answers):
        return ""
    return f"The PACS listed exactly {listed}: it may cap its answers, and have more."


def _is_of(values: _Keys, within: Match) -> bool:
    """Return False for a response on another study or series, which some archives add."""
    study = values.get(tags.STUDY_INSTANCE_UID) or within.study_instance_uid
    series = values.get(tags.SERIES_INSTANCE_UID) or within.series_instance_uid
    return study == within.study_instance_uid and within.series_instance_uid in {"", series}


def _is_limit(status: int) -> bool:
    """Return True for the statuses of archives that stop at a limit."""
    return status == CANCELLED or status >> 8 in {0xA7, 0xB0}
