"""The columns of the queue: which of them fit, and the text of each cell. Pure."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from dicom_retrieve_tui.model.column_fit import ColumnSize, fit_columns
from dicom_retrieve_tui.model.humanize import (
    clock_text,
    count,
    duration_text,
    rate_text,
    shortened,
    size_text,
)
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cells import bar, fit, shown_patient
from dicom_retrieve_tui.tui.queue_view import View
from dicom_retrieve_tui.tui.snapshot import Row, State

BLANK = "·"
"""An empty cell; 0 would be a claim."""
MARK = "●"
GLYPHS = {
    State.RUNNING: "▶",
    State.RETRYING: "↻",
    State.QUEUED: "·",
    State.FAILED: "!",
    State.STOPPED: "■",
    State.DONE: "✓",
}
_QUIET_S = 3
"""From here on, the bar is replaced by how long the PACS has been silent."""
_UID_MIN, _UID_ENOUGH, _UID_MAX = 12, 22, 64
_PROGRESS_MIN, _PROGRESS_MAX = 14, 34
_GAP = 1
# UIDs first, up to what most need; then the bars; then the longest UIDs.
_GROWTH = ({"uid": 46}, {"progress": _PROGRESS_MAX}, {"uid": _UID_MAX})


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the queue."""

    name: str
    title: str
    width: int
    """Cells; the least width of a growing column."""
    right: bool = False
    sort: str = ""
    """The order that a click on its title sets; empty if there is none."""
    rank: int = 0
    """0 for a column that is always there; of the others, the lowest is taken first."""
    reserve: int = 0
    """Cells that must remain for the UID to grow, or this column is left out."""


_MARK = Column("mark", "", 1)
_STATE = Column("state", "", 1, sort="state")
_UID = Column("uid", "STUDY", _UID_MIN, sort="uid")
_INSTANCES = Column("instances", "INSTANCES", 11, right=True, sort="instances")
_PROGRESS = Column("progress", "PROGRESS", _PROGRESS_MIN, sort="state")
_RATE = Column("rate", "RATE", 7, right=True, sort="rate", rank=1)
_ETA = Column("eta", "ETA", 7, right=True, sort="eta", rank=2)
_PATIENT = Column("patient", "PATIENT", 12, sort="patient", rank=3)
_SIZE = Column("size", "SIZE", 8, right=True, sort="size", rank=4, reserve=_UID_ENOUGH - _UID_MIN)
_MODALITY = Column("modality", "MOD", 4, rank=5, reserve=_UID_ENOUGH - _UID_MIN)
_ORDER = (_MARK, _STATE, _UID, _PATIENT, _MODALITY, _INSTANCES, _PROGRESS, _RATE, _SIZE, _ETA)


def columns_for(width: int, *, patients: bool, modalities: bool) -> tuple[Column, ...]:
    """Return the columns that fit into `width` cells.

    Args:
        width: Cells of the table.
        patients: True if any row has a patient.
        modalities: True if any row has a modality.
    """
    sizes = [
        ColumnSize(name=column.name, least=column.width, rank=column.rank, reserve=column.reserve)
        for column in _ORDER
        if (patients or column is not _PATIENT) and (modalities or column is not _MODALITY)
    ]
    widths = fit_columns(sizes, width, gap=_GAP, growth=_GROWTH)
    return tuple(replace(each, width=widths[each.name]) for each in _ORDER if each.name in widths)


class QueueColumns:
    """The columns that fit the table and have something to show."""

    def __init__(self) -> None:
        self._columns: tuple[Column, ...] = ()
        self._width = -1
        self._patients = self._modalities = False

    def fit(self, width: int) -> None:
        """Choose the columns that fit into `width` cells."""
        if width != self._width:
            self._width = width
            self._choose()

    def extend_for(self, rows: Sequence[Row]) -> bool:
        """Add columns for patients and modalities once rows have them; True if that changed."""
        patients = self._patients or any(row.patient for row in rows)
        modalities = self._modalities or any(row.modality for row in rows)
        new = (patients, modalities) != (self._patients, self._modalities)
        if new:
            self._patients, self._modalities = patients, modalities
            self._choose()
        return new

    def at(self, x: int) -> Column | None:
        """Return the column at a cell of the line."""
        left = 0
        for column in self._columns:
            if left <= x <= left + column.width:
                return column
            left += column.width + _GAP
        return None

    def titles(self, view: View) -> str:
        """Return the header line."""
        return _line(header_text(self._columns, view.sort, descending=view.descending))

    def text(self, row: Row, *, marked: bool, hide_patients: bool) -> str:
        """Return the line of a row."""
        return _line(
            cell_text(column, row, marked=marked, hide_patients=hide_patients)
            for column in self._columns
        )

    def _choose(self) -> None:
        self._columns = columns_for(
            self._width, patients=self._patients, modalities=self._modalities
        )


