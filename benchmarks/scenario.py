"""What a scenario is: tools that take turns, and what of their figures is held against what."""

from dataclasses import dataclass

from benchmarks.tools import Tool

WALL, STORED, PEAK, CPU = "wall_s", "stored_s", "peak_mb", "cpu_s"


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One figure over another, pair by pair."""

    subject: str
    """The name of a tool."""
    opponent: str
    target: float | None = None
    """The ratio is to be this at most; None for a row that is only told."""
    metric: str = WALL
    opponent_metric: str = ""
    """If it is not the same."""
    difference: bool = False
    """Subject minus opponent in seconds, instead of the ratio."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A figure that no run of a tool may exceed."""

    tool: str
    metric: str
    target: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """One row of the issue's table."""

    name: str
    title: str
    tools: tuple[Tool, ...]
    comparisons: tuple[Comparison, ...] = ()
    limits: tuple[Limit, ...] = ()
    pairs_max: int | None = None
    """Fewer pairs than usual, where a run fills the disk or takes a minute."""
    pairs_factor: int = 1
    """So many times the pairs, where a run takes no time at all."""

    def pairs(self, asked: int) -> int:
        """How many rounds are measured if `asked` are asked for."""
        return min(asked * self.pairs_factor, self.pairs_max or asked * self.pairs_factor)
