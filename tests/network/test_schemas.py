"""What `--json` and `--report` write of the demonstration PACS matches `docs/schema/`."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dicom_retrieve_tui.cli.main import main
from dicom_retrieve_tui.demo.pacs import DemoPacs
from tests.event_schema import SCHEMAS
from tests.json_schema import problems


@pytest.fixture(name="pacs", scope="module")
def _pacs() -> Iterator[DemoPacs]:
    with DemoPacs() as pacs:
        yield pacs


def _json_lines(*argv: object) -> list[dict[str, Any]]:
    out = io.StringIO()
    code = main([str(arg) for arg in argv], stdin=io.StringIO(), stdout=out, stderr=io.StringIO())
    assert code == 0
    return [json.loads(line) for line in out.getvalue().splitlines()]


def _check(name: str, *values: dict[str, Any]) -> None:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text(encoding="utf-8"))
    assert [text for value in values for text in problems(value, schema, schema)] == []


@pytest.mark.parametrize("level", ["study", "series", "image"])
def test_matches_of_find(pacs: DemoPacs, level: str) -> None:
    uid = pacs.studies[1].study_instance_uid
    keys = ["--all"] if level == "study" else ["--study-uid", uid, "--level", level]

    lines = _json_lines("find", f"pacs://127.0.0.1:{pacs.port}", *keys, "--json")

    _check("find", *lines)
    assert len(lines) > 2


def test_steps_of_doctor(pacs: DemoPacs) -> None:
    where = f"pacs://127.0.0.1:{pacs.port}"

    lines = _json_lines("doctor", where, "--method", "c-get", "--json")

    _check("doctor", *lines)


def test_events_and_report_of_a_retrieval_and_findings_of_verify(
    pacs: DemoPacs, tmp_path: Path
) -> None:
    uid = pacs.studies[1].study_instance_uid
    where = [f"pacs://127.0.0.1:{pacs.port}", "--method", "c-get", uid]
    files = ["--output", tmp_path / "out", "--report", tmp_path / "report.json"]

    _check("events", *_json_lines(*where, *files, "--exclude-modality", "SR", "--json"))
    _check("report", json.loads((tmp_path / "report.json").read_text()))
    _check("verify", *_json_lines("verify", tmp_path / "out", "--deep", "--json"))


def test_status_and_account_of_a_folder(pacs: DemoPacs, tmp_path: Path) -> None:
    uid = pacs.studies[1].study_instance_uid
    where = [f"pacs://127.0.0.1:{pacs.port}", "--method", "c-get", "--output", tmp_path]
    report, earlier = tmp_path / "report.json", tmp_path / "earlier.json"
    out = io.StringIO()
    for more in (["1.2.3"], [uid, "--report", str(earlier)]):
        main([*map(str, where), *more], stdout=io.StringIO(), stderr=io.StringIO())

    main(
        ["status", str(tmp_path), "--json", "--report", str(report)],
        stdout=out,
        stderr=io.StringIO(),
    )

    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert [line["event"] for line in lines] == ["folder_status", "study_not_complete"]
    _check("status", *lines, json.loads(report.read_text()))
    told = json.loads(earlier.read_text())
    _check("report", told)
    assert [each["study_instance_uid"] for each in told["earlier"]] == ["1.2.3"]
    assert told["failed_list"] == str(tmp_path / "failed-studies.txt")
    assert told["exit_code"] == 0
