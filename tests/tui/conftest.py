import os

# Before textual is imported: a frame in the middle of a movement would be another one each time.
os.environ["TEXTUAL_ANIMATIONS"] = "none"

import pytest

from tests.tui.dawdling import dawdle
from tests.tui.settling import settled


@pytest.fixture(autouse=True)
def _one_key_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("textual.app", "textual.pilot"):
        monkeypatch.setattr(f"{module}.wait_for_idle", settled)
    if seed := os.environ.get("DICOM_RETRIEVE_DAWDLE"):
        dawdle(monkeypatch, seed)
