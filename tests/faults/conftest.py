"""After every fault: no thread, no descriptor, no listening port and no part file too many."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from tests.faults.mounts import MARKERS, missing, skip_without_mounts

_ENDING_S = 5.0
"""Long enough for the threads of a peer to notice that nobody is there any more."""

_LISTENING = "0A"
_STATE, _INODE = 3, 9
"""Columns of /proc/net/tcp."""


@pytest.fixture(autouse=True)
def _nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    raised: list[threading.ExceptHookArgs] = []
    monkeypatch.setattr(threading, "excepthook", raised.append)
    threads, descriptors, ports = set(threading.enumerate()), _descriptors(), _listening()

    yield

    _wait_for(set(threading.enumerate()) - threads)
    assert not raised, raised
    assert set(threading.enumerate()) <= threads
    assert _descriptors() == descriptors
    assert _listening() == ports
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".part"]


def _wait_for(threads: set[threading.Thread]) -> None:
    until_s = monotonic() + _ENDING_S
    for thread in threads:
        thread.join(max(until_s - monotonic(), 0))


def _descriptors() -> dict[str, str]:
    """What every open file descriptor of this process is; nothing on Windows, which has no list."""
    found: dict[str, str] = {}
    if sys.platform == "win32":
        return found
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one with which the folder was read
            found[link.name] = str(link.readlink())
    return found


def _listening() -> set[str]:
    """The sockets of this process that listen on TCP ports."""
    ours = set(_descriptors().values())
    lines = [
        line.split()
        for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
        if table.exists()
        for line in table.read_text().splitlines()[1:]
    ]
    inodes = {f"socket:[{line[_INODE]}]" for line in lines if line[_STATE] == _LISTENING}
    return inodes & ours


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip tests of disks that this machine does not let us make."""
    skip_without_mounts(item)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say at the end, where it is read, which disks were not tried."""
    reasons = {reason for marker in MARKERS if (reason := missing(marker))}
    if reasons:
        terminalreporter.section("NOT TESTED ON DISKS THAT FAIL", sep="!", red=True, bold=True)
        for reason in sorted(reasons):
            terminalreporter.write_line(reason)
