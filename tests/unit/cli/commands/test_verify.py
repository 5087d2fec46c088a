import errno
import json
import os
from pathlib import Path

import pytest

from tests.unit.cli.scripted import ClosedPipe, run
from tests.unit.storage.kept import DEEP, OTHER, STUDY, keep, leave_out, path_of

LIGHTLY = "(by presence and size; --deep reads them)"
DEEPLY = "(every file read to its end)"
READABLE = "see to it that the unreadable files can be read, and verify again"
AGAIN = "run the retrieval again to get the rest"


def test_a_whole_folder_exits_with_0(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 1, uid=OTHER)

    result = run("verify", str(tmp_path), "-v")

    assert result.code == 0
    assert result.err == ""
    assert result.out.splitlines() == [
        f"whole               3/3  {STUDY}",
        f"whole               1/1  {OTHER}",
        f"all 4 instances of 2 studies are there and whole {LIGHTLY}",
    ]


def test_what_is_missing_and_damaged_is_named_with_its_path(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict="partial", missing=[f"{STUDY}.1.4"])
    keep(tmp_path, 1, uid=OTHER)
    (tmp_path / path_of(1)).unlink()
    os.truncate(tmp_path / path_of(2), 7)

    result = run("verify", str(tmp_path), "--deep", "-v")

    assert result.code == 1
    assert result.out.splitlines() == [
        f"missing 2, damaged 1          1/4  {STUDY}",
        f"  missing {STUDY}.1.1  {STUDY}.1.1.dcm",
        f"  damaged {STUDY}.1.2  {STUDY}.1.2.dcm",
        f"  missing {STUDY}.1.4  never came",
        f"whole               1/1  {OTHER}",
        f"2 of 5 instances of 2 studies are there and whole {DEEPLY}: 2 missing, 1 damaged",
        f"1 of 2 studies proven complete; move the damaged files away and {AGAIN}",
    ]


def _loop(root: Path) -> None:
    """Make the folder `deep` one in which nothing can be read, not even by root."""
    (root / "deep").rename(root / "away")
    (root / "deep").symlink_to("deep")


def test_files_that_cannot_be_read_are_not_to_be_moved_away(tmp_path: Path) -> None:
    keep(tmp_path, 1, uid=OTHER, **DEEP)
    keep(tmp_path, 1)
    _loop(tmp_path)

    result = run("verify", str(tmp_path))

    reason = os.strerror(errno.ELOOP).lower()
    assert result.code == 1
    assert result.out.splitlines() == [
        f"unreadable 1          0/1  {OTHER}",
        f"  unreadable {OTHER}.1.1  deep/{path_of(1, OTHER)} ({reason})",
        f"1 of 2 instances of 2 studies are there and whole {LIGHTLY}: 1 unreadable",
        f"1 of 2 studies proven complete; {READABLE}",
    ]


def test_unreadable_files_are_counted_apart(tmp_path: Path) -> None:
    keep(tmp_path, 1, **DEEP)
    keep(tmp_path, 1, uid=OTHER)
    os.truncate(tmp_path / path_of(1, OTHER), 7)
    _loop(tmp_path)

    records = list(map(json.loads, run("verify", str(tmp_path), "--json").out.splitlines()))

    reason = os.strerror(errno.ELOOP).lower()
    path = f"deep/{path_of(1)}"
    assert records[1]["unreadable"] == [
        {"sop_instance_uid": f"{STUDY}.1.1", "path": path, "reason": reason}
    ]
    assert records[1]["damaged"] == []
    end = records[-1]
    assert (end["damaged"], end["unreadable"], end["instances"]) == (1, 1, 2)
    summary = run("verify", str(tmp_path)).out.splitlines()[-1]
    assert summary.endswith(f"; {READABLE}; move the damaged files away and {AGAIN}")


