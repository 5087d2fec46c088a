"""Export the queue as CSV: the rows that are shown, with all that is known of them."""

import csv
import io
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path

from dicom_retrieve_tui.atomic_file import replace_file
from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.storage.permissions import PRIVATE
from dicom_retrieve_tui.tui.cut_text import without_accession
from dicom_retrieve_tui.tui.queue_columns import Column
from dicom_retrieve_tui.tui.snapshot import Row
from dicom_retrieve_tui.tui.study_names import screen_verdict

_FORMULA = ("=", "+", "-", "@")
"""A spreadsheet calculates cells that begin so."""

_ALWAYS = ("STUDY INSTANCE UID", "LINE OF THE LIST", "STATE", "STORED", "EXPECTED", "REASON")


def csv_lines(rows: Iterable[Row], columns: Sequence[Column], *, hide_patients: bool) -> list[str]:
    """Return the lines of the file, a heading first.

    The Study Instance UID, the state and the reason are always there; a line without a study has
    its own column instead of a UID. Columns that name a patient
    are left out while patients are hidden.

    Args:
        rows: In the order of the table.
        columns: Those that have a text and are not left out.
        hide_patients: Leave out columns that name a patient.
    """
    named = [each for each in columns if each.text and not (each.masked and hide_patients)]
    lines = [_line([*(each.title for each in named), *_ALWAYS])]
    for row in rows:
        accession_number = row.identity.accession_number
        state = screen_verdict(row.verdict) if row.verdict else row.state.value
        cells = [
            *(each.text(row) for each in named if each.text),
            "" if row.sought else row.key.study_instance_uid,
            without_accession(row.sought, accession_number, hide=hide_patients),
            state,
            str(row.done),
            "" if row.expected is None else str(row.expected),
            without_accession(row.reason, accession_number, hide=hide_patients),
        ]
        lines.append(_line(cells))
    return lines


def write_csv(folder: Path, lines: Iterable[str], now: datetime) -> Path:
    """Write a new file into a folder and return its path.

    Raises:
        OSError: The folder is not writable.
    """
    PRIVATE.make_folder(folder)
    path = folder / f"queue-{now:%Y%m%d-%H%M%S}.csv"
    replace_file(path, lines)
    return path


def _line(cells: Iterable[str]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(map(_safe, cells))
    return text.getvalue()


def _safe(text: str) -> str:
    text = clean_text(text)
    return f"'{text}" if text.startswith(_FORMULA) else text
