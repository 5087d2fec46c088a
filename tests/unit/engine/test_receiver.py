"""Where instances arrive: what is getting its name when a study is closed, counts."""

import threading
from collections.abc import Mapping

import pytest

from dicom_retrieve_tui.engine.receiver import InstanceReceiver
from dicom_retrieve_tui.engine.study_state import StudyState
from dicom_retrieve_tui.errors import InstanceUnfit
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.events import Event, InstanceRefused, InstanceStored
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.store_records import Placed
from tests.unit.engine.fakes import (
    CT_IMAGE,
    IMPLICIT,
    STUDY,
    FakePart,
    FakeStore,
    inventory_of,
)

_PATIENCE_S = 10.0


class _SlowStore(FakeStore):
    """Gives a name when the test lets it; the name is there a moment before that is known."""

    def __init__(self) -> None:
        super().__init__()
        self.named = threading.Event()
        self.goes_on = threading.Event()

    def place(self, part: FakePart, values: Mapping[int, bytes], irregular: str = "") -> Placed:
        placed = super().place(part, values, irregular)
        self.named.set()
        assert self.goes_on.wait(_PATIENCE_S)
        return placed


def _request(sop: str) -> StoreRequest:
    return StoreRequest(sop_class_uid=CT_IMAGE, sop_instance_uid=sop, transfer_syntax_uid=IMPLICIT)


def test_a_study_that_is_closed_while_an_instance_gets_its_name_counts_it() -> None:
    events: list[Event] = []
    store = _SlowStore()
    receiver = InstanceReceiver(store, events.append)
    study = StudyState(Selection(study_instance_uid=STUDY), inventory_of("1.1", "1.2"))
    receiver.open(study)
    arrival = threading.Thread(target=receiver.begin(_request("1.1")).commit)
    arrival.start()
    assert store.named.wait(_PATIENCE_S)

    closing = threading.Thread(target=receiver.close, args=(study,))
    closing.start()
    while receiver.study_of(STUDY) is not None:  # until it lets no further one in
        pass
    late = receiver.for_worker(study, 1).begin(_request("1.2"))
    with pytest.raises(InstanceUnfit, match="it came after its request had ended"):
        late.commit()
    assert closing.is_alive()
    store.goes_on.set()
    closing.join(_PATIENCE_S)
    arrival.join(_PATIENCE_S)

    assert study.missing() == ("1.2",)
    assert [type(event) for event in events] == [InstanceRefused, InstanceStored]