def test_what_is_wrong_comes_first_and_what_is_whole_only_if_it_is_wanted(tmp_path: Path) -> None:
    keep(tmp_path, 3, uid="1.2.1")
    keep(tmp_path, 1, uid="1.2.2", verdict="partial")
    keep(tmp_path, 1, uid="1.2.3")

    short, long = run("verify", str(tmp_path)), run("verify", str(tmp_path), "-v")

    wrong = "partial             1/1  1.2.2"
    assert short.out.splitlines()[:-2] == [wrong]
    assert long.out.splitlines()[:-2] == [
        wrong,
        "whole               3/3  1.2.1",
        "whole               1/1  1.2.3",
    ]


@pytest.mark.parametrize(("verdict", "word"), [("unverified", "unverified"), (None, "unfinished")])
def test_what_was_never_complete_exits_with_1_although_every_file_is_there(
    verdict: str | None, word: str, tmp_path: Path
) -> None:
    keep(tmp_path, 3, verdict=verdict)

    result = run("verify", str(tmp_path))

    assert result.code == 1
    assert result.out.splitlines() == [
        f"{word}          3/3  {STUDY}",
        f"all 3 instances of 1 study are there and whole {LIGHTLY}",
        f"0 of 1 study proven complete; {AGAIN}",
    ]


def test_ten_instances_are_named_and_json_names_them_all(tmp_path: Path) -> None:
    keep(tmp_path, 0, verdict="failed", missing=[f"1.2.{number}" for number in range(12)])

    lines = run("verify", str(tmp_path)).out.splitlines()
    study = json.loads(run("verify", str(tmp_path), "--json").out.splitlines()[1])

    assert sum(line.startswith("  missing") for line in lines) == 10
    assert "  ... and 2 instances more (--json names them all)" in lines
    assert len(study["missing"]) == 12


def test_json_is_an_object_a_line_and_the_summary_goes_to_stderr(tmp_path: Path) -> None:
    keep(tmp_path, 3, verdict="partial", missing=[f"{STUDY}.1.4"])
    os.truncate(tmp_path / path_of(2), 7)

    result = run("verify", str(tmp_path), "--json")

    start, study, end = map(json.loads, result.out.splitlines())
    assert all(record.pop("time").endswith("Z") for record in (start, study, end))
    assert start.pop("version")
    assert start == {"event": "verify_started", "schema": 1, "folder": str(tmp_path), "deep": False}
    assert study == {
        "event": "study_verified",
        "study_instance_uid": STUDY,
        "verdict": "partial",
        "instances": 4,
        "whole": 2,
        "files": 3,
        "whole_files": 2,
        "left_out_series": [],
        "irregular": [],
        "missing": [{"sop_instance_uid": f"{STUDY}.1.4", "path": None}],
        "damaged": [{"sop_instance_uid": f"{STUDY}.1.2", "path": path_of(2), "reason": ""}],
    }
    assert end == {
        "event": "verify_finished",
        "studies": 1,
        "proven": 0,
        "instances": 4,
        "whole": 2,
        "missing": 1,
        "damaged": 1,
        "files": 3,
        "whole_files": 2,
        "left_out_series": 0,
        "irregular": 0,
        "exit_code": 1,
    }
    assert (result.code, len(result.err.splitlines())) == (1, 2)


def test_a_study_under_two_layouts_is_one_study(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 3, **DEEP)
    keep(tmp_path, 1, uid=OTHER)

    result = run("verify", str(tmp_path), "--verbose")
    end = json.loads(run("verify", str(tmp_path), "--json").out.splitlines()[-1])

    assert result.code == 0
    assert result.out.splitlines() == [
        f"whole               3/3  {STUDY}  (6 files)",
        f"whole               1/1  {OTHER}",
        f"all 4 instances of 2 studies are there and whole, in 7 files {LIGHTLY}",
    ]
    assert (end["instances"], end["whole"], end["files"], end["whole_files"]) == (4, 4, 7, 7)


