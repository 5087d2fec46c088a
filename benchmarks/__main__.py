"""Runs the benchmark: `benchmarks/run [scenario ...]`.

Prints the table, and keeps it as JSON beside the scenarios that were measured before on this
machine. Exit code 1 if a tool failed, or a run of ours lost or changed an instance; a target that
was missed is told in the table only.
"""

import argparse
import compileall
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from benchmarks import (
    engine_alone,
    extremes,
    gets,
    guarded,
    machine,
    moves,
    parallel,
    start_up,
    terminal_app,
)
from benchmarks.disk import probe
from benchmarks.ending import unwind_when_ended
from benchmarks.judging import judge
from benchmarks.narration import say
from benchmarks.peers import Peers
from benchmarks.places import CACHE, PACKAGE, RESULTS, ROOT
from benchmarks.rounds import measure
from benchmarks.scenario import Scenario
from benchmarks.table import render

SCENARIOS: dict[str, Callable[[Peers], Scenario]] = {
    "S1": start_up.s1,
    "G1": gets.g1,
    "G2": gets.g2,
    "G3": gets.g3,
    "G4": engine_alone.g4,
    "M1": moves.m1,
    "M2": moves.m2,
    "P1": parallel.p1,
    "P2": parallel.p2,
    "P3": parallel.p3,
    "P4": parallel.p4,
    "J": engine_alone.journal_and_check,
    "U1": extremes.u1,
    "U2": extremes.u2,
    "R": extremes.resume,
    "L1": extremes.l1,
    "E1": guarded.e1,
    "B1": guarded.b1,
    "B2": guarded.b2,
    "T1": terminal_app.t1,
    "T2": terminal_app.t2,
    "T3": terminal_app.t3,
    "T4": terminal_app.t4,
}


def main() -> int:
    """Do what the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(prog="benchmarks/run", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"of {' '.join(SCENARIOS)}; all by default")
    parser.add_argument("--pairs", type=int, default=5, help="measured rounds (default: 5)")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the JSON file")
    args = parser.parse_args()
    names = args.scenario or list(SCENARIOS)
    if unknown := set(names) - SCENARIOS.keys():
        parser.error(f"no such scenario: {' '.join(sorted(unknown))}")
    results_path = args.results.absolute()
    os.chdir(ROOT)  # the tools' modules are found from here
    unwind_when_ended()
    # As pip leaves it where it installs; PYTHONDONTWRITEBYTECODE would have each run compile it.
    compileall.compile_dir(PACKAGE, quiet=1)
    fresh: dict[str, Any] = {"scenarios": {}}
    for fresh in _run_all(names, args.pairs):  # kept at once: the next one may fill the disk
        results = _merged(results_path, fresh)
        results_path.write_text(json.dumps(results, indent=1) + "\n")
    sys.stdout.write(render(fresh))
    return 1 if any(each["failures"] for each in fresh["scenarios"].values()) else 0


def _run_all(names: list[str], pairs: int) -> Iterator[dict[str, Any]]:
    """The results so far, after each scenario."""
    CACHE.mkdir(exist_ok=True)
    folder = Path(mkdtemp(prefix="runs-", dir=CACHE))
    scenarios: dict[str, Any] = {}
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)  # the last thing of all
        described = {
            **machine.describe(),
            "new file on this disk": f"{probe(folder):.3f} ms",
        }
        peers = Peers(folder / "peers", stack)
        for name in names:
            say(f"{name}: preparing")
            scenario = SCENARIOS[name](peers)
            place = folder / name
            place.mkdir()
            scenarios[name] = judge(measure(scenario, place, pairs))
            yield {"machine": described, "scenarios": scenarios}


def _merged(path: Path, fresh: dict[str, Any]) -> dict[str, Any]:
    """The new results over those of earlier runs, in the order of the table."""
    before: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {"scenarios": {}}
    scenarios = before["scenarios"] | fresh["scenarios"]
    ordered = {name: scenarios[name] for name in SCENARIOS if name in scenarios}
    return {"machine": fresh["machine"], "scenarios": ordered}


if __name__ == "__main__":
    sys.exit(main())
