"""What the disk refuses is named with a next step that fits."""

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError, DiskFailed, InstanceUnfit
from dicom_retrieve_tui.storage.disk_errors import disk_failed, journal_failed, journal_not_made

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
    assert ("Make room" in str(error)) == (number in {errno.ENOSPC, errno.EDQUOT})


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
