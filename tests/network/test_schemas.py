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
