"""`--cluster local:N`: workers that die, a client that dies, and one account."""

from pathlib import Path
from typing import Any

from dicom_retrieve_tui.storage.verify import verify_folder
from tests.cluster.running import Command, wait_for
from tests.peers.counting_pacs import CountingPacs, study_uids

_STUDIES = 400
_UIDS = study_uids(_STUDIES)


def _account(report: dict[str, Any]) -> list[tuple[object, ...]]:
    keys = ("study_instance_uid", "verdict", "expected", "stored", "reason", "missing")
    return [tuple(map(str, (study.get(key) for key in keys))) for study in report["studies"]]


def test_workers_that_are_killed_cost_no_study_and_only_what_is_in_flight(tmp_path: Path) -> None:
    output = tmp_path / "out"
    flags = ("--output", str(output), "--parallel", "4")
    with CountingPacs(_STUDIES, pace_s=0.005) as pacs:
        with Command(tmp_path / "a", pacs.port, _UIDS, *flags, "--cluster", "local:4") as command:
            for stored in (100, 300, 500):
                command.wait_until_stored(stored)
                command.kill_a_worker()
            code = command.end()
        sent, peak = dict(pacs.sent), pacs.peak

    with CountingPacs(_STUDIES) as pacs:
        plain_flags = ("--output", str(tmp_path / "plain"), "--parallel", "4")
        with Command(tmp_path / "b", pacs.port, _UIDS, *plain_flags) as plain:
            plain.end()

    assert code == 0, command.errors
    assert peak <= 4
    assert sum(sent.values()) - len(sent) <= 12  # three kills of up to four instances
    assert len(list(output.glob("*.dcm"))) == 3 * _STUDIES
    studies = list(verify_folder(output, deep=True))
    assert len(studies) == _STUDIES
    assert all(study.proven for study in studies)
    assert _account(command.report()) == _account(plain.report())
    assert "distributed" not in command.errors  # the lines of its logger


def test_the_same_command_resumes_after_its_client_was_killed(tmp_path: Path) -> None:
    uids = study_uids(60)
    flags = ("--output", str(tmp_path / "out"), "--parallel", "2", "--cluster", "local:2")
    with CountingPacs(60, pace_s=0.02) as pacs:
        with Command(tmp_path / "a", pacs.port, uids, *flags) as command:
            command.wait_until_stored(20)
            command.process.kill()
            command.process.wait()
        wait_for(lambda: not pacs.open, "the associations of a client that is gone")

        with Command(tmp_path / "b", pacs.port, uids, *flags) as command:
            code = command.end()

        assert code == 0, command.errors
        assert command.verdicts() == {"complete": 60}
        assert pacs.peak <= 2
        assert sum(pacs.sent.values()) <= 180 + 4
