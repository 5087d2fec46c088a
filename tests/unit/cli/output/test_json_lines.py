import json
from datetime import UTC, datetime, timedelta
from typing import Any

from dicom_retrieve_tui.cli.console import DataStream
from dicom_retrieve_tui.cli.output.json_lines import JsonLines
from dicom_retrieve_tui.model.events import BytesReceived, StudyFinished
from dicom_retrieve_tui.model.verdict import Verdict
from tests.unit.cli.scripted import C_GET, STUDY, Stream, run, study_of, whole_run


def lines_of(out: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.splitlines()]


def test_every_line_is_an_event_with_its_time_and_the_summary_is_on_stderr() -> None:
    result = run(*C_GET, "--json", engine=whole_run(study_of(Verdict.COMPLETE, came=3)))

    lines = lines_of(result.out)
    assert result.code == 0
    assert [line["event"] for line in lines] == [
        "retrieve_started",
        "study_started",
        "study_inventoried",
        *["instance_stored"] * 3,
        "bytes_received",
        "study_finished",
        "retrieve_finished",
    ]
    assert all(datetime.fromisoformat(line["time"]).tzinfo == UTC for line in lines)
    assert lines[0]["schema"] == 1
    assert lines[6]["size_bytes"] == 1_500_000
    assert lines[7]["verdict"] == "complete"
    assert "complete: all 3 instances" in result.err


def test_a_dry_run_is_planned_and_not_complete() -> None:
    result = run(*C_GET, "--json", "--dry-run", engine=whole_run(study_of(Verdict.COMPLETE)))

    lines = lines_of(result.out)
    assert lines[0]["dry_run"] is True
    assert [line["verdict"] for line in lines[-2:]] == ["planned", "planned"]


def test_bytes_are_told_once_a_second_and_none_is_lost() -> None:
    out = Stream()
    now = datetime(2026, 11, 23, tzinfo=UTC)
    writer = JsonLines(DataStream(out), lambda: now, dry_run=False)

    for _ in range(25):
        writer.write(BytesReceived(study_instance_uid=STUDY, size_bytes=10))
        now += timedelta(seconds=0.1)
    writer.write(
        StudyFinished(study_instance_uid=STUDY, verdict=Verdict.COMPLETE, expected=1, stored=1)
    )

    sizes = [line["size_bytes"] for line in lines_of(out.getvalue())[:-1]]
    assert sizes == [110, 100, 40]


def test_what_a_peer_says_cannot_break_a_line() -> None:
    engine = whole_run(study_of(Verdict.FAILED, reason='bad\n"\x1b[31m\x9b\u202e'))

    result = run(*C_GET, "--json", engine=engine)

    assert lines_of(result.out)[-2]["reason"] == 'bad "[31m'
    assert result.out.isascii()
    assert "\x1b" not in result.err
