"""What to look for, as text that a person edits, and the search that it makes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.dates import parse_dates
from dicom_retrieve_tui.model.person_name import name_key
from dicom_retrieve_tui.model.search import Search

PRESETS = ("today", "yesterday", "last 7d", "last 30d", "last 1y")
"""Dates that one key chooses."""


@dataclass(frozen=True, slots=True)
class SearchField:
    """One line of the form."""

    name: str
    label: str
    hint: str


FIELDS = (
    SearchField("patient_id", "Patient ID", "P001*"),
    SearchField("accession_number", "Accession", "A2024-0815"),
    SearchField("patient_name", "Name", "family, given; * and ?"),
    SearchField("modality", "Modality", "CT"),
    SearchField("study_date", "Date", "2024-01..2024-03"),
    SearchField("study_description", "Described", "*thorax*"),
)


class SearchFault(ConfigError):
    """A search that cannot be meant."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field
        """Where to mend it."""


def empty_search() -> dict[str, str]:
    """A form that nobody has touched."""
    return {field.name: "" for field in FIELDS}


def read_search(draft: Mapping[str, str], today: date) -> Search:
    """The search that a form makes, for studies.

    Raises:
        SearchFault: A field cannot be meant, or all of them are empty.
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
            FIELDS[0].name, "Say what to look for: without any key, a PACS lists all that it has."
        )
    return search
