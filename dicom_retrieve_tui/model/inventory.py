"""What the PACS says it holds of a study, as C-FIND told us."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dicom_retrieve_tui.model.selection import Selection, SeriesSelection

_ROUND = re.compile(r"(1|2|25|5|75)0+|[1-9]\d*000|128|256|512|1024|2048|4096")
_CAP_MIN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInstance:
    """One instance that the PACS listed at the IMAGE level."""

    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str | None = None
    """SOP Class UID (0008,0016); None where it was not asked for, or where the PACS does not return
    it (dcmqrscp does not)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutSeries:
    """A series of the study that the filter keeps from being retrieved."""

    series_instance_uid: str
    modality: str = ""
    """Empty where the PACS does not say."""
    unknown: str = ""
    """What the PACS does not say and the filter needs, so that the series may have been wanted;
    empty where the filter left it out on purpose."""
    instance_count: int | None = None
    """By the PACS's count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """What there is to retrieve of one study, and how sure we are of it."""

    study_instance_uid: str
    listed: bool
    """True if C-FIND at the IMAGE level answered, so that `instances` is the whole truth."""
    instances: tuple[ListedInstance, ...] = ()
    series_instance_uids: tuple[str, ...] = ()
    study_classes: frozenset[str] = frozenset()
    """SOP Classes in Study (0008,0062), where that was asked for instead of each instance's."""
    modalities: frozenset[str] = frozenset()
    """Modality (0008,0060) of the series, a hint for what to negotiate."""
    announced_count: int | None = None
    """How many instances there must be by all that the PACS says, its own counts and its list;
    None where it says nothing. Never proof of anything."""
    patient_id: str | None = None
    """Patient ID (0010,0020), asked for only where the Patient Root model is all there is."""
    absent: tuple[str, ...] = ()
    """Series and SOP Instance UIDs that were asked for by name, and are not among what there is."""
    counted: bool = False
    """True if the PACS's own counts, of every series wanted or of the study, agree with the list;
    and where each instance was named by the user, so that there is nothing to count."""
    study_counted: bool = False
    """True if it is its count of the whole study that agrees."""
    doubt: str = ""
    """Why the listing may not be trusted, in words; empty if there is no reason to think so."""
    filtered: bool = False
    """True if a filter chose among the series; the other fields are about those that it wants."""
    left_out: tuple[LeftOutSeries, ...] = ()
    """The series that it does not want, or that it could not decide."""

    def narrow(self, selection: Selection) -> Selection:
        """The part of `selection` that the filter wants; all of it where there was no filter.

        Call it only where `has_match` is true: a selection of no series would be one of all.
        """
        if not self.filtered:
            return selection
        named = {each.series_instance_uid: each for each in selection.series}
        wanted = (
            named.get(uid) or SeriesSelection(series_instance_uid=uid)
            for uid in self.series_instance_uids
        )
        return replace(selection, series=tuple(wanted))

    @property
    def has_match(self) -> bool:
        """False if there was a filter, and no series that it wants."""
        return bool(self.series_instance_uids) or not self.filtered

    @property
    def left_out_on_purpose(self) -> tuple[tuple[str, str], ...]:
        """Series Instance UID and modality of each series that the filter does not want."""
        return tuple(
            (each.series_instance_uid, each.modality) for each in self.left_out if not each.unknown
        )

    @property
    def undecided(self) -> tuple[LeftOutSeries, ...]:
        """The series that may have been wanted, for all that the PACS says."""
        return tuple(each for each in self.left_out if each.unknown)

    @property
    def sop_class_uids(self) -> frozenset[str]:
        """The SOP classes that are known; incomplete where `classes_known` is False."""
        own = frozenset(i.sop_class_uid for i in self.instances if i.sop_class_uid)
        return own | self.study_classes

    @property
    def classes_known(self) -> bool:
        """True if the PACS told the SOP class of all that there is, as far as it says."""
        if self.study_classes:
            return self.listed
        return self.listed and not self.is_short and all(i.sop_class_uid for i in self.instances)

    @property
    def sop_instance_uids(self) -> frozenset[str]:
        """Every SOP Instance UID that was listed."""
        return frozenset(i.sop_instance_uid for i in self.instances)

    @property
    def is_short(self) -> bool:
        """True if there must be more than the PACS listed; `doubt` says why."""
        return self.listed and (self.announced_count or 0) > len(self.sop_instance_uids)

    @property
    def looks_capped(self) -> bool:
        """True if a query was answered by so many that a limit of the PACS is likelier."""
        by_series = Counter(each.series_instance_uid for each in self.instances)
        answers = {len(self.instances), len(self.series_instance_uids), *by_series.values()}
        return any(map(looks_capped, answers))

    @property
    def expected_count(self) -> int | None:
        """How many instances there are to retrieve, as far as the PACS says."""
        if not self.listed:
            return self.announced_count
        return max(len(self.sop_instance_uids), self.announced_count or 0)

    @property
    def empty(self) -> bool:
        """True if the PACS answered and has nothing that matches what was asked for."""
        return self.listed and not self.instances and not self.left_out


def reckon(
    instances: Sequence[ListedInstance],
    counts: Mapping[str, int | None],
    study_count: int | None = None,
) -> tuple[int, str]:
    """How many instances there must be at least, and why those that are listed are not all.

    A list and counts that contradict each other, or a list that contradicts itself, prove nothing:
    the larger number holds.

    Args:
        instances: What C-FIND listed.
        counts: Instances of each series that is wanted whole, by the PACS's count; None where it
            gave none.
        study_count: The same of the study, if all of it is wanted.

    Returns:
        The number, and the reason; no reason where the list says it all.
    """
    listed = Counter(each.series_instance_uid for each in instances)
    distinct = len({each.sop_instance_uid for each in instances})
    # A series of which nothing is listed has one instance at least: without, it would be none.
    short = sum(max((1 if n is None else n) - listed[uid], 0) for uid, n in counts.items())
    silent = [uid for uid, n in counts.items() if n != 0 and not listed[uid]]
    of_series = ((listed[uid], counts.get(uid)) for uid in {*listed, *counts})
    summed = sum(found if n is None else n for found, n in of_series)
    counted = max(distinct + short, study_count or 0)
    if silent:
        doubt = f"C-FIND listed no instance of series {_named(silent)}"
    elif counted > distinct and not (counted <= summed and _shared(instances)):
        doubt = (
            f"C-FIND listed {distinct} instances where the PACS counts {max(counted, summed)}: "
            "it seems to cap its answers"
        )
    elif summed > distinct:
        doubt = f"C-FIND listed {_named(_shared(instances))} in more than one series"
    else:
        return distinct, ""
    return max(counted, summed), f"{doubt}, so nobody can say if these are all."


def _shared(instances: Sequence[ListedInstance]) -> list[str]:
    """SOP Instance UIDs that stand there more than once."""
    times = Counter(each.sop_instance_uid for each in instances)
    return [uid for uid, n in times.items() if n > 1]


def _named(uids: Sequence[str]) -> str:
    return uids[0] if len(uids) == 1 else f"{uids[0]} and {len(uids) - 1} more"


def looks_capped(count: int) -> bool:
    """True if that many answers are likelier a limit of the PACS than all there is."""
    return count >= _CAP_MIN and _ROUND.fullmatch(str(count)) is not None
