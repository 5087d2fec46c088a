"""One scheduler with two workers for the tests that do not end it."""

from collections.abc import Iterator

import pytest

from tests.cluster.running import Scheduler


@pytest.fixture(scope="session")
def scheduler(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scheduler]:
    running = Scheduler(tmp_path_factory.mktemp("dask"))
    try:
        for name in ("w1", "w2"):
            running.add_worker(name, folder=tmp_path_factory.mktemp(name))
        yield running
    finally:
        running.stop()
