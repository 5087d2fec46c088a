"""What became of a received instance on disk, and what earlier runs left there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class Placement(Enum):
    """How a part met the name it was to have."""

    NEW = "new"
    SAME = "same"
    """The file was there already, with the same data set."""
    SET_ASIDE = "set aside"
    """The file was there already, with another data set; the new one is kept beside."""


@dataclass(frozen=True, slots=True)
class Placed:
    """Where a part ended up."""

    placement: Placement
    path: str
    """Relative to the output folder."""
    size_bytes: int = 0
    """Size of the file that stands there now; of what was set aside, nobody asks."""
    checksum: str = ""
    """Checksum of that file; empty for what was set aside."""
    owner: str = ""
    """Of what was set aside: Study Instance UID of the file that has the name, if it is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recalled:
    """The instances of a study that earlier runs recorded, as they are found now."""

    present: frozenset[str] = frozenset()
    """SOP Instance UIDs of files that were proven again, listed or not."""
    gone: Mapping[str, str] = field(default_factory=dict)
    """SOP Instance UID to Series Instance UID (empty if unknown) of instances that were on disk
    under the layout in use, and whose files are missing or were found damaged."""
    irregular: Mapping[str, str] = field(default_factory=dict)
    """In what the data sets of present instances depart from the standard, by SOP Instance UID."""
    missing: frozenset[str] = frozenset()
    """SOP Instance UIDs that an earlier run recorded as missing."""
    complete: bool = False
    """The last run that ended found the study complete."""


NOTHING_RECALLED = Recalled()


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyRecord:
    """How the retrieval of a study, or of a part of one, ended."""

    study_instance_uid: str
    verdict: str
    asked: frozenset[str]
    """SOP Instance UIDs that were asked for: what else is known to be missing stays so."""
    missing: frozenset[str]
    """Those of them that are not on disk."""
    series: frozenset[str] = frozenset()
    """Series Instance UIDs that were asked for, whole or in part; none for the whole study."""
    left_out: tuple[tuple[str, str], ...] = ()
    """Series Instance UID and modality of each series that a filter left out on purpose."""
    retired: frozenset[str] = frozenset()
    """Those that a corroborated listing no longer has: not missing any longer, and no longer
    recorded where their file is gone."""
