"""What takes the place of system calls that a platform has not."""

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui import platform_files
from dicom_retrieve_tui.platform_files import (
    WINDOWS,
    below,
    extended,
    patiently,
    read_at,
    rename_exclusively,
    shown,
    write_pieces,
)

PIECES: list[bytes | memoryview] = [
    b"preamble",
    memoryview(b""),
    memoryview(b"\r\n"),
    *[memoryview(b"data")] * 5000,
]
WHOLE = b"".join(PIECES)


class InUse(PermissionError):
    """The error of Windows, on any platform."""

    def __init__(self, winerror: int) -> None:
        super().__init__(13, "in use")
        self.winerror = winerror


class Held:
    """A file that another program has open for the first calls."""

    def __init__(self, calls: int, winerror: int = 32) -> None:
        self.left = calls
        self._winerror = winerror

    def __call__(self) -> str:
        if self.left:
            self.left -= 1
            raise InUse(self._winerror)
        return "done"


@pytest.fixture(params=["the system's call", "without it"])
def either(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "without it":
        monkeypatch.setattr(platform_files, "_writev", None)
        monkeypatch.setattr(platform_files, "_pread", None)


@pytest.mark.usefixtures("either")
def test_more_pieces_than_one_call_takes_are_written(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR | platform_files.BINARY)
    try:
        written = write_pieces(fd, PIECES) + write_pieces(fd, [b"\n"])
    finally:
        os.close(fd)

    assert written == len(WHOLE) + 1
    assert (tmp_path / "file").read_bytes() == WHOLE + b"\n"


@pytest.mark.usefixtures("either")
def test_what_is_too_long_to_join_is_written_piece_by_piece(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platform_files, "_JOINED_BYTES_MAX", 8)
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR | platform_files.BINARY)
    try:
        write_pieces(fd, PIECES)
    finally:
        os.close(fd)

    assert (tmp_path / "file").read_bytes() == WHOLE


@pytest.mark.usefixtures("either")
def test_reading_elsewhere_does_not_move_where_writing_goes_on(tmp_path: Path) -> None:
    fd = os.open(tmp_path / "file", os.O_CREAT | os.O_RDWR | platform_files.BINARY)
    try:
        write_pieces(fd, [b"0123456789"])
        read = read_at(fd, 3, 4)
        write_pieces(fd, [b"end"])
        past = read_at(fd, 5, 100)
    finally:
        os.close(fd)

    assert (read, past) == (b"456", b"")
    assert (tmp_path / "file").read_bytes() == b"0123456789end"


@pytest.mark.parametrize("winerror", [5, 32, 33])
def test_a_file_that_a_virus_scanner_holds_is_waited_for(
    monkeypatch: pytest.MonkeyPatch, winerror: int
) -> None:
    monkeypatch.setattr(platform_files, "WINDOWS", True)
    held = Held(3, winerror)

    assert patiently(held) == "done"
    assert held.left == 0


@pytest.mark.parametrize(
    ("windows", "winerror", "held_s"), [(False, 32, 2.0), (True, 19, 2.0), (True, 32, 0.0)]
)
def test_there_is_no_waiting_elsewhere_for_another_reason_or_without_end(
    monkeypatch: pytest.MonkeyPatch,
    windows: bool,  # noqa: FBT001 - a parameter of pytest
    winerror: int,
    held_s: float,
) -> None:
    monkeypatch.setattr(platform_files, "WINDOWS", windows)
    monkeypatch.setattr(platform_files, "_HELD_S", held_s)

    with pytest.raises(PermissionError):
        patiently(Held(1000, winerror))


def test_a_path_below_a_folder_has_the_separators_of_the_platform(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(platform_files, "WINDOWS", False)
    assert below("/out", "a/b.dcm") == "/out/a/b.dcm"

    monkeypatch.setattr(platform_files, "WINDOWS", True)
    assert below("\\\\?\\C:\\out", "a/b.dcm") == "\\\\?\\C:\\out\\a\\b.dcm"


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("\\\\?\\C:\\dicom", "C:\\dicom"),
        ("\\\\?\\UNC\\server\\share\\dicom", "\\\\server\\share\\dicom"),
        ("/data/dicom", "/data/dicom"),
    ],
)
def test_paths_are_shown_as_users_write_them(path: str, text: str) -> None:
    assert shown(path) == text


@pytest.mark.skipif(WINDOWS, reason="Windows extends paths")
def test_folders_stay_as_they_are_elsewhere() -> None:
    assert extended(Path("dicom")) == Path("dicom")


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

    monkeypatch.setattr(platform_files, "_system_call", system_call(errno.EINVAL))
    assert not rename_exclusively("old", "new")

    monkeypatch.setattr(platform_files, "_system_call", system_call(errno.EACCES))
    with pytest.raises(PermissionError):
        rename_exclusively("old", "new")

    monkeypatch.setattr(platform_files, "_system_call", lambda: None)
    assert not rename_exclusively("old", "new")
