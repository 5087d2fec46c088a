"""A retrieval on a system that has only what POSIX promises, or less."""

import subprocess
import sys
from pathlib import Path

_WITHOUT = """
import os, select, signal, socket, sys

for module, names in {
    os: ("writev", "pread", "pwritev", "preadv", "posix_fadvise", "fdatasync", "O_CLOEXEC",
         "O_NOFOLLOW", "fchmod", "sysconf", "sched_getaffinity"),
    select: ("epoll", "poll", "kqueue"),
    signal: ("pthread_kill", "sigtimedwait"),
    socket: ("TCP_QUICKACK", "TCP_KEEPIDLE", "TCP_KEEPINTVL", "TCP_KEEPCNT", "TCP_USER_TIMEOUT",
             "SO_REUSEPORT"),
}.items():
    for name in names:
        if hasattr(module, name):
            delattr(module, name)

from dicom_retrieve_tui.cli.main import main

sys.exit(main(sys.argv[1:]))
"""


def _run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_c_get_c_move_and_verify_need_none_of_them(tmp_path: Path) -> None:
    demo = _run("demo", "--headless", "--output", tmp_path)
    again = _run("demo", "--headless", "--output", tmp_path)
    verified = _run("verify", tmp_path, "--deep")

    assert (demo.returncode, again.returncode, verified.returncode) == (0, 0, 0), demo.stderr
    assert "all 3 studies complete" in demo.stdout
    assert "C-MOVE" in demo.stderr
    assert "Traceback" not in demo.stderr + again.stderr + verified.stderr
