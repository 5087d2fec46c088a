"""Files of ours are for their owner alone, whatever the process's own umask says."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from dicom_retrieve_tui.platform_files import closest_existing
from dicom_retrieve_tui.storage.permissions import PRIVATE, Permissions


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=["open", "usual", "closed"], autouse=True)
def _process_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_private_means_the_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "a" / "b"
    PRIVATE.make_folder(folder)
    os.close(PRIVATE.create(folder / "file", os.O_WRONLY))

    assert (_mode(tmp_path / "a"), _mode(folder), _mode(folder / "file")) == (0o700, 0o700, 0o600)


@pytest.mark.parametrize("umask", [0o027, 0o007, 0o022])
def test_a_umask_says_exactly_who_else(tmp_path: Path, umask: int) -> None:
    permissions = Permissions(umask)
    folder = tmp_path / "a" / "b"
    permissions.make_folder(folder)
    os.close(permissions.open(folder / "file", os.O_WRONLY))

    assert _mode(tmp_path / "a") == _mode(folder) == 0o777 & ~umask
    assert _mode(folder / "file") == 0o666 & ~umask


def test_what_exists_stays_as_it_is(tmp_path: Path) -> None:
    folder, file = tmp_path / "theirs", tmp_path / "theirs" / "file"
    folder.mkdir()
    folder.chmod(0o755)
    file.touch()
    file.chmod(0o644)
    PRIVATE.make_folder(folder)
    os.close(PRIVATE.open(file, os.O_WRONLY))

    assert (_mode(folder), _mode(file)) == (0o755, 0o644)
    with pytest.raises(FileExistsError):
        PRIVATE.create(file, os.O_WRONLY)
    with pytest.raises(FileExistsError):
        PRIVATE.make_folder(file)


class _WithoutDrive(type(Path())):  # type: ignore[misc]
    """A path of which nothing exists, not even its root."""

    def exists(self) -> bool:
        return False


@pytest.mark.parametrize("text", ["/", "/a", "/a/b", "a"])
def test_a_folder_on_a_drive_that_does_not_exist_is_looked_for_once(text: str) -> None:
    with pytest.raises(FileNotFoundError, match="the drive does not exist"):
        closest_existing(_WithoutDrive(text))


def test_a_folder_whose_root_seems_to_be_missing_is_made_all_the_same(tmp_path: Path) -> None:
    PRIVATE.make_folder(_WithoutDrive(tmp_path / "a" / "b"))

    assert (tmp_path / "a" / "b").is_dir()
