"""A file that is replaced at once, or stays as it was."""

import os
from pathlib import Path

import pytest

from dicom_retrieve_tui.atomic_file import replace_file


def test_the_text_takes_the_place_of_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    replace_file(path, ["new ", "text"])

    assert path.read_text() == "new text"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text("old")
    link.symlink_to(real)

    replace_file(link, ["new"])

    assert link.is_symlink()
    assert real.read_text() == "new"


@pytest.mark.parametrize(("umask", "mode"), [(0o077, 0o600), (0o027, 0o640)])
def test_the_umask_decides_who_may_read_it(tmp_path: Path, umask: int, mode: int) -> None:
    path = tmp_path / "report.json"

    replace_file(path, ["new"], umask)

    assert path.stat().st_mode & 0o777 == mode


def test_a_full_disk_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.json"
    path.write_text("old")

    def refuse(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)

    with pytest.raises(OSError, match="No space"):
        replace_file(path, ["new"])

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
