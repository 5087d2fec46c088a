"""`--report` into a stream that has a name: what is in it stays, also where a file is behind it."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.faults.processes import PATIENCE_S, c_get
from tests.peers.raw_pacs import RawPacs

_SUMMARY = "complete: "


def _run(
    folder: Path, pacs: RawPacs, report: object, shell: str
) -> subprocess.CompletedProcess[str]:
    """Run the command, its streams redirected as the shell is told to."""
    command = [sys.executable, "-m", "dicom_retrieve_tui", *map(str, c_get(pacs, folder / "out"))]
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {shell}', "sh", *command, "--report", str(report)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def _account(text: str) -> dict[str, Any]:
    """The report, which is the only thing in a text with a brace."""
    found: dict[str, Any] = json.loads(text[text.index("{") : text.rindex("}") + 1])
    return found


@pytest.mark.parametrize(
    ("report", "shell"),
    [
        ("/dev/stdout", ">> file"),
        ("/dev/stderr", "2>> file"),
        ("/dev/fd/3", "3>> file"),
        ("/proc/self/fd/1", ">> file"),
        ("link", ">> file"),
        ("/proc/{pid}/fd/{kept}", ">&2"),
    ],
)
def test_a_file_behind_a_stream_keeps_what_it_has(report: str, shell: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("first\n")
    (tmp_path / "link").symlink_to("/dev/stdout")
    with file.open("a") as kept, RawPacs() as pacs:
        done = _run(tmp_path, pacs, report.format(pid=os.getpid(), kept=kept.fileno()), shell)
        assert file.stat().st_ino == os.fstat(kept.fileno()).st_ino

    text = file.read_text()
    assert done.returncode == 0
    assert text.startswith("first\n")
    assert _account(text)["verdict"] == "complete"
    assert _SUMMARY in text + done.stdout + done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "link", "out"]


def test_a_report_comes_through_a_pipe_behind_the_summary(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        done = _run(tmp_path, pacs, "/dev/stdout", "")

    assert done.returncode == 0
    assert _account(done.stdout)["verdict"] == "complete"


def test_a_file_that_is_written_from_its_start_is_not_written_over(tmp_path: Path) -> None:
    with RawPacs() as pacs:
        done = _run(tmp_path, pacs, "/dev/stdout", "> file")

    text = (tmp_path / "file").read_text()
    assert done.returncode == 0
    assert text.index(_SUMMARY) < text.index("{")
    assert _account(text)["verdict"] == "complete"
