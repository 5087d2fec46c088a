"""The state of a run for summary and report, folded from its events.

`Progress` has the counts; `Account` adds the details: refused instances with their reasons, paths
of instances that were set aside, and notes.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.progress import Progress, StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.model.verdict import Verdict

NOT_STARTED = "not started"


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """What is left to retrieve."""

    instances: int
    """Missing instances of the studies that the PACS listed."""
    expected: int
    """All instances of the studies that the PACS listed."""
    not_started: int
    """Studies that were not started, or stopped before the PACS listed them."""


@dataclass(slots=True)
class Account:
    """Everything known about a run, folded from its events."""

    selections: tuple[Selection, ...]
    series_filter: SeriesFilter = NO_FILTER
    progress: Progress = field(default_factory=Progress)
    series: dict[str, int] = field(default_factory=dict)
    """Series that the PACS lists, by Study Instance UID."""
    absent: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Requested series and instances that the PACS does not have, by Study Instance UID."""
    refusals: dict[str | None, list[events.InstanceRefused]] = field(
        default_factory=lambda: defaultdict(list)
    )
    """By Study Instance UID; None for instances of studies that were not requested."""
    set_aside: dict[str, list[events.InstanceSetAside]] = field(
        default_factory=lambda: defaultdict(list)
    )
    notes: dict[str | None, list[str]] = field(default_factory=lambda: defaultdict(list))

    def apply(self, event: events.Event) -> None:
        """Add an event."""
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
        """Return every study of the plan in its order, with those that were not started.

        Those share a state, which names no study: a list may have a million of them.
        """
        found, not_tried = self.progress.studies, self.progress.not_tried
        untried = _unstarted(Verdict.NOT_TRIED, self.progress.given_up)
        unstarted = _unstarted(Verdict.CANCELLED, NOT_STARTED)
        return [
            (selection, found.get(uid) or (untried if uid in not_tried else unstarted))
            for selection in self.selections
            for uid in (selection.study_instance_uid,)
        ]

    def left_out(self) -> list[tuple[str, str]]:
        """Return Series Instance UID and modality of every series that the filter left out."""
        return [series for _, study in self.studies() for series in study.left_out]

    def left(self) -> Left:
        """Return what a further run would have to retrieve."""
        found = [study for _, study in self.studies()]
        known = [study for study in found if study.expected is not None]
        return Left(
            instances=sum(max((study.expected or 0) - study.stored, 0) for study in known),
            expected=sum(study.expected or 0 for study in known),
            not_started=sum(
                study.verdict in {None, Verdict.CANCELLED, Verdict.NOT_TRIED}
                and study.expected is None
                and not study.stored
                for study in found
            ),
        )


def _unstarted(verdict: Verdict, reason: str) -> StudyProgress:
    return StudyProgress("", worker=0, verdict=verdict, reason=reason)
