"""What the summary and the report are written from: the shared progress, and the details beside it.

Counting is `Progress`'s alone; this keeps what it does not: which instance was refused and why,
where a second version was put, what was noted of which study.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.progress import Progress, StudyProgress
from dicom_retrieve_tui.model.selection import Plan, Selection
from dicom_retrieve_tui.model.verdict import Verdict

NOT_BEGUN = "not begun"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is still to come of the studies that are neither good nor unknown to the PACS."""

    instances: int
    """Of the studies that the PACS listed."""
    expected: int
    """Instances of all studies that the PACS listed, good ones included."""
    not_begun: int
    """Studies that were not asked for, or not long enough to be listed."""


@dataclass(slots=True)
class Account:
    """Everything that is known of a run, folded from its events."""

    plan: Plan
    progress: Progress = field(default_factory=Progress)
    series: dict[str, int] = field(default_factory=dict)
    """Series that the PACS lists, by Study Instance UID."""
    absent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """What was asked for by name and is not there, by Study Instance UID."""
    refusals: dict[str | None, list[events.InstanceRefused]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By Study Instance UID; None holds those that belong to no study that was asked for."""
    set_aside: dict[str, list[events.InstanceSetAside]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notes: dict[str | None, list[str]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, event: events.Event) -> None:
        """Take in one event."""
        self.progress.apply(event)
        match event:
            case events.StudyInventoried():
                self.series[event.study_instance_uid] = event.series
                self.absent[event.study_instance_uid] = event.absent
            case events.InstanceRefused():
                self.refusals[event.study_instance_uid].append(event)
            case events.InstanceSetAside():
                self.set_aside[event.study_instance_uid].append(event)
            case events.Noted():
                self.notes[event.study_instance_uid].append(event.text)
            case _:
                pass

    def studies(self) -> list[tuple[Selection, StudyProgress]]:
        """Every study of the plan, in its order, those that no worker took up included."""
        found = self.progress.studies
        return [
            (selection, found.get(uid) or _not_begun(uid))
            for selection in self.plan.selections
            for uid in (selection.study_instance_uid,)
        ]

    def left_out(self) -> list[tuple[str, str]]:
        """Return Series Instance UID and modality of every series that the filter left out."""
        return [series for _, study in self.studies() for series in study.left_out]

    def left(self) -> Left:
        """What a further run would have to ask for."""
        found = [study for _, study in self.studies()]
        known = [study for study in found if study.expected is not None]
        return Left(
            instances=sum(max((study.expected or 0) - study.stored, 0) for study in known),
            expected=sum(study.expected or 0 for study in known),
            not_begun=sum(
                study.verdict in {None, Verdict.CANCELLED}
                and study.expected is None
                and not study.stored
                for study in found
            ),
        )


def _not_begun(uid: str) -> StudyProgress:
    return StudyProgress(uid, worker=0, verdict=Verdict.CANCELLED, reason=NOT_BEGUN)
