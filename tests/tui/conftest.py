"""A history on disk that one run of the application leaves and the next one reads."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from dicom_retrieve_tui.storage.history import History


@pytest.fixture
def database(tmp_path: Path) -> Path:
    return tmp_path / "data" / "history.db"


@pytest.fixture
def history(database: Path) -> Iterator[History]:
    with closing(History(database)) as history:
        yield history
