"""A retrieval without what only Linux has, as on macOS and the BSDs."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

_TIMEOUT_S = 60
_LINUX_ALONE = {
    "socket": (
        "TCP_QUICKACK", "TCP_USER_TIMEOUT", "TCP_KEEPIDLE", "TCP_CORK", "SO_BINDTODEVICE",
        "SO_INCOMING_CPU", "MSG_MORE", "MSG_ERRQUEUE", "SOCK_CLOEXEC", "SOCK_NONBLOCK",
    ),
    "os": (
        "copy_file_range", "eventfd", "memfd_create", "pidfd_open", "posix_fadvise",
        "posix_fallocate", "sched_getaffinity", "sched_setaffinity", "setns", "unshare", "splice",
        "O_DIRECT", "O_PATH", "O_TMPFILE", "O_NOATIME", "preadv2", "pwritev2",
    ),
    "select": ("epoll",),
    "fcntl": ("F_OFD_SETLK", "F_OFD_SETLKW", "F_OFD_GETLK", "F_SETPIPE_SZ", "F_GETPIPE_SZ"),
    "signal": ("SIGPOLL", "SIGPWR", "SIGSTKFLT", "SIGRTMIN", "SIGRTMAX", "sigtimedwait"),
    "errno": ("EREMOTEIO", "ENOMEDIUM", "ENOKEY", "EHWPOISON"),
}  # fmt: skip
_PROGRAM = f"""
import builtins, ctypes, io, os, pathlib, runpy, sys, asyncio
for module, names in {_LINUX_ALONE!r}.items():
    for name in names:
        if hasattr(__import__(module), name):
            delattr(sys.modules[module], name)

def library(*_, **__):
    raise OSError("there is no renameat2")
ctypes.CDLL = library

def without_proc(call):
    def opened(file, *args, **kwargs):
        if str(file).startswith("/proc/"):
            raise FileNotFoundError(2, "No such file or directory", file)
        return call(file, *args, **kwargs)
    return opened
builtins.open, io.open = without_proc(builtins.open), without_proc(io.open)
os.open, os.readlink = without_proc(os.open), without_proc(os.readlink)

sys.argv[0] = "dicom-retrieve"
runpy.run_module("dicom_retrieve_tui", run_name="__main__", alter_sys=True)
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


@pytest.mark.parametrize("command", [("find", "pacs://127.0.0.1:1", "--all"), ("--version",)])
def test_a_command_ends_in_order(command: tuple[str, ...]) -> None:
    assert "Traceback" not in _run(*command).stderr


def test_a_retrieval_by_both_methods_is_complete_and_verified(tmp_path: Path) -> None:
    result = _run("demo", "--headless", "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    assert "note:" not in result.stderr
    assert _run("verify", tmp_path / "out", "--deep").returncode == 0
