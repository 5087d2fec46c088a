"""The columns of the queue: which of them fit, and the text of each cell. Pure."""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from rich.cells import cell_len

from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns
from dicom_retrieve_tui.model.humanize import (
    clock_text,
    count,
    duration_text,
    rate_text,
    shortened,
    size_text,
)
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cut_text import bar, fit, shown_patient, without_accession
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
_PACS = "pacs"
_LIVE = frozenset({"rate", "eta"})
"""Columns with something to show while studies run or wait, and not after that."""
_ACCESSION = "accession"
_BEFORE_DESCRIPTION = 4
"""The rank of the accession number if studies were asked for by it."""
_WHOLE_ACCESSION = 16
"""The longest of the VR SH, and its widest column. Source: PS3.5 section 6.2."""
_TELLING = ("date", "description")
"""Columns that tell the studies of a patient apart; one of them is enough to do without a UID."""
_NAMING = ("patient", *_TELLING)
"""Columns by which people know a study; an empty one can show its UID."""
_BY_PATIENT = "patient ID"
"""The name of a line that was looked up by it begins so."""
_QUIET_S = 3
"""From here on, the bar is replaced by how long the PACS has been silent."""
_UID_LEAST = 6
"""Cells of a UID that still help."""
_GAP = 1
_FOR_NAMES = 24
"""Cells by which names and descriptions can grow; an ID beside a cut name helps less."""
_FOR_NAME_STARTS = 6
"""Cells by which they can grow beside a rate, so that they shrink little where it appears."""
# Names and descriptions first, up to what most need; then whole UIDs; then the bars.
_GROWTH = (
    {"patient": 24, "description": 24},
    {"uid": 24, "instances": 11, "progress": 14},
    {"patient": 32, "description": 40, "accession": 16, "progress": 20},
    {"uid": 56, "description": 48, "instances": 13},
    {"progress": 34},
)


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
    text: Callable[[Row], str] | None = None
    """The text of an attribute that not every row has; None for the state of the retrieval."""
    masked: bool = False
    """True if it leads to a patient."""
    reserve: int = 0
    """Cells that must remain for names and descriptions, or this column is left out."""
    beside_size: bool = False
    """True for the progress beside a column of the size, which it does not repeat."""


def _description(row: Row) -> str:
    """Return what the study is of, and that only a part of it is requested."""
    # A row without a name shows its UID here.
    if not row.part or not row.identity:
        return row.identity.study_description
    return " of ".join(filter(None, (row.part, row.identity.study_description)))


_STATE_COLUMNS = (
    Column("mark", "", 1),
    Column("state", "", 1, sort="state"),
)
_WHOSE = (
    Column("patient", "PATIENT", 12, sort="patient", rank=1, masked=True,
           text=lambda row: row.identity.patient),
    Column("date", "DATE", 10, sort="date", rank=2, text=lambda row: row.identity.day),
    Column("modality", "MOD", 5, sort="modality", rank=3, text=lambda row: row.identity.modality),
    Column("description", "DESCRIPTION", 14, sort="description", rank=5,
           text=_description),
    Column("id", "ID", 9, sort="id", rank=10, masked=True, reserve=_FOR_NAMES,
           text=lambda row: row.identity.patient_id if row.identity.patient_name else ""),
    Column(_ACCESSION, "ACCESSION", 10, sort="accession", rank=9, masked=True, reserve=_FOR_NAMES,
           text=lambda row: row.identity.accession_number),
    Column("pacs", "PACS", 10, sort="pacs", rank=7, text=lambda row: row.pacs),
)  # fmt: skip
_UID = Column("uid", "STUDY", 12, sort="uid", rank=11, reserve=_FOR_NAMES)
_PROGRESS = (
    Column("instances", "INSTANCES", 9, right=True, sort="instances"),
    Column("progress", "PROGRESS", 12, sort="state"),
    Column("rate", "RATE", 7, right=True, sort="rate", rank=6, reserve=_FOR_NAME_STARTS),
    Column("eta", "ETA", 7, right=True, sort="eta", rank=8, reserve=_FOR_NAME_STARTS),
    Column("size", "SIZE", 8, right=True, sort="size", rank=12, reserve=_FOR_NAMES),
)
CHOOSABLE = (*_WHOSE, _UID, *(column for column in _PROGRESS if column.rank))
"""The columns that a user may leave out."""


