"""Selections and requests: what to retrieve, as pure values that every layer shares."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.humanize import count
from dicom_retrieve_tui.model.sanitize import parts_of, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSelection:
    """One series of a study, or some of its instances."""

    series_instance_uid: str
    """Series Instance UID (0020,000E)."""
    sop_instance_uids: tuple[str, ...] = ()
    """SOP Instance UIDs (0008,0018); none means every instance of the series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """Whose a study is by the list that asks for it: its data sets must agree where they say so."""

    patient_ids: frozenset[str] = frozenset()
    """Patient IDs (0010,0020), one of which a data set must have; none means any."""
    accession_numbers: frozenset[str] = frozenset()
    """Accession Numbers (0008,0050), likewise."""

    def objection(self, patient_id: str, accession_number: str) -> str | None:
        """Return why a data set with these is of another study than was looked up, or None.

        Patient IDs are shown nowhere.

        Args:
            patient_id: As the data set has it; empty if it has none.
            accession_number: Likewise.
        """
        if self.patient_ids and patient_id and patient_id not in self.patient_ids:
            return (
                "its data set is of another patient than it was looked up by (if it is meant, "
                "retrieve it by its Study Instance UID)"
            )
        numbers = set(parts_of(accession_number))
        if self.accession_numbers and numbers and not numbers & self.accession_numbers:
            return f"its data set has another accession number, {quoted(accession_number)}"
        return None

    def __or__(self, other: "Owner") -> "Owner":
        """Return what is right for either: where one of them allows any, any is."""
        return Owner(
            patient_ids=_either(self.patient_ids, other.patient_ids),
            accession_numbers=_either(self.accession_numbers, other.accession_numbers),
        )


