"""What an output folder's file system can do, found out by trying each call once at the start.

Network shares, FAT and FUSE lack some of what a run uses. Each lack has a replacement elsewhere in
this package; here are the list, the trial, and the words for the user.
"""

import contextlib
import errno
import mmap
import os
import shutil
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from dicom_retrieve_tui.errors import reason_of
from dicom_retrieve_tui.model.humanize import size_text
from dicom_retrieve_tui.platform_files import below
from dicom_retrieve_tui.storage.file_system import UNKNOWN, FileSystem, file_system_of
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

if sys.platform != "win32":
    import fcntl

_OTHERS = 0o077
_NAME_BYTES_MIN = 120
"""A shorter limit of names is reported; `SOP Instance UID.dcm` needs 68."""
_PASSES = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.EROFS})
"""Errors that say nothing about what the file system can do; the run meets them itself."""


class Feature(StrEnum):
    """What a run uses if it is there. The values are read by users."""

    LINKS = "hard links"
    LOCKS = "file locks"
    BYTE_RANGE_LOCKS = "byte-range locks"
    SHARED_MEMORY = "shared memory"
    FILE_SYNC = "file sync"
    FOLDER_SYNC = "folder sync"
    PERMISSIONS = "permissions"
    CASE = "upper and lower case in names"
    LONG_NAMES = "long names"
    FREE_SPACE = "count of free space"


INSTEAD = {
    Feature.LINKS: "a file is renamed after a look whether its name is free",
    Feature.LOCKS: "a lock file is renewed every few seconds",
    Feature.BYTE_RANGE_LOCKS: "the journal is locked by a folder beside it",
    Feature.SHARED_MEMORY: "the journal has a rollback journal instead of a write-ahead log",
    Feature.FILE_SYNC: "the next run compares the files with their checksums",
    Feature.FOLDER_SYNC: "names of files are not synced",
    Feature.PERMISSIONS: "files have the permissions that the file system gives them",
    Feature.CASE: "names that differ only in case are one name",
    Feature.LONG_NAMES: "a --layout with longer names fails",
    Feature.FREE_SPACE: "--keep-free has no effect",
}
_LOST_PROMISES = {
    Feature.LOCKS: "that two runs on different hosts never use the folder together",
    Feature.FILE_SYNC: "that files survive a power cut",
    Feature.FOLDER_SYNC: "that the last files survive a power cut",
    Feature.PERMISSIONS: "the permissions of --umask (by default, for you alone)",
    Feature.FREE_SPACE: "that the disk keeps free space",
}
_SYNCS = frozenset({Feature.FILE_SYNC, Feature.FOLDER_SYNC})
_QUIET = frozenset({Feature.CASE, Feature.LONG_NAMES})
"""Told in detail only: they matter for few layouts, and a file that meets them is reported."""


@dataclass
class FolderFeatures:
    """What is missing, and why. A run adds what it finds out later; any thread may."""

    file_system: FileSystem = UNKNOWN
    missing: dict[Feature, str] = field(default_factory=dict)
    """The reason of the system for each."""
    _changing: threading.Lock = field(default_factory=threading.Lock)

    def has(self, feature: Feature) -> bool:
        """Return True if it is not known to be missing."""
        return feature not in self.missing

    def lose(self, feature: Feature, error: OSError) -> bool:
        """Record that a feature is missing after all; return True if that is new."""
        with self._changing:
            if feature in self.missing:
                return False
            self.missing[feature] = reason_of(error)
            return True

    def summary(self, root: Path | str) -> str:
        """Return one line for the user; empty if there is nothing to report."""
        lacks = [feature for feature in Feature if feature in self.missing.keys() - _QUIET]
        if not lacks:
            return ""
        line = f"The file system of {root} ({self.file_system}) lacks {_listed(lacks)}: "
        line += "replacements are used (-v lists them)."
        if promises := _promises(lacks):
            line += f" Not promised there: {_listed(promises)}."
        return line

    def loss(self, root: Path | str, feature: Feature) -> str:
        """Return a sentence about a feature that a run lost in the middle."""
        line = f"The file system of {root} ({self.file_system}) no longer supports {feature} "
        line += f"({self.missing[feature]}): {INSTEAD[feature]}."
        if promises := _promises([feature]):
            line += f" Not promised there: {_listed(promises)}."
        return line

    def details(self) -> list[str]:
        """Return a line for each missing feature: why, and what is done instead."""
        return [
            f"no {feature} ({self.missing[feature]}): {INSTEAD[feature]}"
            for feature in Feature
            if feature in self.missing
        ]


