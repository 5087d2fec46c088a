"""Paths that the package hands to Windows; run by `tests/windows/run`."""

import subprocess
import sys
from pathlib import Path

import pytest

from dicom_retrieve_tui.platform_files import extended

_WATCHED = r"""
import sys

wrong = set()

def watch(event, arguments):
    for each in arguments:
        if isinstance(each, str) and each.startswith("\\\\?\\") and "/" in each:
            wrong.add(f"{event}: {each}")

sys.addaudithook(watch)
from dicom_retrieve_tui.cli.main import main
code = main(sys.argv[1:])
for each in sorted(wrong):
    print("WRONG", each)
sys.exit(code)
"""

_LOOKS = """
import contextlib, os

with contextlib.suppress(OSError):
    os.listdir(sys.argv[1])
code = 0
"""


def _run(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WATCHED, *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_no_extended_path_has_a_slash_which_wine_takes_and_windows_does_not(
    tmp_path: Path,
) -> None:
    runs = [
        _run("demo", "--headless", "--output", tmp_path),
        _run("verify", tmp_path, "--deep"),
    ]

    assert [run.returncode for run in runs] == [0, 0], runs[0].stderr
    assert [line for run in runs for line in run.stdout.splitlines() if "WRONG" in line] == []


def test_the_watch_sees_a_slash(tmp_path: Path) -> None:
    watched = _WATCHED.replace("code = main(sys.argv[1:])", _LOOKS)
    done = subprocess.run(
        [sys.executable, "-c", watched, f"\\\\?\\{tmp_path}/file"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )

    assert "WRONG os.listdir" in done.stdout


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("C:\\dicom", "\\\\?\\C:\\dicom"),
        ("C:/dicom/new. ", "\\\\?\\C:\\dicom\\new"),
        ("\\\\server\\share\\dicom", "\\\\?\\UNC\\server\\share\\dicom"),
        ("\\\\?\\D:\\dicom", "\\\\?\\D:\\dicom"),
        ("\\\\.\\pipe\\x", "\\\\.\\pipe\\x"),
    ],
)
def test_folders_are_extended_on_windows(given: str, path: str) -> None:
    assert str(extended(Path(given))) == path
