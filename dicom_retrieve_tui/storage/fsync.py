"""Sync files to the disk: one by one where that is fast, else many at once.

A network share or a slow disk takes 50 ms and more for one `fsync`, and little more for many at a
time.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from dicom_retrieve_tui.platform_files import SYNCS_FOLDERS, TO_SYNC, below, patiently
from dicom_retrieve_tui.storage.disk_errors import is_passing

_SLOW_S = 0.005
"""Average for one file; below it, further threads would only slow down the transfer."""
_THREADS_MAX = 32
_DESCRIPTOR_S = 10.0


class Syncer:
    """Syncs files and their names to the disk."""

    def __init__(self, root: str, goes_on: Callable[[], bool]) -> None:
        """Prepare to sync files below `root`.

        Args:
            root: The output folder.
            goes_on: Called before each file, from several threads; False ends the work.
        """
        self._root = root
        self._goes_on = goes_on
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
        left = self._sync_all(files)
        if not left and SYNCS_FOLDERS and self._sync_all(self._folders_of(files)):
            left = files
        return frozenset(files[path] for path in left)

    def _sync_all(self, paths: Iterable[str]) -> Iterable[str]:
        """Sync each path; return those that are left when `goes_on` is False."""
        left, done, start_s = deque(paths), 0, monotonic()
        while left and self._goes_on():
            _sync(left.popleft())
            done += 1
            if left and monotonic() - start_s > done * _SLOW_S:
                _sync_at_once(left, self._goes_on)
        return left

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


def _sync_at_once(left: deque[str], goes_on: Callable[[], bool]) -> None:
    """Sync the paths in a queue by several threads.

    Raises:
        OSError: The disk refuses one of them; others may be left.
    """
    errors: list[OSError] = []

    def work() -> None:
        try:
            while goes_on() and not errors:
                _sync(left.popleft())
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


def _sync(path: str) -> None:
    """Sync a file, or the names in a folder."""
    try:
        fd = _open(path)
    except FileNotFoundError:
        return  # removed by another program; the next run will notice
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open(path: str) -> int:
    """Open a file; wait if no file descriptor is free.

    Raises:
        OSError: The file cannot be opened.
    """
    pause, until_s = threading.Event(), monotonic() + _DESCRIPTOR_S
    while True:
        try:
            return patiently(lambda: os.open(path, TO_SYNC))
        except OSError as error:
            if not is_passing(error) or monotonic() > until_s:
                raise
        pause.wait(_DESCRIPTOR_S / 200)
