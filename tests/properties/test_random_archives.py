"""Whatever an archive lists, counts, says and breaks, a run ends well only with all on disk."""

from pathlib import Path

import pytest

from dicom_retrieve_tui.network import timeouts
from tests.archive_soak import first_violation

_SEEDS = 1_150  # some 2,000 runs
_AT_ONCE = 50


@pytest.fixture(autouse=True)
def _late_instances_are_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """These archives send before they answer a C-MOVE; nothing comes later."""
    monkeypatch.setattr(timeouts, "DRAIN_S_MAX", 0.05)


@pytest.mark.parametrize("first", range(0, _SEEDS, _AT_ONCE))
def test_a_run_ends_well_exactly_if_all_that_can_be_had_is_on_disk(
    first: int, tmp_path: Path
) -> None:
    assert first_violation(range(first, first + _AT_ONCE), tmp_path) is None
