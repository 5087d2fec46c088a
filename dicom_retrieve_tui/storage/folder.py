"""The output folder: part files get their final names, and no file is overwritten.

A file outside `.dicom-retrieve` was received completely, its data set was walked to its end, and it
is the instance that its name says.
"""

import contextlib
import errno
import itertools
import os
import stat
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, InstanceUnfit, reason_of
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.layout import Layout, clean_component, clean_uid
from dicom_retrieve_tui.model.option_values import DEFAULT_KEEP_FREE, KeepFree
from dicom_retrieve_tui.model.status import OUT_OF_RESOURCES
from dicom_retrieve_tui.model.store_records import Placed, Placement
from dicom_retrieve_tui.model.writer import Writer
from dicom_retrieve_tui.platform_files import (
    RENAMES_TO_FREE_NAMES,
    below,
    leads_out,
    patiently,
    rename_exclusively,
    shown,
)
from dicom_retrieve_tui.storage.disk_errors import disk_failed, next_step
from dicom_retrieve_tui.storage.file_check import checksum_of, is_cut_short, study_of
from dicom_retrieve_tui.storage.file_meta import read_header
from dicom_retrieve_tui.storage.file_system import file_system_of
from dicom_retrieve_tui.storage.folder_features import Feature, probe
from dicom_retrieve_tui.storage.free_space import FreeSpace
from dicom_retrieve_tui.storage.heartbeat import busy_folder
from dicom_retrieve_tui.storage.journal import DAMAGED_FOLDER
from dicom_retrieve_tui.storage.lock import LOCK, FolderLock, holder_of
from dicom_retrieve_tui.storage.part_file import PART_SUFFIX, PartFile
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions
from dicom_retrieve_tui.storage.transient import Retrying, is_transient
from dicom_retrieve_tui.storage.writers import PRIVATE_FOLDER, writer_folder, writers_in

CONFLICTS = "conflicts"
_PARTS = "parts"
_COMPARE_BYTES = 1 << 18
_TRIAL_BYTES = 1 << 18
_LOOK_S = 0.05
"""Far longer than another run takes to look at a lock."""
_DAMAGED_MAX = 100
"""Damaged instances kept in a run: a PACS that sends garbage must not fill the disk."""
_TRIES_MAX = 1000
"""If the folder vanishes this often, something else than the end of other runs removes it."""
_NO_LINKS = frozenset(
    {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL, errno.EXDEV}
)
"""Errors of a link that the next file will meet, too."""
_RETRYING = Retrying()


