"""What the tests of the walk over a data set have in common."""

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet
from dicom_retrieve_tui.dataset.walker import walk_bytes
from tests.unit.encoded import explicit

SOP_INSTANCE_UID = 0x00080018
PATIENT_ID = 0x00100020
PIXEL_DATA = 0x7FE00010
NOTHING: frozenset[int] = frozenset()
UID_AND_ID = frozenset({SOP_INSTANCE_UID, PATIENT_ID})
UID = explicit(SOP_INSTANCE_UID, "UI", b"1.2.3\0")
ID = explicit(PATIENT_ID, "LO", b"P1")
VALUES = {SOP_INSTANCE_UID: b"1.2.3\0", PATIENT_ID: b"P1"}


def reading(data: bytes, calls: list[tuple[int, int]] | None = None) -> "Reader":
    return Reader(data, [] if calls is None else calls)


class Reader:
    """Gives pieces of `data` and insists that none is asked for twice."""

    def __init__(self, data: bytes, calls: list[tuple[int, int]]) -> None:
        self.data = data
        self.calls = calls

    def __call__(self, offset: int, length: int) -> bytes:
        assert not self.calls or offset >= sum(self.calls[-1])
        given = self.data[offset : offset + length]
        self.calls.append((offset, len(given)))
        return given


def accepts(data: bytes, syntax: str) -> bool:
    try:
        walk_bytes(data, syntax, UID_AND_ID)
    except MalformedDataSet:
        return False
    return True