def _either(some: frozenset[str], others: frozenset[str]) -> frozenset[str]:
    return some | others if some and others else frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One study, or some series and instances of it."""

    study_instance_uid: str
    """Study Instance UID (0020,000D)."""
    series: tuple[SeriesSelection, ...] = ()
    """Each series once; none means every series of the study."""
    owner: Owner = Owner()
    """Whose the study has to be."""

    @classmethod
    def of(
        cls, study_instance_uid: str, series: str | None = None, instance: str | None = None
    ) -> "Selection":
        """A study; or one series of it; or one instance of that series."""
        if series is None:
            return cls(study_instance_uid=study_instance_uid)
        instances = () if instance is None else (instance,)
        part = SeriesSelection(series_instance_uid=series, sop_instance_uids=instances)
        return cls(study_instance_uid=study_instance_uid, series=(part,))

    @property
    def level(self) -> Level:
        """The level down to which this is narrowed."""
        if not self.series:
            return Level.STUDY
        whole = any(not each.sop_instance_uids for each in self.series)
        return Level.SERIES if whole else Level.IMAGE

    @property
    def part(self) -> str:
        """What part of the study this is, `2 series` or `1 instance`; empty for all of it."""
        if self.level is Level.IMAGE:
            return count(sum(len(each.sop_instance_uids) for each in self.series), "instance")
        return count(len(self.series), "series") if self.series else ""

    @property
    def instances_by_series(self) -> dict[str, frozenset[str]]:
        """SOP Instance UIDs by Series Instance UID; none at all for all of a study or a series."""
        return {each.series_instance_uid: frozenset(each.sop_instance_uids) for each in self.series}

    @property
    def uids(self) -> Iterator[str]:
        """Every UID that is asked for by name."""
        yield self.study_instance_uid
        for each in self.series:
            yield each.series_instance_uid
            yield from each.sop_instance_uids

    def rows(self) -> Iterator[tuple[str, str, str]]:
        """This as a table: study, series and instance UID; empty where all of them are meant."""
        study_uid = self.study_instance_uid
        if not self.series:
            yield study_uid, "", ""
        for each in self.series:
            for uid in each.sop_instance_uids or ("",):
                yield study_uid, each.series_instance_uid, uid


def join(selections: Iterable[Selection]) -> tuple[Selection, ...]:
    """One selection for each study, in the order in which the studies come; the wider wins.

    A study and one series of it make the whole study; a series and one instance of it make the
    whole series.
    """
    union = SelectionUnion()
    for selection in selections:
        union.add(selection)
    return union.selections()


class SelectionUnion:
    """Selections joined one by one, as by `join`; a whole study costs no more than its entry."""

    def __init__(self) -> None:
        self._studies: dict[str, Selection | _Parts] = {}

    def add(self, selection: Selection) -> bool:
        """Add a selection; return False if the same one was added before."""
        uid = selection.study_instance_uid
        known = self._studies.get(uid)
        if known is None:
            self._studies[uid] = _Parts(selection) if selection.series else selection
            return True
        if known == selection:
            return False
        if isinstance(known, Selection):
            self._studies[uid] = known = _Parts(known)
        return known.add(selection)

    def selections(self) -> tuple[Selection, ...]:
        """Return one selection for each study."""
        return tuple(
            each if isinstance(each, Selection) else each.selection()
            for each in self._studies.values()
        )


class _Parts:
    """The selections of one study."""

    def __init__(self, first: Selection) -> None:
        self._study_uid = first.study_instance_uid
        self._owner = first.owner
        self._series: dict[str, dict[str, None]] = {}
        """SOP Instance UIDs by Series Instance UID."""
        self._whole: set[str] = set()
        """Series of which every instance is selected."""
        self._all = False
        self._seen: set[Selection] = set()
        self.add(first)

    def add(self, selection: Selection) -> bool:
        if selection in self._seen:
            return False
        self._seen.add(selection)
        if selection.owner is not self._owner:
            self._owner |= selection.owner
        self._all |= not selection.series
        for each in selection.series:
            uids = each.sop_instance_uids
            self._series.setdefault(each.series_instance_uid, {}).update(dict.fromkeys(uids))
            if not uids:
                self._whole.add(each.series_instance_uid)
        return True

    def selection(self) -> Selection:
        series = () if self._all else self._series.items()
        return Selection(
            study_instance_uid=self._study_uid,
            owner=self._owner,
            series=tuple(
                SeriesSelection(
                    series_instance_uid=uid,
                    sop_instance_uids=() if uid in self._whole else tuple(instances),
                )
                for uid, instances in series
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrieveRequest:
    """One C-GET or C-MOVE request: a level, and the unique keys down to it.

    `sop_instance_uids` may name several instances of one series (list of UID matching, PS3.4
    section C.2.2.2.2), the other keys name one entity each. No key is ever empty: an empty unique
    key would match everything.
    """

    level: Level
    study_instance_uid: str
    series_instance_uid: str | None = None
    sop_instance_uids: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse a request without the unique keys of its level: it would ask for everything.

        Raises:
            ValueError: A key is missing or empty.
        """
        keys = [self.study_instance_uid]
        if self.level is not Level.STUDY:
            keys.append(self.series_instance_uid or "")
        if self.level is Level.IMAGE:
            keys += self.sop_instance_uids or [""]
        if not all(keys):
            raise ValueError(f"a request at the {self.level} level lacks a unique key")


def requests_for(selection: Selection, uids_max: int) -> Iterator[RetrieveRequest]:
    """The requests that ask for all of `selection`, each at the highest level that is exact.

    Args:
        uids_max: SOP Instance UIDs in one request, at most.
    """
    if not selection.series:
        yield RetrieveRequest(level=Level.STUDY, study_instance_uid=selection.study_instance_uid)
    for each in selection.series:
        uids = each.sop_instance_uids
        for at in range(0, max(len(uids), 1), uids_max):
            yield RetrieveRequest(
                level=Level.IMAGE if uids else Level.SERIES,
                study_instance_uid=selection.study_instance_uid,
                series_instance_uid=each.series_instance_uid,
                sop_instance_uids=uids[at : at + uids_max],
            )
