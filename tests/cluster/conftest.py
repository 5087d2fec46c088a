"""One scheduler with two workers for the tests that do not end it."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.running import Scheduler

_OPEN = (
    "open fault: on a busy machine, a run now and then waits without an end for studies of a "
    "worker that has fallen silent"
)


_MAY_WAIT = {
    "test_workers_that_are_killed_cost_no_study_and_only_what_is_in_flight",
    "test_a_c_move_goes_to_the_destination_of_each_worker",
}
"""The tests that this fault was seen to break."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the known fault fail only a test that it was seen to break, and only by its wait."""
    for item in items:
        if Path(__file__).parent in item.path.parents and item.name in _MAY_WAIT:
            waited = pytest.mark.xfail(raises=subprocess.TimeoutExpired, reason=_OPEN, strict=False)
            item.add_marker(waited)


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    running = Scheduler(tmp_path_factory.mktemp("dask"))
    try:
        for name in ("w1", "w2"):
            running.add_worker(name, folder=tmp_path_factory.mktemp(name))
        yield running
    finally:
        running.stop()
