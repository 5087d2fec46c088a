"""A PACS that goes away during a run and comes back."""

import json
import re
import socket
from dataclasses import replace
from pathlib import Path

import pytest

from dicom_retrieve_tui.model.choices import HoldCause
from dicom_retrieve_tui.model.events import (
    AttemptFailed,
    PeerBack,
    PeerLost,
    QueueGivenUp,
    StudyFinished,
)
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.storage.folder_account import FolderAccount
from tests.event_schema import SCHEMAS
from tests.faults.processes import retrieve_here
from tests.json_schema import problems
from tests.peers import wire
from tests.peers.absent_pacs import AbsentPacs
from tests.peers.held_pacs import A, B, C, session_of
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances
from tests.runs import files_in, get_plan, of_kind, run, settings
from tests.sessions import Watched, selections

_REJECTION = wire.pdu(3, bytes([0, 2, 3, 1]))
_ABORT = wire.pdu(wire.A_ABORT, bytes([0, 0, 2, 0]))


@pytest.mark.parametrize("how", [b"", _ABORT, _REJECTION], ids=["closes", "aborts", "rejects"])
def test_a_pacs_that_is_gone_for_a_while_costs_no_attempt(how: bytes, tmp_path: Path) -> None:
    with AbsentPacs(drops=5, how=how) as pacs:
        events = run(get_plan(A, B, C), settings(pacs.port, tmp_path))

    assert {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1
    assert not of_kind(AttemptFailed, events)
    assert len(files_in(tmp_path)) == 9


class _Echoless(AbsentPacs):
    """Answers everything but C-ECHO."""

    def __init__(self, how: str) -> None:
        super().__init__(drops=3)
        self._echo = how

    def on_echo(self, conversation: Conversation, request: Request) -> None:
        if self._echo == "aborts":
            conversation.send(_ABORT)
        elif self._echo == "resets":
            conversation.reset()
        else:
            self.stopping.wait()
        raise EOFError


@pytest.mark.parametrize("how", ["aborts", "resets", "swallows"])
def test_a_pacs_that_refuses_c_echo_is_back_once_it_accepts_an_association(
    how: str, tmp_path: Path
) -> None:
    with _Echoless(how) as pacs:
        given = replace(settings(pacs.port, tmp_path), outage_s=5.0)
        events = run(get_plan(A, B, C), given)

    assert {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) == 1
    assert not of_kind(AttemptFailed, events)


class _FrontEnd(RawPacs):
    """A load balancer that aborts every association once the PACS behind it is gone."""

    def __init__(self, studies: tuple[str, ...], serves: int) -> None:
        super().__init__([each for uid in studies for each in instances(2, study=uid)])
        self.serves = serves
        """How many requests it passes on."""

    def on_request(self, conversation: Conversation, request: Request) -> None:
        if len(self.requests) > self.serves:
            conversation.send(_ABORT)
            raise EOFError
        super().on_request(conversation, request)


@pytest.mark.parametrize("serves", [0, 40], ids=["from the start", "in the middle"])
def test_a_load_balancer_without_its_pacs_is_held_as_a_pacs_that_serves_nothing(
    serves: int, tmp_path: Path
) -> None:
    studies = tuple(f"1.2.{number}" for number in range(10, 60))
    with _FrontEnd(studies, serves) as pacs:
        given = replace(settings(pacs.port, tmp_path), outage_s=1.0)
        events = run(get_plan(*studies), given)

    (lost,) = of_kind(PeerLost, events)
    assert lost.cause is HoldCause.ARCHIVE
    (given_up,) = of_kind(QueueGivenUp, events)
    assert given_up.cause is HoldCause.ARCHIVE
    assert given_up.studies > len(studies) / 2
    assert re.match(
        r"The PACS answers, but served none of \d+ studies for 1\.\d s: ", given_up.reason
    )
    assert {e.reason for e in of_kind(StudyFinished, events) if e.verdict is Verdict.NOT_TRIED} == {
        given_up.reason
    }


def test_one_probe_at_a_time_looks_for_a_pacs_that_many_workers_lost(tmp_path: Path) -> None:
    with AbsentPacs(drops=8) as pacs:
        events = run(get_plan(A, B, C, parallel=3), settings(pacs.port, tmp_path))

    assert {e.verdict for e in of_kind(StudyFinished, events)} == {Verdict.COMPLETE}
    assert len(of_kind(PeerLost, events)) == len(of_kind(PeerBack, events)) <= 1


def test_the_user_may_give_up_and_try_again_later(tmp_path: Path) -> None:
    with (
        AbsentPacs(drops=1_000_000) as pacs,
        Watched(session_of(pacs, tmp_path)) as watched,
    ):
        watched.session.add(selections(A, B, C))
        watched.until(lambda progress: progress.held)
        watched.session.give_up()
        watched.until(lambda progress: progress.given_up)
        assert watched.until_finished(B).verdict is Verdict.PARTIAL
        assert list(watched.progress.not_tried) == [C]
        pacs.calls = 1_000_000
        watched.session.add(selections(B, C))
        assert watched.until_finished(B, times=2).verdict is Verdict.COMPLETE
        assert watched.until_finished(C).verdict is Verdict.COMPLETE
        events = watched.finish()

    assert len(of_kind(QueueGivenUp, events)) == 1
    assert not watched.progress.not_tried


def test_studies_that_were_not_tried_are_in_the_account_with_the_reason(tmp_path: Path) -> None:
    with AbsentPacs(drops=1_000_000) as pacs:
        given = replace(settings(pacs.port, tmp_path), outage_s=0.0)
        events = run(get_plan(A, B, C), given)

    (given_up,) = of_kind(QueueGivenUp, events)
    assert given_up.study_instance_uids == (C,)
    account = {each.study_instance_uid: each for each in FolderAccount(tmp_path).studies()}
    assert account[C].outcome == f"not tried: {given_up.reason}"


def test_a_cancel_ends_an_outage_at_once(tmp_path: Path) -> None:
    with (
        AbsentPacs(drops=1_000_000) as pacs,
        Watched(session_of(pacs, tmp_path)) as watched,
    ):
        watched.session.add(selections(A, B, C))
        watched.until(lambda progress: progress.held)
        watched.session.cancel()
        watched.join()

    assert watched.progress.verdict is Verdict.CANCELLED
    assert not of_kind(QueueGivenUp, watched.events)


def _closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port: int = server.getsockname()[1]
    return port


@pytest.mark.parametrize("extra", [(), ("--parallel", 4), ("--dry-run",)])
def test_a_long_list_and_a_port_where_nobody_listens_end_in_a_few_lines(
    extra: tuple[object, ...], tmp_path: Path
) -> None:
    uids = [f"1.2.{number}" for number in range(1, 3001)]
    uid_list, report = _listed(tmp_path, *uids), tmp_path / "report.json"
    result = retrieve_here(
        f"pacs://127.0.0.1:{_closed_port()}", "--method", "c-get", "--uid-list", uid_list,
        "--output", tmp_path / "out", "--report", report, "--retries", 1, *extra,
    )  # fmt: skip

    assert result.exit_code == 1
    assert len((result.stdout + result.stderr).splitlines()) < 50
    assert "The PACS never answered in this run." in result.stderr
    written = json.loads(report.read_text())
    assert [study["study_instance_uid"] for study in written["studies"]] == uids
    verdicts = written["totals"]["verdicts"]
    assert verdicts["not tried"] + verdicts["failed"] == len(uids)
    assert verdicts["failed"] <= 4
    assert "connection refused" in written["studies"][-1]["reason"]


def test_json_and_report_of_an_outage_match_their_schemas(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    with AbsentPacs(drops=2) as pacs:
        result = retrieve_here(
            f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", "c-get",
            "--uid-list", _listed(tmp_path, A, B, C), "--output", tmp_path / "out", "--json",
            "--report", report,
        )  # fmt: skip

    assert result.exit_code == 0
    assert re.search(
        r"^\d\d:\d\d:\d\d The PACS does not answer \(.*\); 2 studies wait; next try in 1 s$",
        result.stderr,
        re.MULTILINE,
    )
    lines = result.json_lines()
    assert {"peer_lost", "probe_failed", "study_put_back", "peer_back"} <= {
        line["event"] for line in lines
    }
    written = json.loads(report.read_text())
    (outage,) = written["outages"]
    assert (outage["cause"], outage["given_up"]) == ("peer", False)
    assert outage["seconds"] > 0
    for name, values in (("events", lines), ("report", [written])):
        schema = json.loads((SCHEMAS / f"{name}.json").read_text())
        assert [text for value in values for text in problems(value, schema, schema)] == []


def _listed(folder: Path, *uids: str) -> Path:
    path = folder / "uids.txt"
    path.write_text("\n".join(uids))
    return path
