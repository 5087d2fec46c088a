"""How far the retrieval into a folder is: the account of the folder, and the run if one goes on."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from dicom_retrieve_tui.model.eta import Remaining, estimate_remaining
from dicom_retrieve_tui.model.folder_account import UNFINISHED, FailureGroup, FolderTotals
from dicom_retrieve_tui.model.run_state import RunState, joined_runs
from dicom_retrieve_tui.model.writer import Writer


class Life(StrEnum):
    """Whether a run goes on in a folder."""

    RUNNING = "running"
    ENDED = "ended"
    """The last run came to its end."""
    GONE = "gone"
    """The process of the last run ended unexpectedly: killed, or the machine stopped."""
    SILENT = "silent"
    """The last run is on another host, and has shown no sign of life for a while."""
    IDLE = "idle"
    """No run is recorded, and none has the folder."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderRun:
    """A run in a folder: a plain one, or that of one of several writers."""

    writer: Writer | None
    """None for a plain run, which has the folder alone."""
    life: Life
    state: RunState | None
    """What it recorded of itself; None if it recorded nothing."""

    @property
    def group(self) -> str:
        """The writers that work together; empty for a plain run."""
        return "" if self.writer is None else self.writer.group


_LIVES = (Life.RUNNING, Life.GONE, Life.SILENT, Life.ENDED)
"""What counts most of several runs comes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FolderStatus:
    """The status of a folder at one moment."""

    folder: Path
    at: datetime
    """UTC."""
    runs: tuple[FolderRun, ...]
    """The run that goes on or was the last one; several writers that work together, if they do."""
    totals: FolderTotals
    failed_list: Path | None = None
    """The list of the studies that are not complete, as the last run left it."""

    @property
    def life(self) -> Life:
        """Whether a run goes on; of several that do not, what the user should know."""
        lives = {run.life for run in self.runs}
        return next((life for life in _LIVES if life in lives), Life.IDLE)

    @property
    def run(self) -> RunState | None:
        """What the run recorded of itself, or all that go on together; None for nothing."""
        recorded = [run for run in self.runs if run.state is not None]
        counting = [run for run in recorded if run.life is self.life] or recorded
        states = [run.state for run in counting if run.state is not None]
        return joined_runs(states) if states else None

    @property
    def shards(self) -> int:
        """The number of shards; 0 if the folder was not retrieved in shards the last time."""
        found = [run.writer.shard for run in self.runs if run.writer and run.writer.shard]
        return found[0][1] if found else 0

    @property
    def never_ran(self) -> tuple[int, ...]:
        """The numbers of the shards that have not run."""
        ran = {run.writer.shard[0] for run in self.runs if run.writer and run.writer.shard}
        return tuple(number for number in range(1, self.shards + 1) if number not in ran)

    @property
    def lists(self) -> int:
        """How many different lists the shards were given."""
        return len({run.state.identity.listed for run in self.runs if run.state} - {""})

    @property
    def running(self) -> bool:
        """True if a run goes on."""
        return self.life is Life.RUNNING

    @property
    def complete(self) -> bool:
        """True if no run goes on, every shard has run, and every study is complete."""
        return self.totals.complete and not self.running and not self.never_ran

    @property
    def rates(self) -> tuple[float, float] | None:
        """Instances and bytes a second over the last minutes of a run that goes on."""
        return self.run.rates if self.running and self.run is not None else None

    @property
    def remaining(self) -> Remaining | None:
        """Instances still to come; None while too few sizes are known."""
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
