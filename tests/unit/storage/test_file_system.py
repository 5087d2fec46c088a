"""Which file system a path is on, by the list of mounts."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.storage.file_system import (
    UNKNOWN,
    FileSystem,
    file_system_of,
    find_mount,
)

_MOUNTS = r"""
22 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw
30 22 0:40 / /mnt/scans rw shared:2 - cifs //server/scans rw,vers=3.0
31 30 0:41 / /mnt/scans/old\040ones rw - nfs4 server:/old rw
32 22 8:1 / /media/stick rw - vfat /dev/sdb1 rw
33 22 8:1 / /media/stick rw - exfat /dev/sdc1 rw
34 22 0:42 / /home/user/far rw - fuse.sshfs host: rw
a line of another kind
"""


@pytest.mark.parametrize(
    ("path", "kind", "source"),
    [
        ("/", "ext4", "/dev/vda"),
        ("/mnt/scansion", "ext4", "/dev/vda"),
        ("/mnt/scans", "cifs", "//server/scans"),
        ("/mnt/scans/new/out", "cifs", "//server/scans"),
        ("/mnt/scans/old ones/out", "nfs4", "server:/old"),
        ("/media/stick/out", "exfat", "/dev/sdc1"),  # mounted over the other
        ("/home/user/far", "fuse.sshfs", "host:"),
    ],
)
def test_the_innermost_mount_is_found(path: str, kind: str, source: str) -> None:
    found = find_mount(_MOUNTS, path)
    assert (found.kind, found.source) == (kind, source)


@pytest.mark.parametrize(
    ("kind", "options", "here"),
    [
        ("nfs4", "rw,vers=4.2", False),
        ("nfs", "rw,nolock,addr=10.0.0.1", True),
        ("nfs", "rw,local_lock=all", True),
        ("nfs", "rw,local_lock=none", False),
        ("cifs", "rw,nobrl", True),
        ("cifs", "rw", False),
        ("fuse.sshfs", "rw", True),
        ("ext4", "rw,nobrl", False),
    ],
)
def test_locks_that_other_hosts_do_not_see_are_known(
    kind: str, options: str, *, here: bool
) -> None:
    found = find_mount(f"22 1 0:4 / / rw - {kind} x {options}", "/a")
    assert found.locks_stay_here is here


@pytest.mark.parametrize(
    ("kind", "network", "vanishes", "limit"),
    [
        ("ext4", False, False, None),
        ("nfs", True, True, None),
        ("cifs", True, True, None),
        ("fuse.sshfs", True, True, None),
        ("fuseblk", False, True, None),
        ("vfat", False, False, (1 << 32) - 1),
        ("exfat", False, False, None),
        ("", False, False, None),
    ],
)
def test_a_kind_says_what_may_happen(
    kind: str, limit: int | None, *, network: bool, vanishes: bool
) -> None:
    found = FileSystem(kind, "x")
    assert (found.is_network, found.may_vanish, found.file_bytes_max) == (network, vanishes, limit)
    assert str(found) == (f"network share {kind} x" if network else kind or "of unknown kind")


def test_a_path_that_does_not_exist_is_on_the_file_system_of_its_folder(tmp_path: Path) -> None:
    assert file_system_of(tmp_path / "none" / "there") == file_system_of(tmp_path) != UNKNOWN


def test_nothing_is_known_of_an_impossible_path() -> None:
    assert file_system_of("a\0b") == UNKNOWN
