"""Disks of a test's own: mounted for one command, in a mount namespace that ends with it.

Neither needs a server, and both need rights that not every machine gives: what is missing is named
at the end of the run.
"""

import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

MOUNT, FUSE, ROOT = "mount", "fuse", "root"
"""Markers of tests that need a tmpfs, a FUSE file system, and to become another user."""


def namespace() -> list[str]:
    """A wrapper that gives a command its own mounts, and the right to make some."""
    return ["unshare", "--mount", *([] if os.geteuid() == 0 else ["--map-root-user"])]


MARKERS = (MOUNT, FUSE, ROOT)


@cache
def missing(marker: str) -> str:
    """Why tests with this marker cannot run here; empty if they can."""
    if os.name == "nt":
        return "needs POSIX"
    if marker == FUSE and not os.access("/dev/fuse", os.R_OK | os.W_OK):
        return "needs /dev/fuse (Linux; in a container: --device /dev/fuse --cap-add SYS_ADMIN)"
    if marker == ROOT:
        return "" if os.geteuid() == 0 else "needs root, to become a user without a name"
    if not _may_mount():
        return "needs to mount: root on Linux, or user namespaces for every user"
    return ""


def _may_mount() -> bool:
    mount = [*namespace(), "mount", "-t", "tmpfs", "tmpfs", "/tmp"]  # noqa: S108 - mounts over it
    try:
        return subprocess.run(mount, check=False, capture_output=True, timeout=20).returncode == 0
    except OSError:
        return False


def skip_without_mounts(item: pytest.Item) -> None:
    """Skip a test whose disk cannot be made here."""
    for marker in MARKERS:
        if item.get_closest_marker(marker) is not None and (reason := missing(marker)):
            pytest.skip(reason)


def lacking(faults: str, folder: Path, mountpoint: Path) -> list[str]:
    """A wrapper under which `mountpoint` shows `folder` by a file system with these faults.

    See `lacking_disk` for the words.
    """
    for each in (folder, mountpoint):
        each.mkdir(exist_ok=True)
    program = [sys.executable, "-m", "tests.faults.lacking_disk"]
    return [*namespace(), *program, faults, str(folder), str(mountpoint)]
