"""The real program in a real pseudo-terminal: typed into, pasted into, resized, read and left."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.tui.builders import uids
from tests.tui.terminal import Terminal

_COMMAND = [sys.executable, "-m", "dicom_retrieve_tui"]
_RESTORED = (b"\x1b[?1049l", b"\x1b[?2004l", b"\x1b[?1000l", b"\x1b[?25h")
"""The other screen left, bracketed paste and mouse off, the cursor back."""


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    """A user who has nothing yet."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DICOM_")}
    return {
        **kept,
        "HOME": str(tmp_path),
        "XDG_DATA_HOME": str(tmp_path / "data"),
        "XDG_CONFIG_HOME": str(tmp_path / "config"),
    }


def left_whole(terminal: Terminal) -> bool:
    """True if a shell finds the terminal as it was."""
    said = bytes(terminal.said)
    return terminal.as_found and all(
        said.rfind(code) > said.rfind(code[:-1] + (b"h" if code[-1:] == b"l" else b"l"))
        for code in _RESTORED
    )


def test_the_demonstration_in_a_terminal_of_three_sizes(
    environ: Mapping[str, str], tmp_path: Path
) -> None:
    argv = [*_COMMAND, "demo", "--output", str(tmp_path / "files")]
    with Terminal(argv, (80, 24), environ) as terminal:
        terminal.shows("4 UIDs in the list", "⏎ Start", "f1 Help")

        terminal.type("\r")
        terminal.shows("▶", "3 failed 1", "q Quit")
        terminal.type("n1.2.3")
        terminal.shows("1.2.3", "1 UID", "⏎ Start")
        terminal.type("\x7f" * 5)
        terminal.paste("\r".join(uids(500)))
        terminal.shows("500 UIDs in the list")

        terminal.resize(160, 45)
        terminal.shows("Throughput", "Events", "500 UIDs in the list")
        terminal.resize(60, 15)
        terminal.hides("Throughput")
        terminal.shows("500 UIDs in the list", "f1 Help")

        terminal.type("\x7f\x1b")
        terminal.shows("q Quit")
        terminal.type("p")
        terminal.shows("PAUSED")
        terminal.type("q")
        terminal.shows("not finished", "Keep running (n)")
        terminal.type("y")
        assert terminal.ends() == 0
        assert left_whole(terminal)
        assert "The files are in" in terminal.said.decode()

    assert list((tmp_path / "files").rglob("*.dcm"))
    assert not (tmp_path / "data").exists(), "the demonstration is nothing to remember"


def test_a_signal_ends_it_in_good_order(environ: Mapping[str, str], tmp_path: Path) -> None:
    argv = [*_COMMAND, "demo", "--output", str(tmp_path / "files")]
    with Terminal(argv, (80, 24), environ) as terminal:
        terminal.shows("4 UIDs in the list", "⏎ Start")
        terminal.type("\r")
        terminal.shows("▶")

        terminal.process.terminate()

        assert terminal.ends() == 130
        assert left_whole(terminal)

    assert not list((tmp_path / "files").rglob("*.part"))


_BREAKS = """
from dicom_retrieve_tui.tui.app import RetrieveApp, run_app

def action_context_help(self):
    patient = "Example^Ada"
    raise ZeroDivisionError("Example^Bob")

RetrieveApp.action_context_help = action_context_help
def nothing(*_): return iter(())

app = RetrieveApp(lambda plan, settings: None, find=nothing, find_each=nothing)
raise SystemExit(run_app(app))
"""


def test_a_crash_leaves_the_terminal_whole_and_tells_nothing_of_patients(
    environ: Mapping[str, str],
) -> None:
    with Terminal([sys.executable, "-c", _BREAKS], (80, 24), environ) as terminal:
        terminal.shows("The queue is empty.")
        terminal.type("\x1bOP")

        assert terminal.ends() == 1
        assert left_whole(terminal)
        told = terminal.said.decode()

    assert "ZeroDivisionError" in told
    assert "This is a bug in dicom-retrieve; please report it" in told
    assert "Example^" not in told
