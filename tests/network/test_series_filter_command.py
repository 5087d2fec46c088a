"""`--modality` from the command line to the files, by C-GET and by C-MOVE to ourselves."""

import io
import json
from dataclasses import dataclass
from pathlib import Path

import pytest

from dicom_retrieve_tui.cli.main import main
from tests.peers.moving_pacs import MovingPacs
from tests.peers.raw_pacs import Instance
from tests.runs import files_in

_WITH_REPORT, _CT_ALONE, _REPORT_ALONE = "1.2.3", "1.2.4", "1.2.5"


@dataclass(frozen=True, slots=True)
class _Result:
    code: int
    out: str
    err: str


def _run(*argv: str, stdin: str = "") -> _Result:
    out, err = io.StringIO(), io.StringIO()
    code = main(list(argv), stdin=io.StringIO(stdin), stdout=out, stderr=err)
    return _Result(code, out.getvalue(), err.getvalue())


def _series(study: str, number: int, modality: str, count: int) -> list[Instance]:
    series = f"{study}.{number}"
    return [
        Instance(study, series, f"{series}.{n}", modality=modality) for n in range(1, count + 1)
    ]


def _holdings() -> list[Instance]:
    return [
        *_series(_WITH_REPORT, 1, "CT", 3),
        *_series(_WITH_REPORT, 2, "SR", 1),
        *_series(_CT_ALONE, 1, "CT", 2),
        *_series(_REPORT_ALONE, 1, "SR", 1),
    ]


def _flags(pacs: MovingPacs, method: str) -> list[str]:
    ours = ["--move-dest", "DRTUI", "--listen", f"127.0.0.1:{pacs.scp_port}"]
    return [
        *(f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", method),
        *("--uid-list", "-", *(ours if method == "c-move" else [])),
    ]


_LIST = f"{_WITH_REPORT}\n{_CT_ALONE}\n{_REPORT_ALONE}\n"
_CT_FILES = sorted(f"{each.sop}.dcm" for each in _holdings() if each.modality == "CT")


@pytest.mark.parametrize("method", ["c-get", "c-move"])
def test_a_list_is_retrieved_with_the_series_that_match(method: str, tmp_path: Path) -> None:
    output, report = tmp_path / "out", tmp_path / "report.json"
    where = ("--output", str(output), "--report", str(report))

    with MovingPacs(_holdings()) as pacs:
        result = _run(*_flags(pacs, method), "--modality", "CT", *where, stdin=_LIST)

    assert result.code == 0, result.err
    assert files_in(output) == _CT_FILES
    assert "all 3 studies complete" in result.out
    assert "2 series (SR 2) left out by the filter: modality CT" in result.out
    assert "1 study has no series that matches" in result.out
    account = json.loads(report.read_text())
    assert [each["verdict"] for each in account["studies"]] == ["complete"] * 3
    assert [each["expected"] for each in account["studies"]] == [3, 2, 0]

    verified = _run("verify", str(output), "--deep", "-v")

    assert verified.code == 0
    assert f"{_WITH_REPORT}  (1 series (SR 1) left out by a filter)" in verified.out


@pytest.mark.parametrize("method", ["c-get", "c-move"])
def test_the_same_without_the_filter_brings_the_rest(method: str, tmp_path: Path) -> None:
    where = ("--output", str(tmp_path))
    with MovingPacs(_holdings()) as pacs:
        _run(*_flags(pacs, method), "--modality", "CT", *where, stdin=_LIST)
        result = _run(*_flags(pacs, method), *where, stdin=_LIST)

    assert result.code == 0, result.err
    assert files_in(tmp_path) == sorted(f"{each.sop}.dcm" for each in _holdings())
    assert "left out" not in _run("verify", str(tmp_path), "-v").out


def test_a_dry_run_counts_what_matches(tmp_path: Path) -> None:
    with MovingPacs(_holdings()) as pacs:
        result = _run(
            *_flags(pacs, "c-get"), "--dry-run", "--exclude-modality", "SR",
            "--output", str(tmp_path), stdin=_LIST,
        )  # fmt: skip

    assert result.code == 0, result.err
    assert "planned: 5 instances in 2 series of 3 of 3 studies" in result.out
    assert "2 series (SR 2) left out by the filter: not SR" in result.out
    assert not pacs.retrievals