def _promises(lacks: list[Feature]) -> list[str]:
    found = [_LOST_PROMISES[feature] for feature in lacks if feature in _LOST_PROMISES]
    if _SYNCS.issubset(lacks):  # one of both says it
        found.remove(_LOST_PROMISES[Feature.FOLDER_SYNC])
    return found


def _listed(words: Sequence[str]) -> str:
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last


def probe(folder: Path, permissions: Permissions = PRIVATE) -> FolderFeatures:
    """Try in a folder, which exists and is ours, what a run uses.

    The files for it have names that no other run uses, and are gone afterwards.

    Raises:
        OSError: No file can be created or written there.
    """
    features = FolderFeatures(file_system_of(folder))
    base = below(folder, f"probe-{os.getpid()}-{os.urandom(4).hex()}")
    fd = permissions.create(base, os.O_RDWR)
    try:
        os.write(fd, b"probe")
        _Probe(features, folder, base, fd, permissions).run()
    finally:
        os.close(fd)
        for name in (base, f"{base}.link"):
            with contextlib.suppress(OSError):
                os.unlink(name)  # noqa: PTH108 - a text
    return features


class _Probe:
    """One method for each trial; it raises what the system says if the feature is missing."""

    def __init__(
        self, features: FolderFeatures, folder: Path, base: str, fd: int, permissions: Permissions
    ) -> None:
        self._features = features
        self._folder = folder
        self._base = base
        self._fd = fd
        self._permissions = permissions

    def run(self) -> None:
        trials: dict[Feature, Callable[[], None]] = {
            Feature.LINKS: self._link,
            Feature.BYTE_RANGE_LOCKS: self._lock_bytes,
            Feature.SHARED_MEMORY: self._share_memory,
            Feature.FILE_SYNC: self._sync_file,
            Feature.FOLDER_SYNC: self._sync_folder,
            Feature.PERMISSIONS: self._set_permissions,
            Feature.CASE: self._tell_case_apart,
            Feature.LONG_NAMES: self._measure_names,
            Feature.FREE_SPACE: self._measure_space,
        }
        if sys.platform == "win32":  # names need no links; SQLite locks and maps in its own way
            for feature in (
                Feature.LINKS,
                Feature.BYTE_RANGE_LOCKS,
                Feature.SHARED_MEMORY,
                Feature.FOLDER_SYNC,
                Feature.PERMISSIONS,
                Feature.CASE,
                Feature.LONG_NAMES,
            ):
                del trials[feature]
        for feature, trial in trials.items():
            try:
                trial()
            except OSError as error:
                if error.errno not in _PASSES:
                    self._features.lose(feature, error)

    def _link(self) -> None:
        other = f"{self._base}.link"
        os.link(self._base, other)
        if not os.path.samestat(os.fstat(self._fd), os.stat(other)):  # noqa: PTH116 - a text
            raise OSError(errno.ENOTSUP, "it copies the file")

    def _lock_bytes(self) -> None:
        if sys.platform != "win32":
            fcntl.lockf(self._fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1)
            fcntl.lockf(self._fd, fcntl.LOCK_UN, 1)

    def _share_memory(self) -> None:
        # A page that cannot be read kills a process that shares it, by SIGBUS.
        if self._features.file_system.may_vanish:
            raise OSError(errno.ENOTSUP, "its server may be away")
        with mmap.mmap(self._fd, 1) as memory:
            memory[0] = 1

    def _sync_file(self) -> None:
        os.fsync(self._fd)

    def _sync_folder(self) -> None:
        fd = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _set_permissions(self) -> None:
        wanted = self._permissions.file
        found = stat.S_IMODE(os.fstat(self._fd).st_mode)
        if found & _OTHERS & ~wanted:
            raise OSError(errno.ENOTSUP, f"files have mode {found:04o}")
        if sys.platform != "win32" and wanted & _OTHERS:
            os.fchmod(self._fd, wanted)

    def _tell_case_apart(self) -> None:
        head, _, name = self._base.rpartition("/")
        if os.path.lexists(f"{head}/{name.upper()}"):
            raise OSError(errno.ENOTSUP, "another case finds the same file")

    def _measure_names(self) -> None:
        if sys.platform != "win32":
            longest = os.pathconf(self._folder, "PC_NAME_MAX")
            if 0 < longest < _NAME_BYTES_MIN:
                raise OSError(errno.ENAMETOOLONG, f"at most {longest} bytes a name")

    def _measure_space(self) -> None:
        if not shutil.disk_usage(self._folder).total:
            raise OSError(errno.ENOTSUP, "it reports a size of 0")


def too_large_text(file_system: FileSystem) -> str:
    """Return why a file is too large for a file system with a limit; empty if it has none."""
    limit = file_system.file_bytes_max
    if limit is None:
        return ""
    return f"{file_system.kind} (FAT) has no room for files over {size_text(limit)}"
