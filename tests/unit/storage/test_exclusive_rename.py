"""A rename that overwrites nothing, where the system has one."""

import ctypes
import errno
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui.storage import exclusive_rename
from dicom_retrieve_tui.storage.exclusive_rename import rename_exclusively


def test_a_file_gets_a_free_name_and_never_one_that_is_taken(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    if not rename_exclusively(str(old), str(new)):  # this system has no such call
        assert old.exists()
        return
    assert new.read_text() == "old"

    old.write_text("another")
    with pytest.raises(FileExistsError):
        rename_exclusively(str(old), str(new))
    assert (old.read_text(), new.read_text()) == ("another", "old")


def test_a_file_system_without_it_is_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def system_call(number: int) -> Callable[[], Callable[[bytes, bytes], int] | None]:
        monkeypatch.setattr(ctypes, "get_errno", lambda: number)
        return lambda: lambda _old, _new: -1

    monkeypatch.setattr(exclusive_rename, "_system_call", system_call(errno.EINVAL))
    assert not rename_exclusively("old", "new")

    monkeypatch.setattr(exclusive_rename, "_system_call", system_call(errno.EACCES))
    with pytest.raises(PermissionError):
        rename_exclusively("old", "new")

    monkeypatch.setattr(exclusive_rename, "_system_call", lambda: None)
    assert not rename_exclusively("old", "new")