def columns_for(
    width: int,
    known: Collection[str],
    hidden: Collection[str] = (),
    *,
    live: bool = True,
    accession_cells: int = 0,
) -> tuple[Column, ...]:
    """Return the columns that fit into `width` cells.

    A wider table has every column of a narrower one. Until a date or a description is known, the
    UID names the study, and its accession number if that is known. An accession number by which a
    study was asked for is whole, and comes after date and modality and before the description.

    Args:
        width: Cells of the table.
        known: Names of the columns about the study that have a text in any row.
        hidden: Names of the columns that the user leaves out.
        live: False if no study runs or waits, so that rate and time left are empty.
        accession_cells: The longest accession number by which a study was asked for; 0 if none was.
    """
    whose = [each for each in _WHOSE if each.name in known and each.name not in hidden]
    named = any(each.name in _TELLING for each in whose)
    if accession_cells or not named:
        rank = _BEFORE_DESCRIPTION if named else 0
        cells = min(accession_cells, _WHOLE_ACCESSION)
        whose = [
            replace(each, rank=rank, reserve=0, width=max(each.width, cells))
            if each.name == _ACCESSION
            else each
            for each in whose
        ]
    uid = [_UID] if named and _UID.name not in hidden else [] if named else [replace(_UID, rank=0)]
    unused = frozenset(hidden) if live else _LIVE.union(hidden)
    rest = [
        each if named or each.name not in _LIVE else replace(each, reserve=0)
        for each in _PROGRESS
        if each.name not in unused
    ]
    order = (*_STATE_COLUMNS, *whose, *uid, *rest)
    sizes = [
        ColumnSize(name=each.name, least=each.width, rank=each.rank, reserve=each.reserve)
        for each in order
    ]
    widths = fit_columns(sizes, width, gap=_GAP, growth=_GROWTH)
    sized = "size" in widths
    return tuple(
        replace(each, width=widths[each.name], beside_size=sized and each.name == "progress")
        for each in order
        if each.name in widths
    )


class QueueColumns:
    """The columns that fit the table and have something to show."""

    def __init__(self) -> None:
        self._columns: tuple[Column, ...] = ()
        self._width = -1
        self._known: set[str] = set()
        self._pacs: set[str] = set()
        self._live = False
        self._accession_cells = 0
        self._hidden: frozenset[str] = frozenset()
        self._naming: tuple[Column, ...] = ()
        """Columns in which a row without a name can show its UID; none if that has a column."""

    @property
    def hidden(self) -> frozenset[str]:
        """The names of the columns that the user leaves out."""
        return self._hidden

    def fit(self, width: int) -> None:
        """Choose the columns that fit into `width` cells."""
        if width != self._width:
            self._width = width
            self._choose()

    def hide(self, names: Collection[str]) -> None:
        """Leave out the columns of these names, and no others."""
        self._hidden = frozenset(names)
        self._choose()

    def extend_for(self, rows: Sequence[Row]) -> bool:
        """Add columns for what these rows have and others had not; True if that changed."""
        known = self._known | {
            column.name
            for column in _WHOSE
            if column.name not in self._known
            and column.name != _PACS
            and any(column.text(row) for row in rows if column.text)
        }
        self._pacs.update(row.pacs for row in rows if row.pacs)
        cells = max((_accession_cells(row) for row in rows if row.by_accession), default=0)
        if cells > self._accession_cells:
            self._accession_cells = cells
            self._know(known)
            self._choose()
            return True
        return self._know(known)

    def forget_pacs(self, rows: Iterable[Row]) -> bool:
        """Leave out the column of the PACS if these rows, all that are left, have one or none."""
        self._pacs = {row.pacs for row in rows if row.pacs}
        return self._know(self._known)

    def show_live(self, *, live: bool) -> bool:
        """Show rate and time left while studies run or wait; True if that changed."""
        changed = live != self._live
        if changed:
            self._live = live
            self._choose()
        return changed

    def _know(self, known: set[str]) -> bool:
        known = known | {_PACS} if len(self._pacs) > 1 else known - {_PACS}
        new = known != self._known
        if new:
            self._known = known
            self._choose()
        return new

    @property
    def shown(self) -> tuple[Column, ...]:
        """The columns of the last frame."""
        return self._columns

    @property
    def exported(self) -> tuple[Column, ...]:
        """The columns about the studies that have a text and are not left out, at any width."""
        return tuple(
            each for each in _WHOSE if each.name in self._known and each.name not in self._hidden
        )

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
        stand_in = self._stand_in_of(row)
        return _line(
            cell_text(
                column,
                row,
                marked=marked,
                hide_patients=hide_patients,
                stands_in=column is stand_in,
            )
            for column in self._columns
        )

    def _choose(self) -> None:
        self._columns = columns_for(
            self._width,
            self._known,
            self._hidden,
            live=self._live,
            accession_cells=self._accession_cells,
        )
        names = [column.name for column in self._columns]
        self._naming = tuple(
            each for each in self._columns if each.name in _NAMING and _UID.name not in names
        )

    def _stand_in_of(self, row: Row) -> Column | None:
        """Return the column that names a line without a study, or a study that nothing names."""
        if row.sought:
            names = (*_NAMING, _UID.name)
            return next((each for each in self._columns if each.name in names), None)
        whose = row.identity
        texts = {
            "patient": whose.patient,
            "date": whose.day,
            "description": whose.study_description,
        }
        if any(texts[each.name] for each in self._naming if each.name in _TELLING):
            return None
        return next((each for each in self._naming if not texts[each.name]), None)


