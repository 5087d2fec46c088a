"""Figures into medians, ratios, hits and misses, as plain values that go into the JSON."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from statistics import median
from typing import Any

from benchmarks.rounds import Figures, Measured
from benchmarks.scenario import Comparison, Limit


def judge(measured: Measured) -> dict[str, Any]:
    """The result of a scenario."""
    scenario, runs = measured.scenario, measured.runs
    return {
        "name": scenario.name,
        "title": scenario.title,
        "measured": datetime.now(UTC).isoformat(timespec="seconds"),
        "tools": {name: _tool(of_tool) for name, of_tool in runs.items() if of_tool},
        "comparisons": list(_comparisons(scenario.comparisons, runs)),
        "limits": list(_limits(scenario.limits, runs)),
        "failures": measured.failures,
    }


def _tool(runs: list[Figures]) -> dict[str, Any]:
    names = sorted(runs[0])
    return {
        "runs": [{name: round(run[name], 4) for name in names} for run in runs],
        "median": {name: round(median(run[name] for run in runs), 4) for name in names},
    }


def _comparisons(
    comparisons: tuple[Comparison, ...], runs: dict[str, list[Figures]]
) -> Iterator[dict[str, Any]]:
    for each in comparisons:
        values = [_held_against(each, *pair) for pair in _pairs(each, runs)]
        if values:
            middle = median(values)
            yield {
                **asdict(each),
                "pairs": len(values),
                "median": round(middle, 4),
                "min": round(min(values), 4),
                "max": round(max(values), 4),
                "hit": None if each.target is None else middle <= each.target,
            }


def _pairs(each: Comparison, runs: dict[str, list[Figures]]) -> Iterator[tuple[Figures, Figures]]:
    """Pair by pair; against a slow tool that ran less often, its runs are used again."""
    subjects, opponents = runs[each.subject], runs[each.opponent]
    for number in range(max(len(subjects), len(opponents)) if subjects and opponents else 0):
        yield subjects[number % len(subjects)], opponents[number % len(opponents)]


def _held_against(each: Comparison, subject: Figures, opponent: Figures) -> float:
    ours, theirs = subject[each.metric], opponent[each.opponent_metric or each.metric]
    return ours - theirs if each.difference else ours / theirs


def _limits(limits: tuple[Limit, ...], runs: dict[str, list[Figures]]) -> Iterator[dict[str, Any]]:
    for limit in limits:
        values = [run[limit.metric] for run in runs[limit.tool]]
        if values:
            worst = max(values)
            yield {**asdict(limit), "worst": round(worst, 4), "hit": worst <= limit.target}
