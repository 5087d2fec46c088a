"""What a folder lacks is found by trying, and told in one line."""

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui.storage import folder_features
from dicom_retrieve_tui.storage.file_system import FileSystem
from dicom_retrieve_tui.storage.folder_features import Feature, FolderFeatures, probe
from dicom_retrieve_tui.storage.permissions import Permissions


def _fails(number: int) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


def test_a_folder_with_everything_is_not_mentioned_and_left_empty(tmp_path: Path) -> None:
    features = probe(tmp_path, Permissions(0o022))
    features.missing.pop(Feature.SHARED_MEMORY, None)  # if the tests run on FUSE

    assert features.missing == {}
    assert (features.summary(tmp_path), features.details()) == ("", [])
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("call", "feature"), [("link", Feature.LINKS), ("fsync", Feature.FILE_SYNC)]
)
@pytest.mark.parametrize("number", [errno.EPERM, errno.EINVAL, errno.EACCES, errno.EIO])
def test_a_call_that_fails_is_a_missing_feature_whatever_its_number(
    call: str, feature: Feature, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, call, _fails(number))
    features = probe(tmp_path)

    assert not features.has(feature)
    assert features.missing[feature] == os.strerror(number).lower()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EMFILE, errno.EDQUOT])
def test_a_full_disk_lacks_nothing(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", _fails(number))
    assert probe(tmp_path).has(Feature.LINKS)


def test_a_file_system_that_answers_for_another_machine_shares_no_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_features, "file_system_of", lambda _: FileSystem("nfs", "s:/x"))
    assert not probe(tmp_path).has(Feature.SHARED_MEMORY)


def test_one_line_names_what_is_missing_and_what_is_not_promised() -> None:
    features = FolderFeatures(FileSystem("cifs", "//server/x"))
    assert features.lose(Feature.LINKS, OSError(errno.EPERM, "No"))
    assert not features.lose(Feature.LINKS, OSError(errno.EPERM, "Again"))
    features.lose(Feature.LOCKS, OSError(errno.ENOLCK, "No locks"))
    features.lose(Feature.FILE_SYNC, OSError(errno.EINVAL, "Invalid"))
    features.lose(Feature.FOLDER_SYNC, OSError(errno.EINVAL, "Invalid"))

    assert features.summary("/out") == (
        "The file system of /out (network share cifs //server/x) lacks hard links, file locks, "
        "file sync and folder sync: replacements are used (-v lists them). Not promised there: "
        "that two runs on different hosts never use the folder together and that files survive a "
        "power cut."
    )
    assert features.details()[0] == (
        "no hard links (no): a file is renamed after a look whether its name is free"
    )
    assert len(features.details()) == 4


def test_what_matters_for_few_layouts_is_told_in_detail_only() -> None:
    features = FolderFeatures(FileSystem("exfat"))
    features.lose(Feature.CASE, OSError(errno.ENOTSUP, "One name"))
    assert features.summary("/out") == ""
    assert len(features.details()) == 1


def test_every_feature_has_words_for_its_replacement() -> None:
    assert folder_features.INSTEAD.keys() == set(Feature)
