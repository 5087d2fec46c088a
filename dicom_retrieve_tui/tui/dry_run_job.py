"""A dry run: a thread reads its events, and the screen polls what they say of each study."""

import threading
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, replace

from dicom_retrieve_tui.errors import Cancelled, RetrieveError
from dicom_retrieve_tui.model.bug_report import bug_reason
from dicom_retrieve_tui.model.cancel import CancelToken
from dicom_retrieve_tui.model.events import (
    AttemptStarted,
    Event,
    Noted,
    QueueGivenUp,
    SpaceForecast,
    StudyFinished,
    StudyInventoried,
    StudyStarted,
)
from dicom_retrieve_tui.model.forecast import Forecast
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.study_identity import UNIDENTIFIED, StudyIdentity
from dicom_retrieve_tui.model.study_lookup import Lookup, Missed
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.field_words import in_fields
from dicom_retrieve_tui.tui.ports import DryRun
from dicom_retrieve_tui.tui.queue_entry import StudyRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedRow:
    """What a dry run has found out of one study."""

    study_instance_uid: str
    identity: StudyIdentity = UNIDENTIFIED
    asked: bool = False
    """True once the PACS is asked."""
    expected: int | None = None
    """Instances that are wanted; None if the PACS does not count them, or has not answered."""
    needed: int | None = None
    """Instances of these that are not on disk."""
    forecast: Forecast | None = None
    """What these will take; None if unknown."""
    sought: str = ""
    """The line of a list for which the PACS has no study; empty for a study."""
    verdict: Verdict | None = None
    """None until it is listed; `COMPLETE` if every instance is listed."""
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTotals:
    """The sums over all studies of a dry run."""

    studies: int = 0
    answered: int = 0
    series: int = 0
    expected: int = 0
    needed: int = 0
    bad: Counter[tuple[Verdict, str]]
    """Studies that are not listed as they should be, by verdict and reason."""
    space: SpaceForecast | None = None
    """Known at the end; None, too, if nothing is written to the output folder."""
    notes: tuple[str, ...] = ()
    fault: str = ""
    """Why the dry run failed as a whole."""
    running: bool = True
    lines: int = 0
    """Lines of the list for which the PACS has no study."""

    @property
    def here(self) -> int:
        """Instances that are on disk already."""
        return self.expected - self.needed


class DryRunJob:
    """One dry run; its thread ends with it, or soon after `stop`."""

    def __init__(
        self,
        dry_run: DryRun,
        requests: Iterable[StudyRequest],
        options: RetrieveOptions,
        missed: Sequence[Missed] = (),
    ) -> None:
        """Start to ask the PACS.

        Args:
            dry_run: Lists what a retrieval would get.
            requests: The studies.
            options: How they would be retrieved.
            missed: Lines of the list for which the PACS has no study.
        """
        self._dry_run, self._options = dry_run, options
        self._requests = tuple(requests)
        self._cancel = CancelToken()
        self._lock = threading.Lock()
        self._rows = [
            PlannedRow(study_instance_uid=each.selection.study_instance_uid, identity=each.identity)
            for each in self._requests
        ]
        self._places = {row.study_instance_uid: at for at, row in enumerate(self._rows)}
        self._lines = [_line_row(each.lookup) for each in missed]
        self._totals = PlannedTotals(studies=len(self._rows), bad=Counter(), lines=len(self._lines))
        self._thread = threading.Thread(target=self._read, name="dry run", daemon=True)
        self._thread.start()

    def __len__(self) -> int:
        """The number of studies, and of lines without one."""
        return len(self._rows) + len(self._lines)

    @property
    def totals(self) -> PlannedTotals:
        """The sums, as they are now; the same value until something changes."""
        with self._lock:
            return self._totals

    @property
    def requests(self) -> list[StudyRequest]:
        """The requests, with identities and counts as the PACS gave them."""
        with self._lock:
            return [
                replace(
                    each,
                    identity=row.identity,
                    instances=each.instances if row.expected is None else row.expected,
                )
                for each, row in zip(self._requests, self._rows, strict=True)
            ]

    def rows(self, first: int, most: int) -> Sequence[PlannedRow]:
        """Return at most so many rows from one on: lines without a study, then the requests."""
        before = len(self._lines)
        with self._lock:
            studies = self._rows[max(first - before, 0) : max(first + most - before, 0)]
            return [*self._lines[first : first + most], *studies]

    def stop(self) -> None:
        """End it soon."""
        self._cancel.request()

    def _read(self) -> None:
        fault = ""
        selections = [each.selection for each in self._requests]
        try:
            with closing(
                self._dry_run(selections, self._options, self._cancel, identified=self._identify)
            ) as events:
                for event in events:
                    with self._lock:
                        self._take(event)
        except Cancelled:
            pass
        except RetrieveError as error:
            fault = in_fields(str(error))
        except Exception as error:  # noqa: BLE001 - a bug costs this dry run, and is shown
            fault = bug_reason(error)
        with self._lock:
            self._totals = replace(self._totals, fault=fault, running=False)

    def _identify(self, uid: str, identity: StudyIdentity) -> None:
        with self._lock:
            self._change(uid, identity=identity | self._rows[self._places[uid]].identity)

    def _take(self, event: Event) -> None:
        match event:
            case StudyStarted() | AttemptStarted():
                self._change(event.study_instance_uid, asked=True)
            case StudyInventoried():
                self._list(event)
            case StudyFinished():
                self._finish(event.study_instance_uid, event.verdict, event.reason)
            case QueueGivenUp():
                for uid in event.study_instance_uids:
                    self._finish(uid, Verdict.NOT_TRIED, event.reason)
            case SpaceForecast():
                self._totals = replace(self._totals, space=event)
            case Noted(study_instance_uid=None, minor=False):
                notes = (*self._totals.notes, in_fields(event.text))
                self._totals = replace(self._totals, notes=notes)
            case _:
                pass

    def _list(self, event: StudyInventoried) -> None:
        forecast = None
        low, likely, high = (
            event.needed_low_bytes, event.needed_bytes, event.needed_high_bytes
        )  # fmt: skip
        if low is not None and likely is not None and high is not None:
            forecast = Forecast(low_bytes=low, likely_bytes=likely, high_bytes=high)
        needed = event.expected if event.needed is None else event.needed
        self._change(
            event.study_instance_uid, expected=event.expected, needed=needed, forecast=forecast
        )
        totals = self._totals
        self._totals = replace(
            totals,
            series=totals.series + event.series,
            expected=totals.expected + (event.expected or 0),
            needed=totals.needed + (needed or 0),
        )

    def _finish(self, uid: str, verdict: Verdict, reason: str) -> None:
        reason = in_fields(reason)
        self._change(uid, verdict=verdict, reason=reason)
        totals = self._totals
        bad = totals.bad
        if verdict is not Verdict.COMPLETE or reason:
            bad = bad + Counter({(verdict, reason): 1})
        self._totals = replace(totals, answered=totals.answered + 1, bad=bad)

    def _change(self, uid: str, **values: object) -> None:
        at = self._places[uid]
        self._rows[at] = replace(self._rows[at], **values)  # type: ignore[arg-type]
        # Another value, so that the screen draws it.
        self._totals = replace(self._totals)


def _line_row(lookup: Lookup) -> PlannedRow:
    return PlannedRow(
        study_instance_uid="",
        identity=StudyIdentity(
            patient_id=lookup.patient_id, accession_number=lookup.accession_number
        ),
        sought=lookup.place,
        verdict=Verdict.NOT_FOUND,
    )
