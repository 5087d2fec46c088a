"""A retrieval without /proc and without a rename that never overwrites, as on the BSDs."""

import os
import subprocess
import sys
from pathlib import Path

_TIMEOUT_S = 60
_PROGRAM = """
import builtins, ctypes, io, os, sys

def library(*_, **__):
    raise OSError("there is no renameat2")

def without_proc(call):
    def opened(file, *args, **kwargs):
        if str(file).startswith("/proc/"):
            raise FileNotFoundError(2, "No such file or directory", file)
        return call(file, *args, **kwargs)
    return opened

def link(*_, **__):
    raise PermissionError(1, "Operation not permitted")

ctypes.CDLL, os.link = library, link
builtins.open, io.open = without_proc(builtins.open), without_proc(io.open)
os.open, os.readlink = without_proc(os.open), without_proc(os.readlink)

from dicom_retrieve_tui.cli.main import main

sys.exit(main(sys.argv[1:]))
"""


def _run(*args: object) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM, *map(str, args)],
        env=os.environ | {"LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_S,
    )


def test_a_retrieval_by_both_methods_is_complete_and_verified(tmp_path: Path) -> None:
    result = _run("demo", "--headless", "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "(of unknown kind) lacks hard links: replacements are used" in result.stderr
    assert _run("verify", tmp_path / "out", "--deep").returncode == 0
