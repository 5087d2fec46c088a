"""The associations: one line for each."""

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from dicom_retrieve_tui.model.humanize import rate_text, shortened
from dicom_retrieve_tui.model.progress import WorkerState
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.tui.cut_text import cut, fit, shown_patient
from dicom_retrieve_tui.tui.snapshot import WorkerRow

_GLYPHS = {
    WorkerState.IDLE: "·",
    WorkerState.FINDING: "?",
    WorkerState.RECEIVING: "▶",
    WorkerState.WAITING: "↻",
    WorkerState.HELPING: "+",
}
_QUIET_S = 3


_DESCRIPTION_MIN = 8
"""Cells below which a description is left out."""


def association_text(row: WorkerRow, width: int, *, hide_patients: bool = False) -> str:
    """Return `A1 ▶ CT Chest 2026-03-11, Example, Ada   118/s  left 168` in `width` cells."""
    head = f"A{row.number:<2} {_GLYPHS[row.state]} "
    if row.state is WorkerState.IDLE:
        return cut(f"{head}idle", width)
    what = _what(row)
    name_width = max(width - len(head) - len(what) - 2, 8)
    name = _name(row, name_width, hide_patients=hide_patients)
    return cut(f"{head}{fit(name, name_width)}  {what}", width)


def _name(row: WorkerRow, width: int, *, hide_patients: bool) -> str:
    """Return what people call the study; else its UID.

    The description is cut first, then left out, then the date, then the modality.
    """
    who = row.identity
    patient = shown_patient(who.patient, hide=hide_patients)
    title, modality = clean_text(who.title), clean_text(who.modality)
    if not (patient or title):
        return shortened(row.study_instance_uid, width)
    whole = _joined(title, patient)
    without = _joined(f"{modality} {clean_text(who.day)}".strip(), patient)
    description = clean_text(who.study_description)
    room = cell_len(description) - (cell_len(whole) - width)
    if cell_len(whole) > width and room >= _DESCRIPTION_MIN:
        return whole.replace(description, cut(description, room), 1)
    texts = (whole, without, _joined(modality, patient))
    return next((text for text in texts if cell_len(text) <= width), patient or title)


def _joined(title: str, patient: str) -> str:
    return ", ".join(filter(None, (title, patient)))


def _what(row: WorkerRow) -> str:
    match row.state:
        case WorkerState.WAITING:
            return "waiting for a retry"
        case WorkerState.FINDING:
            return f"querying {row.quiet_s} s" if row.quiet_s else "querying"
        case _ if row.quiet_s >= _QUIET_S:
            return f"no data {row.quiet_s} of {row.timeout_s:g} s"
        case _:
            left = f"left {row.left:,}" if row.left is not None else ""
            rate = rate_text(row.instances_per_s) if row.instances_per_s else ""
            return f"{rate:>7}  {left:<10}"


class Associations(Widget):
    """As many lines as fit."""

    DEFAULT_CSS = """
    Associations { height: 1fr; color: $text-muted; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002 - Textual's name
        super().__init__(id=id)
        self._rows: Sequence[WorkerRow] = ()
        self._hide_patients = False

    def mask_patients(self, *, hide: bool) -> None:
        self._hide_patients = hide
        self.refresh()

    def show_workers(self, rows: Sequence[WorkerRow]) -> None:
        if rows != self._rows:
            self._rows = rows
            self.refresh()

    def render(self) -> Text:
        width, height = self.content_size
        rows = self._rows
        if not rows:
            return Text("no association")
        busy_first = sorted(rows, key=lambda row: row.state is WorkerState.IDLE)
        shown = rows if len(rows) <= height else busy_first[: max(height - 1, 0)]
        hide = self._hide_patients
        lines = [association_text(row, width, hide_patients=hide) for row in shown]
        if len(shown) < len(rows):
            lines.append(f"and {len(rows) - len(shown):,} more")
        return Text("\n".join(lines), no_wrap=True, overflow="crop")
