"""The command on Windows' Python, against the PACS of this machine. Run by `tests/windows/run`.

Not collected with the other tests: its name does not begin with `test_`.
"""

import json
import re
import signal
from pathlib import Path

import pytest

from tests.faults.processes import Command, assert_whole, c_get, until
from tests.interop.command import CommandResult, run_cli
from tests.interop.comparison import assert_same_as_peer
from tests.interop.conftest import dcmqrscp, move_ports, orthanc
from tests.interop.corpus import CT_CHEST
from tests.interop.orthanc import Orthanc
from tests.interop.peers import DRTUI, Peer, url_of
from tests.peers.raw_pacs import Conversation, RawPacs, Request, instances

__all__ = ["dcmqrscp", "move_ports", "orthanc"]

_DEADLINE_S = 120.0
_LIMIT_S = 100.0
"""After this, a process on Windows' Python writes its tracebacks and ends."""


@pytest.fixture(autouse=True)
def _limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DICOM_RETRIEVE_LIMIT_S", str(_LIMIT_S))


@pytest.fixture(params=["orthanc", "dcmqrscp"])
def peer(request: pytest.FixtureRequest) -> Peer:
    found: Peer = request.getfixturevalue(request.param)
    return found


def _from(peer: Peer, *flags: object) -> list[object]:
    return [url_of(peer), "--called-aet", peer.ae_title, *flags]


def _run(*args: object, stdin: str = "") -> CommandResult:
    return run_cli(*args, stdin=stdin, timeout_s=_DEADLINE_S)


def test_a_demonstration_runs_headless(tmp_path: Path) -> None:
    done = _run("demo", "--headless", "--output", tmp_path / "demo")

    assert done.exit_code == 0, done.stderr
    assert "complete" in done.stdout


def test_c_get_brings_every_byte_and_asks_for_nothing_again(peer: Peer, tmp_path: Path) -> None:
    flags = _from(
        peer, "--method", "c-get", "--hierarchical", "--parallel", "2", "--output", tmp_path,
        "--report", tmp_path / "report.json", CT_CHEST.study_instance_uid,
    )  # fmt: skip

    first, second = _run(*flags), _run(*flags)

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)
    report = (tmp_path / "report.json").read_bytes()
    assert json.loads(report)["exit_code"] == 0
    assert b"\r" not in report
    assert json.loads(report)["studies"][0]["received_bytes"] == 0
    assert _run("verify", tmp_path, "--deep").exit_code == 0


def test_c_move_comes_to_our_listener(peer: Peer, tmp_path: Path) -> None:
    port = peer.move_ports[DRTUI]

    done = _run(*_from(
        peer, "--method", "c-move", "--move-dest", DRTUI, "--aet", DRTUI, "--listen",
        f"127.0.0.1:{port}", "--output", tmp_path, "--json", CT_CHEST.study_instance_uid,
    ))  # fmt: skip

    assert done.exit_code == 0, done.stderr
    assert done.json_lines()[-1]["verdict"] == "complete"
    assert_same_as_peer(tmp_path, peer, CT_CHEST.sop_instance_uids)


