"""List the series and instances of a study by C-FIND: SERIES, then IMAGE for each series.

Many archives refuse an IMAGE query without its series. One study-wide query is still tried first,
and used only if it agrees with the counts of the series. The result is checked against all counts
of the peer. Source: PS3.4 section C.4.1.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace

from dicom_retrieve_tui.errors import ContextNotAccepted, OperationFailed, PeerError
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level, QueryModel
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.inventory import Inventory, LeftOutSeries, ListedInstance, reckon
from dicom_retrieve_tui.model.retry import Cure, status_cure
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.model.sop_classes import PATIENT_ROOT_CLASSES
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, SeriesIdentity, StudyIdentity
from dicom_retrieve_tui.network.association import Association
from dicom_retrieve_tui.network.c_find import c_find, find_context
from dicom_retrieve_tui.network.identifiers import decode_identifier, decode_texts
from dicom_retrieve_tui.network.negotiation import Context

_SERIES_ANSWER = frozenset(
    {tags.SERIES_INSTANCE_UID, tags.MODALITY, tags.NUMBER_OF_SERIES_RELATED_INSTANCES}
)
_DESCRIPTION = frozenset({tags.SERIES_DESCRIPTION})
_NUMBER = frozenset({tags.SERIES_NUMBER})
_COUNT_OF_STUDY = (tags.SOP_CLASSES_IN_STUDY, tags.NUMBER_OF_STUDY_RELATED_INSTANCES)
_IDENTITY = (
    tags.PATIENT_NAME,
    tags.PATIENT_ID,
    tags.STUDY_DATE,
    tags.STUDY_DESCRIPTION,
    tags.ACCESSION_NUMBER,
)
_TEXTS = {tags.SERIES_DESCRIPTION, *_IDENTITY}
"""Answers in the character set of the PACS."""
_IMAGE_ANSWER = frozenset({tags.SERIES_INSTANCE_UID, tags.SOP_INSTANCE_UID, tags.SOP_CLASS_UID})
_WITHOUT_FILTER = "Retrieve the study without a filter, or name its series by their UIDs."
_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_UID_CHARACTERS_MAX = 64
_FEW_INSTANCES = 64
"""Up to this number, one more query costs more than the SOP class of each instance, which takes
Orthanc 0.2 ms."""


def take_inventory(
    association: Association,
    selection: Selection,
    series_filter: SeriesFilter = NO_FILTER,
    *,
    count_study: bool = False,
    identify: bool = False,
) -> Inventory:
    """List what the peer has of `selection` and the filter accepts.

    If the peer refuses C-FIND, or refuses it at the IMAGE level, the inventory is not `listed`: the
    retrieval can go on, but cannot be proven complete. A filter needs the list of series; without
    it, this raises.

    Args:
        count_study: Ask for the count of the study even if it is small and its series are counted.
        identify: Ask for the patient, the date and the description of the study.

    Raises:
        PeerError, Cancelled: The association failed; or the series cannot be listed, and there is a
            filter.
    """
    uid = selection.study_instance_uid
    try:
        context = find_context(association)
    except ContextNotAccepted as refusal:
        if series_filter:
            raise ContextNotAccepted(_unfiltered(refusal), next_step=_WITHOUT_FILTER) from refusal
        return Inventory(study_instance_uid=uid, listed=False, doubt=str(refusal))
    queries = _Queries(
        association,
        context,
        selection,
        series_filter,
        count_study=count_study,
        identify=identify,
    )
    try:
        return queries.take()
    except OperationFailed as failure:
        if series_filter and not queries.series_known:
            raise _filter_failed(failure) from failure
        return queries.unlisted(f"What the PACS has cannot be listed: {failure}")


def _filter_failed(failure: OperationFailed) -> OperationFailed:
    """Return the error of a C-FIND that the filter needs; retryable if its status is."""
    explained = OperationFailed(
        _unfiltered(failure),
        next_step=_WITHOUT_FILTER,
        operation=failure.operation,
        status=failure.status,
    )
    explained.retryable = status_cure(failure.status) is Cure.TIME
    return explained


def _unfiltered(error: PeerError) -> str:
    return f"{error.found} Without a list of the series, the filter cannot choose among them."


class _Queries:
    """The queries for one selection, and their results so far."""

    def __init__(
        self,
        association: Association,
        context: Context,
        selection: Selection,
        series_filter: SeriesFilter,
        *,
        count_study: bool,
        identify: bool,
    ) -> None:
        self._association = association
        self._identify = identify
        self._identity = UNIDENTIFIED
        self._series: dict[str, SeriesIdentity] = {}
        self._count_study = count_study
        self._context = context
        self._selection = selection
        self._filter = series_filter
        self._narrowed = selection.instances_by_series
        self._unique = {tags.STUDY_INSTANCE_UID: selection.study_instance_uid}
        self._patient_id: str | None = None
        self._counts: dict[str, int | None] = {}
        """The peer's instance counts by Series Instance UID, of series that the filter accepts."""
        self._left_out: dict[str, LeftOutSeries] = {}
        self.series_known = False
        """True once the peer has listed the series."""
        self._modalities: dict[str, str] = {}
        """By Series Instance UID, of series that the filter accepts."""
        self._study_classes: frozenset[str] = frozenset()
        self._study_count: int | None = None
        self._nameless = dict.fromkeys((Level.SERIES, Level.IMAGE), 0)
        """Responses without the UID of their level, or unreadable."""
        self._repeated = dict.fromkeys((Level.SERIES, Level.IMAGE), 0)
        """Responses that repeat a UID: each may replace a missing one, as in a peer that overwrites
        a response before it is sent."""

    def take(self) -> Inventory:
        if self._context.abstract_syntax in PATIENT_ROOT_CLASSES:
            if not self._find_patient():
                return self._inventory([])
            if not self._patient_id:
                if self._filter:
                    raise PeerError(self._no_patient_id())
                return self.unlisted(self._no_patient_id())
        self._find_series()
        self.series_known = True
        if not self._counts:
            return self._inventory([])
        self._ask_of_study()
        instances = self._list_instances()
        if self._seems_folded(instances) and self._find_unfolded_series():
            instances = self._list_instances()
        return self._inventory(instances)

    def _list_instances(self) -> list[ListedInstance]:
        instances = self._study_wide()
        if instances is None:
            self._nameless[Level.IMAGE] = 0
            self._repeated[Level.IMAGE] = 0
            instances = [i for series in self._counts for i in self._in_series(series)]
        return instances

    def _seems_folded(self, instances: Sequence[ListedInstance]) -> bool:
        """Return True if only one series is listed, with more instances than it has.

        Some archives fold all matches into one if a count is among the keys, and count them all.
        """
        if self._narrowed or len(self._counts) != 1 or self._left_out:
            return False
        (announced,) = self._counts.values()
        return (announced or 0) > len(instances)

    def _find_unfolded_series(self) -> bool:
        """List the series without counts; return True if there are more than with counts."""
        folded = dict(self._counts)
        self._counts.clear()
        self._find_series(with_counts=False)
        if len(self._counts) + len(self._left_out) == 1 and not self._repeated[Level.SERIES]:
            self._counts, self._left_out = folded, {}
            return False
        (self._study_count,) = folded.values()
        return True

    def unlisted(self, doubt: str) -> Inventory:
        return Inventory(
            study_instance_uid=self._selection.study_instance_uid,
            listed=False,
            series_instance_uids=tuple(self._counts),
            modalities=frozenset(self._modalities.values()),
            modality_by_series=self._modalities,
            count_by_series=self._counts,
            announced_count=self._announced(),
            patient_id=self._patient_id,
            identity=self._whose(),
            doubt=doubt,
            filtered=bool(self._filter),
            left_out=tuple(self._left_out.values()),
        )

    def _find(
        self, level: Level, keys: Mapping[int, str], wanted: frozenset[int]
    ) -> Iterator[dict[int, str]]:
        """Yield matches as text by tag, without those of other studies, which some archives add."""
        study_uid = self._selection.study_instance_uid
        asked = {**self._unique, **keys}
        for match in c_find(self._association, self._context, level, asked):
            values = decode_identifier(match, wanted | {tags.STUDY_INSTANCE_UID})
            if texts := values.keys() & _TEXTS:
                values |= decode_texts(match, frozenset(texts))
            if values.get(tags.STUDY_INSTANCE_UID, study_uid) in {study_uid, ""}:
                yield values

    def _find_patient(self) -> bool:
        """Find the Patient ID of the study; return False if the study is not there.

        The Patient Root model needs it with every further key. It may be empty.
        Source: PS3.3 section C.7.1.1.
        """
        found = False
        for match in self._find(Level.STUDY, {tags.PATIENT_ID: ""}, frozenset({tags.PATIENT_ID})):
            found = True
            if patient_id := match.get(tags.PATIENT_ID):
                self._patient_id = self._unique[tags.PATIENT_ID] = patient_id
        return found

    def _no_patient_id(self) -> str:
        """Return why a study without a Patient ID cannot be listed, and the next step."""
        ordered = self._association.parameters.query_model is QueryModel.PATIENT_ROOT
        next_step = (
            "Try --query-model auto."
            if ordered
            else "It offers no other model: give the study a Patient ID in the PACS."
        )
        return (
            "The PACS has this study without a Patient ID, which the Patient Root model needs, so "
            f"its contents cannot be listed. {next_step}"
        )

    def _find_series(self, *, with_counts: bool = True) -> None:
        only = list(self._narrowed) if len(self._narrowed) == 1 else [""]
        keys = {
            tags.SERIES_INSTANCE_UID: only[0],
            tags.MODALITY: "",
            **({tags.NUMBER_OF_SERIES_RELATED_INSTANCES: ""} if with_counts else {}),
        }
        answer = _SERIES_ANSWER
        if self._filter.descriptions or self._identify:
            keys[tags.SERIES_DESCRIPTION] = ""
            answer |= _DESCRIPTION
        if self._identify:
            keys[tags.SERIES_NUMBER] = ""
            answer |= _NUMBER
        for match in self._find(Level.SERIES, keys, answer):
            series_uid = match.get(tags.SERIES_INSTANCE_UID)
            if not series_uid:
                self._count_nameless(Level.SERIES, match)
            elif series_uid in self._counts or series_uid in self._left_out:
                # Where one is asked for by its UID, no other can be missing for it.
                self._repeated[Level.SERIES] += len(self._narrowed) != 1
            elif not self._narrowed or series_uid in self._narrowed:
                self._choose(series_uid, match)

    def _choose(self, series_uid: str, match: Mapping[int, str]) -> None:
        """Add a series, or note that the filter leaves it out."""
        count = _count(match, tags.NUMBER_OF_SERIES_RELATED_INSTANCES)
        modality, description = match.get(tags.MODALITY), match.get(tags.SERIES_DESCRIPTION)
        if self._filter.wants(modality, description):
            self._counts[series_uid] = count
            self._modalities[series_uid] = modality or ""
            self._series[series_uid] = SeriesIdentity(
                series_instance_uid=series_uid,
                number=match.get(tags.SERIES_NUMBER, "").strip(),
                modality=modality or "",
                description=description or "",
                expected=count,
            )
            return
        self._left_out[series_uid] = LeftOutSeries(
            series_instance_uid=series_uid,
            modality=modality or "",
            unknown=self._filter.unknown(modality, description),
            instance_count=count,
        )

    def _ask_of_study(self) -> None:
        """Ask for the SOP classes, the count and the identity of the study in one query.

        Some archives do not know one or the other. For a small study, the instance queries return
        the classes, and the counts of the series are enough.
        """
        asked = dict.fromkeys(_COUNT_OF_STUDY if self._counting_helps else (), "")
        asked |= dict.fromkeys(_IDENTITY if self._identify else (), "")
        if not asked:
            return
        try:
            for match in self._find(Level.STUDY, asked, frozenset(asked)):
                self._identity |= _identity_of(match)
                classes = match.get(tags.SOP_CLASSES_IN_STUDY, "").split("\\")
                self._study_classes |= frozenset(filter(None, map(_class_uid, classes)))
                self._study_count = _count(match, tags.NUMBER_OF_STUDY_RELATED_INSTANCES)
        except OperationFailed:
            self._study_classes, self._study_count = frozenset(), None

    @property
    def _counting_helps(self) -> bool:
        """True if the study is or may be large, or if its count is needed."""
        announced = self._announced_of_all()
        if announced is None:
            return not self._narrowed
        return announced > _FEW_INSTANCES or self._study_count_needed

    @property
    def _study_count_needed(self) -> bool:
        """True if no count of the series can say whether all of them are listed."""
        of_series = self._nameless[Level.SERIES] or self._repeated[Level.SERIES]
        return self._count_study or bool(of_series)

    def _study_wide(self) -> list[ListedInstance] | None:
        """Return the instances by one query for the whole study; None if it cannot be trusted.

        Without counts of the series there is nothing to check it against. If the filter leaves out
        more than it accepts, the response would mostly be unwanted.
        """
        left_out = self._counts_left_out()
        counts = self._counts | left_out
        if self._narrowed or len(self._counts) < 2 or None in counts.values():
            return None
        if sum(n or 0 for n in left_out.values()) > sum(n or 0 for n in self._counts.values()):
            return None
        try:
            instances = list(self._images({}))
        except OperationFailed:
            return None
        found = dict.fromkeys(counts, 0)
        for instance in instances:
            if instance.series_instance_uid not in found:
                return None
            found[instance.series_instance_uid] += 1
        if found != counts:
            return None
        wanted = [i for i in instances if i.series_instance_uid in self._counts]
        return sorted(wanted, key=_by_series)

    def _in_series(self, series_uid: str) -> Iterator[ListedInstance]:
        keys = {tags.SERIES_INSTANCE_UID: series_uid}
        wanted = self._narrowed.get(series_uid, frozenset())
        if len(wanted) == 1:
            keys[tags.SOP_INSTANCE_UID] = next(iter(wanted))
        for instance in self._images(keys):
            if wanted and instance.sop_instance_uid not in wanted:
                continue
            if instance.series_instance_uid in {"", series_uid}:
                yield ListedInstance(
                    series_instance_uid=series_uid,
                    sop_instance_uid=instance.sop_instance_uid,
                    sop_class_uid=instance.sop_class_uid,
                )

    def _images(self, keys: Mapping[int, str]) -> Iterator[ListedInstance]:
        asked = {
            tags.SERIES_INSTANCE_UID: "",
            tags.SOP_INSTANCE_UID: "",
            **({} if self._study_classes else {tags.SOP_CLASS_UID: ""}),
            **keys,
        }
        seen: set[str] = set()
        for match in self._find(Level.IMAGE, asked, _IMAGE_ANSWER):
            uid = match.get(tags.SOP_INSTANCE_UID, "")
            if not uid:
                self._count_nameless(Level.IMAGE, match)
            elif uid in seen:
                self._repeated[Level.IMAGE] += 1
            else:
                seen.add(uid)
                yield ListedInstance(
                    series_instance_uid=match.get(tags.SERIES_INSTANCE_UID, ""),
                    sop_instance_uid=uid,
                    sop_class_uid=_class_uid(match.get(tags.SOP_CLASS_UID, "")),
                )

    def _inventory(self, instances: list[ListedInstance]) -> Inventory:
        study_count = self._study_count_wanted()
        counts = self._counts_of_whole_series()
        announced, doubt = reckon(instances, counts, study_count)
        if not doubt and not self._vouched_for(instances):
            doubt = self._doubt_of_answers()
            announced += sum(self._nameless.values()) + sum(self._repeated.values())
        study_counted = not doubt and study_count is not None
        if doubt and not instances:
            return self.unlisted(doubt)
        return Inventory(
            study_instance_uid=self._selection.study_instance_uid,
            listed=True,
            instances=tuple(instances),
            series_instance_uids=tuple(self._counts),
            study_classes=self._study_classes,
            modalities=frozenset(self._modalities.values()),
            modality_by_series=self._modalities,
            count_by_series=self._counts,
            announced_count=announced,
            patient_id=self._patient_id,
            identity=self._whose(),
            absent=tuple(self._absent(instances)),
            counted=study_counted or (not doubt and None not in counts.values()),
            study_counted=study_counted,
            doubt=doubt,
            filtered=bool(self._filter),
            left_out=tuple(self._left_out.values()),
        )

    def _whose(self) -> StudyIdentity:
        """Return the identity, with the modalities of the series; empty if it is not wanted."""
        if not self._identify:
            return UNIDENTIFIED
        modalities = tuple(sorted(set(filter(None, self._modalities.values()))))
        series = tuple(self._series[uid] for uid in self._counts if uid in self._series)
        return replace(self._identity, modalities=modalities, series=series)

    def _doubt_of_answers(self) -> str:
        """Return why responses without a UID, or with a repeated one, make the list doubtful."""
        nameless, repeated = sum(self._nameless.values()), sum(self._repeated.values())
        if nameless:
            what = f"{count(nameless, 'answer')} to C-FIND without a UID, or that cannot be read"
            return f"{what}, left out: the list may be incomplete."
        verb = "repeats" if repeated == 1 else "repeat"
        return (
            f"{count(repeated, 'answer')} to C-FIND {verb} another one, perhaps instead of a "
            "missing one: the list may be incomplete."
        )

    def _count_nameless(self, level: Level, match: Mapping[int, str]) -> None:
        """Count a response without a UID, unless it only reports a count of zero."""
        self._nameless[level] += not match or any(match.values())
        self._association.parameters.deviations.note(
            f"The PACS answers C-FIND at the {level} level without a UID, or in a way that cannot "
            "be read; such answers are left out."
        )

    def _vouched_for(self, instances: Sequence[ListedInstance]) -> bool:
        """Return True if no response was dropped that may have named an instance."""
        useless = [*self._nameless.values(), *self._repeated.values()]
        if not any(useless) or (self._narrowed and all(self._narrowed.values())):
            return True
        if self._study_count_wanted() == len({each.sop_instance_uid for each in instances}):
            return True
        counts = self._counts_of_whole_series().values()
        of_series = self._nameless[Level.SERIES] or self._repeated[Level.SERIES]
        return not of_series and None not in counts

    def _absent(self, instances: Sequence[ListedInstance]) -> Iterator[str]:
        """Return the series and instances that were selected by UID and are not there."""
        found = {instance.sop_instance_uid for instance in instances}
        for series in self._selection.series:
            if series.series_instance_uid in self._left_out:
                continue
            if series.series_instance_uid not in self._counts:
                yield series.series_instance_uid
            else:
                yield from (uid for uid in series.sop_instance_uids if uid not in found)

    def _counts_of_whole_series(self) -> dict[str, int | None]:
        """Return the peer's counts; None for selected instances, which it does not count."""
        return {uid: n for uid, n in self._counts.items() if not self._narrowed.get(uid)}

    def _announced(self) -> int | None:
        """Return the number of instances by the peer's counts; None if one is missing."""
        return _total(self._counts_of_whole_series())

    def _announced_of_all(self) -> int | None:
        """Return the same with the series that the filter leaves out."""
        return _total(self._counts_of_whole_series() | self._counts_left_out())

    def _counts_left_out(self) -> dict[str, int | None]:
        return {uid: series.instance_count for uid, series in self._left_out.items()}

    def _study_count_wanted(self) -> int | None:
        """Return the peer's count of the study, without the series that the filter leaves out.

        If it exceeds the sum of the series, the peer does not list a series.
        """
        if self._narrowed or self._study_count is None:
            return None
        left_out = _total(self._counts_left_out()) if self._left_out else 0
        return None if left_out is None else max(self._study_count - left_out, 0)


def _identity_of(match: Mapping[int, str]) -> StudyIdentity:
    return StudyIdentity(
        patient_name=match.get(tags.PATIENT_NAME, ""),
        patient_id=match.get(tags.PATIENT_ID, ""),
        study_date=match.get(tags.STUDY_DATE, ""),
        study_description=match.get(tags.STUDY_DESCRIPTION, ""),
        accession_number=match.get(tags.ACCESSION_NUMBER, ""),
    )


def _total(counts: Mapping[str, int | None]) -> int | None:
    """Return the sum of counts; None if there is none, or one is missing."""
    known = [n for n in counts.values() if n is not None]
    return sum(known) if known and len(known) == len(counts) else None


def _by_series(instance: ListedInstance) -> str:
    return instance.series_instance_uid


def _class_uid(text: str) -> str | None:
    """Return a SOP Class UID that can be proposed; None if it is invalid."""
    text = text.strip()
    return text if len(text) <= _UID_CHARACTERS_MAX and _UID.fullmatch(text) else None


def _count(match: Mapping[int, str], tag: int) -> int | None:
    return tags.count_value(match.get(tag, ""))
