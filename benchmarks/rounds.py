"""Runs the tools of a scenario in turn: A B A B, a warm-up first."""

import os
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from benchmarks import comparison, memory
from benchmarks.comparison import Different
from benchmarks.disk import need_room
from benchmarks.measuring import ToolFailed, run
from benchmarks.narration import say
from benchmarks.scenario import STORED, WALL, Scenario
from benchmarks.tools import Tool

LIMIT_S = 600.0
"""A tool that takes longer is ended, and has failed."""
_numbers = count(1)

Figures = dict[str, float]


@dataclass(slots=True)
class Measured:
    """The runs of one scenario."""

    scenario: Scenario
    runs: dict[str, list[Figures]] = field(default_factory=dict)
    """By the name of the tool, without the warm-up."""
    failures: list[str] = field(default_factory=list)


def measure(scenario: Scenario, folder: Path, pairs: int) -> Measured:
    """Run all of it; a tool that failed is reported, and left out from then on.

    Args:
        folder: Each run gets a new folder in it; none is deleted.
    """
    measured = Measured(scenario, {tool.name: [] for tool in scenario.tools})
    rounds = scenario.pairs(pairs)
    broken: set[str] = set()
    for number in range(rounds + 1):
        for tool in scenario.tools:
            if tool.name in broken or not _takes_part(tool, number):
                continue
            try:
                figures = _run(tool, folder)
            except (ToolFailed, Different) as error:
                say(f"  {tool.name}: FAILED: {error}")
                measured.failures.append(f"{scenario.name} {tool.name}: {error}")
                broken.add(tool.name)
                continue
            what = f"round {number}" if number else "warm-up"
            say(f"  {scenario.name} {what}: {tool.name}: {figures[WALL]:.3f} s")
            if number:
                measured.runs[tool.name].append(figures)
    return measured


def _takes_part(tool: Tool, number: int) -> bool:
    """Round 0 is the warm-up; a slow tool has none."""
    return tool.runs_max is None or 1 <= number <= tool.runs_max


def _run(tool: Tool, folder: Path) -> Figures:
    need_room(folder)
    output, log = folder / f"{next(_numbers)}", folder / "log"
    output.mkdir()
    os.sync()  # what the run before left in memory is not to be written during this one
    memory.warm(folder)
    with tool.beside() as told:
        figures = run(tool.commands(output), log, tool.environ, LIMIT_S, tool.exit_code)
    figures.update(told)
    if tool.expected is not None:
        comparison.compare(output, tool.expected)
    elif tool.count:
        comparison.count(output, tool.count)
    began_s = figures.pop("began_s")
    if (last_s := comparison.last_stored_s(output)) is not None:
        figures[STORED] = last_s - began_s
    return figures
