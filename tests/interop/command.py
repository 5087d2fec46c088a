"""Runs the `dicom-retrieve` command as its users do: as a process of its own."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass

_TIMEOUT_S = 60.0
PYTHON = shlex.split(os.environ.get("DICOM_RETRIEVE_PYTHON", "")) or [sys.executable]
"""The interpreter that the command runs in; `tests/windows/run` names that of Windows."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a run of the command ended, and what it said."""

    exit_code: int
    stdout: str
    stderr: str

    def json_lines(self) -> list[dict[str, object]]:
        """The objects that `--json` writes to stdout."""
        return [json.loads(line) for line in self.stdout.splitlines()]


def run_cli(*args: object, stdin: str = "", timeout_s: float = _TIMEOUT_S) -> CommandResult:
    """Run `python -m dicom_retrieve_tui` with these arguments to its end.

    Args:
        args: A path or a number is passed as its text.
        stdin: What it reads there; empty means that stdin is at its end.
        timeout_s: After this the process is killed and the test fails.
    """
    done = subprocess.run(
        [*PYTHON, "-m", "dicom_retrieve_tui", *(str(arg) for arg in args)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
    return CommandResult(done.returncode, done.stdout, done.stderr)