class OutputFolder:
    """Names all files of a run. Thread-safe."""

    def __init__(
        self,
        root: Path,
        layout: Layout,
        permissions: Permissions = PRIVATE,
        spare: KeepFree = DEFAULT_KEEP_FREE,
        retrying: Retrying = _RETRYING,
        *,
        writer: Writer | None = None,
    ) -> None:
        """Create and lock the folder, and find out what its file system can do.

        Args:
            permissions: Of every file and folder created here.
            spare: Disk space to leave free.
            retrying: Repeats calls that fail for a moment.
            writer: Who writes beside others of its group; None has the folder alone.

        Raises:
            ConfigError: The folder is a file, in use, or not writable.
        """
        self.root = root
        self.layout = layout
        self._permissions = permissions
        self._retrying = retrying
        self._free_space = FreeSpace(root, spare)
        self._writer = writer
        self._private = writer_folder(root, writer)
        self._parts = self._private / _PARTS
        self._conflicts = root / PRIVATE_FOLDER / CONFLICTS
        self._damaged = root / PRIVATE_FOLDER / DAMAGED_FOLDER
        self._numbers = itertools.count(1)
        self._known: set[str] = set()
        self._kept_damaged: dict[str, str] = {}
        """Paths of damaged instances that this run kept, by SOP Instance UID."""
        self._lock = threading.Lock()
        self._created = not os.path.exists(root)  # noqa: PTH110 - never raises
        self._prepare()

    def _prepare(self) -> None:
        if _is_file(self.root):
            raise ConfigError(
                f"--output {shown(self.root)}: this is a file; files go into a folder."
            )
        try:
            self._lock_file = self._retrying(self._take_lock)
            try:
                self._refuse_others()
                self._retrying(self._make_parts_folder)
                self.features = self._retrying(lambda: probe(self._parts, self._permissions))
            except BaseException:
                # What a killed run left is for the next run to find.
                self.close(finished=not self._lock_file.killed_in)
                raise
        except OSError as error:
            raise self._not_writable(error) from error
        if self._lock_file.missing is not None:
            self.features.lose(Feature.LOCKS, self._lock_file.missing)
        elif self.features.file_system.locks_stay_here:
            here = OSError(errno.ENOLCK, "other hosts do not see them")
            self.features.lose(Feature.LOCKS, here)

    def _refuse_others(self) -> None:
        """Look for runs that do not share the folder with this one.

        Each run takes its own lock before it looks, so that of two that start at once, one at
        least sees the other.

        Raises:
            ConfigError: One is there; the message names it.
        """
        own = self._writer
        if own is not None and (holder := _settled_holder(self.root / PRIVATE_FOLDER)):
            raise busy_folder(self.root, f"into this folder without being {own.kind}")(holder)
        for other in self._strangers():
            if holder := _settled_holder(writer_folder(self.root, other)):
                raise busy_folder(self.root, f"{other} into this folder")(holder)

    def _strangers(self) -> list[Writer]:
        """Return the named writers that do not share the folder with this one."""
        group = self._writer.group if self._writer is not None else None
        return [each for each in writers_in(self.root) if each.group != group]

    def _make_parts_folder(self) -> None:
        """Create the folder of the parts, and remove those that killed runs left."""
        self._permissions.make_folder(self._parts)
        left = [writer_folder(self.root, each) / _PARTS for each in self._strangers()]
        for folder in (self._parts, *filter(Path.is_dir, left)):
            for leftover in folder.iterdir():
                leftover.unlink()

    def _not_writable(self, error: OSError) -> ConfigError:
        found = f"--output {shown(self.root)}: cannot write there: {reason_of(error)}."
        if (file_system := file_system_of(self.root)).is_network:
            step = next_step(error, file_system)
            return ConfigError(f"{found} It is on a {file_system}.", next_step=step)
        return ConfigError(found, next_step=next_step(error) if is_transient(error) else "")

    def _take_lock(self) -> FolderLock:
        """Create the folder of the lock, and take the lock.

        Another run that ends now removes that folder, perhaps after we created it and before we
        lock it; hence the loop.
        """
        private = self._private
        own = self._writer
        busy = busy_folder(self.root, f"{own} into this folder" if own else "into this folder")
        tries = 0
        while True:
            try:
                patiently(lambda: self._permissions.make_folder(private))
                return FolderLock.acquire(private / LOCK, self._permissions, busy)
            except (FileNotFoundError, FileExistsError):
                tries += 1
                if tries == _TRIES_MAX:
                    raise

    @property
    def lock(self) -> FolderLock:
        """The lock that this run holds."""
        return self._lock_file

    def close(self, *, finished: bool = True) -> None:
        """Release the folder, and remove our empty folders in it.

        Args:
            finished: False leaves the lock file behind: named files are not in the journal.
        """
        with contextlib.suppress(OSError):
            for leftover in self._parts.iterdir():
                leftover.unlink()
        # Our folders while we hold the lock, and those above the lock file after its release.
        # Those that writers share are left by each of them: another one may be using them.
        shared = () if self._writer is not None else (self._conflicts, self._damaged)
        _remove_emptied(self._parts, *shared)
        self._lock_file.release(leave_behind=not finished)
        above = [self._private]
        while above[-1].name != PRIVATE_FOLDER:
            above.append(above[-1].parent)
        _remove_emptied(*above, *([self.root] if self._created else []))

    def name_of(self, study_uid: str, series_uid: str, sop_uid: str) -> str | None:
        """Return the path of an instance by its UIDs; None if the layout needs more than UIDs."""
        values = {
            tags.STUDY_INSTANCE_UID: study_uid.encode(),
            tags.SERIES_INSTANCE_UID: series_uid.encode(),
            tags.SOP_INSTANCE_UID: sop_uid.encode(),
        }
        if not self.layout.wanted_tags <= values.keys():
            return None
        return "/".join(self.layout.render(values))

    def begin(self, request: StoreRequest) -> PartFile:
        """Open a part file for an instance.

        Raises:
            DiskFailed: The file cannot be created, or another run took the folder.
        """
        if lost_to := self._lock_file.lost_to:
            raise DiskFailed(
                f"This run was stopped for a while, and {lost_to} took the folder "
                f"{shown(self.root)}. Run the same command again when that one has ended.",
                path=str(self.root),
            )
        path = below(self._parts, f"{next(self._numbers)}{PART_SUFFIX}")
        return PartFile(path, request, self._permissions, self._free_space, self._retrying)

    def has_room(self) -> bool:
        """Return True if the disk takes files again: a quota shows only when one is written."""
        path = self._parts / f"{next(self._numbers)}{PART_SUFFIX}"
        try:
            if not self._free_space.is_enough():
                return False
            with os.fdopen(self._permissions.create(path, os.O_WRONLY), "wb") as trial:
                trial.write(bytes(_TRIAL_BYTES))
        except OSError:
            return False
        finally:
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        return True

    def place(
        self,
        part: PartFile,
        values: dict[int, bytes],
        is_doubtful: Callable[[str], bool] = lambda _: False,
    ) -> Placed:
        """Give a part file its final name, if that name is free.

        Args:
            part: Received and checked. It is closed, and no longer in the parts folder afterwards.
            values: Raw element values that the layout needs, by tag.
            is_doubtful: Takes the path of an existing file; True if it may not be what was
                received. If it differs from the part, the part takes its name.

        Raises:
            InstanceUnfit: A share may have lost a part of it, or its name cannot be written in the
                encoding of the locale.
            DiskFailed: The disk refuses.
        """
        relative = "/".join(self._names(values))
        final = below(self.root, relative)
        try:
            self._close(part)
            folder = os.path.dirname(final)  # noqa: PTH120 - a text
            self._retrying(lambda: self._make_folder(folder))
            while not self._take_name(part, final):
                if (size_bytes := _size_of_same(part.path, final)) is not None:
                    part.discard()
                    # Another program may have written the file meta.
                    checksum = checksum_of(final)
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
            # The message does not name the folder: it may contain the name of a patient.
            raise disk_failed(
                error, below(self.root, PRIVATE_FOLDER), "give a file its name"
            ) from error

    def _names(self, values: dict[int, bytes]) -> tuple[str, ...]:
        """Return the names of an instance's folders and of its file.

        Raises:
            InstanceUnfit: The locale has no encoding for one. No letters are replaced: two names
                could become one.
        """
        names = self.layout.render(values)
        for number, name in enumerate(names):
            try:
                os.fsencode(name)
            except UnicodeEncodeError as error:
                raise InstanceUnfit(
                    f"Cannot name a file: the locale's encoding ({error.encoding}) lacks a letter "
                    f"in {self.layout.component(number)} of --layout. Set PYTHONUTF8=1 or a locale "
                    "with UTF-8, such as LC_ALL=C.UTF-8, or choose another --layout.",
                    status=OUT_OF_RESOURCES,
                ) from None
        return names

    def _close(self, part: PartFile) -> None:
        """Close a part file; a share may report only now that it lost what was written.

        Raises:
            InstanceUnfit: It did; the instance has to be sent again.
            OSError: The disk refuses, and will refuse the next instance, too.
        """
        try:
            part.close()
        except OSError as error:
            if not is_transient(error):
                raise
            raise InstanceUnfit(
                f"Cannot close a file in {self._parts}: {reason_of(error)}. It may not have been "
                "written whole.",
                status=OUT_OF_RESOURCES,
            ) from error

    def _take_name(self, part: PartFile, final: str) -> bool:
        """Move a part file to `final`; return False if something is there."""
        try:
            return self._retrying(lambda: self._claim(part.path, final))
        except FileNotFoundError:
            # The reply of a server to a rename may be lost, and its repetition finds no file.
            if _has_checksum(final, part.checksum):
                return True
            raise

    def _may_replace(self, relative: str, is_doubtful: Callable[[str], bool]) -> bool:
        """Return True if an existing file with other content is damaged, or may be."""
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
        if leads_out(folder, self.root):
            raise OSError(errno.EPERM, "the folder leads out of the output folder")
        self._known.add(name)

    def _claim(self, part: str, final: str) -> bool:
        """Move `part` to `final`; return False if something is there."""
        if RENAMES_TO_FREE_NAMES or not self.features.has(Feature.LINKS):
            return rename_to_free_name(part, final, self._lock)
        try:
            os.link(part, final)
        except FileExistsError:
            return False
        except FileNotFoundError:
            raise
        except OSError as error:
            # Whatever the reason: if the disk is to blame, the rename fails, too, and says so.
            if not rename_to_free_name(part, final, self._lock):
                return False
            if error.errno in _NO_LINKS:
                self.features.lose(Feature.LINKS, error)
            return True
        # The file has its name, even if the disk fails now; the next run clears the parts folder.
        with contextlib.suppress(OSError):
            os.unlink(part)  # noqa: PTH108 - a text
        return True

    def set_damaged_aside(self, relative: str) -> None:
        """Move a damaged file to the folder of damaged files, to free its name.

        Raises:
            OSError: The disk refuses.
        """
        damaged = self.root / relative
        self._permissions.make_folder(self._damaged)
        for number in itertools.count(1):
            if self._claim(str(damaged), below(self._damaged, f"{damaged.name}.{number}")):
                # Raises if `_claim` linked the file and could not remove it.
                damaged.unlink(missing_ok=True)
                return

    def keep_damaged(self, part: PartFile) -> str:
        """Move a damaged part file to the folder of damaged files, once for each instance in a run.

        It replaces what an earlier run kept of the same instance.

        Returns:
            Its path, relative to the output folder; empty if it is not kept.
        """
        uid = part.request.sop_instance_uid
        if part.is_empty:
            return ""
        with self._lock:
            if uid in self._kept_damaged:
                return self._relative(self._kept_damaged[uid])
            if len(self._kept_damaged) >= _DAMAGED_MAX:
                return ""
            name = clean_component(f"{clean_uid(uid)}.dcm")
            path = self._kept_damaged[uid] = below(self._damaged, name)
        try:
            part.close()
            self._permissions.make_folder(self._damaged)
            patiently(lambda: os.replace(part.path, path))  # noqa: PTH105 - a text
        except OSError:
            return ""
        part.moved = True
        return self._relative(path)

    def _relative(self, path: str) -> str:
        return Path(path).relative_to(self.root).as_posix()

    def _forget_damaged(self, part: PartFile) -> None:
        """Remove the damaged copy of an instance that was received whole later."""
        if path := self._kept_damaged.pop(part.request.sop_instance_uid, None):
            with contextlib.suppress(OSError):
                os.unlink(path)  # noqa: PTH108 - a text

    def _set_aside(self, part: PartFile, name: str) -> str:
        self._permissions.make_folder(self._conflicts)
        for number in itertools.count(1):
            path = below(self._conflicts, f"{name}.{number}")
            if self._claim(part.path, path):
                return self._relative(path)
            if _size_of_same(part.path, path) is not None:
                part.discard()
                return self._relative(path)
        raise AssertionError  # itertools.count does not end


