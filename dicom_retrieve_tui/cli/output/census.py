"""Counts over all studies of a run for summary, report and JSON, taken in one pass.

A run may have a million studies: of those with one verdict and reason only the number is kept, and
the first few.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from dicom_retrieve_tui.cli.output.account import Judged
from dicom_retrieve_tui.model.progress import StudyProgress
from dicom_retrieve_tui.model.series_filter import count_modalities
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

FIRST_MAX = 10
"""Studies of a group that are listed one by one; the report lists all."""
_GROUPS_MAX = 50
OTHER_REASONS = "for other reasons, which differ from study to study"
UNFINISHED = frozenset({Verdict.CANCELLED, Verdict.NOT_TRIED})
"""Verdicts on studies that the run left before it was done with them."""
_LISTED = frozenset({Verdict.COMPLETE, Verdict.PARTIAL, Verdict.UNVERIFIED})
"""Verdicts of a dry run on studies that the PACS has."""


@dataclass(slots=True)
class Group:
    """The studies that ended with one verdict for one reason."""

    verdict: Verdict
    reason: str
    studies: int = 0
    first: list[Judged] = field(default_factory=list)
    """At most `FIRST_MAX`, in the order of the plan."""

    def add(self, judged: Judged) -> None:
        """Count a study."""
        self.studies += 1
        if len(self.first) < FIRST_MAX:
            self.first.append(judged)


@dataclass(slots=True)
class Left:
    """Counts of what is left to retrieve."""

    instances: int = 0
    """Missing instances of the studies that the PACS listed."""
    expected: int = 0
    """All instances of the studies that the PACS listed."""
    not_started: int = 0
    """Studies that were not started, or stopped before the PACS listed them."""

    def add(self, judged: Judged) -> None:
        """Count what is left of a study."""
        study = judged.study
        if study.expected is not None:
            self.instances += max(study.expected - study.stored, 0)
            self.expected += study.expected
        elif judged.verdict in UNFINISHED and not study.stored:
            self.not_started += 1


@dataclass(slots=True)
class Listed:
    """Counts of what a dry run found."""

    studies: int = 0
    series: int = 0
    instances: int = 0


@dataclass(slots=True)
class Census:
    """The counts."""

    studies: int = 0
    verdicts: Counter[Verdict] = field(default_factory=Counter)
    groups: dict[tuple[Verdict, str], Group] = field(default_factory=dict)
    """Studies that are not good, by verdict and reason; the rarer reasons of very many are one."""
    left: Left = field(default_factory=Left)
    listed: Listed = field(default_factory=Listed)
    delivered: int = 0
    """Instances that went to a move destination."""
    left_out: Counter[str] = field(default_factory=Counter)
    """Series that the filter left out, by modality."""
    no_match: int = 0
    """Studies that exist and of which the filter left out everything."""
    irregular: int = 0
    """Studies with irregular instances."""
    irregular_first: list[StudyProgress] = field(default_factory=list)
    any_may_heal: bool = False
    """True if a further run may retrieve more of a study that failed."""
    any_stored: bool = False
    here: int = 0
    """Instances that are on disk already, by a dry run."""

    @classmethod
    def of(cls, studies: Iterable[Judged]) -> "Census":
        """Count studies."""
        census = cls()
        for judged in studies:
            census._add(judged)
        return census

    def in_order(self) -> list[Group]:
        """Return the groups in the order of the verdicts."""
        order = {verdict: place for place, verdict in enumerate(Verdict)}
        return sorted(self.groups.values(), key=lambda group: order[group.verdict])

    def _add(self, judged: Judged) -> None:
        study, verdict = judged.study, judged.verdict
        self.studies += 1
        self.verdicts[verdict] += 1
        self.left.add(judged)
        if verdict not in GOOD:
            self._group(verdict, study.reason).add(judged)
        if verdict is Verdict.DELIVERED:
            self.delivered += study.expected or 0
        if verdict in _LISTED:
            self.listed.studies += 1
            self.listed.series += study.series or 0
            self.listed.instances += study.expected or 0
        if study.needed is not None:
            self.here += (study.expected or 0) - study.needed
        if study.left_out:
            self.left_out.update(count_modalities(study.left_out))
            self.no_match += study.no_match
        if study.irregular:
            self.irregular += 1
            if len(self.irregular_first) < FIRST_MAX:
                self.irregular_first.append(study)
        self.any_may_heal = self.any_may_heal or may_heal(study)
        self.any_stored = self.any_stored or study.stored > 0

    def _group(self, verdict: Verdict, reason: str) -> Group:
        key = (verdict, reason)
        if key not in self.groups and len(self.groups) >= _GROUPS_MAX:
            key = (verdict, OTHER_REASONS)
        return self.groups.setdefault(key, Group(*key))


def is_listed(judged: Judged) -> bool:
    """Return True for a study that the PACS has, by a dry run."""
    return judged.study.verdict in _LISTED


def may_heal(study: StudyProgress) -> bool:
    """Return True if a further run may retrieve more.

    Instances that were set aside would be set aside again. A failure that was worth a retry in this
    run is worth one later, too.
    """
    if study.verdict is Verdict.PARTIAL and study.listed:
        return len(study.missing) > study.set_aside
    return study.verdict is Verdict.FAILED and study.failed_attempts > 0
