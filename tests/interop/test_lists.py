"""Lists as people have them, against Orthanc and dcmqrscp: parts of studies, numbers, tables."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage

from tests.interop.command import CommandResult, run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.corpus import CT_CHEST, MR_IMPLICIT, REPORTS, US_JPEG_2000
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, Peer, url_of
from tests.interop.process import free_port

pytestmark = pytest.mark.peers

Flags = Callable[[Peer], list[str]]
_ABSENT = "2.25.404"


def _c_get(peer: Peer) -> list[str]:
    return [url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get"]


def _c_move(peer: Peer) -> list[str]:
    where = ["--move-dest", DRTUI, "--listen", f"127.0.0.1:{peer.move_ports[DRTUI]}"]
    return [url_of(peer), "--called-aet", peer.ae_title, *where, "--aet", DRTUI]


both_methods = pytest.mark.parametrize("flags", [_c_get, _c_move], ids=["c-get", "c-move"])


def _table(*rows: tuple[str, str, str]) -> str:
    heading = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    return "".join(f"{','.join(row)}\n" for row in (heading, *rows))


def _studies(report: Path) -> list[dict[str, object]]:
    studies: list[dict[str, object]] = json.loads(report.read_text())["studies"]
    return studies


@pytest.mark.parametrize(
    ("flags", "parallel"), [(_c_get, 3), (_c_move, 1)], ids=["c-get", "c-move"]
)
def test_rows_of_a_table_ask_for_their_series_and_instances_only(
    peer: Peer, flags: Flags, parallel: int, tmp_path: Path
) -> None:
    study, (first, second, _) = CT_CHEST.study_instance_uid, CT_CHEST.series_instance_uids
    whole = [i.sop_instance_uid for i in CT_CHEST.instances_of_series(first)]
    some = [i.sop_instance_uid for i in CT_CHEST.instances_of_series(second)][1:3]
    other = REPORTS.study_instance_uid
    rows = [
        (study, first, ""),
        *((study, second, uid) for uid in some),
        (study, first, whole[0]),  # the whole series is wider
        (other, REPORTS.series_instance_uids[1], ""),
        (other, "", ""),  # and so is the whole study
    ]
    output, report = tmp_path / "out", tmp_path / "report.json"
    order = [*flags(peer), "--uid-list", "-", "--output", output, "--report", report]

    done = run_cli(*order, "--parallel", parallel, stdin=_table(*rows))
    again = run_cli(*order, stdin=_table(*rows))

    assert done.exit_code == 0, done.stderr
    assert_same_as_peer(output, peer, [*whole, *some, *REPORTS.sop_instance_uids])
    assert again.exit_code == 0, again.stderr
    narrowed, entire = _studies(report)
    assert (narrowed["verdict"], narrowed["expected"], narrowed["present"]) == ("complete", 6, 6)
    assert narrowed["narrowed_to"] == [
        {"series_instance_uid": first, "sop_instance_uids": []},
        {"series_instance_uid": second, "sop_instance_uids": some},
    ]
    assert (entire["narrowed_to"], entire["present"]) == ([], len(REPORTS.sop_instance_uids))


@both_methods
def test_a_series_that_the_study_has_not_is_no_success(
    peer: Peer, flags: Flags, tmp_path: Path
) -> None:
    study, series = MR_IMPLICIT.study_instance_uid, MR_IMPLICIT.series_instance_uids[0]
    output, report = tmp_path / "out", tmp_path / "report.json"

    done = run_cli(
        *flags(peer), "--uid-list", "-", "--output", output, "--report", report,
        stdin=_table((study, series, ""), (study, _ABSENT, "")),
    )  # fmt: skip

    assert done.exit_code == 1
    assert f"The PACS has no {_ABSENT} in this study." in done.stdout
    assert_same_as_peer(output, peer, MR_IMPLICIT.sop_instance_uids)
    (told,) = _studies(report)
    assert (told["verdict"], told["absent"]) == ("partial", [_ABSENT])


def test_accession_numbers_are_looked_up(peer: Peer, tmp_path: Path) -> None:
    done = run_cli(
        *_c_get(peer), "--accession-list", "-", "--output", tmp_path / "out",
        stdin=f"A{MR_IMPLICIT.patient_id}\nNOBODYS\nA{US_JPEG_2000.patient_id}\n",
    )  # fmt: skip

    assert done.exit_code == 1
    wanted = MR_IMPLICIT.sop_instance_uids | US_JPEG_2000.sop_instance_uids
    assert_same_as_peer(tmp_path / "out", peer, wanted)
    assert "line 2: the PACS has no study with accession number 'NOBODYS'" in done.stderr
    assert "all 2 studies complete" in done.stdout


def test_patients_are_looked_up_and_shown_nowhere(peer: Peer, tmp_path: Path) -> None:
    report, log = tmp_path / "report.json", tmp_path / "log"

    done = run_cli(
        *_c_get(peer), "--patient-list", "-", "--output", tmp_path / "out",
        "--report", report, "--log-file", log, "--verbose",
        stdin=f"PatientID;Note\n{MR_IMPLICIT.patient_id};x\nNOBODY-7;y\n",
    )  # fmt: skip

    assert done.exit_code == 1
    assert_same_as_peer(tmp_path / "out", peer, MR_IMPLICIT.sop_instance_uids)
    assert "line 3: the PACS has no study with this patient ID" in done.stderr
    for told in (done.stdout, done.stderr, report.read_text(), log.read_text()):
        assert MR_IMPLICIT.patient_id not in told
        assert "NOBODY-7" not in told


def test_a_row_without_a_uid_is_looked_up_by_what_it_has(peer: Peer, tmp_path: Path) -> None:
    table = (
        "Accession Number\tStudyInstanceUID\tPatient ID\n"
        f"\t{CT_CHEST.study_instance_uid}\t\n"
        f"A{MR_IMPLICIT.patient_id}\t\t{MR_IMPLICIT.patient_id}\n"
        f"\t\t{US_JPEG_2000.patient_id}\n"
    )

    done = run_cli(*_c_get(peer), "--uid-list", "-", "--output", tmp_path / "out", stdin=table)

    assert done.exit_code == 0, done.stderr
    studies = (CT_CHEST, MR_IMPLICIT, US_JPEG_2000)
    assert_same_as_peer(tmp_path / "out", peer, [u for s in studies for u in s.sop_instance_uids])


_STUDIES = 1_000


@pytest.fixture
def thousand(tmp_path: Path) -> Iterator[Orthanc]:
    """An Orthanc with 1,000 studies of one small instance."""
    orthanc = Orthanc(tmp_path, {DRTUI: free_port()})
    orthanc.start()
    try:
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as files:
            for number in range(_STUDIES):
                files.writestr(f"{number}.dcm", _small(number))
        orthanc.take_zip(archive.getvalue())
        yield orthanc
    finally:
        orthanc.stop()


def _study_uid(number: int) -> str:
    return f"2.25.77{number:04}"


def _small(number: int) -> bytes:
    data_set = Dataset()
    data_set.SOPClassUID = SecondaryCaptureImageStorage
    data_set.StudyInstanceUID = _study_uid(number)
    data_set.SeriesInstanceUID = f"{_study_uid(number)}.1"
    data_set.SOPInstanceUID = f"{_study_uid(number)}.1.1"
    data_set.PatientID, data_set.PatientName = f"T-{number}", "Test^Thousand"
    data_set.AccessionNumber, data_set.Modality = f"A{number // 2}", "OT"
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, data_set, enforce_file_format=True)
    return buffer.getvalue()


def test_a_spreadsheets_export_of_a_thousand_rows_three_of_them_wrong(
    thousand: Orthanc, tmp_path: Path
) -> None:
    cells = [_study_uid(number) for number in range(_STUDIES)]
    cells[16], cells[499], cells[998] = "2,2577E+10", "", f"{cells[998]}."
    rows = [f'"Test^Thousand; {number}";{cell};OT' for number, cell in enumerate(cells)]
    table, report = tmp_path / "export.csv", tmp_path / "report.json"
    text = "\r\n".join(["Name;Study Instance UID;Modality", *rows, ""])
    table.write_bytes(text.encode("utf-8-sig"))

    done = run_cli(
        *_c_get(thousand), "--uid-list", table, "--output", tmp_path / "out", "--report", report,
        "--parallel", "4",
    )  # fmt: skip

    assert done.exit_code == 1
    left_out = [
        (
            "line 18: '2,2577E+10' is a number that a spreadsheet rounded, and its last digits are "
            "lost: format the column as text, and export it again"
        ),
        "line 501: '' is empty",
    ]
    broken = "'2.25.770998.' has an empty component (a period at an end, or two in a row)"
    assert f"{broken}; it is asked for as it is" in done.stderr
    assert "not found" in done.stdout
    assert json.loads(report.read_text())["totals"]["left_out"] == left_out
    assert all(line in done.stderr for line in left_out)
    assert "997 of 998 studies complete" in done.stdout
    assert len(list((tmp_path / "out").glob("*.dcm"))) == _STUDIES - 3
    _ambiguous_numbers_are_named(thousand, tmp_path)


def _ambiguous_numbers_are_named(thousand: Orthanc, tmp_path: Path) -> None:
    done: CommandResult = run_cli(
        *_c_get(thousand), "--accession-list", "-", "--output", tmp_path / "out", stdin="A7\n"
    )

    assert done.exit_code == 1
    assert "line 1: 2 studies have accession number 'A7' (" in done.stderr
    assert _study_uid(14) in done.stderr
    assert _study_uid(15) in done.stderr