def _settled_holder(folder: Path) -> str:
    """Return the process that holds a lock, and not one that only looks whether it is held.

    Several writers that start at once look at the same locks, and Windows has no shared ones.
    """
    if holder := holder_of(folder):
        threading.Event().wait(_LOOK_S)
        holder = holder_of(folder)
    return holder


def rename_to_free_name(
    old: str, new: str, lock: AbstractContextManager[object] | None = None
) -> bool:
    """Rename a file; return False if something has its new name.

    Args:
        old: The file.
        new: Its new path.
        lock: Keeps our own threads from that name where the system cannot rename without
            overwriting. Other programs are not kept from it there.

    Raises:
        OSError: The disk refuses.
    """
    try:
        if RENAMES_TO_FREE_NAMES:
            patiently(lambda: os.rename(old, new))  # noqa: PTH104 - a text
            return True
        if rename_exclusively(old, new):
            return True
    except FileExistsError:
        return False
    with lock or contextlib.nullcontext():
        if os.path.lexists(new):
            return False
        os.rename(old, new)  # noqa: PTH104 - a text
        return True


def _is_file(path: Path) -> bool:
    """Return True if something other than a folder is there.

    In one call, because a run that ends may remove the folder meanwhile.
    """
    try:
        return not stat.S_ISDIR(path.stat().st_mode)
    except OSError:
        return False


def _has_checksum(path: str, checksum: str) -> bool:
    try:
        return checksum_of(path) == checksum
    except OSError:
        return False


def _remove_emptied(*folders: Path) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _owner_of(path: Path) -> str:
    """Return the Study Instance UID of a file; empty if it cannot be read."""
    try:
        return study_of(path) if path.is_file() else ""
    except OSError:
        return ""


def _size_of_same(part: str, other: str) -> int | None:
    """Return the size of `other` if its data set is the same, byte for byte; else None."""
    try:
        found = os.stat(other)  # noqa: PTH116 - a text
        if not (stat.S_ISREG(found.st_mode) and _same_data_set(part, other)):
            return None
    except OSError:  # a broken link, or not readable
        return None
    return found.st_size


def _same_data_set(one: str, other: str) -> bool:
    """Return True if two files have the same data set, byte for byte."""
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
