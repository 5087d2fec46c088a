"""What was asked for, and how it ended: what the history remembers. No patient data."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.verdict import Verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnd:
    """How one study of a job ended."""

    study_instance_uid: str
    verdict: Verdict
    expected: int | None
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStudy:
    """One study of a job."""

    selection: Selection
    verdict: Verdict | None = None
    """None if it never ended: it waited, or was in hand when the program went."""
    expected: int | None = None
    stored: int = 0

    @property
    def left(self) -> bool:
        """True if it was not brought to an end; a failure is one."""
        return self.verdict in {None, Verdict.CANCELLED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What was asked for at one time, with the same options."""

    job_id: int
    begun: datetime
    """UTC."""
    profile: str
    output: Path
    """The folder for the files, absolute."""
    options: Mapping[str, object]
    """What else it takes to run it again: plain values, as the face that asked gave them."""
    studies: tuple[JobStudy, ...]
    """In the order in which they were asked for."""

    @property
    def left(self) -> tuple[Selection, ...]:
        """What was not brought to an end."""
        return tuple(study.selection for study in self.studies if study.left)
