"""The file system that a path is on, as the operating system names it.

Only messages and limits depend on it: what a folder can do is found out by trying
(`folder_features`).
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_MOUNTS = Path("/proc/self/mountinfo")
"""Source: proc(5)."""
_NETWORK = frozenset(
    {
        "9p", "acfs", "afs", "afpfs", "beegfs", "ceph", "cifs", "coda", "davfs", "drvfs",
        "fuse.ceph", "fuse.cifs", "fuse.curlftpfs", "fuse.davfs2", "fuse.glusterfs",
        "fuse.gvfsd-fuse", "fuse.lustre", "fuse.mfs", "fuse.rclone", "fuse.s3fs",
        "fuse.smbnetfs", "fuse.sshfs", "fuse.vmhgfs-fuse", "gfs2", "gpfs", "lustre", "ncpfs",
        "nfs", "nfs4", "ocfs2", "orangefs", "panfs", "prl_fs", "smb3", "smbfs", "vboxsf",
        "virtiofs", "vmhgfs",
    }
)  # fmt: skip
"""Other machines may use them at the same time, and they come and go with a connection."""
_FAT = frozenset({"fat", "fuse.fusefat", "fusefat", "msdos", "vfat"})
_FAT_FILE_BYTES_MAX = (1 << 32) - 1
_LOCAL_LOCKS = frozenset({"nolock", "local_lock=all", "local_lock=flock", "nobrl"})
"""Source: nfs(5), mount.cifs(8)."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True, slots=True)
class FileSystem:
    """One mounted file system."""

    kind: str = ""
    """As the system names it: `ext4`, `cifs`, `fuse.sshfs`; empty if unknown."""
    source: str = ""
    """What is mounted: a device, or a share such as `//server/share`."""
    options: frozenset[str] = frozenset()
    """Its mount options."""

    @property
    def is_network(self) -> bool:
        """True if it is a share: another machine may use it at the same time."""
        return self.kind in _NETWORK

    @property
    def may_vanish(self) -> bool:
        """True if a server or another process answers for it, which may end."""
        return self.is_network or self.kind.startswith("fuse")

    @property
    def locks_stay_here(self) -> bool:
        """True if other hosts do not see our locks, although the system grants them."""
        local = self.kind.startswith("fuse") or not _LOCAL_LOCKS.isdisjoint(self.options)
        return self.is_network and local

    @property
    def file_bytes_max(self) -> int | None:
        """Size limit of one file; None if none is known."""
        return _FAT_FILE_BYTES_MAX if self.kind in _FAT else None

    def __str__(self) -> str:
        """Return its description for messages: `ext4`, `network share nfs4 server:/export`."""
        if self.is_network:
            return f"network share {self.kind} {self.source}"
        return self.kind or "of unknown kind"


UNKNOWN = FileSystem()


def file_system_of(path: Path | str) -> FileSystem:
    """Return the file system of a path that may not exist; `UNKNOWN` where none can be found.

    Only Linux lists its mounts in a file. Never raises.
    """
    try:
        real, text = os.path.realpath(path), _MOUNTS.read_text("utf-8", "surrogateescape")
    except (OSError, ValueError):
        return UNKNOWN
    return find_mount(text, real)


def find_mount(mounts: str, path: str) -> FileSystem:
    """Find the mount of an absolute path in the text of `/proc/self/mountinfo`."""
    found, length = UNKNOWN, 0
    for line in mounts.splitlines():
        mount, _, rest = line.partition(" - ")
        fields, kinds = mount.split(" "), rest.split(" ")
        if len(fields) < 5 or len(kinds) < 2:
            continue
        point = _unescaped(fields[4])
        if len(point) >= length and (path == point or path.startswith(f"{point.rstrip('/')}/")):
            options = frozenset(",".join(kinds[2:]).split(","))
            found = FileSystem(kinds[0], _unescaped(kinds[1]), options)
            length = len(point)
    return found


def _unescaped(text: str) -> str:
    return _ESCAPED.sub(lambda match: chr(int(match[1], 8)), text)
