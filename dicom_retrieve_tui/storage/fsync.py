"""Writing files to the disk before they count: one by one where that is quick, else many at once.

A share or a slow disk takes 50 ms and more for one `fsync`, and hardly more for many at a time.
"""

import contextlib
import os
import threading
from collections import deque
from collections.abc import Callable, Iterable
from time import monotonic

from dicom_retrieve_tui.storage.disk_errors import is_passing

_SLOW_S = 0.005
"""For one file, on average; below it, further threads would only take time from the transfer."""
_THREADS_MAX = 32
_DESCRIPTOR_S = 10.0


class Syncer:
    """Has the operating system write files, and their names, to the disk."""

    def __init__(self, root: str, goes_on: Callable[[], bool]) -> None:
        """Sync below one folder.

        Args:
            root: The output folder.
            goes_on: Asked before each file, from several threads; once false, no further is synced.
        """
        self._root = root
        self._goes_on = goes_on
        self._named: set[str] = set()
        """Folders whose own names are synced."""

    def sync(self, paths: Iterable[str]) -> frozenset[str]:
        """Sync files, then the folders that they are in; return the paths of those that are not.

        Args:
            paths: Files, relative to the root. What is no longer there is left out.

        Raises:
            OSError: The disk refuses.
        """
        # Texts: making a `Path` of each would hold up the threads that receive.
        prefix = f"{self._root}/"
        files = [f"{prefix}{path}" for path in paths]
        left = self._sync_all(files)
        if not left and self._sync_all(self._folders_of(files)):
            left = files
        return frozenset(path.removeprefix(prefix) for path in left)

    def _sync_all(self, paths: Iterable[str]) -> Iterable[str]:
        """Sync each path; return those that are left when it no longer goes on."""
        left, done, start_s = deque(paths), 0, monotonic()
        while left and self._goes_on():
            _sync(left.popleft())
            done += 1
            if left and monotonic() - start_s > done * _SLOW_S:
                _sync_at_once(left, self._goes_on)
        return left

    def _folders_of(self, files: list[str]) -> set[str]:
        """The folders to sync, each once: those of `files`, and those above a new one."""
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
    """Sync what is in the queue by several threads.

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
    with contextlib.suppress(RuntimeError):  # the machine has no thread left
        for helper in helpers:
            helper.start()
            started.append(helper)
    work()
    for helper in started:
        helper.join()
    if errors:
        raise errors[0]


def _sync(path: str) -> None:
    """Have the operating system write a file, or the names in a folder, to the disk."""
    try:
        fd = _open(path)
    except FileNotFoundError:
        return  # somebody took it away since; the next run will notice
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _open(path: str) -> int:
    """Open a file; wait for a descriptor where other threads have all of them.

    Raises:
        OSError: It cannot be opened.
    """
    pause, until_s = threading.Event(), monotonic() + _DESCRIPTOR_S
    while True:
        try:
            return os.open(path, os.O_RDONLY)
        except OSError as error:
            if not is_passing(error) or monotonic() > until_s:
                raise
        pause.wait(_DESCRIPTOR_S / 200)
