from collections.abc import Callable
from pathlib import Path

import pytest

from dicom_retrieve_tui.cluster.shared_folder import SharedProbe, sees, shared_probe
from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.storage.permissions import PRIVATE

Sees = Callable[[str, str], bool]


def _seen(function: Sees, path: str, nonce: str) -> dict[str, object]:
    return {"tcp://a": function(path, nonce), "tcp://b": function(path, nonce)}


def _unseen(function: Sees, path: str, nonce: str) -> dict[str, object]:
    return {"tcp://a": True, "tcp://b": False, "tcp://c": OSError("gone")}


def test_a_folder_that_all_see_is_used_and_left_clean(tmp_path: Path) -> None:
    with shared_probe(tmp_path / "out", PRIVATE, _seen, str) as probe:
        probe.refuse_unseen()
        (tmp_path / "out" / "1.dcm").touch()

    assert [path.name for path in (tmp_path / "out").iterdir()] == ["1.dcm"]


def test_a_folder_that_a_worker_does_not_see_is_refused_and_not_left(tmp_path: Path) -> None:
    refused = pytest.raises(ConfigError, match=r"the worker tcp://b \(and 1 more\) does not see")
    with refused as why, shared_probe(tmp_path / "out", PRIVATE, _unseen, str):
        raise AssertionError

    assert "--own-folders" in str(why.value)
    assert not (tmp_path / "out").exists()


def test_an_equal_file_of_another_machine_is_not_mistaken(tmp_path: Path) -> None:
    (tmp_path / "probe").write_text("another nonce")

    assert not sees(str(tmp_path / "probe"), "nonce")
    assert not sees(str(tmp_path / "missing"), "nonce")


def test_a_worker_that_comes_later_looks_for_the_file_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not see --output"):
        SharedProbe(str(tmp_path / "out" / ".dicom-retrieve" / "probe"), "nonce").refuse_unseen()
