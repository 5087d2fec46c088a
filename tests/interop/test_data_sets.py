"""Every file that pydicom ships, and each irregular data set of ours, through a C-GET.

Each is kept byte for byte, or refused for a reason that pydicom or dcmdump confirms.
"""

import struct
from pathlib import Path

import pytest

from dicom_retrieve_tui.dataset.walker import walk_bytes
from dicom_retrieve_tui.model.events import InstanceRefused, InstanceStored
from dicom_retrieve_tui.model.verdict import Verdict
from tests.interop.programs import program
from tests.judges import dcmdump_reads, pydicom_reads
from tests.peers import wire
from tests.peers.sending_pacs import SendingPacs, Sent
from tests.properties.samples import Sample, samples
from tests.runs import get_plan, of_kind, run, settings, verdict_of
from tests.unit.dataset import test_irregular as irregular
from tests.unit.encoded import EXPLICIT, explicit

_ALL = samples()
_UIDS = (0x00080016, 0x00080018, 0x0020000D, 0x0020000E)
_INVENTED = ("1.2.840.10008.5.1.4.1.1.7", "1.2.3.1.1", "1.2.3", "1.2.3.1")
_CUT_SHORT = {"MR_truncated.dcm", "rtplan_truncated.dcm"}
_SHIFTED = {"no_meta.dcm"}
"""A byte too many stands before it, so that no reader finds an element of its own."""


def _sent(sample: Sample) -> Sent:
    """A sample as an instance; what it does not say of itself is invented."""
    try:
        values = walk_bytes(sample.data_set, sample.transfer_syntax_uid, frozenset(_UIDS)).values
    except ValueError:
        values = {}
    stated = [values.get(tag, b"").decode().strip("\0 ") for tag in _UIDS]
    sop_class, sop, study, series = (
        found or other for found, other in zip(stated, _INVENTED, strict=True)
    )
    return Sent(study, series, sop, sop_class, raw=sample.data_set,
                syntax=sample.transfer_syntax_uid)  # fmt: skip


@pytest.mark.parametrize("sample", _ALL, ids=lambda sample: sample.name)
def test_a_file_of_pydicom_is_kept_or_refused_for_a_good_reason(
    sample: Sample, tmp_path: Path
) -> None:
    sent = _sent(sample)
    with SendingPacs(sent) as pacs:
        events = run(get_plan(sent.study), settings(pacs.port, tmp_path))

    if sample.name in _CUT_SHORT | _SHIFTED:
        (refused,) = {event.reason for event in of_kind(InstanceRefused, events)}
        assert "is damaged" in refused
        return
    (stored,) = of_kind(InstanceStored, events)
    assert verdict_of(events, sent.study).verdict is Verdict.COMPLETE
    assert (tmp_path / stored.path).read_bytes().endswith(sample.data_set)
    assert stored.transfer_syntax_uid == sample.transfer_syntax_uid


@pytest.mark.peers
@pytest.mark.parametrize("name", sorted(_CUT_SHORT))
def test_dcmdump_confirms_what_we_refuse_as_cut_short(name: str) -> None:
    (sample,) = (sample for sample in _ALL if sample.name == name)

    assert not dcmdump_reads(sample.path, program("dcmdump"))


def test_pydicom_confirms_what_we_refuse_as_shifted() -> None:
    (sample,) = (sample for sample in _ALL if sample.name in _SHIFTED)
    group, element = struct.unpack_from("<HH", sample.data_set)

    assert (group, element) == (0x0820, 0x0500)
    assert pydicom_reads(sample.data_set[1:])


_ONLY_OTHERS_READ = (
    "a sequence end in place of an item end",
    "an item without its end",
    "no sequence end",
    "a stray item",
    "VR 'RE'",
    "VR 'OX'",
    "items in Explicit VR within Implicit VR",
)
"""Reported of instances in archives that other readers take, these two not in all forms."""
_CASES = [
    pytest.param(data, syntax, id=f"{why} {number}")
    for number, (syntax, data, why) in enumerate(irregular.READABLE)
    if not why.startswith(_ONLY_OTHERS_READ)
]


@pytest.mark.peers
@pytest.mark.parametrize(("data", "syntax"), _CASES)
def test_what_we_keep_another_reader_reads(data: bytes, syntax: str, tmp_path: Path) -> None:
    sent = Sent("1.2.3", "1.2.3.1", "1.2.3", raw=data, syntax=syntax)
    with SendingPacs(sent) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    (stored,) = of_kind(InstanceStored, events)
    assert stored.irregular
    path = tmp_path / stored.path
    assert pydicom_reads(path.read_bytes()) or dcmdump_reads(path, program("dcmdump"), "+rd")


_CUTS = explicit(0x00080018, "UI", wire.uid("1.2.3")) + explicit(0x7FE00010, "OW", bytes(500))


@pytest.mark.peers
@pytest.mark.parametrize("size", [15, 20, 25, 27, 30, 100, len(_CUTS) - 1])
def test_what_we_refuse_as_cut_short_dcmdump_does_not_read(size: int, tmp_path: Path) -> None:
    sent = Sent("1.2.3", "1.2.3.1", "1.2.3", raw=_CUTS[:size], syntax=EXPLICIT)
    with SendingPacs(sent) as pacs:
        events = run(get_plan(), settings(pacs.port, tmp_path))

    path = of_kind(InstanceRefused, events)[0].path
    assert not dcmdump_reads(tmp_path / path, program("dcmdump"))
