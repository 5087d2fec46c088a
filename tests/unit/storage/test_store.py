"""What a store recalls of the runs before it."""

import os
import subprocess
import sys
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.store_records import Recalled
from dicom_retrieve_tui.platform_files import WINDOWS
from dicom_retrieve_tui.storage.store import InstanceStore
from tests.unit.encoded import EXPLICIT
from tests.unit.storage.kept import CT, FLAT, OTHER, STUDY, data_set_of, keep, path_of

_SERIES = f"{STUDY}.1"


def _inventory(numbers: Iterable[int], uid: str = STUDY) -> Inventory:
    listed = [
        ListedInstance(series_instance_uid=_SERIES, sop_instance_uid=f"{uid}.1.{number}")
        for number in numbers
    ]
    return Inventory(study_instance_uid=uid, listed=True, instances=tuple(listed))


def _receive(store: InstanceStore, number: int, more: Mapping[int, bytes] | None = None) -> None:
    """Place an instance as if a PACS had sent it."""
    sop = f"{STUDY}.1.{number}"
    request = StoreRequest(sop_class_uid=CT, sop_instance_uid=sop, transfer_syntax_uid=EXPLICIT)
    part = store.begin(request)
    part.write([memoryview(data_set_of(sop, series_instance_uid=_SERIES))])
    store.place(part, {**part.check(store.wanted_tags).values, **(more or {})})


def test_a_new_folder_has_nothing_to_recall(tmp_path: Path) -> None:
    with closing(InstanceStore(tmp_path, FLAT)) as store:
        recalled = store.recall(_inventory([1, 2]))

    assert recalled == Recalled(present=frozenset(), gone={}, missing=frozenset())


def test_what_was_here_and_is_gone_is_recalled_with_its_series(tmp_path: Path) -> None:
    with closing(InstanceStore(tmp_path, FLAT)) as store:
        for number in (1, 2, 3):
            _receive(store, number)
    (tmp_path / path_of(1)).unlink()
    (tmp_path / path_of(2)).write_bytes(b"damaged")

    with closing(InstanceStore(tmp_path, FLAT)) as store:
        recalled = store.recall(_inventory([3]))

    assert recalled.present == {f"{STUDY}.1.3"}
    assert recalled.gone == {f"{STUDY}.1.1": _SERIES, f"{STUDY}.1.2": _SERIES}


def test_what_an_earlier_run_missed_is_recalled(tmp_path: Path) -> None:
    keep(tmp_path, 1, verdict="partial", missing=[f"{STUDY}.1.2"])
    keep(tmp_path, 1, uid=OTHER, verdict="partial", missing=[f"{OTHER}.1.2"])

    with closing(InstanceStore(tmp_path, FLAT)) as store:
        recalled = store.recall(_inventory([1]))

    assert recalled.missing == {f"{STUDY}.1.2"}
    assert recalled.present == {f"{STUDY}.1.1"}
    assert not recalled.gone


@pytest.mark.parametrize("folders", ["", "{StudyInstanceUID}/", "by-study/{StudyInstanceUID}/x/"])
def test_what_a_kill_left_without_a_record_is_recalled(tmp_path: Path, folders: str) -> None:
    layout = folders + FLAT
    with closing(InstanceStore(tmp_path, layout)) as store:
        _receive(store, 1)
    for journal in (tmp_path / ".dicom-retrieve").glob("journal.db*"):
        journal.unlink()

    with closing(InstanceStore(tmp_path, layout)) as store:
        recalled = store.recall(_inventory([1, 2]))
        other = store.recall(_inventory([1], uid=OTHER))

    assert recalled.present == {f"{STUDY}.1.1"}
    assert not other.present


_WITH_A_NAME = """
import sys
from contextlib import closing
from pathlib import Path
from dicom_retrieve_tui.errors import InstanceUnfit
from dicom_retrieve_tui.storage.store import InstanceStore
from tests.unit.storage.test_store import _receive

layout = "{PatientName}-x/{SOPInstanceUID}.dcm"
name = sys.argv[2].encode("ascii").decode("unicode_escape").encode("utf-8")
with closing(InstanceStore(Path(sys.argv[1]), layout)) as store:
    try:
        _receive(store, 1, {0x00100010: name})
    except InstanceUnfit as error:
        print(error)
"""


@pytest.mark.skipif(WINDOWS, reason="names are not in the encoding of the locale")
@pytest.mark.parametrize(("name", "works"), [("Gru^Fi", True), ("Gru\\u0308n^Ferdinand", False)])
def test_a_name_that_the_locale_cannot_encode_is_an_error_of_the_instance(
    tmp_path: Path, name: str, *, works: bool
) -> None:
    ascii_alone = {"PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "LC_ALL": "C"}

    done = subprocess.run(
        [sys.executable, "-c", _WITH_A_NAME, tmp_path, name],
        env={**os.environ, **ascii_alone},
        capture_output=True,
        text=True,
        check=True,
    )

    assert (done.stderr, bool(list(tmp_path.rglob("*.dcm")))) == ("", works)
    assert (
        "lacks a letter in {PatientName}-x of --layout. Set PYTHONUTF8=1" in done.stdout
    ) != works
    assert not list(tmp_path.rglob("*.part"))
