"""Files are synced one by one on a quick disk, and many at once on a slow one."""

import errno
import os
import stat
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui.storage import fsync as syncing
from dicom_retrieve_tui.storage.folder_features import Feature, FolderFeatures
from dicom_retrieve_tui.storage.fsync import Syncer

_FILES = [f"{n % 3}/{n}.dcm" for n in range(60)]


class _Disk:
    """Notes which files are synced, by which threads, and how many at once."""

    def __init__(self, delay_s: float) -> None:
        self.delay_s = delay_s
        self.synced: list[str] = []
        self.threads: set[str] = set()
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._never = threading.Event()

    def fsync(self, fd: int) -> None:
        with self._lock:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            self.threads.add(threading.current_thread().name)
        self._never.wait(self.delay_s)
        with self._lock:
            self._at_once -= 1
            self.synced.append(Path(f"/proc/self/fd/{fd}").readlink().name)


def _disk(monkeypatch: pytest.MonkeyPatch, folder: Path, delay_s: float = 0.0) -> _Disk:
    for file in _FILES:
        (folder / file).parent.mkdir(exist_ok=True)
        (folder / file).touch()
    disk = _Disk(delay_s)
    monkeypatch.setattr(os, "fsync", disk.fsync)
    monkeypatch.setattr(syncing, "_PAUSES_S", (0.001, 0.001, 0.001))
    return disk


def _times(number: int) -> Callable[[], bool]:
    """True this many times."""
    left = iter(range(number))
    return lambda: next(left, None) is not None


def test_a_slow_disk_syncs_many_files_at_once_and_each_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _disk(monkeypatch, tmp_path, delay_s=0.02)
    before = threading.active_count()

    assert not Syncer(str(tmp_path), lambda: True).sync(_FILES)

    names = [Path(file).name for file in _FILES]
    assert sorted(disk.synced) == sorted([*names, "0", "1", "2", tmp_path.name])
    assert disk.most_at_once > 8
    assert set(disk.synced[-4:]) == {"0", "1", "2", tmp_path.name}
    assert threading.active_count() == before


def test_a_quick_disk_gets_no_further_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "_SLOW_S", 10.0)
    disk = _disk(monkeypatch, tmp_path)

    Syncer(str(tmp_path), lambda: True).sync(_FILES)

    assert disk.threads == {threading.current_thread().name}


@pytest.mark.parametrize("delay_s", [0.0, 0.02], ids=["quick", "slow"])
def test_what_is_left_when_the_time_is_over_is_named(
    delay_s: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _disk(monkeypatch, tmp_path, delay_s)

    left = Syncer(str(tmp_path), _times(20)).sync(_FILES)

    assert {Path(file).name for file in _FILES} - set(disk.synced) == {
        Path(file).name for file in left
    }
    assert len(left) >= len(_FILES) - 20


def test_files_whose_folders_could_not_be_synced_in_time_are_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disk(monkeypatch, tmp_path)

    left = Syncer(str(tmp_path), _times(len(_FILES) + 1)).sync(_FILES)

    assert left == frozenset(_FILES)


def test_a_machine_without_threads_syncs_one_by_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    disk = _disk(monkeypatch, tmp_path, delay_s=0.006)
    monkeypatch.setattr(threading.Thread, "start", refuse)

    assert not Syncer(str(tmp_path), lambda: True).sync(_FILES)

    assert len(disk.synced) == len(_FILES) + 4


def _failing(
    monkeypatch: pytest.MonkeyPatch, number: int, times: int, *, folders: bool = False
) -> None:
    """Let so many syncs of files, or of folders, fail."""
    fsync, left = os.fsync, iter(range(times))

    def fail(fd: int) -> None:
        if stat.S_ISDIR(os.fstat(fd).st_mode) == folders and next(left, None) is not None:
            raise OSError(number, os.strerror(number))
        fsync(fd)

    monkeypatch.setattr(os, "fsync", fail)


@pytest.mark.parametrize("number", [errno.EINVAL, errno.EIO, errno.EACCES, errno.EOPNOTSUPP])
def test_folders_that_cannot_be_synced_leave_no_file_unsynced_and_are_reported_once(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disk(monkeypatch, tmp_path)
    _failing(monkeypatch, number, 1000, folders=True)
    features, notes = FolderFeatures(), list[str]()
    syncer = Syncer(str(tmp_path), lambda: True, features, notes.append)

    assert not syncer.sync(_FILES)
    assert not syncer.sync(_FILES[:1])
    assert features.missing.keys() == {Feature.FOLDER_SYNC}
    assert len(notes) == 1
    assert "no longer supports folder sync" in notes[0]


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOSYS, errno.EACCES])
def test_files_that_cannot_be_synced_are_all_left(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disk(monkeypatch, tmp_path)
    _failing(monkeypatch, number, 1000)
    features, notes = FolderFeatures(), list[str]()

    left = Syncer(str(tmp_path), lambda: True, features, notes.append).sync(_FILES)

    assert left == frozenset(_FILES)
    assert features.missing.keys() == {Feature.FILE_SYNC}
    assert len(notes) == 1


def test_a_file_that_was_synced_at_a_second_attempt_is_left_to_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = _disk(monkeypatch, tmp_path)
    _failing(monkeypatch, errno.EIO, 1)
    syncer = Syncer(str(tmp_path), lambda: True)

    assert syncer.sync(_FILES) == {_FILES[0]}
    assert len(disk.synced) == len(_FILES) + 4
    assert not syncer.sync(_FILES)


def test_a_full_disk_is_not_a_missing_feature(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _disk(monkeypatch, tmp_path)
    _failing(monkeypatch, errno.ENOSPC, 1, folders=True)
    with pytest.raises(OSError, match="No space"):
        Syncer(str(tmp_path), lambda: True).sync(_FILES)


def test_a_disk_that_refuses_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = _disk(monkeypatch, tmp_path, delay_s=0.02)

    def fail_later(fd: int) -> None:
        disk.fsync(fd)
        if len(disk.synced) > 20:
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_later)
    before = threading.active_count()

    with pytest.raises(OSError, match="Input/output error"):
        Syncer(str(tmp_path), lambda: True).sync(_FILES)

    assert threading.active_count() == before
