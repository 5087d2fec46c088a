"""The records of the history: jobs, how their studies ended, and lines without a study."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_lookup import Missed
from dicom_retrieve_tui.model.verdict import Verdict

UNFINISHED = frozenset({None, Verdict.CANCELLED, Verdict.NOT_TRIED})
"""Verdicts on studies that no run has brought to their end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyEnd:
    """The end of one study of a job."""

    study_instance_uid: str
    verdict: Verdict
    expected: int | None
    stored: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobStudy:
    """One study of a job."""

    selection: Selection
    verdict: Verdict | None = None
    """None if it never ended: it was queued, or running when the program ended."""
    expected: int | None = None
    stored: int = 0
    closed: bool = False
    """True if nothing more of it is offered, as a later request has taken it up."""

    @property
    def left(self) -> bool:
        """True if the study is unfinished, and no later request has it; a failure is an end."""
        return self.verdict in UNFINISHED and not self.closed


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """Studies that were asked for at one time, with the same options."""

    job_id: int
    begun: datetime
    """UTC."""
    profile: str
    output: Path
    """The folder for the files, absolute."""
    options: Mapping[str, object]
    """What else is needed to run the job again, as plain values."""
    studies: tuple[JobStudy, ...]
    """In the order in which they were asked for."""

    @property
    def left(self) -> tuple[Selection, ...]:
        """The selections of the unfinished studies."""
        return tuple(study.selection for study in self.studies if study.left)


@dataclass(frozen=True, slots=True, kw_only=True)
class PastJob:
    """A job by its counts."""

    job_id: int
    begun: datetime
    """UTC."""
    profile: str
    output: Path
    options: Mapping[str, object]
    verdicts: Mapping[Verdict | None, int]
    """Studies by verdict; None for those that have none yet."""
    stored: int
    """Instances on disk when the studies ended."""
    expected: int | None
    """Instances that the PACS has; None if that is not known of every study."""
    lines: int = 0
    """Lines of a list for which the PACS had no study; `verdicts` counts them as not found."""

    @property
    def studies(self) -> int:
        """The number of studies, lines without one included."""
        return sum(self.verdicts.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class MissedLine:
    """A line of a list for which the PACS had no study."""

    line_id: int
    job_id: int
    line: int
    """Its number in the list."""
    missed: Missed | None = None
    """What it names, and why it has no study; None unless patients were shown."""
