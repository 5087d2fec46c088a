"""Draws the result as SVG: `python -m benchmarks.chart [RESULTS [SVG]]`.

Bars of median wall time on a logarithmic axis, because the tools are up to two hundred times apart.
"""

import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from benchmarks.places import CHART, RESULTS

_DRAWN = ("G1", "G2", "G3", "M1", "M2", "P1", "P2", "L1")
_WIDTH, _LABEL_WIDTH, _VALUE_WIDTH, _MARGIN = 860, 230, 70, 16
_BAR, _GAP, _TITLE = 15, 5, 30
_AXIS_MIN_S = 0.3
_FACTS_A_LINE = 3
_OURS, _THEIRS = "#0b7285", "#adb5bd"
_STYLE = (
    "text{font:12px system-ui,sans-serif;fill:#212529}"
    ".title{font-weight:600}.small{font-size:11px;fill:#495057}.value{font-variant:tabular-nums}"
)


def draw(results: dict[str, Any]) -> str:
    """The chart of all scenarios that compare whole runs of several tools."""
    found = (results["scenarios"].get(name) for name in _DRAWN)
    scenarios = [scenario for scenario in found if scenario and scenario["tools"]]
    slowest_s = max(_walls(scenario)[-1][1] for scenario in scenarios)
    body: list[str] = []
    y = _MARGIN + _TITLE
    for scenario in scenarios:
        body += _text(_MARGIN, y, f"{scenario['name']}  {scenario['title']}", "title")
        y += _GAP + 4
        for name, wall_s in _walls(scenario):
            body += _bar(y, name, wall_s, slowest_s)
            y += _BAR + _GAP
        y += _TITLE
    heading = "Median wall time of whole processes, seconds (logarithmic; shorter is better)"
    facts = [f"{name} {value}" for name, value in _machine(results)]
    footer = [", ".join(facts[:_FACTS_A_LINE]), ", ".join(facts[_FACTS_A_LINE:])]
    height = y + _MARGIN + _BAR
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" role="img">',
            f"<title>{escape(heading)}</title>",
            f"<style>{_STYLE}</style>",
            '<rect width="100%" height="100%" fill="#ffffff"/>',
            *_text(_MARGIN, _MARGIN + 6, heading, "small"),
            *body,
            *(line for n in (0, 1) for line in _text(_MARGIN, y + n * _BAR, footer[n], "small")),
            "</svg>\n",
        ]
    )


def _walls(scenario: dict[str, Any]) -> list[tuple[str, float]]:
    """Tool and median wall time, the fastest first."""
    walls = {name: tool["median"]["wall_s"] for name, tool in scenario["tools"].items()}
    return sorted(walls.items(), key=lambda item: item[1])


def _bar(y: int, name: str, wall_s: float, slowest_s: float) -> Iterator[str]:
    room = _WIDTH - _LABEL_WIDTH - _VALUE_WIDTH - _MARGIN
    share = math.log(max(wall_s, _AXIS_MIN_S) / _AXIS_MIN_S) / math.log(slowest_s / _AXIS_MIN_S)
    length = max(2, round(room * share))
    colour = _OURS if name.startswith("dicom-retrieve") else _THEIRS
    baseline = y + _BAR - 3
    yield from _text(_MARGIN, baseline, name)
    yield f'<rect x="{_LABEL_WIDTH}" y="{y}" width="{length}" height="{_BAR}" fill="{colour}"/>'
    yield from _text(_LABEL_WIDTH + length + 6, baseline, f"{wall_s:.2f}", "value")


def _text(x: int, y: int, text: str, kind: str = "") -> Iterator[str]:
    chosen = f' class="{kind}"' if kind else ""
    yield f'<text x="{x}" y="{y}"{chosen}>{escape(text)}</text>'


def _machine(results: dict[str, Any]) -> Iterator[tuple[str, str]]:
    machine = results["machine"]
    days = sorted(scenario["measured"][:10] for scenario in results["scenarios"].values())
    yield "measured", days[0] if days[0] == days[-1] else f"{days[0]} to {days[-1]}"
    for name in ("cpu", "kernel", "dicom-retrieve", "orthanc", "dcmtk", "pynetdicom"):
        yield name, machine[name]


def main() -> None:
    """Read the results and write the chart."""
    paths = [Path(argument) for argument in sys.argv[1:]]
    results = json.loads((paths[0] if paths else RESULTS).read_text())
    target = paths[1] if len(paths) > 1 else CHART
    target.write_text(draw(results))


if __name__ == "__main__":
    main()
