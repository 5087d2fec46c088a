"""Ctrl-C before the command is loaded, and after its work is done: exit code 130 and no word."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.faults.processes import PATIENCE_S

_ROOT = Path(__file__).parent.parent.parent

_STRIKES_ITSELF = """
import atexit, io, signal, sys
moment = sys.argv.pop(1)
def strike():
    global moment
    moment = ""
    signal.raise_signal(signal.SIGINT)
def watch(event, values):
    if event == "import" and values[0] == moment:
        strike()
class Out(io.TextIOWrapper):
    flushes = 0
    def flush(self):
        super().flush()
        Out.flushes += 1
        if moment == f"flush {Out.flushes}":
            strike()
sys.stdout = Out(sys.stdout.buffer)
sys.addaudithook(watch)
atexit.register(lambda: moment == "exit" and strike())
"""
"""Python tells audit hooks of each module before it is loaded. Of the flushes, the first is that
of a change of the stream, the second is behind what is said, and the third is the last one."""


def _entry() -> str:
    """What an installed `dicom-retrieve` does."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["dicom-retrieve"].partition(":")
    return f"from {module} import {function}\n{function}()\n"


def _run(moment: str, before: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _STRIKES_ITSELF + before + _entry(), moment, "--version"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.mark.parametrize(
    "moment",
    [
        *("dicom_retrieve_tui.cli", "dicom_retrieve_tui.cli.main", "dicom_retrieve_tui.cli.parser"),
        *("dicom_retrieve_tui.errors", "flush 1", "flush 2", "flush 3", "exit"),
    ],
)
def test_an_interruption_at_any_moment_exits_with_130_and_says_nothing(moment: str) -> None:
    done = _run(moment)

    assert (done.returncode, done.stderr) == (130, "")


def test_what_is_not_interrupted_is_as_ever() -> None:
    done = _run("never")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("dicom-retrieve ")


@pytest.mark.parametrize("moment", ["dicom_retrieve_tui.cli.parser", "flush 3", "exit"])
def test_where_interruptions_are_ignored_they_stay_so(moment: str) -> None:
    done = _run(moment, before="signal.signal(signal.SIGINT, signal.SIG_IGN)\n")

    assert (done.returncode, done.stderr) == (0, "")
