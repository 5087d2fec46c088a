"""The instances of a study that the PACS lists by C-FIND, and whether the list is complete."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field, replace

from dicom_retrieve_tui.model.selection import Selection, SeriesSelection
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity

_ROUND = re.compile(r"(1|2|25|5|75)0+|[1-9]\d*000|128|256|512|1024|2048|4096")
_CAP_MIN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedInstance:
    """One instance that the PACS listed at the IMAGE level."""

    series_instance_uid: str
    sop_instance_uid: str
    sop_class_uid: str | None = None
    """SOP Class UID (0008,0016); None if it was not requested, or not returned (by dcmqrscp)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeftOutSeries:
    """A series of the study that the filter leaves out."""

    series_instance_uid: str
    modality: str = ""
    """Empty if the PACS does not return it."""
    unknown: str = ""
    """The attribute that the filter needs and the PACS does not return; empty if the filter decided
    to leave the series out."""
    instance_count: int | None = None
    """The PACS's count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """The instances of one study to retrieve, and whether the list is trusted."""

    study_instance_uid: str
    listed: bool
    """True if C-FIND at the IMAGE level was answered, so that `instances` is complete."""
    instances: tuple[ListedInstance, ...] = ()
    series_instance_uids: tuple[str, ...] = ()
    study_classes: frozenset[str] = frozenset()
    """SOP Classes in Study (0008,0062), if requested instead of the class of each instance."""
    modalities: frozenset[str] = frozenset()
    """Modality (0008,0060) of the series, a hint for what to negotiate."""
    modality_by_series: Mapping[str, str] = field(default_factory=dict)
    """Modality by Series Instance UID; empty or missing if unknown."""
    count_by_series: Mapping[str, int | None] = field(default_factory=dict)
    """The PACS's count of instances by Series Instance UID, of the series to retrieve."""
    announced_count: int | None = None
    """Number of instances by the PACS's counts and list; None if unknown. Never a proof."""
    patient_id: str | None = None
    """Patient ID (0010,0020), requested only if the PACS has only the Patient Root model."""
    identity: StudyIdentity = UNIDENTIFIED
    """Patient, date, description and series, requested only if the user sees them."""
    absent: tuple[str, ...] = ()
    """Series and SOP Instance UIDs that were selected and that the PACS does not list."""
    counted: bool = False
    """True if the PACS's counts, of every series or of the study, agree with the list, or if the
    user named each instance."""
    study_counted: bool = False
    """True if the count of the whole study agrees."""
    doubt: str = ""
    """Why the list may be incomplete, in words; empty without a reason."""
    filtered: bool = False
    """True if there was a filter; the other fields are about the series that it accepts."""
    left_out: tuple[LeftOutSeries, ...] = ()
    """The series that the filter leaves out, or cannot decide on."""

    def narrow(self, selection: Selection) -> Selection:
        """Return the part of `selection` that the filter accepts; all of it without a filter.

        Call it only if `has_match` is true: a selection without series means all series.
        """
        if not self.filtered:
            return selection
        named = {each.series_instance_uid: each for each in selection.series}
        wanted = (
            named.get(uid) or SeriesSelection(series_instance_uid=uid)
            for uid in self.series_instance_uids
        )
        return replace(selection, series=tuple(wanted))

    def identified(self, present: Set[str]) -> StudyIdentity:
        """Return the identity with what is expected and present of each series.

        Args:
            present: SOP Instance UIDs of instances that are on disk.
        """
        listed = Counter(each.series_instance_uid for each in self.instances)
        here = Counter(
            each.series_instance_uid for each in self.instances if each.sop_instance_uid in present
        )
        series = (
            replace(
                each,
                expected=listed[each.series_instance_uid] or each.expected,
                present=here[each.series_instance_uid],
            )
            for each in self.identity.series
        )
        return replace(self.identity, series=tuple(series))

    @property
    def has_match(self) -> bool:
        """False if there was a filter and it accepts no series."""
        return bool(self.series_instance_uids) or not self.filtered

    @property
    def left_out_on_purpose(self) -> tuple[tuple[str, str], ...]:
        """Series Instance UID and modality of each series that the filter leaves out."""
        return tuple(
            (each.series_instance_uid, each.modality) for each in self.left_out if not each.unknown
        )

    @property
    def undecided(self) -> tuple[LeftOutSeries, ...]:
        """The series on which the filter could not decide."""
        return tuple(each for each in self.left_out if each.unknown)

    @property
    def sop_class_uids(self) -> frozenset[str]:
        """The known SOP classes; incomplete if `classes_known` is False."""
        own = frozenset(i.sop_class_uid for i in self.instances if i.sop_class_uid)
        return own | self.study_classes

    @property
    def classes_known(self) -> bool:
        """True if the PACS returned the SOP class of every listed instance."""
        if self.study_classes:
            return self.listed
        return self.listed and not self.is_short and all(i.sop_class_uid for i in self.instances)

    @property
    def sop_instance_uids(self) -> frozenset[str]:
        """Every listed SOP Instance UID."""
        return frozenset(i.sop_instance_uid for i in self.instances)

    @property
    def is_short(self) -> bool:
        """True if there must be more than the PACS listed; `doubt` says why."""
        return self.listed and (self.announced_count or 0) > len(self.sop_instance_uids)

    @property
    def looks_capped(self) -> bool:
        """True if the number of responses suggests a limit of the PACS, and no count refutes it.

        Counts of the listed series do not show whether the list of series was cut.
        """
        if self.study_counted:
            return False
        answers = {len(self.series_instance_uids)}
        if not self.counted:
            by_series = Counter(each.series_instance_uid for each in self.instances)
            answers |= {len(self.instances), *by_series.values()}
        return any(map(looks_capped, answers))

    @property
    def expected_count(self) -> int | None:
        """Number of instances to retrieve, as far as the PACS knows."""
        if not self.listed:
            return self.announced_count
        return max(len(self.sop_instance_uids), self.announced_count or 0)

    @property
    def empty(self) -> bool:
        """True if the PACS answered and has no match."""
        return self.listed and not self.instances and not self.left_out


def reckon(
    instances: Sequence[ListedInstance],
    counts: Mapping[str, int | None],
    study_count: int | None = None,
) -> tuple[int, str]:
    """Return the least number of instances, and why the list is incomplete.

    If the list and the counts contradict each other, the larger number is used.

    Args:
        instances: The instances that C-FIND listed.
        counts: The PACS's count of instances of each series that is wanted whole, or None.
        study_count: Its count of the study, if all of it is wanted.

    Returns:
        The number, and the reason; an empty reason if the list is complete.
    """
    listed = Counter(each.series_instance_uid for each in instances)
    distinct = len({each.sop_instance_uid for each in instances})
    # A series without listed instances has at least one: an empty series does not exist.
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
    return max(counted, summed), f"{doubt}, so the list may be incomplete."


def _shared(instances: Sequence[ListedInstance]) -> list[str]:
    """Return SOP Instance UIDs that are listed more than once."""
    times = Counter(each.sop_instance_uid for each in instances)
    return [uid for uid, n in times.items() if n > 1]


def _named(uids: Sequence[str]) -> str:
    return uids[0] if len(uids) == 1 else f"{uids[0]} and {len(uids) - 1} more"


def looks_capped(count: int) -> bool:
    """Return True if a number of responses suggests a limit of the PACS."""
    return count >= _CAP_MIN and _ROUND.fullmatch(str(count)) is not None
