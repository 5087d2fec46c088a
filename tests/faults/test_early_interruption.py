"""Signals before the command is loaded, and after its work is done: no word, no death by them."""

import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.faults.processes import PATIENCE_S

_ROOT = Path(__file__).parent.parent.parent

_STRIKES_ITSELF = """
import atexit, io, os, signal, sys
moment, number = sys.argv.pop(1), int(sys.argv.pop(1))
def strike():
    global moment
    moment = ""
    signal.raise_signal(number)
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
class Last:
    def __del__(self, kill=os.kill, pid=os.getpid(), number=number, strikes=moment == "last"):
        if strikes:
            kill(pid, number)
sys.last_of_all = Last()
"""
"""Python tells audit hooks of each module before it is loaded. Of the flushes, the first is that
of a change of the stream, the second is behind what is said, and the third is the last one. What
is deleted last is deleted when the interpreter has given up its own handlers."""


def _entry() -> str:
    """What an installed `dicom-retrieve` does."""
    project = tomllib.loads((_ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    module, _, function = project["scripts"]["dicom-retrieve"].partition(":")
    return f"from {module} import {function}\n{function}()\n"


def _run(
    moment: str, before: str = "", number: signal.Signals = signal.SIGINT
) -> subprocess.CompletedProcess[str]:
    code = _STRIKES_ITSELF + before + _entry()
    return subprocess.run(
        [sys.executable, "-c", code, moment, str(int(number)), "--version"],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


_SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.mark.parametrize("number", _SIGNALS)
@pytest.mark.parametrize(
    "moment",
    [
        *("typing", "dicom_retrieve_tui.cli", "dicom_retrieve_tui.cli.main"),
        *("dicom_retrieve_tui.cli.parser", "dicom_retrieve_tui.errors"),
        *("flush 1", "flush 2", "flush 3"),
    ],
)
def test_a_signal_at_any_moment_exits_with_130_and_says_nothing(
    moment: str, number: signal.Signals
) -> None:
    done = _run(moment, number=number)

    assert (done.returncode, done.stderr) == (130, "")


@pytest.mark.parametrize("number", _SIGNALS)
@pytest.mark.parametrize("moment", ["exit", "last"])
def test_a_signal_behind_the_last_word_changes_no_exit_code(
    moment: str, number: signal.Signals
) -> None:
    done = _run(moment, number=number)

    assert (done.returncode, done.stderr) == (0, "")


def test_what_is_not_interrupted_is_as_ever() -> None:
    done = _run("never")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("dicom-retrieve ")


@pytest.mark.parametrize("moment", ["dicom_retrieve_tui.cli.parser", "flush 3", "exit"])
def test_where_interruptions_are_ignored_they_stay_so(moment: str) -> None:
    done = _run(moment, before="signal.signal(signal.SIGINT, signal.SIG_IGN)\n")

    assert (done.returncode, done.stderr) == (0, "")
