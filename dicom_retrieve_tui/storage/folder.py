"""The output folder: parts become files under their final names, and nothing is ever overwritten.

A name without `.dicom-retrieve` in its path is a promise: the file was received to its end, walked
to its end, and is the instance that its name says.
"""

import contextlib
import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, reason_of
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.layout import Layout, clean_component, clean_uid
from dicom_retrieve_tui.model.options import DEFAULT_KEEP_FREE, KeepFree
from dicom_retrieve_tui.model.store_records import Placed, Placement
from dicom_retrieve_tui.storage.disk_errors import disk_failed
from dicom_retrieve_tui.storage.file_check import checksum_of, is_cut_short, study_of
from dicom_retrieve_tui.storage.file_meta import read_header
from dicom_retrieve_tui.storage.free_space import FreeSpace
from dicom_retrieve_tui.storage.journal import DAMAGED_FOLDER
from dicom_retrieve_tui.storage.lock import LOCK, FolderLock
from dicom_retrieve_tui.storage.part_file import PartFile
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions

PRIVATE_FOLDER = ".dicom-retrieve"
CONFLICTS = "conflicts"
_COMPARE_BYTES = 1 << 18
_DAMAGED_MAX = 100
"""Damaged instances kept in a run, so that a PACS that sends garbage fills no disk."""
_TRIES_MAX = 1000
"""A folder that vanishes this often under our hands is not given back by other runs."""
_NO_HARD_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
)


