"""A study that somebody knows by its accession number or its patient, and not by its UID. Pure."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.search import Search

_WILDCARDS = "*?"


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a line of a list says instead of a Study Instance UID; the PACS knows the UID.

    A patient ID is shown nowhere: the number of its line tells who is meant.
    """

    line: int
    accession_number: str = ""
    """Accession Number (0008,0050)."""
    patient_id: str = ""
    """Patient ID (0010,0020); beside an accession number, of its patient."""
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    """What of the study is wanted."""

    @property
    def search(self) -> "Search":
        """The question to the PACS."""
        from dicom_retrieve_tui.model.search import Search  # noqa: PLC0415 - most lists hold UIDs

        return Search(accession_number=self.accession_number, patient_id=self.patient_id)

    @property
    def subject(self) -> str:
        """What is looked for, to stand behind "with" or "of"."""
        if self.accession_number:
            return f"accession number {self.accession_number!r}"
        return "this patient ID"


def key_fault(text: str) -> str | None:
    """Say why `text` names no single accession number or patient, or None if it does."""
    if any(wildcard in text for wildcard in _WILDCARDS):
        return "has a wildcard, and a line stands for one"
    if len(text) > 64:
        return f"has {len(text)} characters, and 64 are the most"
    if "\\" in text or not text.isprintable():
        return "has a backslash or a control character"
    return None