def test_a_copy_that_is_gone_is_told_and_its_instance_is_there(tmp_path: Path) -> None:
    keep(tmp_path, 3)
    keep(tmp_path, 3, **DEEP)
    (tmp_path / path_of(1)).unlink()
    os.truncate(tmp_path / "deep" / path_of(2), 7)
    os.truncate(tmp_path / path_of(3), 7)
    (tmp_path / "deep" / path_of(3)).unlink()

    result = run("verify", str(tmp_path))
    _, study, end = map(json.loads, run("verify", str(tmp_path), "--json").out.splitlines())

    assert result.code == 1
    assert result.out.splitlines() == [
        f"damaged 1, missing copies 1, damaged copies 1          2/3  {STUDY}  (2 of 6 files)",
        f"  damaged {STUDY}.1.2  deep/{path_of(2)} (whole elsewhere)",
        f"  missing {STUDY}.1.3  deep/{path_of(3)}",
        f"  missing {STUDY}.1.1  {path_of(1)} (whole elsewhere)",
        f"  damaged {STUDY}.1.3  {path_of(3)}",
        (
            f"2 of 3 instances of 1 study are there and whole, in 2 of 6 files {LIGHTLY}: "
            "1 damaged, 1 missing copy, 1 damaged copy"
        ),
        f"0 of 1 study proven complete; move the damaged files away and {AGAIN}",
    ]
    copy = {"sop_instance_uid": f"{STUDY}.1.1", "path": path_of(1), "whole_elsewhere": True}
    lost = {"sop_instance_uid": f"{STUDY}.1.3", "path": f"deep/{path_of(3)}"}
    assert study["missing"] == [lost, copy]
    assert [each.get("whole_elsewhere") for each in study["damaged"]] == [True, None]
    assert (study["instances"], study["whole"], study["files"], study["whole_files"]) == (
        3,
        2,
        6,
        2,
    )
    assert (end["instances"], end["whole"], end["missing"], end["damaged"]) == (3, 2, 0, 1)
    assert (end["files"], end["whole_files"]) == (6, 2)


def test_an_empty_journal_proves_nothing(tmp_path: Path) -> None:
    keep(tmp_path, 0, verdict=None)

    result = run("verify", str(tmp_path))

    assert result.code == 1
    assert result.out == f"the journal of {tmp_path}/ has no studies\n"


def test_a_folder_without_a_journal_is_a_clear_error(tmp_path: Path) -> None:
    result = run("verify", str(tmp_path), "--json")

    assert (result.code, result.out) == (1, "")
    assert "this folder has no journal" in result.err
    assert len(result.err.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_findings_that_nobody_reads_are_a_failure(tmp_path: Path) -> None:
    keep(tmp_path, 3)

    result = run("verify", str(tmp_path), stdout=ClosedPipe())

    assert result.code == 1
    assert result.err == "stdout could not be written: its reader closed the pipe\n"


def test_verify_has_its_own_help() -> None:
    result = run("verify", "--help")

    assert result.code == 0
    assert all(word in result.out for word in ("FOLDER", "--deep", "--json", "exit codes"))
    assert max(map(len, result.out.splitlines())) <= 80
    assert "verify studies/" in run("--help").out


def test_what_a_filter_left_out_is_told_and_is_no_flaw(tmp_path: Path) -> None:
    left_out = ((f"{STUDY}.2", "SR"), (f"{STUDY}.3", ""), (f"{STUDY}.4", "SR"))
    keep(tmp_path, 3)
    keep(tmp_path, 1, uid=OTHER)
    leave_out(tmp_path, left_out)

    result = run("verify", str(tmp_path), "-v")
    as_json = run("verify", str(tmp_path), "--json")

    assert result.code == 0
    assert result.out.splitlines() == [
        f"whole               3/3  {STUDY}  (3 series (SR 2, unknown 1) left out by a filter)",
        f"whole               1/1  {OTHER}",
        f"all 4 instances of 2 studies are there and whole {LIGHTLY}",
        "3 series left out by a filter",
    ]
    _, study, _, end = map(json.loads, as_json.out.splitlines())
    assert study["left_out_series"] == [
        {"series_instance_uid": uid, "modality": modality} for uid, modality in left_out
    ]
    assert end["left_out_series"] == 3