class OutputFolder:
    """The one place that names files. Safe to use from several threads."""

    def __init__(
        self,
        root: Path,
        layout: Layout,
        permissions: Permissions = PRIVATE,
        spare: KeepFree = DEFAULT_KEEP_FREE,
    ) -> None:
        """Make the folder ready.

        Args:
            permissions: Of every file and folder made here.
            spare: What of the disk stays free.

        Raises:
            ConfigError: It is a file, or cannot be written to.
        """
        self.root = root
        self.layout = layout
        self._permissions = permissions
        self._free_space = FreeSpace(root, spare)
        self._parts = root / PRIVATE_FOLDER / "parts"
        self._conflicts = root / PRIVATE_FOLDER / CONFLICTS
        self._damaged = root / PRIVATE_FOLDER / DAMAGED_FOLDER
        self._numbers = itertools.count(1)
        self._known: set[str] = set()
        self._kept_damaged: dict[str, str] = {}
        """Paths of what came damaged in this run and was kept, by SOP Instance UID."""
        self._lock = threading.Lock()
        self._created = not root.exists()
        self._prepare()

    def _prepare(self) -> None:
        if _is_file(self.root):
            raise ConfigError(f"--output {self.root}: this is a file; files go into a folder.")
        try:
            self._lock_file = self._take_lock()
            try:
                self._permissions.make_folder(self._parts)
                for leftover in self._parts.iterdir():
                    leftover.unlink()
            except BaseException:
                self.close()
                raise
        except OSError as error:
            reason = reason_of(error)
            raise ConfigError(f"--output {self.root}: cannot write there: {reason}.") from error

    def _take_lock(self) -> FolderLock:
        """Make the folder of the lock, and take it.

        A run that ends here removes that folder behind itself, and the output folder with it if it
        made that, too: perhaps between our making it and our lock.
        """
        private = self._parts.parent
        tries = 0
        while True:
            try:
                self._permissions.make_folder(private)
                return FolderLock.acquire(private / LOCK, self._permissions)
            except (FileNotFoundError, FileExistsError):
                tries += 1
                if tries == _TRIES_MAX:
                    raise

    @property
    def lock(self) -> FolderLock:
        """The lock of this run."""
        return self._lock_file

    def close(self, *, finished: bool = True) -> None:
        """Give the folder back; nothing of ours stays in it that holds nothing.

        Args:
            finished: False leaves the lock file behind: files were named that are not recorded.
        """
        with contextlib.suppress(OSError):
            for leftover in self._parts.iterdir():  # of a disk that would not remove it then
                leftover.unlink()
        # Our own folders while we hold the lock; what leads to the lock after it.
        _remove_emptied(self._parts, self._conflicts, self._damaged)
        self._lock_file.release(leave_behind=not finished)
        _remove_emptied(self._parts.parent, *([self.root] if self._created else []))

    def name_of(self, study_uid: str, series_uid: str, sop_uid: str) -> str | None:
        """Where an instance of these UIDs stands, or None if it takes more than UIDs to tell."""
        values = {
            tags.STUDY_INSTANCE_UID: study_uid.encode(),
            tags.SERIES_INSTANCE_UID: series_uid.encode(),
            tags.SOP_INSTANCE_UID: sop_uid.encode(),
        }
        if not self.layout.wanted_tags <= values.keys():
            return None
        return "/".join(self.layout.render(values))

    def begin(self, request: StoreRequest) -> PartFile:
        """Open a part for an instance.

        Raises:
            DiskFailed: It cannot be created.
        """
        path = f"{self._parts}/{next(self._numbers)}.part"
        return PartFile(path, request, self._permissions, self._free_space)

    def place(
        self,
        part: PartFile,
        values: dict[int, bytes],
        is_doubtful: Callable[[str], bool] = lambda _: False,
    ) -> Placed:
        """Give a part its final name, if that name is free.

        Args:
            part: Received and checked; afterwards it is closed, and gone from the parts folder.
            values: What the layout needs of the data set, as raw element values by tag.
            is_doubtful: True of a file, by its path below the folder, that may not be what was
                received: where it differs from the part, the part takes its name.

        Raises:
            DiskFailed: The disk refuses.
        """
        relative = "/".join(self.layout.render(values))
        final = f"{self.root}/{relative}"
        try:
            part.close()
            self._make_folder(final.rpartition("/")[0])
            while not self._claim(part.path, final):
                if (size_bytes := _size_of_same(part.path, final)) is not None:
                    part.discard()
                    checksum = checksum_of(final)  # its file meta may be another program's
                    return Placed(Placement.SAME, relative, size_bytes, checksum)
                if not self._may_replace(relative, is_doubtful):
                    aside = self._set_aside(part, Path(final).name)
                    return Placed(Placement.SET_ASIDE, aside, owner=_owner_of(Path(final)))
                self.set_damaged_aside(relative)
            part.moved = True
            if self._kept_damaged:
                self._forget_damaged(part)
            return Placed(Placement.NEW, relative, part.size_bytes, part.checksum)
        except OSError as error:
            # Its own folder may be named after a patient.
            raise disk_failed(error, f"{self.root}/{PRIVATE_FOLDER}", "name a file") from error

    def _may_replace(self, relative: str, is_doubtful: Callable[[str], bool]) -> bool:
        """True of a file that is damaged, or may be: it differs from what was received just now."""
        path = self.root / relative
        try:
            return path.is_file() and (is_cut_short(path) or is_doubtful(relative))
        except OSError:
            return False

    def _make_folder(self, name: str) -> None:
        if name in self._known:
            return
        folder = Path(name)
        self._permissions.make_folder(folder)
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise OSError(errno.EPERM, "the folder leads out of the output folder")
        self._known.add(name)

    def _claim(self, part: str, final: str) -> bool:
        """Move `part` to `final` unless something is there; False if something is."""
        try:
            os.link(part, final)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            return self._claim_without_links(part, final)
        # Named is named, also on a disk that fails in this moment; the next run clears the parts.
        with contextlib.suppress(OSError):
            os.unlink(part)  # noqa: PTH108 - a text
        return True

    def _claim_without_links(self, part: str, final: str) -> bool:
        """The same on file systems without hard links; only our own threads are kept apart."""
        with self._lock:
            if os.path.lexists(final):
                return False
            os.rename(part, final)  # noqa: PTH104 - a text
            return True

    def set_damaged_aside(self, relative: str) -> None:
        """Free the name of a file that was found damaged; it is kept, not thrown away.

        Raises:
            OSError: The disk refuses.
        """
        damaged = self.root / relative
        self._permissions.make_folder(self._damaged)
        for number in itertools.count(1):
            if self._claim(str(damaged), f"{self._damaged}/{damaged.name}.{number}"):
                damaged.unlink(missing_ok=True)  # raises where `_claim` could not take it away
                return

    def keep_damaged(self, part: PartFile) -> str:
        """Move a part that is damaged aside, unless this run has kept that instance already.

        What an earlier run kept of the same instance makes way.

        Returns:
            Where it is kept, relative to the output folder; empty if it is not.
        """
        uid = part.request.sop_instance_uid
        if part.is_empty:
            return ""
        with self._lock:
            if uid in self._kept_damaged:
                return str(Path(self._kept_damaged[uid]).relative_to(self.root))
            if len(self._kept_damaged) >= _DAMAGED_MAX:
                return ""
            name = clean_component(f"{clean_uid(uid)}.dcm")
            path = self._kept_damaged[uid] = f"{self._damaged}/{name}"
        try:
            part.close()
            self._permissions.make_folder(self._damaged)
            os.replace(part.path, path)  # noqa: PTH105 - a text
        except OSError:
            return ""
        part.moved = True
        return str(Path(path).relative_to(self.root))

    def _forget_damaged(self, part: PartFile) -> None:
        """Remove what was kept of an instance that has come whole since."""
        if path := self._kept_damaged.pop(part.request.sop_instance_uid, None):
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - a text

    def _set_aside(self, part: PartFile, name: str) -> str:
        self._permissions.make_folder(self._conflicts)
        for number in itertools.count(1):
            path = f"{self._conflicts}/{name}.{number}"
            if self._claim(part.path, path):
                return str(Path(path).relative_to(self.root))
            if _size_of_same(part.path, path) is not None:
                part.discard()
                return str(Path(path).relative_to(self.root))
        raise AssertionError  # itertools.count does not end


def _is_file(path: Path) -> bool:
    """True if something else than a folder is there, at one look: a run that ends removes it."""
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def _remove_emptied(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _owner_of(path: Path) -> str:
    """Study Instance UID of the file that has a name; empty if it cannot be told."""
    try:
        return study_of(path) if path.is_file() else ""
    except OSError:
        return ""


def _size_of_same(part: str, other: str) -> int | None:
    """The size of `other` if it holds the same instance, byte for byte from the data set on."""
    try:
        found = os.stat(other)  # noqa: PTH116 - a text
        if not (stat.S_ISREG(found.st_mode) and _same_data_set(part, other)):
            return None
    except OSError:  # a link to nowhere, or somebody else's: whatever it is, it is another
        return None
    return found.st_size


def _same_data_set(one: str, other: str) -> bool:
    """True if two files hold the same instance, byte for byte from the data set on."""
    with Path(one).open("rb") as a, Path(other).open("rb") as b:
        try:
            meta_a, meta_b = read_header(a), read_header(b)
        except ValueError:
            return False
        if meta_a.transfer_syntax_uid != meta_b.transfer_syntax_uid:
            return False
        a.seek(meta_a.data_set_offset)
        b.seek(meta_b.data_set_offset)
        while (piece := a.read(_COMPARE_BYTES)) == b.read(_COMPARE_BYTES):
            if not piece:
                return True
        return False
