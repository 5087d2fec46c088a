"""The output folder, on a real disk: whatever a peer calls its instances, they land inside."""

import tempfile
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.layout import parse_layout
from dicom_retrieve_tui.model.offer import InstanceOffer
from dicom_retrieve_tui.model.placement import Placement
from dicom_retrieve_tui.model.settings import FLAT_LAYOUT, HIERARCHICAL_LAYOUT
from dicom_retrieve_tui.storage.folder import OutputFolder
from dicom_retrieve_tui.storage.lock import FolderLock
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


def _store(
    root: Path, layout: str, values: dict[int, bytes], data: bytes
) -> tuple[Path, Placement]:
    offer = InstanceOffer(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid=values[_SOP].decode("latin-1"),
        transfer_syntax_uid=EXPLICIT,
    )
    with closing(OutputFolder(root, parse_layout(layout))) as folder:
        part = folder.begin(offer)
        part.write(memoryview(data))
        placed = folder.place(part, values)
    return root / placed.path, placed.placement


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

        path, placement = _store(root, layout, values, data)

        assert placement is Placement.NEW
        assert path.resolve().is_relative_to(root)
        assert path.read_bytes().endswith(data)
        found = [each for each in outside.rglob("*") if not each.is_dir()]
        assert found == [path]
        assert ".dicom-retrieve" not in path.relative_to(root).parts


@settings(deadline=None, max_examples=60, derandomize=True)
@given(st.sets(_UIDS.map(lambda uid: uid.rstrip(b"\0 ")).filter(bool), min_size=2, max_size=4))
def test_no_two_uids_ever_share_a_file(uids: set[bytes]) -> None:
    with tempfile.TemporaryDirectory() as temporary:
        stored = [
            _store(Path(temporary), FLAT_LAYOUT, {_SOP: uid}, explicit(_PATIENT, "LO", b"P1"))
            for uid in uids
        ]

    assert {placement for _, placement in stored} == {Placement.NEW}
    assert len({path for path, _ in stored}) == len(uids)


def test_what_has_its_name_is_not_discarded_any_more(tmp_path: Path) -> None:
    values = dict.fromkeys((_STUDY, _SERIES, _SOP, _PATIENT), b"1.2.3")
    offer = InstanceOffer(
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        sop_instance_uid="1.2.3",
        transfer_syntax_uid=EXPLICIT,
    )
    with closing(OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT))) as folder:
        part = folder.begin(offer)
        part.write(memoryview(explicit(_PATIENT, "LO", b"P1")))
        placed = folder.place(part, values)
        path = Path(part.path)
        path.write_bytes(b"the next part, under the number of the last")

        part.discard()

        assert path.exists()
        assert (tmp_path / placed.path).exists()
        path.unlink()


def test_whoever_takes_the_folder_up_at_once_finds_it_usable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layout = parse_layout(FLAT_LAYOUT)
    first = OutputFolder(tmp_path / "out", layout)
    followers: list[OutputFolder] = []
    release = FolderLock.release

    def release_and_follow(lock: FolderLock) -> None:
        release(lock)
        monkeypatch.undo()
        followers.append(OutputFolder(tmp_path / "out", layout))

    monkeypatch.setattr(FolderLock, "release", release_and_follow)
    first.close()

    with closing(followers[0]) as second:
        part = second.begin(
            InstanceOffer(
                sop_class_uid="1.2.3", sop_instance_uid="1.2.4", transfer_syntax_uid=EXPLICIT
            )
        )
        part.write(memoryview(b"data"))
        part.discard()
    assert not (tmp_path / "out" / ".dicom-retrieve").exists()


def test_a_folder_that_cannot_be_made_ready_is_given_back(tmp_path: Path) -> None:
    stray = tmp_path / ".dicom-retrieve" / "parts" / "folder"
    stray.mkdir(parents=True)
    with pytest.raises(ConfigError, match="cannot write there"):
        OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT))
    stray.rmdir()

    OutputFolder(tmp_path, parse_layout(FLAT_LAYOUT)).close()