class _Waits(RawPacs):
    """Sends the first half of a study and then nothing, until it behaves."""

    behaves = False

    def on_get(self, conversation: Conversation, request: Request) -> None:
        if self.behaves:
            super().on_get(conversation, request)
            return
        for instance in self.holdings[: len(self.holdings) // 2]:
            conversation.store(instance)
        self.stopping.wait(_DEADLINE_S)
        raise EOFError


def _half_received(folder: Path, pacs: RawPacs) -> bool:
    return len(list(folder.glob("*.dcm"))) == len(pacs.holdings) // 2


def test_a_killed_run_is_resumed(tmp_path: Path) -> None:
    with _Waits(instances(10)) as pacs, Command(*c_get(pacs, tmp_path)) as killed:
        until(lambda: _half_received(tmp_path, pacs))
        killed.send(signal.SIGKILL)
        killed.end(_DEADLINE_S)
        pacs.stopping.set()

    with _Waits(instances(10)) as pacs:
        pacs.behaves = True
        again = _run(*c_get(pacs, tmp_path))

        assert again.exit_code == 0, again.stderr
        assert len(assert_whole(tmp_path, pacs.holdings)) == 10
    assert _run("verify", tmp_path, "--deep").exit_code == 0


def test_ctrl_c_ends_a_run_in_order_and_a_second_run_keeps_out(tmp_path: Path) -> None:
    with _Waits(instances(10)) as pacs, Command(*c_get(pacs, tmp_path)) as stopped:
        until(lambda: _half_received(tmp_path, pacs))
        second = _run(*c_get(pacs, tmp_path))
        stopped.send(signal.SIGINT)  # Wine makes it a CTRL_C_EVENT
        ended = stopped.finish(_DEADLINE_S)

    assert second.exit_code == 1
    assert re.search(r"process [0-9]+ is retrieving into this folder", second.stderr)
    assert ended.exit_code == 130, ended.stderr
    assert "cancelled" in ended.stdout + ended.stderr
    assert len(assert_whole(tmp_path, pacs.holdings)) == 5


def test_names_may_be_longer_than_260_characters(orthanc: Orthanc, tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*("folder with a long name " * 2 + str(n) for n in range(6)))
    layout = "{PatientName}/{StudyInstanceUID}/{SeriesInstanceUID}/{SOPInstanceUID}.dcm"
    flags = _from(orthanc, "--method", "c-get", "--layout", layout, "--output", deep)
    uid = CT_CHEST.study_instance_uid

    first, second = _run(*flags, uid), _run(*flags, uid)

    assert (first.exit_code, second.exit_code) == (0, 0), first.stderr + second.stderr
    assert_same_as_peer(deep, orthanc, CT_CHEST.sop_instance_uids)
    assert "\\\\?\\" not in first.stdout + first.stderr
    assert _run("verify", deep, "--deep").exit_code == 0


@pytest.mark.parametrize("name", ["NUL", "con", "sub/AUX.txt"])
def test_names_of_devices_are_refused(name: str, tmp_path: Path) -> None:
    done = _run("pacs://127.0.0.1:1", "1.2.3", "--method", "c-get", "--output", tmp_path / name)

    assert done.exit_code == 1
    assert "reserves the name" in done.stderr


def test_a_drive_is_no_scheme(tmp_path: Path) -> None:
    done = _run("C:\\dicom", "1.2.3")

    assert done.exit_code == 1
    assert "a PACS is given as pacs://HOST[:PORT]" in done.stderr


def test_finds_checks_and_keeps_profiles(orthanc: Orthanc, tmp_path: Path) -> None:
    config = ("--config", tmp_path / "profiles.toml")
    added = _run(
        "profiles", "add", "hospital", url_of(orthanc), "--called-aet", orthanc.ae_title,
        "--method", "c-get", "--output", tmp_path / "dicom", *config,
    )  # fmt: skip
    found = _run("find", "@hospital", "--patient-id", CT_CHEST.patient_id, "--uids", *config)
    listed = _run("@hospital", "--uid-list", "-", *config, stdin=found.stdout)
    checked = _run("doctor", "@hospital", *config)
    place = _run("profiles", "path")

    codes = [each.exit_code for each in (added, found, listed, checked, place)]
    assert codes == [0, 0, 0, 0, 0], added.stderr + found.stderr + listed.stderr + checked.stdout
    assert found.stdout == f"{CT_CHEST.study_instance_uid}\n"
    assert_same_as_peer(tmp_path / "dicom", orthanc, CT_CHEST.sop_instance_uids)
    assert place.stdout.endswith("\\AppData\\Roaming\\dicom-retrieve\\profiles.toml\n")


def test_pipes_carry_utf_8_and_plain_text(orthanc: Orthanc) -> None:
    found = _run("find", url_of(orthanc), "--called-aet", orthanc.ae_title, "--all")

    assert found.exit_code == 0, found.stderr
    assert "\x1b" not in found.stdout + found.stderr
    assert "\r" not in found.stdout + found.stderr


def test_completion_is_printed_for_powershell() -> None:
    done = _run("completion", "powershell")

    assert done.exit_code == 0, done.stderr
    assert "Register-ArgumentCompleter" in done.stdout
