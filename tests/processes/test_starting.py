"""The command in a process of its own: what it loads, and how it ends."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.cli.scripted import STUDY


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The default output is the working folder, which other tests watch."""
    monkeypatch.chdir(tmp_path)


def test_a_closed_stdout_gives_no_traceback() -> None:
    read_end, write_end = os.pipe()
    os.close(read_end)

    done = subprocess.run(
        [sys.executable, "-m", "dicom_retrieve_tui", "--help"],
        stdout=write_end,
        stderr=subprocess.PIPE,
        timeout=30,
        check=False,
    )
    os.close(write_end)

    assert done.stderr == b""
    assert done.returncode == 0


_TELLS_WHAT_IS_COLLECTED = """
import atexit, gc, sys
atexit.register(lambda: print(len(gc.get_objects())))
sys.argv = ["dicom-retrieve", "--version"]
from dicom_retrieve_tui.cli.main import run
run()
"""


def test_the_end_of_the_process_does_not_wait_for_the_garbage_collector() -> None:
    argv = [sys.executable, "-c", _TELLS_WHAT_IS_COLLECTED]

    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=True)

    assert int(done.stdout.split()[-1]) < 100


LOADS = """
import sys
from dicom_retrieve_tui.cli.main import main
code = main({argv})
if loaded := {unwanted} & set(sys.modules):
    print("loaded:", loaded, file=sys.stderr)
    code = 99  # an exception would end in 1, which is what some of them end in
sys.exit(code)
"""
NEVER = {
    *("textual", "rich", "pynetdicom", "pydicom", "ssl", "hashlib", "platform"),
    "dicom_retrieve_tui.cli.output.live",
    "dicom_retrieve_tui.doctor.sample",
    "dicom_retrieve_tui.doctor.run",
    "dicom_retrieve_tui.network.study_search",
    "dicom_retrieve_tui.storage.history",
    *(f"dicom_retrieve_tui.model.{name}" for name in ("search", "study_lookup", "uid_list")),
}
ONLY_TO_WORK = {
    # A mistyped PACS may be the name of a profile, which is looked up in the user's folder.
    *("platformdirs", "random", "json", "logging", "socket", "sqlite3", "threading", "difflib"),
    *("dicom_retrieve_tui.cli.commands.retrieve", "dicom_retrieve_tui.model.selection"),
}


@pytest.mark.parametrize(
    "argv", [["--help"], ["help", "find"], ["doctor", "--help"], ["--version"]]
)
def test_help_loads_nothing_that_takes_time(argv: list[str]) -> None:
    done = loading(argv, NEVER | ONLY_TO_WORK)

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (["verify"], 1),
        (["--bogus"], 1),
        (["http://pacs.test", "--study-uid", STUDY], 1),
        (["pacs://pacs.test", "--study-uid", STUDY], 1),
        (["pacs://127.0.0.1:1", "--study-uid", STUDY, "--method", "c-get", "--retries", "0"], 1),
    ],
)
def test_no_mistake_and_no_retrieval_loads_anything_heavy(argv: list[str], code: int) -> None:
    done = loading(argv, NEVER)

    assert done.returncode == code, done.stderr


def test_a_retrieval_loads_nothing_that_only_a_slip_needs() -> None:
    argv = ["pacs://127.0.0.1:1", "--study-uid", STUDY, "--method", "c-get", "--retries", "0"]

    done = loading(argv, {"difflib"})

    assert done.returncode == 1, done.stderr


def loading(argv: list[str], unwanted: set[str]) -> "subprocess.CompletedProcess[str]":
    """Run the command in a process of its own; exit code 99 if that loaded any of `unwanted`."""
    code = LOADS.format(argv=argv, unwanted=unwanted)
    return subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
