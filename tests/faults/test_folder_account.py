"""Failures stay in the account of a folder through kills, other runs and another list."""

import json
import signal
import threading
from pathlib import Path
from time import monotonic

import pytest

from dicom_retrieve_tui.storage.folder_account import FolderAccounts
from tests.faults.processes import PATIENCE_S, Command, retrieve_here, until
from tests.peers.held_pacs import A, B, C, HeldPacs

_ABSENT = [f"1.9.{number}" for number in range(10, 22)]
_WANTED = [*_ABSENT[:4], A, *_ABSENT[4:8], B, *_ABSENT[8:], C]


def _order(pacs: HeldPacs, folder: Path, *uids: str) -> list[object]:
    where = [f"pacs://127.0.0.1:{pacs.port}", "--called-aet", "RAW", "--method", "c-get"]
    return [*where, "--output", folder, *uids]


def _killed_at(pacs: HeldPacs, study: str, folder: Path, failed: int) -> None:
    """Kill a run in the middle of a study, once the failures before it are on record."""
    pause, until_s = threading.Event(), monotonic() + PATIENCE_S
    with Command(*_order(pacs, folder, *_WANTED)) as command:
        assert pacs.begun[study].wait(PATIENCE_S)
        while sum(each.failed for each in FolderAccounts().failures(folder)) < failed:
            assert monotonic() < until_s
            pause.wait(0.01)
        command.send(signal.SIGKILL)
        assert command.finish().exit_code == -signal.SIGKILL
    pacs.go_on[study].set()


@pytest.fixture(name="folder", scope="module")
def _folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What three killed runs and a fourth leave, with 12 studies that the PACS does not have."""
    folder = tmp_path_factory.mktemp("out")
    with HeldPacs(A, B, C) as pacs:
        for number, study in enumerate((A, B, C), 1):
            _killed_at(pacs, study, folder, failed=4 * number)
            gone = retrieve_here("status", folder)
            assert "ended unexpectedly" in gone.stdout
            assert "failed-studies.txt" not in gone.stdout  # it is written at the end of a run
        last = retrieve_here(*_order(pacs, folder, A, B, C), "--report", folder / "report.json")
    (folder / "summary.txt").write_text(last.stdout)
    assert last.exit_code == 0, last.stdout + last.stderr
    return folder


def test_the_last_run_names_what_it_was_not_asked_for(folder: Path) -> None:
    summary = (folder / "summary.txt").read_text()
    report = json.loads((folder / "report.json").read_text())

    assert "12 studies of earlier runs into this folder are not complete:" in summary
    assert f"  {_ABSENT[0]}  not found: " in summary
    assert [each["study_instance_uid"] for each in report["earlier"]] == _ABSENT


def test_the_list_of_failed_studies_has_all_of_them(folder: Path) -> None:
    head, *lines = (folder / "failed-studies.txt").read_text().splitlines()

    assert head.startswith("#")
    assert [line.split()[0] for line in lines] == _ABSENT


def test_status_has_all_of_them(folder: Path) -> None:
    result = retrieve_here("status", folder, "--json")
    status, *studies = map(json.loads, result.stdout.splitlines())

    assert result.exit_code == 1
    assert status["totals"]["verdicts"] == {"complete": 3, "not found": 12}
    assert (status["state"], status["totals"]["stored"]) == ("ended", 9)
    assert [each["study_instance_uid"] for each in studies] == _ABSENT


def test_the_application_is_given_all_of_them(folder: Path) -> None:
    failures = FolderAccounts().failures(folder)

    assert [each.study_instance_uid for each in failures if each.failed] == _ABSENT


def test_a_running_run_is_seen_and_not_disturbed(tmp_path: Path) -> None:
    with HeldPacs(B) as pacs, Command(*_order(pacs, tmp_path, A, B, C)) as command:
        assert pacs.begun[B].wait(PATIENCE_S)
        seen = retrieve_here("status", tmp_path)
        pacs.go_on[B].set()
        result = command.finish()

    assert seen.exit_code == 1
    assert f"process {command.pid} on " in seen.stdout
    assert f"from RAW@127.0.0.1:{pacs.port} since" in seen.stdout
    assert result.exit_code == 0, result.stdout + result.stderr
    assert retrieve_here("status", tmp_path).exit_code == 0


@pytest.mark.root
def test_a_user_who_may_only_read_sees_a_living_and_a_killed_run(tmp_path: Path) -> None:
    as_nobody = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")
    for parent in (tmp_path, *tmp_path.parents[:-1]):
        parent.chmod(parent.stat().st_mode | 0o055)
    folder = tmp_path / "out"
    with HeldPacs(B) as pacs:
        order = [*_order(pacs, folder, A, B, C), "--umask", "022"]
        with Command(*order) as command:
            assert pacs.begun[B].wait(PATIENCE_S)
            until(lambda: "1 of 3 complete" in retrieve_here("status", folder).stdout)
            with Command("status", folder, wrapper=as_nobody) as other:
                living = other.finish()
            command.send(signal.SIGKILL)
            command.finish()
        with Command("status", folder, wrapper=as_nobody) as other:
            killed = other.finish()
        pacs.go_on[B].set()

    assert "1 of 3 complete" in living.stdout, living.stderr
    assert f"process {command.pid} on " in living.stdout
    assert "ended unexpectedly" in killed.stdout, killed.stderr
    assert "1 of 3 complete" in killed.stdout
