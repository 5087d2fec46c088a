import subprocess
import sys

import pytest

from dicom_retrieve_tui.cli import demo_screen, interactive
from dicom_retrieve_tui.cli.main import main
from tests.unit.cli.scripted import Stream

HEADLESS = """
import sys
from dicom_retrieve_tui.cli.main import main
code = main(["demo", "--headless"])
assert not {"textual"} & set(sys.modules)
sys.exit(code)
"""


TERMINAL = Stream(terminal=True)


def test_a_headless_retrieval_loads_no_textual() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEADLESS], capture_output=True, text=True, timeout=60, check=False
    )

    assert done.returncode == 0, done.stderr


def test_without_arguments_at_a_terminal_the_application_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(interactive, "run_interactive", lambda: 0)

    assert main([], stdin=TERMINAL, stdout=TERMINAL, stderr=TERMINAL) == 0


def test_without_arguments_and_without_a_terminal_the_command_asks_for_a_pacs() -> None:
    told = Stream()

    assert main([], stdin=Stream(terminal=True), stdout=Stream(), stderr=told) == 1
    assert "No PACS was named; give it as pacs://HOST[:PORT]." in told.getvalue()


def test_the_demonstration_opens_at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_screen, "run_demo_screen", lambda *_: 0)

    assert main(["demo"], stdin=TERMINAL, stdout=TERMINAL, stderr=TERMINAL) == 0
