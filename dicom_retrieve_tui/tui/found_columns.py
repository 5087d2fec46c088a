"""The table of a search: columns that fit, cell texts, and requests for what is chosen. Pure."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.column_widths import ColumnSize, fit_columns
from dicom_retrieve_tui.model.humanize import shortened
from dicom_retrieve_tui.model.person_name import name_text
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.model.selection import Selection, join
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.cut_text import cut, shown_patient
from dicom_retrieve_tui.tui.found_match import FoundMatch
from dicom_retrieve_tui.tui.queue_entry import StudyRequest

MARK = "mark"
DATE = "date"
NUMBER = "number"
PACS = "pacs"
PADDING = 1
"""Cells on each side of a column."""
_GROW_MAX = 40


@dataclass(frozen=True, slots=True)
class FoundColumn:
    """A column of the table."""

    name: str
    title: str
    width: int
    """Cells; the least width of a growing column."""
    text: Callable[[Match], str]
    patient: bool = False
    """True if it leads to a patient, and can be masked."""
    right: bool = False
    grows: bool = False
    rank: int = 0
    """0 for a column that is always there; of the others, the lowest is taken first."""


def _day(match: Match) -> str:
    day = match.study_date
    return f"{day[:4]}-{day[4:6]}-{day[6:]}" if len(day) == 8 and day.isdigit() else day


def _time(match: Match) -> str:
    time = match.study_time
    return f"{time[:2]}:{time[2:4]}" if time[:4].isdigit() and len(time) >= 4 else time


def _number(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


_MARK = FoundColumn(MARK, "", 1, lambda _: "")
_STUDY = (
    _MARK,
    FoundColumn(DATE, "DATE", 10, _day),
    FoundColumn("time", "TIME", 5, _time, rank=2),
    FoundColumn(
        "name", "PATIENT", 12, lambda m: name_text(m.patient_name), patient=True, grows=True
    ),
    FoundColumn("id", "ID", 9, lambda m: m.patient_id, patient=True, rank=1),
    FoundColumn("modality", "MOD", 5, lambda m: "/".join(m.modalities)),
    FoundColumn("series", "SER", 4, lambda m: _number(m.number_of_series), right=True,
                rank=3),
    FoundColumn("instances", "INST.", 6, lambda m: _number(m.number_of_instances), right=True),
    FoundColumn("description", "DESCRIPTION", 11, lambda m: m.study_description, grows=True),
    FoundColumn(PACS, "PACS", 8, lambda _: "", grows=True),
    FoundColumn("accession", "ACCESSION", 14, lambda m: m.accession_number, patient=True,
                rank=4),
)  # fmt: skip
_SERIES = (
    _MARK,
    FoundColumn(NUMBER, "NO", 5, lambda m: m.series_number, right=True),
    FoundColumn("modality", "MOD", 5, lambda m: "/".join(m.modalities)),
    FoundColumn("instances", "INST.", 6, lambda m: _number(m.number_of_instances), right=True),
    FoundColumn("description", "DESCRIPTION", 16, lambda m: m.series_description, grows=True),
    FoundColumn("uid", "SERIES", 24, lambda m: m.series_instance_uid),
)


def choosable(level: Level) -> tuple[FoundColumn, ...]:
    """Return the columns that a user may leave out."""
    columns = _SERIES if level is Level.SERIES else _STUDY
    return tuple(each for each in columns if each.name != MARK)


def found_columns(
    level: Level, width: int, hidden: Collection[str] = (), *, several: bool = False
) -> tuple[FoundColumn, ...]:
    """Return the columns that fit into `width` cells.

    Args:
        level: The level of the matches.
        width: Cells of the table.
        hidden: Names of the columns that the user leaves out; all of them if that left none.
        several: True if the matches are of several PACS, which then have a column.
    """
    ours = [each for each in choosable(level) if several or each.name != PACS]
    wanted = [each for each in ours if each.name not in hidden]
    columns = [_MARK, *(wanted or ours)]
    if several:
        # The PACS takes the room of the description, which gives way first.
        columns = [replace(each, rank=_rank_beside_pacs(each)) for each in columns]
    sizes = [ColumnSize(name=each.name, least=each.width, rank=each.rank) for each in columns]
    growth = {each.name: each.width + _GROW_MAX for each in columns if each.grows}
    widths = fit_columns(sizes, width - 2 * PADDING, gap=2 * PADDING, growth=[growth])
    return tuple(replace(each, width=widths[each.name]) for each in columns if each.name in widths)


def _rank_beside_pacs(column: FoundColumn) -> int:
    return 1 if column.name == "description" else column.rank and column.rank + 1


def found_text(column: FoundColumn, found: FoundMatch, *, hide_patients: bool) -> str:
    """Return the text of a cell."""
    text = clean_text(found.pacs if column.name == PACS else column.text(found.match))
    if column.patient:
        text = shown_patient(text, hide=hide_patients)
    text = shortened(text, column.width) if column.name == "uid" else cut(text, column.width)
    return text.rjust(column.width) if column.right else text


def requests_for(matches: Sequence[Match]) -> list[StudyRequest]:
    """Return a request for each study, in order, narrowed to its series where those were chosen."""
    by_study: dict[str, Match] = {}
    chosen: dict[str, list[Match]] = {}
    for match in matches:
        by_study.setdefault(match.study_instance_uid, match)
        chosen.setdefault(match.study_instance_uid, []).append(match)
    parts = (
        Selection.of(match.study_instance_uid, match.series_instance_uid or None)
        for match in matches
    )
    return [
        StudyRequest(
            selection=selection,
            identity=StudyIdentity.of_match(by_study[selection.study_instance_uid]),
            instances=_counted(chosen[selection.study_instance_uid]),
        )
        for selection in join(parts)
    ]


def _counted(matches: Sequence[Match]) -> int | None:
    """Return the instances that the PACS counts in these matches of one study; None if unknown."""
    whole = [match for match in matches if not match.series_instance_uid]
    counts = [match.number_of_instances for match in whole[:1] or matches]
    known = [number for number in counts if number is not None]
    return sum(known) if len(known) == len(counts) else None
