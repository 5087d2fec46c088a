"""Earlier retrievals as the application remembers them, at a fixed time."""

from datetime import UTC, datetime

from dicom_retrieve_tui.storage.history import History
from dicom_retrieve_tui.tui.history import JobHistory

_BEGUN = datetime(2026, 11, 24, 12, tzinfo=UTC)


def memory_of(history: History) -> JobHistory:
    return JobHistory(lambda: history, now=lambda: _BEGUN)
