"""Ctrl-C while lines of a list are looked up: what was asked for is on record, and how it ended."""

import json
import signal
from pathlib import Path

import pytest

from tests.faults.catalogue import fault
from tests.faults.processes import retrieve_here
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import STUDY

_C_CANCEL = 0x0FFF
_ACCESSION = 0x00080050
_CANCELLED = 0xFE00


class _Strikes(RawPacs):
    """Knows the study of the first line, and interrupts us at the second.

    Then it `cancels`, as we ask it to, or `hangs up`; or it `finds` the study, not having heard us.
    """

    def __init__(self, answer: str) -> None:
        super().__init__(instances(3))
        self.answer = answer

    def on_find(self, conversation: Conversation, request: Request) -> None:
        if len(self.requests) < 2:
            super().on_find(conversation, request)
            return
        signal.raise_signal(signal.SIGINT)
        if self.answer == "finds":
            super().on_find(conversation, request)
            return
        assert conversation.read().number(0x0100) == _C_CANCEL
        if self.answer == "hangs up":
            raise EOFError
        conversation.respond(request, _CANCELLED)

    def find(self, request: Request) -> list[dict[int, str]]:
        return [row | {_ACCESSION: request.key(_ACCESSION)} for row in super().find(request)]


def _order(pacs: RawPacs, folder: Path, *accession_numbers: str) -> list[object]:
    table = folder / "accessions.txt"
    table.write_text("".join(f"{number}\n" for number in accession_numbers), encoding="utf-8")
    return [
        f"pacs://127.0.0.1:{pacs.port}", "--called-aet", pacs.ae_title, "--method", "c-get",
        "--accession-list", table, "--output", folder / "out",
    ]  # fmt: skip


@fault(40, user_reads="stopped; nothing was retrieved")
def test_an_interrupted_look_up_leaves_the_report_and_the_last_event(tmp_path: Path) -> str:
    report, log = tmp_path / "report.json", tmp_path / "log"
    with _Strikes("cancels") as pacs:
        order = _order(pacs, tmp_path, "A1", "A2", "A3")
        result = retrieve_here(*order, "--json", "--report", report, "--log-file", log)

    assert result.exit_code == 130, result.stderr
    first, last = map(json.loads, result.stdout.splitlines())
    assert (first["event"], first["studies"]) == ("retrieve_started", 1)
    assert (last["event"], last["verdict"]) == ("retrieve_finished", "cancelled")
    account = json.loads(report.read_text(encoding="utf-8"))
    assert (account["verdict"], account["exit_code"]) == ("cancelled", 130)
    (study,) = account["studies"]
    assert (study["study_instance_uid"], study["verdict"]) == (STUDY, "cancelled")
    assert account["totals"]["left_out"] == [
        "line 2: not looked up before the end",
        "line 3: not looked up before the end",
    ]
    assert "retrieve_finished" in log.read_text(encoding="utf-8")
    assert not pacs.retrievals
    assert not (tmp_path / "out").exists()
    return result.stderr


@pytest.mark.parametrize("answer", ["finds", "hangs up"])
def test_whatever_the_pacs_answers_an_interruption_ends_the_order(
    answer: str, tmp_path: Path
) -> None:
    with _Strikes(answer) as pacs:
        result = retrieve_here(*_order(pacs, tmp_path, "A1", "A2"))

    assert result.exit_code == 130, result.stderr
    assert "stopped; nothing was retrieved" in result.stderr
    assert not pacs.retrievals
