"""A PACS that fails while lines of a list are looked up: the report and the last event say so."""

import json
import socket
from pathlib import Path
from typing import Any

from tests.faults.catalogue import fault
from tests.faults.processes import retrieve_here
from tests.interop.command import CommandResult
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import STUDY

_UNABLE_TO_PROCESS = 0xC001
_ACCESSION = 0x00080050


class _Falters(RawPacs):
    """Knows the study of the first line; at the second it hangs up."""

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if len(self.requests) > 1:
            raise EOFError
        super().on_find(conversation, request)

    def find(self, request: Request) -> list[dict[int, str]]:
        return [row | {_ACCESSION: request.key(_ACCESSION)} for row in super().find(request)]


class _FaltersOnce(_Falters):
    def on_find(self, conversation: Conversation, request: Request) -> None:
        if len(self.requests) == 2:
            raise EOFError
        RawPacs.on_find(self, conversation, request)


class _Refuses(RawPacs):
    def on_find(self, conversation: Conversation, request: Request) -> None:
        conversation.respond(request, _UNABLE_TO_PROCESS)


def _look_up(port: int, folder: Path, retries: int = 0) -> CommandResult:
    """Order what three accession numbers stand for, with all accounts that there are."""
    table = folder / "accessions.txt"
    table.write_text("A1\nA2\nA3\n", encoding="utf-8")
    return retrieve_here(
        f"pacs://127.0.0.1:{port}", "--called-aet", "RAW", "--method", "c-get",
        "--accession-list", table, "--output", folder / "out", "--json", "--retries", retries,
        "--report", folder / "report.json", "--log-file", folder / "log",
    )  # fmt: skip


def _told(folder: Path, result: CommandResult, *, studies: int) -> dict[str, Any]:
    """Hold all accounts to each other; returns the report."""
    assert result.exit_code == 1, result.stderr
    first, noted, last = map(json.loads, result.stdout.splitlines())
    assert (first["event"], first["studies"]) == ("retrieve_started", studies)
    assert (last["event"], last["verdict"]) == ("retrieve_finished", "failed")
    report: dict[str, Any] = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert (report["verdict"], report["exit_code"]) == ("failed", 1)
    assert (noted["event"], [noted["text"]]) == ("noted", report["notes"])
    log = (folder / "log").read_text(encoding="utf-8")
    assert "looking up 3 lines" in log
    assert "retrieve_finished" in log
    assert log.count("Python") == 1, "the log is opened once"
    assert not (folder / "out").exists()
    return report


def _reason(report: dict[str, Any]) -> str:
    (reason,) = report["notes"]
    return str(reason)


def _not_looked_up(*lines: int) -> list[str]:
    return [f"line {line}: not looked up before the end" for line in lines]


@fault(1, user_reads="Is the PACS running, is the port right")
def test_a_closed_port_during_the_look_up_is_in_the_report(tmp_path: Path) -> str:
    with socket.socket() as closed:  # bound, so that nobody else listens there, and not listening
        closed.bind(("127.0.0.1", 0))
        result = _look_up(closed.getsockname()[1], tmp_path)

    report = _told(tmp_path, result, studies=0)
    assert report["totals"]["left_out"] == _not_looked_up(1, 2, 3)
    reason = _reason(report)
    assert result.stderr.count(reason) == 1
    return reason


@fault(14, user_reads="closed the connection without an A-RELEASE")
def test_a_connection_that_is_closed_during_the_look_up_is_in_the_report(tmp_path: Path) -> str:
    with _Falters(instances(3)) as pacs:
        result = _look_up(pacs.port, tmp_path)

    report = _told(tmp_path, result, studies=1)
    assert report["totals"]["left_out"] == _not_looked_up(2, 3)
    (study,) = report["studies"]
    assert (study["study_instance_uid"], study["reason"]) == (STUDY, "not started")
    assert not pacs.retrievals
    return _reason(report)


@fault(24, user_reads="no line of --accession-list has a study")
def test_a_pacs_that_refuses_to_look_anything_up_is_in_the_report(tmp_path: Path) -> str:
    with _Refuses() as pacs:
        result = _look_up(pacs.port, tmp_path)

    report = _told(tmp_path, result, studies=0)
    left_out = report["totals"]["left_out"]
    assert [line.partition(":")[0] for line in left_out] == ["line 1", "line 2", "line 3"]
    assert all("0xC001" in line and line in result.stderr for line in left_out)
    return _reason(report)


def test_a_look_up_that_is_broken_off_goes_on_with_the_lines_that_are_left(tmp_path: Path) -> None:
    with _FaltersOnce(instances(3)) as pacs:
        result = _look_up(pacs.port, tmp_path, retries=1)

    assert result.exit_code == 0, result.stderr
    assert "The PACS does not answer (" in result.stderr
    assert "; 2 lines to look up; next try in " in result.stderr
    assert "The PACS is back after " in result.stderr
    report = json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
    assert report["totals"]["left_out"] == []
