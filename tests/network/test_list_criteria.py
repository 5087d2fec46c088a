"""Columns of a table as criteria, against a scripted archive: AND, and no more than was meant."""

from pathlib import Path

import pytest

from tests.faults.processes import retrieve_here
from tests.interop.command import CommandResult
from tests.peers.raw_pacs import Instance, RawPacs, Request
from tests.runs import files_in

_DATE, _ACCESSION, _MODALITIES = 0x00080020, 0x00080050, 0x00080061
_DESCRIPTION, _SERIES_DESCRIPTION, _PATIENT = 0x00081030, 0x0008103E, 0x00100020
_STUDY, _MODALITY = 0x0020000D, 0x00080060
_STUDIES = {
    "1.2.3": {_DATE: "20260331", _MODALITIES: "CT\\SR", _DESCRIPTION: "Thorax low dose"},
    "1.2.4": {_DATE: "20260401", _MODALITIES: "CT", _DESCRIPTION: "Abdomen"},
    "1.2.5": {_DATE: "20260331", _MODALITIES: "MR", _DESCRIPTION: "Thorax"},
}
_SERIES = {"1": "Lung 1.0", "2": "Lung 5.0", "3": "Scout"}


class _Archive(RawPacs):
    """Has three studies of one patient; matches by UIDs, and leaves the other keys to its SCU."""

    def __init__(self) -> None:
        super().__init__(
            [Instance(study, f"{study}.{n}", f"{study}.{n}.1") for study in _STUDIES for n in "123"]
        )

    def find(self, request: Request) -> list[dict[int, str]]:
        return [row | self._more(row, request.level) for row in super().find(request)]

    def _more(self, row: dict[int, str], level: str) -> dict[int, str]:
        study = _STUDIES[row[_STUDY]]
        if level == "STUDY":
            return study | {_ACCESSION: "A1", _PATIENT: "T-0001"}
        if level == "IMAGE":
            return {}
        number = row[0x0020000E].rpartition(".")[2]
        modality = study[_MODALITIES].partition("\\")[0]
        return {_SERIES_DESCRIPTION: _SERIES[number], _MODALITY: modality}


def _retrieve(
    folder: Path, table: str, flag: str = "--uid-list"
) -> tuple[CommandResult, list[str]]:
    path = folder / "table.csv"
    path.write_text(table, encoding="utf-8")
    with _Archive() as pacs:
        result = retrieve_here(
            f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", "c-get",
            flag, path, "--output", folder / "out",
        )  # fmt: skip
    return result, [name.removesuffix(".1.dcm") for name in files_in(folder / "out")]


def _whole(*studies: str) -> list[str]:
    return [f"{study}.{number}" for study in studies for number in "123"]


@pytest.mark.parametrize(
    ("heading", "row", "series"),
    [
        ("PatientID", "T-0001", _whole(*_STUDIES)),
        ("PatientID,StudyDate", "T-0001,31.03.2026", _whole("1.2.3", "1.2.5")),
        ("PatientID,StudyDate", "T-0001,2026-04-01..2026-04-30", _whole("1.2.4")),
        ("PatientID,StudyDate", "T-0001,20260331-", _whole(*_STUDIES)),
        ("PatientID,Modality", "T-0001,ct", _whole("1.2.3", "1.2.4")),
        ("PatientID,Modality,StudyDate", "T-0001,CT,2026/3/31", _whole("1.2.3")),
        ("PatientID,ModalitiesInStudy", "T-0001,CT\\SR", _whole("1.2.3")),
        ("PatientID,StudyDescription", "T-0001,Thorax*", _whole("1.2.3", "1.2.5")),
        ("AccessionNumber,Modality", "A1,MR", _whole("1.2.5")),
        (
            "PatientID,SeriesDescription",
            "T-0001,lung*",
            [f"{study}.{number}" for study in _STUDIES for number in "12"],
        ),
        ("PatientID,SeriesDescription,Modality", "T-0001,Scout,MR", ["1.2.5.3"]),
        ("StudyInstanceUID,SeriesDescription", "1.2.4,Lung ?.0", ["1.2.4.1", "1.2.4.2"]),
        ("StudyInstanceUID,Modality,StudyDate", "1.2.4,MR,1/2/2026", _whole("1.2.4")),
        ("StudyInstanceUID,PatientID,AccessionNumber", "1.2.4,7,8", _whole("1.2.4")),
        ("StudyInstanceUID,SeriesInstanceUID,SeriesDescription", "1.2.4,1.2.4.3,x", ["1.2.4.3"]),
    ],
)
def test_what_stands_in_a_row_is_combined_with_and(
    tmp_path: Path, heading: str, row: str, series: list[str]
) -> None:
    result, files = _retrieve(tmp_path, f"{heading}\n{row}\n")

    assert result.exit_code == 0, result.stderr
    assert files == series


@pytest.mark.parametrize(
    ("heading", "row", "words"),
    [
        ("PatientID,StudyDate", "T-0001,2020-01-01", "this patient ID and study date 2020-01-01"),
        ("PatientID,Modality", "T-0001,US", "this patient ID and modality US"),
        ("PatientID,SeriesDescription", "T-0001,Brain*", "and series description 'Brain*'"),
        ("StudyInstanceUID,SeriesDescription", "1.2.4,Brain", "this UID and series description"),
        (
            "PatientID,StudyDate",
            "T-0001,01/02/2026",
            "is ambiguous (day or month first): write it as 2024-03-31",
        ),
        ("PatientID,StudyDate", "T-0001,31.03.26", "has a year of two digits"),
        ("PatientID,Modality", "T-0001,CT/MR", "names several: write one row for each"),
        ("PatientID,Modality", "T-0001,Röntgen", "is not a modality such as CT"),
        ("AccessionNumber,StudyDate", "A1,2026-03-31", "2 studies have"),
    ],
)
def test_what_no_study_fits_or_what_may_be_another_is_named(
    tmp_path: Path, heading: str, row: str, words: str
) -> None:
    result, files = _retrieve(tmp_path, f"{heading}\n{row}\n")

    assert (result.exit_code, files) == (1, [])
    assert "line 2: " in result.stderr
    assert words in result.stderr
    assert "T-0001" not in result.stderr


def test_a_list_of_patients_is_narrowed_likewise(tmp_path: Path) -> None:
    result, files = _retrieve(
        tmp_path, "PatientID;Modality;Operator\nT-0001;MR;x\n", flag="--patient-list"
    )

    assert (result.exit_code, files) == (0, _whole("1.2.5"))
    assert "columns that are not used: Operator" in result.stderr
