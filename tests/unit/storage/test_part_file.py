"""A part, on a real disk: however the pieces of a data set come, the whole of it is checked."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.dataset.walker import WINDOW_BYTES
from dicom_retrieve_tui.errors import InstanceUnfit
from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.option_values import DEFAULT_KEEP_FREE
from dicom_retrieve_tui.storage.free_space import FreeSpace
from dicom_retrieve_tui.storage.part_file import PartFile
from dicom_retrieve_tui.storage.permissions import PRIVATE
from tests.unit.encoded import EXPLICIT, explicit

_SOP, _PATIENT, _PIXEL_DATA, _PADDING = 0x00080018, 0x00100020, 0x7FE00010, 0xFFFCFFFC
_HEAD = explicit(_SOP, "UI", b"1.2.3\0")
_TAIL = explicit(_PIXEL_DATA, "OW", b"\1" * 3 * WINDOW_BYTES) + explicit(_PADDING, "OB", b"\0\0")
_OFFER = StoreRequest(
    sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
    sop_instance_uid="1.2.3",
    transfer_syntax_uid=EXPLICIT,
)
_FIRST_PIECES = [1, 8, len(_HEAD), WINDOW_BYTES - 1, WINDOW_BYTES, WINDOW_BYTES + 1, 1 << 30]


def _check(folder: Path, data: bytes, first_bytes: int) -> dict[int, bytes]:
    """What the check finds, the same whether the pieces come one by one or together."""
    pieces = [memoryview(each) for each in (data[:first_bytes], data[first_bytes:]) if each]
    found = [_found(folder, data, cut) for cut in ([[each] for each in pieces], [pieces])]
    assert found[0] == found[1]
    return found[0]


def _found(folder: Path, data: bytes, cut: list[list[memoryview]]) -> dict[int, bytes]:
    part = PartFile(f"{folder}/1.part", _OFFER, PRIVATE, FreeSpace(folder, DEFAULT_KEEP_FREE))
    try:
        for pieces in cut:
            part.write(pieces)
        assert Path(part.path).read_bytes().endswith(data)
        assert Path(part.path).stat().st_size == part.size_bytes
        return part.check(frozenset({_SOP, _PATIENT})).values
    finally:
        part.discard()
        assert list(folder.iterdir()) == []


@pytest.mark.parametrize("first_bytes", _FIRST_PIECES)
@pytest.mark.parametrize("before", [0, WINDOW_BYTES - 20, WINDOW_BYTES])
def test_a_whole_data_set_passes_in_whatever_pieces_it_comes(
    tmp_path: Path, first_bytes: int, before: int
) -> None:
    filling = explicit(0x00090010, "OB", b"\1" * before)
    data = _HEAD + filling + explicit(_PATIENT, "LO", b"P1") + _TAIL

    assert _check(tmp_path, data, first_bytes) == {_SOP: b"1.2.3\0", _PATIENT: b"P1"}


@pytest.mark.parametrize("first_bytes", _FIRST_PIECES)
@pytest.mark.parametrize("lost_bytes", [1, 13, WINDOW_BYTES, 3 * WINDOW_BYTES])
def test_a_data_set_that_was_cut_short_fails_in_whatever_pieces_it_comes(
    tmp_path: Path, first_bytes: int, lost_bytes: int
) -> None:
    with pytest.raises(InstanceUnfit, match="damaged"):
        _check(tmp_path, (_HEAD + _TAIL)[:-lost_bytes], first_bytes)
