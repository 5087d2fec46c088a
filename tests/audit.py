"""Is a vulnerability known in a package of the lock? `tests/run` asks; pip-audit looks it up.

Exit codes: 0 none is known; 1 one is; 3 nothing could be looked up, and the last line says why.
pip-audit itself ends well where it knew none of the packages, which is no answer.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NONE_KNOWN, KNOWN, NO_ANSWER = 0, 1, 3

_LOCK = Path(__file__).parent.parent / "requirements-dev.lock"
_PATIENCE_S = 120


def look_up(lock: Path) -> tuple[list[dict[str, Any]], str]:
    """What pip-audit says of each package in `lock`; with nothing, why it says nothing."""
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "audit.json"
        command = [sys.executable, "-m", "pip_audit", "--requirement", str(lock), "--disable-pip"]
        command += ["--progress-spinner", "off", "--format", "json", "--output", str(output)]
        try:
            run = subprocess.run(
                command, capture_output=True, text=True, timeout=_PATIENCE_S, check=False
            )
        except subprocess.TimeoutExpired:
            return [], f"no answer within {_PATIENCE_S} s"
        if not output.exists():
            return [], (run.stderr.strip().splitlines() or ["it said nothing"])[-1]
        return json.loads(output.read_text())["dependencies"], ""


def judge(packages: list[dict[str, Any]], why_none: str = "") -> tuple[int, list[str]]:
    """The exit code, and what to print."""
    known = [each for each in packages if "skip_reason" not in each]
    if not known:
        why = why_none or f"{len(packages)} packages, and its data has none of them"
        return NO_ANSWER, [f"no vulnerability could be looked up: {why}"]
    lines = [line for each in known for line in _vulnerabilities(each)]
    asked = f"{len(known)} of {len(packages)} packages looked up"
    if lines:
        return KNOWN, [*lines, asked]
    return NONE_KNOWN, [f"no vulnerability is known; {asked}"]


def _vulnerabilities(package: dict[str, Any]) -> Iterator[str]:
    for each in package["vulns"]:
        mended = ", ".join(each["fix_versions"]) or "no version yet"
        yield f"{package['name']} {package['version']}: {each['id']}, mended in {mended}"


def main() -> int:
    """Look the lock up, and say what came of it."""
    code, lines = judge(*look_up(_LOCK))
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return code


if __name__ == "__main__":
    sys.exit(main())
