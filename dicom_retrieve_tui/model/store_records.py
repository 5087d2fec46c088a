"""Records that the store returns about instances on disk, or keeps of a study."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from dicom_retrieve_tui.model.selection import SeriesSelection


class Placement(Enum):
    """The result of giving an instance its final name."""

    NEW = "new"
    SAME = "same"
    """A file with that name and the same data set existed."""
    SET_ASIDE = "set aside"
    """A file with that name and another data set existed; the new one is kept aside."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The place of an instance on disk."""

    placement: Placement
    path: str
    """Relative to the output folder."""
    size_bytes: int = 0
    """Size of that file; 0 for what was set aside."""
    checksum: str = ""
    """Checksum of that file; empty for what was set aside."""
    owner: str = ""
    """For what was set aside: Study Instance UID of the file with that name, empty if unknown."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The instances of a study that earlier runs recorded, as they are on disk now."""

    present: frozenset[str] = frozenset()
    """SOP Instance UIDs of files that were checked again, listed or not."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """SOP Instance UID to Series Instance UID (empty if unknown) of instances that were on disk in
    the current layout, and whose files are missing or damaged."""
    irregular: Mapping[str, str] = field(default_factory=dict)
    """How data sets of present instances depart from the standard, by SOP Instance UID."""
    missing: frozenset[str] = frozenset()
    """SOP Instance UIDs that an earlier run recorded as missing."""
    complete: bool = False
    """The last run that ended found the study complete."""


NOTHING_RECALLED = Recalled()


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """The end of the retrieval of a study, or of a part of one."""

    study_instance_uid: str
    verdict: str
    asked: frozenset[str]
    """SOP Instance UIDs that were requested. Others keep their recorded state."""
    missing: frozenset[str]
    """Those of them that are not on disk."""
    series: frozenset[str] = frozenset()
    """Series Instance UIDs that were requested, whole or in part; none for the whole study."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each series that a filter left out on purpose."""
    retired: frozenset[str] = frozenset()
    """Instances that the PACS no longer has, as a count confirmed: they are no longer missing, and
    their records are removed if their files are gone."""
    answered: bool = True
    """False if the PACS did not say what it has of the study, or sends it to another SCP: alone,
    such a study does not begin a journal."""
    reason: str = ""
    """What failed; empty if nothing failed."""
    expected: int | None = None
    """Instances that the PACS lists of what was requested; None if it does not list them."""
    selected: tuple[SeriesSelection, ...] = ()
    """Series and instances to which the request was narrowed; none for the whole study."""
