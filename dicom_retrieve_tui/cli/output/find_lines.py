"""How the matches of a search are written: columns between tabs, UIDs alone, or JSON. Pure.

The columns have the standard's keywords for headings, so that a spreadsheet opens them and
`--uid-list` reads them as it reads any table of studies.
"""

from collections.abc import Callable
from dataclasses import fields

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.search import ASK_BY_UID, Match, Search
from dicom_retrieve_tui.model.spreadsheet import as_text

Column = tuple[str, Callable[[Match], str]]


def _number(number: int | None) -> str:
    return "" if number is None else str(number)


_STUDY: tuple[Column, ...] = (
    ("StudyDate", lambda m: m.study_date),
    ("StudyTime", lambda m: m.study_time),
    ("PatientName", lambda m: m.patient_name),
    ("PatientID", lambda m: m.patient_id),
    ("PatientBirthDate", lambda m: m.patient_birth_date),
    ("AccessionNumber", lambda m: m.accession_number),
    ("StudyDescription", lambda m: m.study_description),
)
_STUDY_UID: Column = ("StudyInstanceUID", lambda m: m.study_instance_uid)
_SERIES: tuple[Column, ...] = (
    ("Modality", lambda m: ",".join(m.modalities)),
    ("SeriesNumber", lambda m: m.series_number),
    ("SeriesDescription", lambda m: m.series_description),
)
_SERIES_UID: Column = ("SeriesInstanceUID", lambda m: m.series_instance_uid)
_SOP_UID: Column = ("SOPInstanceUID", lambda m: m.sop_instance_uid)

COLUMNS: dict[Level, tuple[Column, ...]] = {
    Level.STUDY: (
        *_STUDY,
        ("ModalitiesInStudy", lambda m: ",".join(m.modalities)),
        ("NumberOfStudyRelatedSeries", lambda m: _number(m.number_of_series)),
        ("NumberOfStudyRelatedInstances", lambda m: _number(m.number_of_instances)),
        _STUDY_UID,
    ),
    Level.SERIES: (
        *_STUDY,
        *_SERIES,
        ("NumberOfSeriesRelatedInstances", lambda m: _number(m.number_of_instances)),
        _STUDY_UID,
        _SERIES_UID,
    ),
    Level.IMAGE: (
        *_STUDY,
        *_SERIES,
        ("InstanceNumber", lambda m: m.instance_number),
        ("SOPClassUID", lambda m: m.sop_class_uid),
        _STUDY_UID,
        _SERIES_UID,
        _SOP_UID,
    ),
}
UID_COLUMNS: dict[Level, tuple[Column, ...]] = {
    Level.STUDY: (_STUDY_UID,),
    Level.SERIES: (_STUDY_UID, _SERIES_UID),
    Level.IMAGE: (_STUDY_UID, _SERIES_UID, _SOP_UID),
}

_OF_A_SERIES = frozenset({"series_instance_uid", "series_number", "series_description"})
_OF_AN_INSTANCE = frozenset({"sop_instance_uid", "sop_class_uid", "instance_number"})
_LEFT_OUT = {
    Level.STUDY: _OF_A_SERIES | _OF_AN_INSTANCE,
    Level.SERIES: _OF_AN_INSTANCE,
    Level.IMAGE: frozenset[str](),
}


def heading(columns: tuple[Column, ...]) -> list[str]:
    """The cells of the first line."""
    return [title for title, _ in columns]


def row(columns: tuple[Column, ...], match: Match) -> list[str]:
    """The cells of one line: text for spreadsheets, and with its quotes for every reader."""
    return [_quoted(as_text(text(match))) for _, text in columns]


def _quoted(cell: str) -> str:
    doubled = cell.replace('"', '""')
    return f'"{doubled}"' if '"' in cell else cell


def record(match: Match) -> dict[str, object]:
    """A match for JSON, without what its level does not have."""
    left_out = _LEFT_OUT[match.level] | {"level"}
    return {f.name: getattr(match, f.name) for f in fields(match) if f.name not in left_out}


def with_flag(text: str) -> str:
    """Return advice to ask by UID with the flag that does it."""
    return text.replace(ASK_BY_UID, f"{ASK_BY_UID} (--study-uid)")


def said_of(search: Search) -> str:
    """The keys of a search in words, as they are sent."""
    keys = {
        "patient ID": search.patient_id,
        "patient name": search.patient_name,
        "accession number": search.accession_number,
        "date": str(search.study_date or ""),
        "modality": search.modality,
        "description": search.study_description,
        "study": search.study_instance_uid,
        "series": search.series_instance_uid,
    }
    return ", ".join(f"{name} {key}" for name, key in keys.items() if key) or "everything"
