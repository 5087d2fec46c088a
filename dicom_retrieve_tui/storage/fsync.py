"""Sync files to the disk: one by one where that is fast, else many at once.

A network share or a slow disk takes 50 ms and more for one `fsync`, and little more for many at a
time. Some shares sync no folders, others nothing at all.
"""

import contextlib
import errno
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from dicom_retrieve_tui.platform_files import SYNCS_FOLDERS, below, patiently
from dicom_retrieve_tui.storage.disk_errors import is_passing
from dicom_retrieve_tui.storage.folder_features import Feature, FolderFeatures
from dicom_retrieve_tui.storage.transient import Retrying, is_transient, is_unsupported

_SLOW_S = 0.005
"""Average for one file; below it, further threads would only slow down the transfer."""
_THREADS_MAX = 32
_DESCRIPTOR_S = 10.0
_PAUSES_S = (0.05, 0.2, 0.5)
_NEEDS_WRITING = frozenset({errno.EACCES, errno.EBADF, errno.EPERM})
"""What SMB servers answer about a file that is not open for writing."""
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

_Sync = Callable[[str], None]


class Syncer:
    """Syncs files and their names to the disk."""

    def __init__(
        self,
        root: str,
        goes_on: Callable[[], bool],
        features: FolderFeatures | None = None,
        note: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Prepare to sync files below `root`.

        Args:
            root: The output folder.
            goes_on: Called before each file, from several threads; False ends the work.
            features: What the file system can do.
            note: Reports to the user what it cannot do after all, from any thread.
        """
        self._root = root
        self._goes_on = goes_on
        self._features = features or FolderFeatures()
        self._note = note
        self._retrying = Retrying(lambda: not goes_on(), _PAUSES_S)
        self._doubtful: set[str] = set()
        """Files that were synced at a second attempt: the first may have lost something."""
        self._named: set[str] = set()
        """Folders whose names are synced."""

    def sync(self, paths: Iterable[str]) -> frozenset[str]:
        """Sync files and then their folders; return the paths of files that are not synced.

        Args:
            paths: Files, relative to the root. A file that no longer exists is skipped.

        Raises:
            OSError: The disk refuses.
        """
        # Texts: making a `Path` of each would delay the threads that receive.
        files = {below(self._root, path): path for path in paths}
        self._doubtful.clear()
        left: Iterable[str] = self._sync_all(files, self._sync_file)
        if not left and self._sync_all(self._folders_of(files), self._sync_folder):
            left = files
        if not self._features.has(Feature.FILE_SYNC):
            left = files
        return frozenset(files[path] for path in {*left, *self._doubtful})

    def _sync_all(self, paths: Iterable[str], sync: _Sync) -> Iterable[str]:
        """Sync each path; return those that are left when `goes_on` is False."""
        left, done, start_s = deque(paths), 0, monotonic()
        while left and self._goes_on():
            sync(left.popleft())
            done += 1
            if left and monotonic() - start_s > done * _SLOW_S:
                _sync_at_once(left, self._goes_on, sync)
        return left

    def _sync_file(self, path: str) -> None:
        if not self._features.has(Feature.FILE_SYNC):
            return
        try:
            _sync_or_write(path)
        except OSError as error:
            if is_unsupported(error) or error.errno in _NEEDS_WRITING:
                self._lose(Feature.FILE_SYNC, error)
            elif is_transient(error):
                self._doubtful.add(path)
                self._retrying(lambda: _sync_or_write(path))
            else:
                raise

    def _sync_folder(self, path: str) -> None:
        if not (SYNCS_FOLDERS and self._features.has(Feature.FOLDER_SYNC)):
            return
        try:
            self._retrying(lambda: _sync(path))
        except OSError as error:
            if error.errno in _FULL:
                raise
            # The content of the files is on the disk; the next run notices a name that is lost.
            self._lose(Feature.FOLDER_SYNC, error)

    def _lose(self, feature: Feature, error: OSError) -> None:
        if self._features.lose(feature, error):
            self._note(self._features.loss(self._root, feature))

    def _folders_of(self, files: Iterable[str]) -> set[str]:
        """Return the folders to sync: those of `files`, and those above a new folder."""
        folders = set()
        for path in files:
            folder = os.path.dirname(path)  # noqa: PTH120
            folders.add(folder)
            while folder != self._root and folder not in self._named:
                self._named.add(folder)
                folder = os.path.dirname(folder)  # noqa: PTH120
                folders.add(folder)
        return folders


def _sync_at_once(left: deque[str], goes_on: Callable[[], bool], sync: _Sync) -> None:
    """Sync the paths in a queue by several threads.

    Raises:
        OSError: The disk refuses one of them; others may be left.
    """
    errors: list[OSError] = []

    def work() -> None:
        try:
            while goes_on() and not errors:
                sync(left.popleft())
        except IndexError:
            return  # another thread took the last one
        except OSError as error:
            errors.append(error)

    helpers = [
        threading.Thread(target=work, name="sync") for _ in range(min(_THREADS_MAX, len(left)) - 1)
    ]
    started = []
    with contextlib.suppress(RuntimeError):  # the machine cannot start another thread
        for helper in helpers:
            helper.start()
            started.append(helper)
    work()
    for helper in started:
        helper.join()
    if errors:
        raise errors[0]


def _sync_or_write(path: str) -> None:
    """Sync a file; open it for writing if the file system needs that."""
    try:
        _sync(path)
    except OSError as error:
        if error.errno not in _NEEDS_WRITING:
            raise
        _sync(path, os.O_RDWR)


def _sync(path: str, flags: int = os.O_RDONLY) -> None:
    """Sync a file, or the names in a folder."""
    try:
        fd = _open(path, flags)
    except FileNotFoundError:
        return  # removed by another program; the next run will notice
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open(path: str, flags: int) -> int:
    """Open a file; wait if no file descriptor is free.

    Raises:
        OSError: The file cannot be opened.
    """
    until_s = monotonic() + _DESCRIPTOR_S
    while True:
        try:
            return patiently(lambda: os.open(path, flags))
        except OSError as error:
            if not is_passing(error) or monotonic() > until_s:
                raise
        threading.Event().wait(_DESCRIPTOR_S / 200)
