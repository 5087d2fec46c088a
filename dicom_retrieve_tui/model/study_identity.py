"""Whose study it is, and which one: patient, date, modality, description, accession number.

Patient data: it is shown on the screen and never written to logs, reports or the journal.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from dicom_retrieve_tui.model.person_name import name_text

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.search import Match


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesIdentity:
    """One series of a study, as the PACS lists it; texts are empty where unknown."""

    series_instance_uid: str
    number: str = ""
    modality: str = ""
    description: str = ""
    expected: int | None = None
    """Instances that are wanted; None if the PACS does not list them."""
    present: int = 0
    """Instances of these that were on disk before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StudyIdentity:
    """The attributes by which users know a study; texts are decoded, and empty where unknown."""

    patient_name: str = ""
    """As sent, `Yamada^Tarou=山田^太郎`."""
    patient_id: str = ""
    study_date: str = ""
    """As sent, `20240131`."""
    modalities: tuple[str, ...] = ()
    study_description: str = ""
    accession_number: str = ""
    series: tuple[SeriesIdentity, ...] = ()
    """Known once the PACS has listed what is to be retrieved."""

    @classmethod
    def of_match(cls, match: "Match") -> "StudyIdentity":
        """Return the identity of a study, or of the study of a series, that C-FIND listed."""
        names = (each.name for each in fields(cls) if each.name != "series")
        return cls(**{name: getattr(match, name) for name in names})

    def __bool__(self) -> bool:
        """Return True if anything is known."""
        return any(getattr(self, each.name) for each in fields(self))

    def __or__(self, other: "StudyIdentity") -> "StudyIdentity":
        """Return this identity, with the values of `other` where it has none."""
        names = [each.name for each in fields(self)]
        return StudyIdentity(
            **{name: getattr(self, name) or getattr(other, name) for name in names}
        )

    @property
    def patient(self) -> str:
        """The patient for the screen: name, else ID."""
        return name_text(self.patient_name) or self.patient_id

    @property
    def day(self) -> str:
        """The date for the screen: `2024-01-31`, or the text of the PACS if it is not a date."""
        date = self.study_date
        return f"{date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 and date.isdigit() else date

    @property
    def modality(self) -> str:
        """The modalities for the screen: `CT/SR`."""
        return "/".join(self.modalities)

    @property
    def title(self) -> str:
        """The study without its patient: `CT Chest 2026-03-11`; empty if nothing is known."""
        named = self.study_description.upper().split(" ")[0] == self.modality.upper()
        modality = "" if named else self.modality
        return " ".join(filter(None, (modality, self.study_description, self.day)))


UNIDENTIFIED = StudyIdentity()

Identified = Callable[[str, StudyIdentity], None]
"""Receives a Study Instance UID and the identity of that study."""
