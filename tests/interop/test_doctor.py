"""`dicom-retrieve doctor` is right about Orthanc and dcmqrscp, in order and out of order."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.interop.command import CommandResult, run_cli
from tests.interop.corpus import CT_CHEST, UNKNOWN_STUDY_INSTANCE_UID
from tests.interop.dcmtk import Dcmqrscp
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, Peer, url_of
from tests.interop.process import free_port

pytestmark = pytest.mark.peers

_STUDY = CT_CHEST.study_instance_uid


@pytest.fixture(scope="module")
def strict_orthanc(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Orthanc]:
    """It looks at the called AE title, and allows C-GET to nobody that it does not know."""
    running = Orthanc(
        tmp_path_factory.mktemp("strict-orthanc"),
        {DRTUI: free_port()},
        DicomCheckCalledAet=True,
        DicomAlwaysAllowGet=False,
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()


@pytest.fixture(scope="module")
def strict_dcmqrscp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Dcmqrscp]:
    """It answers nobody but DRTUI."""
    running = Dcmqrscp(
        tmp_path_factory.mktemp("strict-dcmqrscp"), {DRTUI: free_port()}, peers=DRTUI
    )
    try:
        running.start()
        yield running
    finally:
        running.stop()


def _doctor(peer: Peer, *args: object, called: str | None = None) -> CommandResult:
    return run_cli("doctor", url_of(peer), "--called-aet", called or peer.ae_title, "--json", *args)


def _steps(done: CommandResult) -> dict[str, dict[str, Any]]:
    records = [json.loads(line) for line in done.stdout.splitlines()]
    return {each["check"]: each for each in records if each["event"] == "step"}


def _conclusion(done: CommandResult) -> dict[str, Any]:
    last: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert last["event"] == "diagnosis_finished"
    return last


def _the_failed(done: CommandResult) -> dict[str, Any]:
    """The one step that failed."""
    (failed,) = [step for step in _steps(done).values() if step["outcome"] == "failed"]
    return failed


def test_one_instance_comes_by_each_method(peer: Peer) -> None:
    done = _doctor(
        peer, "--aet", DRTUI, "--move-dest", DRTUI,
        "--listen", f"127.0.0.1:{peer.move_ports[DRTUI]}", _STUDY,
    )  # fmt: skip

    assert done.exit_code == 0, done.stderr
    steps = _steps(done)
    assert steps["c_get_instance"]["outcome"] == "ok"
    assert steps["c_move_instance"]["outcome"] == "ok"
    assert steps["storage_classes"]["outcome"] == "ok"
    assert _conclusion(done)["proven"]
    assert f"port {peer.move_ports[DRTUI]}" in _conclusion(done)["for_administrator"][-1]


def test_without_a_study_nothing_is_claimed_to_be_proven(peer: Peer) -> None:
    done = _doctor(peer, "--method", "c-get")

    assert done.exit_code == 0, done.stderr
    assert not _conclusion(done)["proven"]
    assert "c_get_instance" not in _steps(done)


def test_people_read_a_line_a_step(peer: Peer) -> None:
    done = run_cli("doctor", url_of(peer), "--called-aet", peer.ae_title, "--method", "c-get")

    lines = done.stdout.splitlines()
    assert lines[0].endswith("--method c-get")
    assert lines[1].split() == ["ok", "host", "name", "127.0.0.1", "is", "an", "address."]
    assert "For the administrator of the PACS:" in lines
    assert "\x1b" not in done.stdout


def test_a_closed_port() -> None:
    done = run_cli("doctor", f"pacs://127.0.0.1:{free_port()}", "--method", "c-get", "--json")

    assert done.exit_code == 1
    assert _the_failed(done)["check"] == "connection"
    assert "connection refused" in _the_failed(done)["found"]


def test_a_called_ae_title_that_orthanc_does_not_answer_to(strict_orthanc: Orthanc) -> None:
    done = _doctor(strict_orthanc, "--method", "c-get", called="WRONG")

    assert done.exit_code == 1
    assert _the_failed(done)["check"] == "association"
    assert "called AE title not recognised" in _the_failed(done)["found"]
    assert "WRONG: set --called-aet" in _the_failed(done)["next_step"]
    assert _the_failed(done)["keys"][0] == "called_aet"


def test_a_calling_ae_title_that_dcmqrscp_does_not_know(strict_dcmqrscp: Dcmqrscp) -> None:
    known = _doctor(strict_dcmqrscp, "--method", "c-get", "--aet", DRTUI)
    unknown = _doctor(strict_dcmqrscp, "--method", "c-get", "--aet", "STRANGER")

    assert known.exit_code == 0, known.stdout
    assert unknown.exit_code == 1
    # dcmqrscp gives the reason of a called AE title that is not recognised.
    assert "does it know STRANGER (--aet)?" in _the_failed(unknown)["next_step"]
    assert "aet" in _the_failed(unknown)["keys"]
    assert "let AE title STRANGER at address" in _conclusion(unknown)["for_administrator"][0]


def test_c_get_that_orthanc_does_not_allow(strict_orthanc: Orthanc) -> None:
    done = _doctor(strict_orthanc, "--method", "c-get", "--aet", "STRANGER")

    assert done.exit_code == 1
    assert _the_failed(done)["check"] == "c_get"
    assert "aborted the association" in _the_failed(done)["found"]
    advice = "Try --method c-move --move-dest STRANGER --listen 11112."
    assert _the_failed(done)["next_step"].endswith(advice)


def test_c_get_that_is_not_allowed_does_not_matter_to_c_move(strict_orthanc: Orthanc) -> None:
    done = _doctor(strict_orthanc, "--aet", "STRANGER", "--move-dest", DRTUI)

    assert done.exit_code == 0
    assert _steps(done)["c_get"]["outcome"] == "warning"


def test_a_move_destination_that_the_pacs_does_not_know(peer: Peer) -> None:
    done = _doctor(
        peer, "--aet", DRTUI, "--move-dest", "NOBODY", "--listen", f"127.0.0.1:{free_port()}",
        _STUDY,
    )  # fmt: skip

    assert done.exit_code == 1
    assert _the_failed(done)["check"] == "c_move_instance"
    assert "NOBODY" in _conclusion(done)["for_administrator"][-1]
    assert _conclusion(done)["next_step"] == "C-GET works: --method c-get."


def test_a_listening_port_that_is_taken(peer: Peer) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = _doctor(peer, "--move-dest", DRTUI, "--listen", f"127.0.0.1:{port}", _STUDY)

    assert done.exit_code == 1
    assert _the_failed(done)["check"] == "listener"
    assert "address already in use" in _the_failed(done)["found"]
    assert _the_failed(done)["keys"] == ["listen"]


def test_a_study_that_the_pacs_does_not_have(peer: Peer, tmp_path: Path) -> None:
    done = _doctor(peer, "--method", "c-get", UNKNOWN_STUDY_INSTANCE_UID)

    assert done.exit_code == 1
    assert _the_failed(done)["check"] == "study"
