"""A table with bad rows: they are named, the rest is retrieved, and it is no success."""

import json
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import OTHER, PACS, STUDY, run, study_of, whole_run

TABLE = f"StudyInstanceUID;Note\r\n{STUDY};a\r\n1.2.*;b\r\n{OTHER};c\r\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_bad_rows_are_named_and_the_rest_is_retrieved(encoding: str, tmp_path: Path) -> None:
    table, report = tmp_path / "table.csv", tmp_path / "report.json"
    table.write_bytes(TABLE.encode(encoding))
    engine = whole_run(
        study_of(Verdict.COMPLETE, came=1), study_of(Verdict.COMPLETE, came=1, uid=OTHER)
    )

    result = run(
        *(PACS, "--method", "c-get", "--uid-list", str(table), "--report", str(report)),
        engine=engine,
    )

    assert result.code == 1
    assert [each.study_instance_uid for each in engine.asked[0][0]] == [STUDY, OTHER]
    fault = "line 3: '1.2.*' has a wildcard, and would match more than one"
    assert f"--uid-list: {fault}" in result.err
    assert "1 row of --uid-list left out: exit code 1" in result.out
    assert json.loads(report.read_text())["totals"]["left_out"] == [fault]
    assert json.loads(report.read_text())["exit_code"] == 1


def test_a_column_without_a_table_is_refused() -> None:
    result = run(PACS, "--method", "c-get", "--study-uid", STUDY, "--column", "x")

    assert result.code == 1
    assert "--column needs --uid-list" in result.err
