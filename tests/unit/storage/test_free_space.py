"""How much room a folder has, also one that does not exist yet."""

import shutil
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.option_values import KeepFree
from dicom_retrieve_tui.storage.free_space import Room, room_of


@pytest.mark.parametrize("place", [".", "not/made/yet"])
def test_the_room_of_a_folder_is_that_of_its_disk(tmp_path: Path, place: str) -> None:
    room = room_of(tmp_path / place, KeepFree(size_bytes=1000))

    assert room is not None
    assert room.kept_bytes == 1000
    assert room.free_bytes == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.1)


def test_what_is_to_stay_free_is_not_usable() -> None:
    assert Room(free_bytes=900, kept_bytes=200).usable_bytes == 700
    assert Room(free_bytes=100, kept_bytes=200).usable_bytes == 0


def test_the_room_below_a_file_is_that_of_its_folder(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")

    assert room_of(tmp_path / "file" / "folder", KeepFree(size_bytes=0)) is not None
