"""What `verify` finds damaged is moved away, and missing for the next run."""

import errno
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import DiskFailed
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.verify_result import Flaw
from dicom_retrieve_tui.storage import damaged_files
from dicom_retrieve_tui.storage.damaged_files import set_damaged_aside
from dicom_retrieve_tui.storage.folder import rename_to_free_name
from dicom_retrieve_tui.storage.store import InstanceStore
from dicom_retrieve_tui.storage.verify import verify_folder
from tests.unit.storage.kept import DEEP, FLAT, OTHER, STUDY, journal_of, keep, path_of

_INVENTORY = Inventory(
    study_instance_uid=STUDY,
    listed=True,
    instances=tuple(
        ListedInstance(series_instance_uid=f"{STUDY}.1", sop_instance_uid=f"{STUDY}.1.{number}")
        for number in (1, 2, 3)
    ),
)


def damage(path: Path) -> bytes:
    """Replace the content by zeros, of which the size says nothing."""
    zeros = bytes(path.stat().st_size)
    path.write_bytes(zeros)
    return zeros


def aside(root: Path) -> dict[str, bytes]:
    folder = root / ".dicom-retrieve" / "damaged"
    return {each.name: each.read_bytes() for each in folder.iterdir()}


def test_the_next_run_does_not_count_it_as_present(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    zeros = damage(tmp_path / path_of(2))

    assert set_damaged_aside(tmp_path, [STUDY]) == 1

    assert aside(tmp_path) == {f"{path_of(2)}.1": zeros}
    assert not (tmp_path / path_of(2)).exists()
    with closing(InstanceStore(tmp_path, FLAT)) as store:
        recalled = store.recall(_INVENTORY)
    assert recalled.present == {f"{STUDY}.1.1", f"{STUDY}.1.3"}
    assert set(recalled.gone) == {f"{STUDY}.1.2"}


def test_only_the_damaged_files_of_these_studies_are_moved(tmp_path: Path) -> None:
    keep(tmp_path, 2)
    keep(tmp_path, 2, uid=OTHER)
    (tmp_path / path_of(1)).unlink()
    damage(tmp_path / path_of(1, OTHER))

    assert set_damaged_aside(tmp_path, [STUDY]) == 0

    assert (tmp_path / path_of(2)).exists()
    assert (tmp_path / path_of(1, OTHER)).exists()


def test_each_layout_is_looked_at(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    keep(tmp_path, 1, **DEEP)
    damage(tmp_path / path_of(1))
    damage(tmp_path / "deep" / path_of(1))

    assert set_damaged_aside(tmp_path, [STUDY]) == 2

    assert aside(tmp_path).keys() == {f"{path_of(1)}.1", f"{path_of(1)}.2"}
    (study,) = verify_folder(tmp_path, deep=True)
    assert study.lost == {f"{STUDY}.1.1": Flaw.MISSING}


def test_a_file_that_agrees_with_the_record_of_another_layout_stays(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    whole = (tmp_path / path_of(1)).read_bytes()
    keep(tmp_path, 1, layout="./" + FLAT)
    with closing(sqlite3.connect(journal_of(tmp_path))) as journal, journal:
        changed = journal.execute(
            "UPDATE instances SET size_bytes = size_bytes + 1 WHERE layout = ?", (FLAT,)
        ).rowcount
    assert changed == 1

    assert set_damaged_aside(tmp_path, [STUDY]) == 0
    assert (tmp_path / path_of(1)).read_bytes() == whole


def test_a_file_that_is_gone_meanwhile_is_not_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(tmp_path, 1)
    damage(tmp_path / path_of(1))

    def late(old: str, new: str) -> bool:
        Path(old).unlink()
        return rename_to_free_name(old, new)

    monkeypatch.setattr(damaged_files, "rename_to_free_name", late)
    assert set_damaged_aside(tmp_path, [STUDY]) == 0


def test_a_disk_that_refuses_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keep(tmp_path, 1)
    damage(tmp_path / path_of(1))

    def refuse(*_: str) -> bool:
        raise OSError(errno.EROFS, "read-only file system")

    monkeypatch.setattr(damaged_files, "rename_to_free_name", refuse)
    with pytest.raises(DiskFailed, match=r"Cannot move damaged files away in .*read-only"):
        set_damaged_aside(tmp_path, [STUDY])
    assert (tmp_path / path_of(1)).exists()
