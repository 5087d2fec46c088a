"""What to retrieve, and how: pure values that every layer shares."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from dicom_retrieve_tui.model.choices import Level, Method
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesSelection:
    """One series of a study, or some of its instances."""

    series_instance_uid: str
    """Series Instance UID (0020,000E)."""
    sop_instance_uids: tuple[str, ...] = ()
    """SOP Instance UIDs (0008,0018); none means every instance of the series."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """One study, or some series and instances of it."""

    study_instance_uid: str
    """Study Instance UID (0020,000D)."""
    series: tuple[SeriesSelection, ...] = ()
    """Each series once; none means every series of the study."""

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

    Whoever asks for a study and for one series of it asks for the study, and so with a series and
    its instances.
    """
    studies: dict[str, dict[str, dict[str, None]]] = {}
    whole: set[tuple[str, ...]] = set()
    for selection in selections:
        study_uid = selection.study_instance_uid
        studies.setdefault(study_uid, {})
        if not selection.series:
            whole.add((study_uid,))
        for each in selection.series:
            series_uid = each.series_instance_uid
            studies[study_uid].setdefault(series_uid, {}).update(
                dict.fromkeys(each.sop_instance_uids)
            )
            if not each.sop_instance_uids:
                whole.add((study_uid, series_uid))
    return tuple(
        Selection(
            study_instance_uid=study_uid,
            series=()
            if (study_uid,) in whole
            else tuple(
                SeriesSelection(
                    series_instance_uid=series_uid,
                    sop_instance_uids=() if (study_uid, series_uid) in whole else tuple(instances),
                )
                for series_uid, instances in series.items()
            ),
        )
        for study_uid, series in studies.items()
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A whole retrieval, decided before anything is sent."""

    selections: tuple[Selection, ...]
    """At most one for each study; retrieved by whichever worker is free, in this order."""
    method: Method
    move_destination: str | None = None
    """AE title (0000,0600) that C-MOVE sends to; needed unless the method is C-GET."""
    listening: bool = False
    """Our own Storage SCP is the move destination, so that the files land in our output folder."""
    parallel: int = 1
    """Associations with the PACS at once, at most."""
    retries: int = 0
    """Further attempts at a study whose failure may heal."""
    series_filter: SeriesFilter = NO_FILTER
    """The series to retrieve of what is selected."""


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
