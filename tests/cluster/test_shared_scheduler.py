"""A run on a scheduler that runs already: outages, stops, refusals and the folder."""

import signal
import sys
import time
from pathlib import Path

import cloudpickle
import pytest
from distributed import Client

from tests.cluster.running import Command, Scheduler, wait_for
from tests.interop.process import free_port
from tests.peers.counting_pacs import CountingPacs, study_uids

_UIDS = study_uids(40)
cloudpickle.register_pickle_by_value(sys.modules[__name__])  # the workers have no tests


def _flags(scheduler: Scheduler, output: Path, *flags: str) -> tuple[str, ...]:
    return ("--output", str(output), "--cluster", scheduler.address, "--parallel", "4", *flags)


def test_an_outage_holds_the_cluster_as_one(scheduler: Scheduler, tmp_path: Path) -> None:
    with CountingPacs(40, pace_s=0.02) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *_flags(scheduler, tmp_path / "out")) as command:
            command.wait_until_stored(20)
            pacs.gone.set()
            wait_for(lambda: command.count("probe_failed"), "the outage")
            pacs.gone.clear()
            code = command.end()

        assert code == 0, command.errors
        assert command.count("peer_lost") == command.count("peer_back") == 1
        assert pacs.probes == 1  # one worker probes for all
        assert pacs.peak <= 4


def test_a_pacs_that_serves_nothing_ends_the_run_of_a_cluster(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    flags = _flags(scheduler, tmp_path / "out", "--outage", "3s")
    with CountingPacs(40, pace_s=0.02) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *flags) as command:
            command.wait_until_stored(20)
            pacs.serves_nothing.set()
            code = command.end()
        assert code == 1, command.errors
        assert command.causes("peer_lost").count("archive") == 1, command.errors
        assert command.causes("queue_given_up") == ["archive"]
        assert command.verdicts()["not tried"] > 0

        pacs.serves_nothing.clear()
        with Command(tmp_path, pacs.port, _UIDS, *flags) as again:
            assert again.end() == 0, again.errors
            assert again.verdicts() == {"complete": 40}


def test_an_empty_index_after_an_outage_holds_the_cluster(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    with CountingPacs(40, pace_s=0.02) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *_flags(scheduler, tmp_path / "out")) as command:
            command.wait_until_stored(20)
            pacs.index_is_empty.set()
            pacs.gone.set()
            wait_for(lambda: command.count("probe_failed"), "the outage")
            pacs.gone.clear()
            wait_for(lambda: "archive" in command.causes("peer_lost"), "the hold")
            pacs.index_is_empty.clear()
            code = command.end()

        assert code == 0, command.errors
        assert command.verdicts() == {"complete": 40}
        assert command.causes("peer_lost") == command.causes("peer_back") == ["peer", "archive"]


def test_the_profiler_of_a_worker_rests_while_it_retrieves(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    # In it, Python before 3.11.9 may block the whole worker: CPython's issue 106883.
    with Client(scheduler.address, set_as_default=False) as client:

        def runs() -> set[bool]:
            asked = client.run(
                lambda dask_worker: dask_worker.periodic_callbacks["profile"].is_running()
            )
            return set(asked.values())

        wait_for(lambda: runs() == {True}, "the profilers")
        with (
            CountingPacs(40, pace_s=0.05) as pacs,
            Command(tmp_path, pacs.port, _UIDS, *_flags(scheduler, tmp_path / "out")) as command,
        ):
            command.wait_until_stored(10)
            wait_for(lambda: runs() == {False}, "the end of the profilers")
            assert command.end() == 0, command.errors
        wait_for(lambda: runs() == {True}, "the profilers once more")


def test_a_pacs_without_further_associations_lowers_the_whole_cluster(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    with CountingPacs(40, pace_s=0.01, most=2) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *_flags(scheduler, tmp_path / "out")) as command:
            code = command.end()

        assert code == 0, command.errors
        assert pacs.peak == 2
        assert pacs.rejected <= 8
        assert not command.count("peer_lost")


def test_ctrl_c_ends_every_worker_within_seconds(scheduler: Scheduler, tmp_path: Path) -> None:
    with CountingPacs(40, pace_s=0.05) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *_flags(scheduler, tmp_path / "out")) as command:
            command.wait_until_stored(10)
            began_s = time.monotonic()
            command.process.send_signal(signal.SIGINT)
            code = command.end()

        assert code == 130, command.errors
        assert time.monotonic() - began_s < 10
        assert pacs.open == 0
        verdicts = command.verdicts()
        assert verdicts["complete"] + verdicts["cancelled"] == 40
        assert verdicts["complete"] * 3 <= sum(pacs.sent.values())


def test_hours_and_pause_release_every_association(scheduler: Scheduler, tmp_path: Path) -> None:
    closed = time.strftime("%H:%M", time.localtime(time.time() - 7200))
    until = time.strftime("%H:%M", time.localtime(time.time() - 3600))
    flags = _flags(scheduler, tmp_path / "out", "--between", f"{closed}-{until}")
    with CountingPacs(40) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *flags) as command:
            wait_for(lambda: command.count("hours_closed"), "the hours")
            command.process.send_signal(signal.SIGINT)
            code = command.end()

        assert code == 130
        assert pacs.total == 0


@pytest.mark.parametrize("own_folders", [False, True])
def test_a_folder_that_workers_do_not_see_is_refused_unless_each_has_its_own(
    scheduler: Scheduler, tmp_path: Path, *, own_folders: bool
) -> None:
    folder = Path("/proc/self/cwd") / f"out-{own_folders}"  # another one in each process
    flags = _flags(scheduler, folder, *(["--own-folders"] if own_folders else []))
    with CountingPacs(40) as pacs:
        with Command(tmp_path, pacs.port, _UIDS, *flags) as command:
            code = command.end()

        if own_folders:
            assert code == 0, command.errors
            assert command.verdicts() == {"complete": 40}
        else:
            assert code == 1
            assert "does not see this folder" in command.errors
            assert pacs.associations == 0
        assert not folder.exists()


def test_a_c_move_goes_to_the_destination_of_each_worker(
    scheduler: Scheduler, tmp_path: Path
) -> None:
    with CountingPacs(40, pace_s=0.05) as pacs:
        table = ",".join(f"{name}={name.upper()}:{port}" for name, port in pacs.destinations)
        flags = _flags(scheduler, tmp_path / "out", "--method", "c-move", "--worker-dest", table)
        with Command(tmp_path, pacs.port, _UIDS, *flags) as command:
            code = command.end()

        assert code == 0, command.errors
        assert command.verdicts() == {"complete": 40}
        assert set(pacs.moved_to) <= {"W1", "W2"}
        assert pacs.moved_to.total() == 40
        assert len(list((tmp_path / "out").glob("*.dcm"))) == 120


def test_a_cluster_without_a_scheduler_is_refused(tmp_path: Path) -> None:
    flags = ("--output", str(tmp_path / "out"), "--cluster", f"tcp://127.0.0.1:{free_port()}")
    with Command(tmp_path, free_port(), study_uids(1), *flags) as command:
        code = command.end()

    assert code == 1
    assert "no Dask scheduler answers there" in command.errors
    assert "Traceback" not in command.errors
    assert not (tmp_path / "out").exists()