def _accession_cells(row: Row) -> int:
    """Return the cells of an accession number that was asked for; 1 if only its line is known."""
    return max(cell_len(clean_text(row.identity.accession_number)), 1)


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


def cell_text(
    column: Column, row: Row, *, marked: bool, hide_patients: bool, stands_in: bool = False
) -> str:
    """Return the text of a cell, as wide as its column.

    Args:
        column: One of `columns_for`.
        row: The entry.
        marked: True if the user has marked it.
        hide_patients: Mask the patient.
        stands_in: True if the cell names a line without a study, or, being empty, a study that
            no other cell names.
    """
    if row.sought:
        row = replace(row, sought=_sought(row, hide_patients=hide_patients))
    if column.name == "mark":
        return MARK if marked else " "
    if column.beside_size and row.state is State.DONE:
        text = _done(row, column.width, sized=True)
    elif column.text is None:
        text = _TEXTS[column.name](row, column.width)
    elif column.masked:
        text = shown_patient(column.text(row), hide=hide_patients)
    else:
        text = clean_text(column.text(row))
    if stands_in and (row.sought or not text):
        given = "" if hide_patients or row.sought else clean_text(row.identity.accession_number)
        text = given or _label(row, column.width)
    return fit(text, column.width, right=column.right)


def _sought(row: Row, *, hide_patients: bool) -> str:
    """Return a line without a study with the patient ID that it gives instead of an accession.

    It stands in the column of the patient, which would have that alone.
    """
    whose = row.identity
    if row.sought.startswith(f"{_BY_PATIENT},") and whose.patient_id:
        shown = shown_patient(whose.patient_id, hide=hide_patients)
        return row.sought.replace(_BY_PATIENT, f"{_BY_PATIENT} {shown}", 1)
    return without_accession(row.sought, whose.accession_number, hide=hide_patients)


def _label(row: Row, width: int) -> str:
    """Return the end of the UID, or the line for which no study was found."""
    if not row.sought:
        part = f"{row.part} of " if row.part and not row.identity else ""
        room = width - len(part)
        return part + shortened(row.key.study_instance_uid, room) if room >= _UID_LEAST else part
    text = clean_text(row.sought)
    if len(text) <= width:
        return text
    return text.removeprefix("accession ").removeprefix(f"{_BY_PATIENT} ")


def _instances(row: Row, width: int) -> str:
    if not row.expected and not row.done:
        return BLANK if row.state not in {State.RUNNING, State.RETRYING} else "?"
    if row.expected is None:
        return f"{row.done:,}"
    text = f"{row.done:,}/{row.expected:,}"
    # The column beside it shows how many of them came.
    return text if len(text) <= width else f"of {row.expected:,}"


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


def _done(row: Row, width: int, *, sized: bool = False) -> str:
    if row.verdict is Verdict.DELIVERED:
        return "delivered"
    if not row.received_bytes:
        return "already present"
    duration = duration_text(row.elapsed_s)
    if row.part:
        # Where the description has no column, nothing else says so.
        return (
            row.part if len(row.part) + len(duration) + 4 > width else f"{row.part} in {duration}"
        )
    whole = "complete" if sized else size_text(row.received_bytes)
    texts = (f"{whole} in {duration}", f"in {duration}")
    return next((text for text in texts if len(text) <= width), "complete")


def _failed(row: Row, width: int) -> str:
    if row.verdict is Verdict.PARTIAL:
        texts = (f"{count(row.failed, 'instance')} missing", f"{row.failed:,} missing")
        return next((text for text in texts if len(text) <= width), texts[-1])
    return str(row.verdict or "failed")


def _size_bytes(row: Row) -> int:
    return row.earlier_bytes + row.received_bytes


_TEXTS: dict[str, Callable[[Row, int], str]] = {
    "state": lambda row, _: GLYPHS[row.state],
    "uid": lambda row, width: "" if row.sought else _label(row, width),
    "instances": _instances,
    "progress": progress_text,
    "rate": lambda row, _: rate_text(row.instances_per_s) if row.instances_per_s else BLANK,
    "size": lambda row, _: size_text(_size_bytes(row)) if _size_bytes(row) else BLANK,
    "eta": lambda row, _: clock_text(row.eta_s) if row.eta_s is not None else BLANK,
}
