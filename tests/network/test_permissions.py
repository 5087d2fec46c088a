"""Who may read what a retrieval writes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.processes import c_get, retrieve_here
from tests.peers.raw_pacs import RawPacs, instances


@pytest.fixture(params=[0o000, 0o077], ids=["open", "closed"], autouse=True)
def _process_umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


def _retrieve(tmp_path: Path, *flags: str) -> tuple[set[int], set[int]]:
    """The modes of all folders and files that a run leaves."""
    root = tmp_path / "new" / "out"
    root.parent.mkdir()
    root.parent.chmod(0o755)
    output = root / "deeper"
    extra = ["--hierarchical", "--log-file", tmp_path / "log", "--report", tmp_path / "report"]
    with RawPacs(instances(3)) as pacs:
        result = retrieve_here(*c_get(pacs, output), *map(str, extra), *flags)
    assert result.exit_code == 0, result.stderr
    assert stat.S_IMODE(root.parent.stat().st_mode) == 0o755
    assert (output / ".dicom-retrieve" / "journal.db").exists()
    made = [root, *root.rglob("*"), tmp_path / "log", tmp_path / "report"]
    modes = [(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in made]
    return {m for folder, m in modes if folder}, {m for folder, m in modes if not folder}


def test_files_and_folders_are_for_their_owner_alone(tmp_path: Path) -> None:
    assert _retrieve(tmp_path) == ({0o700}, {0o600})


def test_a_umask_says_who_else(tmp_path: Path) -> None:
    assert _retrieve(tmp_path, "--umask", "027") == ({0o750}, {0o640})
