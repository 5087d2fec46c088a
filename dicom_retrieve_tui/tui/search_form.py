"""The search form: its fields, and the search that they make. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dates import parse_dates
from dicom_retrieve_tui.model.person_name import name_key
from dicom_retrieve_tui.model.search import Search

PRESETS = ("today", "yesterday", "last 7d", "last 30d", "last 1y")
"""Dates that F5 cycles through."""


@dataclass(frozen=True, slots=True)
class SearchField:
    """A field of the form."""

    name: str
    label: str
    hint: str


FIELDS = (
    SearchField("patient_id", "Patient ID", "P001*"),
    SearchField("accession_number", "Accession", "A2024-0815"),
    SearchField("patient_name", "Name", "family, given *"),
    SearchField("modality", "Modality", "CT"),
    SearchField("study_date", "Date", "2024-01..2024-03"),
    SearchField("study_description", "Described", "*thorax*"),
)


class SearchFault(ConfigError):
    """A field is invalid."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        """The field at fault."""


def empty_search() -> dict[str, str]:
    """Return the texts of an empty form."""
    return {field.name: "" for field in FIELDS}


def read_search(draft: Mapping[str, str], today: date) -> Search:
    """Parse the form into a search for studies.

    Raises:
        SearchFault: A field is invalid, or all of them are empty.
    """
    text = {name: value.strip() for name, value in draft.items()}
    dates = None
    if text["study_date"]:
        try:
            dates = parse_dates("Date", text["study_date"], today)
        except ConfigError as error:
            raise SearchFault("study_date", str(error)) from error
    try:
        search = Search(
            patient_id=text["patient_id"],
            patient_name=name_key(text["patient_name"]),
            accession_number=text["accession_number"],
            study_date=dates,
            modality=text["modality"].upper(),
            study_description=text["study_description"],
        )
    except ConfigError as error:
        raise SearchFault(FIELDS[0].name, str(error)) from error
    if not search.selective:
        raise SearchFault(
            FIELDS[0].name, "Fill in a field: without a key, a PACS would list every study."
        )
    return search
