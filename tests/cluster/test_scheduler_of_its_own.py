"""What ends a scheduler or a worker: each test has its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.running import Command, Scheduler, wait_for
from tests.peers.counting_pacs import CountingPacs, study_uids


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Scheduler]:
    running = Scheduler(tmp_path / "dask")
    try:
        yield running
    finally:
        running.stop()


def test_another_version_on_a_worker_is_refused(own: Scheduler, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "sitecustomize.py").write_text(
        "import dicom_retrieve_tui\ndicom_retrieve_tui.__version__ = '0.0.1'\n"
    )
    own.add_worker("old", PYTHONPATH=f"{other}:{Path.cwd()}")
    with CountingPacs(1) as pacs:
        flags = ("--output", str(tmp_path / "out"), "--cluster", own.address)
        with Command(tmp_path, pacs.port, study_uids(1), *flags) as command:
            code = command.end()

        assert code == 1
        assert "the worker old has dicom-retrieve-tui 0.0.1" in command.errors
        assert pacs.associations == 0


def test_workers_end_in_order_without_their_scheduler_and_the_same_command_resumes(
    own: Scheduler, tmp_path: Path
) -> None:
    uids = study_uids(60)
    own.add_worker("w1", PYTHONPATH=str(Path.cwd()))
    with CountingPacs(60, pace_s=0.02) as pacs:
        flags = ("--output", str(tmp_path / "out"), "--parallel", "2")
        with Command(tmp_path / "a", pacs.port, uids, *flags, "--cluster", own.address) as command:
            command.wait_until_stored(20)
            own.scheduler.stop()
            code = command.end()
        wait_for(lambda: not pacs.open, "the associations of workers without a scheduler")

        with Command(tmp_path / "b", pacs.port, uids, *flags, "--cluster", "local:1") as again:
            second = again.end()

        assert code == 1
        assert "connection to the Dask scheduler" in command.errors
        assert "complete" not in command.verdicts() or command.verdicts()["complete"] < 60
        assert second == 0, again.errors
        assert again.verdicts() == {"complete": 60}


def test_a_cluster_without_workers_is_waited_for_and_then_given_up(
    own: Scheduler, tmp_path: Path
) -> None:
    with CountingPacs(3) as pacs:
        flags = ("--output", str(tmp_path / "out"), "--cluster", own.address, "--outage", "2s")
        with Command(tmp_path, pacs.port, study_uids(3), *flags) as command:
            code = command.end()

        assert code == 1
        assert command.verdicts() == {"not tried": 3}
        assert "no worker is connected" in command.errors
        assert pacs.associations == 0
