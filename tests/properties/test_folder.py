"""The output folder, on a real disk: whatever a peer calls its instances, they land inside."""

import tempfile
from contextlib import closing
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.model.dimse import StoreRequest
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.option_values import FLAT_LAYOUT, HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.model.store_records import Placement
from dicom_retrieve_tui.storage.folder import OutputFolder
from tests.unit.encoded import EXPLICIT, explicit

_STUDY, _SERIES, _SOP, _PATIENT = 0x0020000D, 0x0020000E, 0x00080018, 0x00100020
_LAYOUTS = [FLAT_LAYOUT, HIERARCHICAL_LAYOUT, "{PatientID}/{StudyInstanceUID}_{SOPInstanceUID}.dcm"]
_UIDS = st.one_of(
    st.binary(max_size=90),
    st.text(alphabet="./\\ :\0\n~con12", max_size=12).map(str.encode),
    st.text("0123456789.", max_size=70).map(str.encode),
    st.sampled_from([b"..", b".", b"/", b"/x", b"../x", b"../../../../x", b"C:\\x", b"con", b"nul.",
                     b".dicom-retrieve", b"\x1b[31m", "\u202e".encode(), b"\0", b""]),
)  # fmt: skip


def _store(folder: OutputFolder, values: dict[int, bytes], data: bytes) -> tuple[Path, Placement]:
    request = StoreRequest(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=values[_SOP].decode("latin-1"),
        transfer_syntax_uid=EXPLICIT,
    )
    part = folder.begin(request)
    part.write([memoryview(data)])
    placed = folder.place(part, values)
    return folder.root / placed.path, placed.placement


@settings(deadline=None, max_examples=75, derandomize=True)
@given(
    st.fixed_dictionaries(dict.fromkeys((_STUDY, _SERIES, _SOP, _PATIENT), _UIDS)),
    st.sampled_from(_LAYOUTS),
)
def test_no_uid_whatever_leads_out_of_the_folder(values: dict[int, bytes], layout: str) -> None:
    data = explicit(_PATIENT, "LO", b"P1")
    with tempfile.TemporaryDirectory() as temporary:
        outside = Path(temporary).resolve()
        root = outside / "deep" / "out"

        with closing(OutputFolder(root, parse_layout(layout))) as folder:
            path, placement = _store(folder, values, data)

        assert placement is Placement.NEW
        assert path.resolve().is_relative_to(root)
        assert path.read_bytes().endswith(data)
        found = [each for each in outside.rglob("*") if not each.is_dir()]
        assert found == [path]
        assert ".dicom-retrieve" not in path.relative_to(root).parts


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.sets(_UIDS.map(lambda uid: uid.rstrip(b"\0 ")).filter(bool), min_size=2, max_size=4))
def test_no_two_uids_ever_share_a_file(uids: set[bytes]) -> None:
    data = explicit(_PATIENT, "LO", b"P1")
    with (
        tempfile.TemporaryDirectory() as temporary,
        closing(OutputFolder(Path(temporary), parse_layout(FLAT_LAYOUT))) as folder,
    ):
        stored = [_store(folder, {_SOP: uid}, data) for uid in uids]

    assert {placement for _, placement in stored} == {Placement.NEW}
    assert len({path for path, _ in stored}) == len(uids)
