"""The state of a run for summary and report, folded from its events.

`Progress` has the counts; `Account` adds the details: refused instances with their reasons, paths
of instances that were set aside, and notes. Studies that are not being retrieved are kept on disk,
so that a list of a million costs no more memory than its UIDs.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from dicom_retrieve_tui.cli.output.spooled_dict import SpooledDict
from dicom_retrieve_tui.model import events
from dicom_retrieve_tui.model.progress import Progress, StudyProgress
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.series_filter import NO_FILTER, SeriesFilter
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

NOT_STARTED = "not started"
_ENDINGS_MAX = 1000
"""Pairs of a verdict and a reason; reasons may differ from study to study."""


@dataclass(slots=True)
class Details:
    """Notes on one study, or on none; few studies have any."""

    refusals: list[events.InstanceRefused] = field(default_factory=list)
    set_aside: list[events.InstanceSetAside] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Judged:
    """A study of the plan, and how it ended."""

    selection: Selection
    study: StudyProgress

    @property
    def verdict(self) -> Verdict:
        """The verdict; `CANCELLED` for a study without one."""
        return self.study.verdict or Verdict.CANCELLED


class Account:
    """Everything known about a run, folded from its events."""

    def __init__(
        self, selections: tuple[Selection, ...], series_filter: SeriesFilter = NO_FILTER
    ) -> None:
        self.selections = selections
        self.series_filter = series_filter
        self._studies = SpooledDict(StudyProgress)
        self.progress = Progress(studies=self._studies)
        self.general = Details()
        """What belongs to no study of the plan."""
        self._details = SpooledDict(Details)
        """By Study Instance UID, of the studies that have any."""
        self._endings: Counter[tuple[Verdict, str]] = Counter()
        """Studies that are not good, by verdict and reason."""

    def apply(self, event: events.Event) -> None:
        """Add an event."""
        self.progress.apply(event)
        match event:
            case events.InstanceRefused():
                self._details_to_change(event.study_instance_uid).refusals.append(event)
            case events.InstanceSetAside():
                self._details_to_change(event.study_instance_uid).set_aside.append(event)
            case events.StudyFinished() if event.verdict not in GOOD:
                self._count_ending((event.verdict, event.reason))
            case events.Noted():
                self._details_to_change(event.study_instance_uid).notes.append(event.text)
            case _:
                pass

    def _count_ending(self, ending: tuple[Verdict, str]) -> None:
        if ending in self._endings or len(self._endings) < _ENDINGS_MAX:
            self._endings[ending] += 1

    def ended_like(self, event: events.StudyFinished) -> int:
        """Return how many studies have ended with this verdict for this reason, good ones apart.

        Rare reasons are no longer counted once there are very many.
        """
        return self._endings[event.verdict, event.reason]

    def _details_to_change(self, study_instance_uid: str | None) -> Details:
        if study_instance_uid is None:
            return self.general
        return self._details.setdefault(study_instance_uid, Details())

    def studies(self) -> Iterator[Judged]:
        """Yield every study of the plan in its order, with those that were not started.

        Those share a state, which names no study: a list may have a million of them.
        """
        not_tried = self.progress.not_tried
        untried = _unstarted(Verdict.NOT_TRIED, self.progress.given_up)
        unstarted = _unstarted(Verdict.CANCELLED, NOT_STARTED)
        uids = (selection.study_instance_uid for selection in self.selections)
        for selection, found in zip(self.selections, self._studies.peek(uids), strict=True):
            is_untried = selection.study_instance_uid in not_tried
            yield Judged(selection, found or (untried if is_untried else unstarted))

    def details(self, study_instance_uid: str) -> Details:
        """Return what belongs to a study."""
        (found,) = self._details.peek([study_instance_uid])
        return found or Details()

    def all_details(self) -> Iterator[Details]:
        """Yield what belongs to each study that has any, and to no study."""
        yield from filter(None, self._details.peek(self._details))
        yield self.general


def _unstarted(verdict: Verdict, reason: str) -> StudyProgress:
    return StudyProgress("", worker=0, verdict=verdict, reason=reason)
