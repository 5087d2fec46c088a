"""The account of an output folder: how each study that runs were asked for has ended."""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import NamedTuple

from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.selection import Selection, SeriesSelection
from dicom_retrieve_tui.model.verdict import GOOD, Verdict

UNFINISHED = "unfinished"
"""In the place of a verdict until there is one."""
NOT_ENDED = "a run ended before this study had ended"
"""The reason of a study without a verdict that no run retrieves."""
_GOOD = frozenset(map(str, GOOD))
WAITING = frozenset({UNFINISHED, str(Verdict.CANCELLED), "not tried"})
"""Studies that did not fail: no run has brought them to their end."""
_ORDER = (*map(str, Verdict), UNFINISHED)


class FailedStudy(NamedTuple):
    """What a list of failed studies has of one of them."""

    study_instance_uid: str
    verdict: str
    reason: str
    series: tuple[SeriesSelection, ...] = ()


def outcome_text(verdict: str, reason: str) -> str:
    """Return the verdict and its reason."""
    reason = reason or (NOT_ENDED if verdict == UNFINISHED else "")
    return f"{verdict}: {reason}" if reason else verdict


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyAccount:
    """What the journal of a folder records of one study."""

    study_instance_uid: str
    verdict: str
    """A `Verdict` or `UNFINISHED`."""
    reason: str = ""
    """What failed; empty if nothing failed, or if an earlier version recorded it."""
    expected: int | None = None
    """Instances that the PACS listed of what was requested; None if unknown."""
    stored: int = 0
    """Instances of the study with a recorded file."""
    stored_bytes: int = 0
    """The size of these files."""
    missing: int = 0
    """Instances that the PACS listed and that did not come."""
    peer: str = ""
    """The PACS that the verdict is about; empty if unknown."""
    ended: str = ""
    """When the study ended, UTC; empty if unknown."""
    series: tuple[SeriesSelection, ...] = ()
    """Series and instances to which the request was narrowed; none for the whole study."""

    @property
    def good(self) -> bool:
        """True if everything requested of the study is complete."""
        return self.verdict in _GOOD

    @property
    def failed(self) -> bool:
        """True if the study came to its end, and is not complete."""
        return not self.good and self.verdict not in WAITING

    @property
    def selection(self) -> Selection:
        """What to request to mend it."""
        return Selection(study_instance_uid=self.study_instance_uid, series=self.series)

    @property
    def outcome(self) -> str:
        """The verdict and its reason, in one line."""
        return outcome_text(self.verdict, self.reason)


@dataclass(slots=True)
class FailureGroup:
    """Studies that are not complete for the same reason."""

    verdict: str
    reason: str
    studies: int = 0
    examples: list[StudyAccount] = field(default_factory=list)


def _still_missing(study: StudyAccount) -> int:
    """Return how many instances are missing: an attempt that goes on may have brought some."""
    if study.expected is None:
        return study.missing
    return min(study.missing, max(study.expected - study.stored, 0))


@dataclass(slots=True)
class FolderTotals:
    """The sums over all studies of a folder, and its failures by reason."""

    examples_max: int
    """Studies kept for each reason."""
    studies: int = 0
    good: int = 0
    failed: int = 0
    expected: int = 0
    """Instances of the studies whose number is known."""
    known: int = 0
    """Studies whose number of instances is known."""
    stored: int = 0
    missing: int = 0
    left: int = 0
    """Instances still to come of the waiting studies whose number is known."""
    unknown: int = 0
    """Waiting studies whose number of instances is not known."""
    unknown_stored: int = 0
    """Instances of these that have come."""
    verdicts: Counter[str] = field(default_factory=Counter)
    groups: dict[tuple[str, str], FailureGroup] = field(default_factory=dict)

    def add(self, study: StudyAccount) -> None:
        """Add a study."""
        self.studies += 1
        self.good += study.good
        self.failed += study.failed
        self.stored += study.stored
        self.missing += _still_missing(study)
        self.verdicts[study.verdict] += 1
        if study.expected is not None:
            self.known += 1
            self.expected += max(study.expected, study.stored)
        if not study.good:
            self._group(study)
        if not (study.good or study.failed):
            self._wait_for(study)

    def _wait_for(self, study: StudyAccount) -> None:
        if study.expected is None:
            self.unknown += 1
            self.unknown_stored += study.stored
        else:
            self.left += max(study.expected - study.stored, 0)

    def _group(self, study: StudyAccount) -> None:
        key = study.verdict, study.reason
        if (group := self.groups.get(key)) is None:
            group = self.groups[key] = FailureGroup(*key)
        group.studies += 1
        if len(group.examples) < self.examples_max:
            group.examples.append(study)

    @property
    def waiting(self) -> int:
        """Studies that no run has brought to their end."""
        return self.studies - self.good - self.failed

    @property
    def complete(self) -> bool:
        """True if there are studies, and all are complete."""
        return 0 < self.studies == self.good

    def failures(self) -> list[FailureGroup]:
        """Return the failures by reason, those without a verdict last."""
        return sorted(self.groups.values(), key=lambda each: _rank(each.verdict))


def _rank(verdict: str) -> int:
    return _ORDER.index(verdict) if verdict in _ORDER else len(_ORDER)


def total_of(studies: Iterable[StudyAccount], examples_max: int) -> FolderTotals:
    """Return the sums over `studies`."""
    totals = FolderTotals(examples_max)
    for study in studies:
        totals.add(study)
    return totals


_LISTED_FIRST = "# dicom-retrieve: studies of this folder that are not complete"
"""Without a comma, which would make the list look like a table."""
_COLUMNS = "StudyInstanceUID\tSeriesInstanceUID\tSOPInstanceUID\tOutcome"


def is_failed_list(first_line: str) -> bool:
    """Return True if a file that begins with this line is a list of `failed_list_lines`."""
    return first_line.rstrip("\r\n") == _LISTED_FIRST


def failed_list_lines(studies: Iterable[FailedStudy], *, narrowed: bool) -> Iterator[str]:
    """Yield the lines of a list for `--uid-list`, with the reasons; none without a study.

    Args:
        studies: Those that are not complete.
        narrowed: True if a series or instance may be selected: the list is then a table.
    """
    lines = _table_lines(studies) if narrowed else _list_lines(studies)
    for first in islice(lines, 1):
        yield _LISTED_FIRST
        if narrowed:
            yield _COLUMNS
        yield first
    yield from lines


def _list_lines(studies: Iterable[FailedStudy]) -> Iterator[str]:
    for study in studies:
        yield f"{study.study_instance_uid}  # {_cell(study.verdict, study.reason)}"


def _table_lines(studies: Iterable[FailedStudy]) -> Iterator[str]:
    for study in studies:
        selection = Selection(study_instance_uid=study.study_instance_uid, series=study.series)
        outcome = _cell(study.verdict, study.reason).replace('"', "'")
        for row in selection.rows():
            yield "\t".join((*row, outcome))


@lru_cache(maxsize=256)
def _cell(verdict: str, reason: str) -> str:
    """Return the verdict and its reason without line breaks and control characters."""
    return clean_text(" ".join(outcome_text(verdict, reason).split()))
