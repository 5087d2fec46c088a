"""What the journal is told when a study ends."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEntry:
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
