"""What a store recalls of the runs before it."""

from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.inventory import Inventory, ListedInstance
from dicom_retrieve_tui.model.store_records import Recalled
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


def _receive(store: InstanceStore, number: int) -> None:
    """Place an instance as if a PACS had sent it."""
    sop = f"{STUDY}.1.{number}"
    request = StoreRequest(sop_class_uid=CT, sop_instance_uid=sop, transfer_syntax_uid=EXPLICIT)
    part = store.begin(request)
    part.write([memoryview(data_set_of(sop, series_instance_uid=_SERIES))])
    store.place(part, part.check(store.wanted_tags).values)


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
