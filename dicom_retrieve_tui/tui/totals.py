"""Totals over all rows, updated by each change: a million rows are never counted again. Pure."""

from operator import add, sub
from typing import NamedTuple

from dicom_retrieve_tui.model.eta import Remaining, estimate_remaining
from dicom_retrieve_tui.tui.snapshot import ACTIVE, BAD, Row, RowKey, State


class Counts(NamedTuple):
    """The share of one row, and the sum of all."""

    studies: int = 0
    active: int = 0
    running: int = 0
    failed: int = 0
    stopped: int = 0
    good: int = 0
    stored: int = 0
    known: int = 0
    """Studies whose number of instances is known."""
    expected: int = 0
    unexpected: int = 0
    """Stored instances beyond the expected ones, as all of a study of unknown size."""
    left: int = 0
    unknown: int = 0
    """Active studies whose number of instances is unknown."""
    missing: int = 0
    received_bytes: int = 0


class RunningTotals:
    """The rows as last counted, and their sum."""

    def __init__(self) -> None:
        self._rows: dict[RowKey, Row] = {}
        self.counts = Counts()

    def put(self, row: Row) -> None:
        """Count a row, replacing its earlier share."""
        if (old := self._rows.get(row.key)) is not None:
            self.counts = Counts(*map(sub, self.counts, _counts(old)))
        self._rows[row.key] = row
        self.counts = Counts(*map(add, self.counts, _counts(row)))

    def drop(self, key: RowKey) -> None:
        """Subtract a row."""
        if (old := self._rows.pop(key, None)) is not None:
            self.counts = Counts(*map(sub, self.counts, _counts(old)))

    def remaining(self) -> Remaining | None:
        """Estimate how many instances are still to come; None while too few sizes are known."""
        counts = self.counts
        return estimate_remaining(
            counts.left, unknown=counts.unknown, known=counts.known, expected=counts.expected
        )


def _counts(row: Row) -> Counts:
    active = row.state in ACTIVE
    known = row.expected is not None
    return Counts(
        studies=1,
        active=active,
        running=row.state is State.RUNNING,
        failed=row.state in BAD,
        stopped=row.state is State.STOPPED,
        good=row.state is State.DONE,
        stored=row.done,
        known=known,
        expected=row.expected or 0,
        unexpected=max(row.done - (row.expected or 0), 0),
        left=max((row.expected or 0) - row.done, 0) if active else 0,
        unknown=active and not known,
        missing=row.failed if row.state in BAD else 0,
        received_bytes=row.earlier_bytes + row.received_bytes,
    )
