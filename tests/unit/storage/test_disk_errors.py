"""What the disk refuses is named with a next step that fits."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, InstanceUnfit
from dicom_retrieve_tui.storage import disk_errors
from dicom_retrieve_tui.storage.disk_errors import disk_failed, journal_failed, journal_not_made
from dicom_retrieve_tui.storage.file_system import FileSystem

_STEPS = {
    errno.ENOSPC: "Make room",
    errno.EDQUOT: "quota",
    errno.EROFS: "writable",
    errno.EACCES: "writable",
    errno.EPERM: "writable",
    errno.EIO: "The disk may be failing",
    errno.ENOENT: "still there",
    errno.ESTALE: "still there",
    errno.ENAMETOOLONG: "shorter",
    errno.EFBIG: "larger files",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "the system's limit",
    errno.EINVAL: "Choose another --output",
}


@pytest.mark.parametrize("number", _STEPS)
def test_the_next_step_fits_what_the_system_says(number: int) -> None:
    error = disk_failed(OSError(number, os.strerror(number)), "/out/1.part", "create a file")

    assert f"Cannot create a file in {Path('/out')}: {os.strerror(number).lower()}. " in str(error)
    assert _STEPS[number] in str(error)
    no_room = number in {errno.ENOSPC, errno.EDQUOT}
    assert ("Make room" in str(error)) == no_room
    assert getattr(error, "no_room", False) == no_room


@pytest.mark.parametrize("number", _STEPS)
def test_without_a_descriptor_one_instance_is_refused_and_not_the_run(number: int) -> None:
    kind = InstanceUnfit if number in {errno.EMFILE, errno.ENFILE} else DiskFailed

    assert isinstance(disk_failed(OSError(number, "x"), "/out/1.part", "write"), kind)

    refusal = ConfigError("it cannot be opened")
    refusal.__cause__ = OSError(number, "x")
    assert isinstance(journal_not_made(refusal, Path("/out")), kind)


@pytest.mark.parametrize("number", _STEPS)
def test_a_journal_that_can_no_longer_be_written_ends_the_run(number: int) -> None:
    error = journal_failed(OSError(number, os.strerror(number)), Path("/out/journal.db"))

    assert isinstance(error, DiskFailed)
    assert _STEPS[number] in str(error)


@pytest.mark.parametrize(
    ("code", "step"), [(sqlite3.SQLITE_FULL, "Make room"), (sqlite3.SQLITE_READONLY, "writable")]
)
def test_a_journal_that_cannot_be_written_has_the_step_that_fits(code: int, step: str) -> None:
    error = sqlite3.OperationalError("it says")
    error.sqlite_errorcode = code

    assert step in str(journal_failed(error, Path("/out/journal.db")))


_SHARE_IS_AWAY = (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.ENOENT, errno.EINVAL)


@pytest.mark.parametrize("number", _STEPS)
def test_on_a_share_the_share_is_named_and_its_connection_where_that_may_be_the_cause(
    number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    share = FileSystem("cifs", "//server/x")
    monkeypatch.setattr(disk_errors, "file_system_of", lambda _: share)
    error = OSError(number, os.strerror(number))
    texts = [
        str(disk_failed(error, "/out/1.part", "create a file")),
        str(journal_failed(error, Path("/out/journal.db"))),
    ]
    for text in texts:
        assert "It is on a network share cifs //server/x." in text
        assert ("Check the connection to that server" in text) == (number in _SHARE_IS_AWAY)
        assert ("Make room" in text) == (number in {errno.ENOSPC, errno.EDQUOT})


@pytest.mark.parametrize("kind", ["vfat", "ext4"])
def test_an_instance_that_is_too_large_for_fat_costs_itself_alone(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_errors, "file_system_of", lambda _: FileSystem(kind, "/dev/sdb1"))
    error = disk_failed(OSError(errno.EFBIG, "File too large"), "/out/1.part", "write a file")

    assert isinstance(error, InstanceUnfit) == (kind == "vfat")
    assert ("vfat (FAT) has no room for files over 4.29 GB" in str(error)) == (kind == "vfat")
