"""How far the retrieval into a folder is: the account of the folder, and the run if one goes on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dicom_retrieve_tui.model.folder_account import UNFINISHED, FailureGroup, FolderTotals
from dicom_retrieve_tui.model.run_state import RunState
from dicom_retrieve_tui.model.throughput import Remaining, estimate_remaining


class Life(StrEnum):
    """Whether a run goes on in a folder."""

    RUNNING = "running"
    ENDED = "ended"
    """The last run came to its end."""
    GONE = "gone"
    """The process of the last run is gone without an end: killed, or the machine stopped."""
    SILENT = "silent"
    """The last run is on another host, and has shown no sign of life for a while."""
    IDLE = "idle"
    """No run is recorded, and none has the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStatus:
    """The status of a folder at one moment."""

    folder: Path
    at: datetime
    """UTC."""
    life: Life
    run: RunState | None
    """What the last run recorded of itself; None if it recorded nothing."""
    totals: FolderTotals
    failed_list: Path | None = None
    """The list of the studies that are not complete, as the last run left it."""

    @property
    def running(self) -> bool:
        """True if a run goes on."""
        return self.life is Life.RUNNING

    @property
    def complete(self) -> bool:
        """True if no run goes on, and every study of the folder is complete."""
        return self.totals.complete and not self.running

    @property
    def rates(self) -> tuple[float, float] | None:
        """Instances and bytes a second over the last minutes of a run that goes on."""
        return self.run.rates if self.running and self.run is not None else None

    @property
    def remaining(self) -> Remaining | None:
        """Instances still to come; None while no study's size is known."""
        totals, unknown = self.totals, self.totals.unknown
        if self.running and self.run is not None:
            # Earlier runs may have left studies that this run was not asked for.
            unknown = min(unknown, max(self.run.studies - self.run.ended, 0))
        estimate = estimate_remaining(
            totals.left, unknown=unknown, known=totals.known, expected=totals.expected
        )
        if estimate is None or estimate.exact:
            return estimate
        came = totals.unknown_stored
        return Remaining(max(estimate.instances - came, totals.left), exact=False)

    @property
    def expected(self) -> Remaining:
        """Instances that should be in the folder in the end; inexact if some were estimated."""
        totals, remaining = self.totals, self.remaining
        known = totals.expected + totals.unknown_stored
        if remaining is None:
            return Remaining(known, exact=totals.unknown == 0)
        return Remaining(known + max(remaining.instances - totals.left, 0), exact=remaining.exact)

    @property
    def eta_s(self) -> float | None:
        """Seconds until the run is done; None if none goes on, it rests, or that is unknown."""
        if self.run is None or self.run.rests or self.rates is None or self.remaining is None:
            return None
        return self.remaining.eta_s(self.rates[0])

    @property
    def failures(self) -> list[FailureGroup]:
        """Studies that are not complete, by reason; those that a run still works on excepted."""
        groups = self.totals.failures()
        return [each for each in groups if not (self.running and each.verdict == UNFINISHED)]
