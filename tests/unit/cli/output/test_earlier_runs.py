"""What a summary says of studies that earlier runs left incomplete in the folder."""

from pathlib import Path

from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.folder_account import write_failed_list
from tests.unit.cli.scripted import PACS, STUDY, run, study_of, whole_run
from tests.unit.storage.kept import keep


def _run(folder: Path) -> list[str]:
    argv = (PACS, "--method", "c-get", "--output", str(folder), STUDY)
    result = run(*argv, engine=whole_run(study_of(Verdict.COMPLETE, came=3)))
    assert result.code == 0
    return result.out.splitlines()


def test_failures_of_other_studies_are_named_and_change_no_exit_code(tmp_path: Path) -> None:
    keep(tmp_path, 1)
    for number in range(12):
        keep(tmp_path, 0, uid=f"1.9.{number + 10}", verdict="not found")
    keep(tmp_path, 0, uid="1.9.99", verdict="unfinished")
    write_failed_list(tmp_path)

    lines = _run(tmp_path)

    at = lines.index("12 studies of earlier runs into this folder are not complete:")
    assert lines[at + 1] == "  1.9.10  not found"
    assert lines[at + 11 :] == [
        "  ... and 2 studies more",
        "1 study of earlier runs never ended",
        f"{tmp_path / 'failed-studies.txt'} lists every study that is not complete",
    ]


def test_without_a_failure_it_says_nothing(tmp_path: Path) -> None:
    keep(tmp_path, 1)

    assert not any("earlier" in line or "failed-studies" in line for line in _run(tmp_path))
