"""The output folder, on a real disk: who has it, and what becomes of its parts."""

import errno
import os
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT
from dicom_retrieve_tui.model.store_records import Placement
from dicom_retrieve_tui.platform_files import WINDOWS
from dicom_retrieve_tui.storage.folder import OutputFolder
from dicom_retrieve_tui.storage.lock import FolderLock
from tests.unit.encoded import EXPLICIT, explicit

_STUDY, _SERIES, _SOP, _PATIENT = 0x0020000D, 0x0020000E, 0x00080018, 0x00100020


def test_what_has_its_name_is_not_discarded_any_more(tmp_path: Path) -> None:
    values = dict.fromkeys((_STUDY, _SERIES, _SOP, _PATIENT), b"1.2.3")
    request = StoreRequest(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=EXPLICIT,
    )
    with closing(OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT))) as folder:
        part = folder.begin(request)
        part.write([memoryview(explicit(_PATIENT, "LO", b"P1"))])
        placed = folder.place(part, values)
        path = Path(part.path)
        path.write_bytes(b"the next part, under the number of the last")

        part.discard()

        assert path.exists()
        assert (tmp_path / placed.path).exists()
        path.unlink()


def test_what_has_its_name_is_named_also_where_the_part_cannot_be_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    values = dict.fromkeys((_STUDY, _SERIES, _SOP, _PATIENT), b"1.2.3")
    request = StoreRequest(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=EXPLICIT,
    )

    def fail(name: str) -> None:
        raise OSError(errno.EIO, "Input/output error", name)

    with closing(OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT))) as folder:
        part = folder.begin(request)
        part.write([memoryview(explicit(_PATIENT, "LO", b"P1"))])
        with monkeypatch.context() as patch:
            patch.setattr(os, "unlink", fail)
            placed = folder.place(part, values)

    assert placed.placement is Placement.NEW
    assert (tmp_path / placed.path).exists()


def test_whoever_takes_the_folder_up_at_once_finds_it_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = parse_layout(FLAT_LAYOUT)
    first = OutputFolder(tmp_path / "out", layout)
    followers: list[OutputFolder] = []
    release = FolderLock.release

    def release_and_follow(lock: FolderLock, *, leave_behind: bool) -> None:
        release(lock, leave_behind=leave_behind)
        monkeypatch.undo()
        followers.append(OutputFolder(tmp_path / "out", layout))

    monkeypatch.setattr(FolderLock, "release", release_and_follow)
    first.close()

    with closing(followers[0]) as second:
        part = second.begin(
            StoreRequest(
                sop_class_uid="1.2.3", sop_instance_uid="1.2.4", transfer_syntax_uid=EXPLICIT
            )
        )
        part.write([memoryview(b"data")])
        part.discard()
    assert not (tmp_path / "out" / ".dicom-retrieve").exists()


def test_of_many_that_take_a_folder_up_and_give_it_back_each_has_it_or_reads_who_does(
    tmp_path: Path,
) -> None:
    root, layout = tmp_path / "new" / "out", parse_layout(FLAT_LAYOUT)
    errors: list[Exception] = []
    had = [0] * 6
    interval_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)

    def take_up_and_give_back(number: int) -> None:
        for _ in range(100):
            try:
                OutputFolder(root, layout).close()
                had[number] += 1
            except Exception as error:  # noqa: BLE001 - each of them is looked at below
                errors.append(error)

    threads = [threading.Thread(target=take_up_and_give_back, args=(n,)) for n in range(len(had))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sys.setswitchinterval(interval_s)

    # On Windows, the number is gone a moment before the lock is.
    holders = [f"process {os.getpid()}", *(["another process"] if WINDOWS else [])]
    assert {str(error) for error in errors} <= {
        f"--output {root}: {holder} is retrieving into this folder. "
        "Wait for it to end, or choose another folder."
        for holder in holders
    }
    assert sum(had) + len(errors) == 100 * len(had)
    assert any(had)


def test_a_link_to_nowhere_as_the_output_folder_is_told_and_not_tried_for_ever(
    tmp_path: Path,
) -> None:
    (tmp_path / "out").symlink_to(tmp_path / "nowhere" / "else")

    with pytest.raises(ConfigError, match="cannot write there: file exists"):
        OutputFolder(tmp_path / "out", parse_layout(FLAT_LAYOUT))


def test_a_folder_that_cannot_be_made_ready_is_given_back(tmp_path: Path) -> None:
    stray = tmp_path / ".dicom-retrieve" / "parts" / "folder"
    stray.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot write there"):
        OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT))
    stray.rmdir()

    OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT)).close()