def _line(texts: Iterable[str]) -> str:
    return (" " * _GAP).join(texts)


def header_text(columns: Sequence[Column], sort: str, *, descending: bool) -> list[str]:
    """Return the titles, with an arrow at the sorted column."""
    texts = []
    sorted_by = next((column.name for column in columns if column.sort == sort), None)
    for column in columns:
        arrow = ("↓" if descending else "↑") if column.name == sorted_by and column.title else ""
        title = f"{column.title} {arrow}" if arrow else column.title
        texts.append(fit(title, column.width, right=column.right))
    return texts


def cell_text(column: Column, row: Row, *, marked: bool, hide_patients: bool) -> str:
    """Return the text of a cell, as wide as its column."""
    if column.name == "mark":
        return MARK if marked else " "
    if column.name == "patient":
        text = shown_patient(row.patient, hide=hide_patients) or "—"
    else:
        text = _TEXTS[column.name](row, column.width)
    return fit(text, column.width, right=column.right)


def _instances(row: Row, width: int) -> str:
    if not row.expected and not row.done:
        return BLANK if row.state not in {State.RUNNING, State.RETRYING} else "?"
    if row.expected is None:
        return f"{row.done:,}"
    text = f"{row.done:,}/{row.expected:,}"
    return text if len(text) <= width else f"{row.done}/{row.expected}"


def progress_text(row: Row, width: int) -> str:
    """Return the progress or the verdict of a row in at most `width` cells."""
    match row.state:
        case State.QUEUED:
            return "queued"
        case State.RETRYING:
            return "held" if row.held else f"retry in {row.retry_in_s} s"
        case State.RUNNING:
            return _running(row, width)
        case State.DONE:
            return _done(row, width)
        case State.STOPPED:
            return "stopped"
        case State.FAILED:
            return _failed(row, width)


def _running(row: Row, width: int) -> str:
    if row.expected is None and not row.done:
        return f"querying {row.quiet_s} s"
    if row.quiet_s >= _QUIET_S:
        return f"no data {row.quiet_s} s"
    if row.expected is None:
        return "receiving"
    return bar(row.done, row.expected, width)


def _done(row: Row, width: int) -> str:
    if row.verdict is Verdict.DELIVERED:
        return "delivered"
    if not row.received_bytes:
        return "already present"
    texts = (
        f"{size_text(row.received_bytes)} in {duration_text(row.elapsed_s)}",
        f"in {duration_text(row.elapsed_s)}",
    )
    return next((text for text in texts if len(text) <= width), "complete")


def _failed(row: Row, width: int) -> str:
    if row.verdict is Verdict.PARTIAL:
        texts = (f"{count(row.failed, 'instance')} missing", f"{row.failed:,} missing")
        return next((text for text in texts if len(text) <= width), texts[-1])
    return str(row.verdict or "failed")


_TEXTS: dict[str, Callable[[Row, int], str]] = {
    "state": lambda row, _: GLYPHS[row.state],
    "uid": lambda row, width: shortened(row.key.study_instance_uid, width),
    "modality": lambda row, _: row.modality,
    "instances": _instances,
    "progress": progress_text,
    "rate": lambda row, _: rate_text(row.instances_per_s) if row.instances_per_s else BLANK,
    "size": lambda row, _: size_text(row.received_bytes) if row.received_bytes else BLANK,
    "eta": lambda row, _: clock_text(row.eta_s) if row.eta_s is not None else BLANK,
}
