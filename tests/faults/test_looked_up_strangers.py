"""What arrives is held against the Patient ID or Accession Number that it was looked up by."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.events import InstanceRefused
from dicom_retrieve_tui.model.selection import Owner, Selection
from dicom_retrieve_tui.model.verdict import Verdict
from tests.faults.catalogue import Told, fault
from tests.peers import wire
from tests.peers.raw_pacs import CT_IMAGE, Instance, RawPacs
from tests.runs import STUDY, files_in, get_plan, of_kind, run, settings, verdict_of

_CHARACTER_SET, _ACCESSION, _PATIENT = 0x00080005, 0x00080050, 0x00100020
_LATIN_1, _UTF_8 = b"ISO_IR 100", b"ISO_IR 192"
_P1 = Owner(patient_ids=frozenset({"P1"}))
_A1 = Owner(accession_numbers=frozenset({"A1"}))
_UMLAUT = Owner(patient_ids=frozenset({"MÜ1"}))


@dataclass(frozen=True)
class _Owned(Instance):
    """An instance whose data set says whose it is."""

    owner: dict[int, bytes] = field(default_factory=dict)

    @property
    def data(self) -> bytes:
        values = {
            0x00080016: CT_IMAGE.encode(),
            0x00080018: self.sop.encode(),
            0x0020000D: self.study.encode(),
            0x0020000E: self.series.encode(),
        } | self.owner
        return b"".join(
            wire.element(tag >> 16, tag & 0xFFFF, value + b" " * (len(value) % 2))
            for tag, value in sorted(values.items())
        )


def _owned(number: int, **more: bytes) -> _Owned:
    tags = {"accession": _ACCESSION, "patient": _PATIENT, "charset": _CHARACTER_SET}
    owner = {tags[name]: value for name, value in more.items()}
    return _Owned(STUDY, f"{STUDY}.1", f"{STUDY}.1.{number}", owner=owner)


@pytest.mark.parametrize(
    ("owner", "instance"),
    [
        (_P1, _owned(2, patient=b"P2")),
        (_P1, _owned(2, patient=b"p1")),
        (_P1, _owned(2, patient=b"P1^^^X", accession=b"A1")),
        (_A1, _owned(2, patient=b"P1", accession=b"A10")),
        (_A1, _owned(2, accession=b"0A1")),
        (_UMLAUT, _owned(2, patient=b"M\xd61", charset=_LATIN_1)),
    ],
)
@fault(72, user_reads="its data set ")
def test_an_instance_of_another_than_was_looked_up_is_refused(
    tmp_path: Path, owner: Owner, instance: _Owned
) -> Told:
    own = _owned(1, patient=b"P1 ", accession=b"A1")
    own = own if owner is not _UMLAUT else _owned(1, patient=b"M\xdc1", charset=_LATIN_1)
    plan = replace(get_plan(), selections=(replace(Selection.of(STUDY), owner=owner),))

    with RawPacs([own, instance]) as pacs:
        events = run(plan, settings(pacs.port, tmp_path))

    assert files_in(tmp_path) == [f"{own.sop}.dcm"]
    assert verdict_of(events).verdict is Verdict.PARTIAL
    (refused,) = {each.sop_instance_uid for each in of_kind(InstanceRefused, events)}
    assert refused == instance.sop
    assert "P2" not in str(events)
    return events


@pytest.mark.parametrize(
    ("owner", "instance"),
    [
        (_P1, _owned(1)),
        (_P1, _owned(1, patient=b"", accession=b"A7")),
        (_A1, _owned(1, patient=b"P7", accession=b" A1")),
        (_A1, _owned(1, accession=b"A0\\A1")),
        (_UMLAUT, _owned(1, patient="MÜ1".encode(), charset=_UTF_8)),
        (Owner(), _owned(1, patient=b"P7", accession=b"A7")),
    ],
)
def test_what_agrees_or_does_not_say_whose_it_is_is_kept(
    tmp_path: Path, owner: Owner, instance: _Owned
) -> None:
    plan = replace(get_plan(), selections=(replace(Selection.of(STUDY), owner=owner),))

    with RawPacs([instance]) as pacs:
        events = run(plan, settings(pacs.port, tmp_path))

    assert verdict_of(events).verdict is Verdict.COMPLETE
    assert files_in(tmp_path) == [f"{instance.sop}.dcm"]
