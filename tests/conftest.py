"""What all tests take for granted of the process that they run in."""

import itertools
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

_NUMBERS = itertools.count()


def pytest_configure() -> None:
    """Undo what a script leaves to what it starts behind an `&`, and `nohup` to anything.

    They have these signals ignored, and so would all be that the tests start, which are sent them.
    A handler of ours is not inherited: to whatever is started the signal means what it always does.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
        signal.signal(signal.SIGHUP, lambda *_: None)


@pytest.fixture(autouse=True)
def _retrieves_nothing_into_the_working_folder() -> Iterator[None]:
    """Fail a test that leaves an account in the working folder: it lacks an output folder."""
    here = Path.cwd()
    accounts = [here / ".dicom-retrieve", here / "failed-studies.txt"]
    before = [path for path in accounts if os.path.lexists(path)]
    yield
    assert [path for path in accounts if os.path.lexists(path)] == before


@pytest.fixture(autouse=True)
def _own_history(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each test a history of its own, so that none learns the sizes of another."""
    place = tmp_path_factory.getbasetemp() / f"data-{next(_NUMBERS)}"
    monkeypatch.setenv("XDG_DATA_HOME", str(place))
