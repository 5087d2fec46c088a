"""What all tests take for granted of the process that they run in."""

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.windows import left_out

_NUMBERS = itertools.count()


def pytest_configure() -> None:
    """Undo what a script leaves to what it starts behind an `&`, and `nohup` to anything.

    They have these signals ignored, and so would all be that the tests start, which are sent them.
    A handler of ours is not inherited: to whatever is started the signal means what it always does.
    """
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    if sys.platform != "win32" and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:
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


collect_ignore_glob = [] if sys.platform == "win32" else ["windows/test_*.py"]

if sys.platform == "win32":

    def pytest_ignore_collect(collection_path: Path) -> bool | None:
        """Leave out the files that Windows cannot run."""
        return True if _name(collection_path) in left_out.FILES else None

    def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
        """Leave out the tests that Windows cannot run."""
        for item in items:
            name = f"{_name(item.path)}::{item.nodeid.partition('::')[2].partition('[')[0]}"
            if reason := left_out.TESTS.get(name):
                item.add_marker(pytest.mark.skip(reason=reason))

    def pytest_report_header() -> list[str]:
        """Report the files that are left out, as `-ra` does with tests."""
        return [f"left out: {name}: {reason}" for name, reason in sorted(left_out.FILES.items())]


def _name(path: Path) -> str:
    """Return the path of a test file as the table has it."""
    return path.relative_to(Path(__file__).parents[1]).as_posix()
