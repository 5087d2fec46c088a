"""The result as text."""

from collections.abc import Iterator
from typing import Any

_COLUMNS = "{:<38} {:>4} {:>9} {:>17} {:>7} {:>6} {:>8} {:>7} {:>9}"
_VERDICTS = {True: "hit", False: "MISS", None: "-"}
_COMMON = {"wall_s", "user_s", "sys_s", "peak_mb", "threads", "stored_s", "instances"}


def render(results: dict[str, Any]) -> str:
    """All scenarios, the machine above them."""
    lines = [f"{name}: {value}" for name, value in results["machine"].items()]
    for scenario in results["scenarios"].values():
        lines += ["", *_scenario(scenario)]
    return "\n".join(lines) + "\n"


def _scenario(scenario: dict[str, Any]) -> Iterator[str]:
    yield f"{scenario['name']}  {scenario['title']}"
    yield "  " + _COLUMNS.format(
        "tool", "runs", "wall s", "min - max", "user s", "sys s", "peak MB", "threads", "stored s"
    )
    for name, tool in scenario["tools"].items():
        yield "  " + _tool(name, tool)
        if extra := {k: v for k, v in tool["median"].items() if k not in _COMMON}:
            yield "      " + ", ".join(f"{k} {v:.3f}" for k, v in extra.items())
    for comparison in scenario["comparisons"]:
        yield "  " + _comparison(comparison)
    for limit in scenario["limits"]:
        yield (
            f"  {_VERDICTS[limit['hit']]:<5} {limit['metric']} of {limit['tool']}: "
            f"{limit['worst']:.2f} at worst, target {limit['target']:g}"
        )
    for failure in scenario["failures"]:
        yield f"  FAILED {failure}"


def _tool(name: str, tool: dict[str, Any]) -> str:
    middle, walls = tool["median"], [run["wall_s"] for run in tool["runs"]]
    stored = middle.get("stored_s")
    return _COLUMNS.format(
        name,
        len(walls),
        f"{middle['wall_s']:.3f}",
        f"{min(walls):.3f} - {max(walls):.3f}",
        f"{middle['user_s']:.2f}",
        f"{middle['sys_s']:.2f}",
        f"{middle['peak_mb']:.0f}" if middle["peak_mb"] else "-",
        f"{middle['threads']:.0f}",
        "-" if stored is None else f"{stored:.3f}",
    )


def _comparison(row: dict[str, Any]) -> str:
    sign, unit = ("-", " s") if row["difference"] else ("/", "")
    metric, other = row["metric"], row["opponent_metric"] or row["metric"]
    # Whole runs go without saying.
    names = [
        tool if (metric, other) == ("wall_s", "wall_s") else f"{tool} [{figure}]"
        for tool, figure in ((row["subject"], metric), (row["opponent"], other))
    ]
    target = "" if row["target"] is None else f", target {row['target']:g}{unit}"
    return (
        f"{_VERDICTS[row['hit']]:<5} {f' {sign} '.join(names)}: {row['median']:.3f}{unit} "
        f"({row['min']:.3f} - {row['max']:.3f}, pairs: {row['pairs']}){target}"
    )
