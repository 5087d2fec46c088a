"""What to look for in a PACS, and what it lists: plain values, whatever their encoding was."""

from dataclasses import dataclass

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.sanitize import check_text
from dicom_retrieve_tui.model.uids import uid_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """Which studies, series or instances to list. A key that is empty matches everything.

    Texts may hold the wildcards `*` and `?`. Making one raises `ConfigError` where it cannot be
    meant.
    """

    level: Level = Level.STUDY
    """What to list: the studies that match, their series, or the instances of these."""
    patient_id: str = ""
    patient_name: str = ""
    """As it is sent; see `person_name.name_key`."""
    accession_number: str = ""
    study_date: DateRange | None = None
    modality: str = ""
    """Modalities in Study (0008,0061) of the studies, Modality (0008,0060) of the series."""
    study_description: str = ""
    study_instance_uid: str = ""
    series_instance_uid: str = ""
    sop_instance_uid: str = ""

    def __post_init__(self) -> None:
        for name, text in self._texts().items():
            if "\\" in text or any(character < " " for character in text):
                raise ConfigError(f"The {name} {text!r} has a backslash or a control character.")
            check_text(f"The {name}", text)
        for name, uid in self._uids().items():
            if uid and (fault := uid_fault(uid)) is not None:
                raise ConfigError(f"The {name} {uid!r} {fault}.")
        if self.series_instance_uid and not self.study_instance_uid:
            raise ConfigError("A Series Instance UID needs the Study Instance UID as well.")
        if self.sop_instance_uid and not self.series_instance_uid:
            raise ConfigError("A SOP Instance UID needs the Series Instance UID as well.")

    @property
    def selective(self) -> bool:
        """True if there is any key, so that not the whole archive is listed."""
        texts = [*self._texts().values(), *self._uids().values()]
        return self.study_date is not None or any(text.strip("*") for text in texts)

    def _texts(self) -> dict[str, str]:
        return {
            "patient ID": self.patient_id,
            "patient name": self.patient_name,
            "accession number": self.accession_number,
            "modality": self.modality,
            "study description": self.study_description,
        }

    def _uids(self) -> dict[str, str]:
        return {
            "Study Instance UID": self.study_instance_uid,
            "Series Instance UID": self.series_instance_uid,
            "SOP Instance UID": self.sop_instance_uid,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One study, series or instance that a PACS lists. Every text is decoded, and fit for a screen.

    A series has the values of its study, and an instance those of its series. What the PACS left
    out is empty, and a number that it left out None.
    """

    level: Level
    patient_name: str = ""
    """As the PACS gives it, `Yamada^Tarou=山田^太郎`; `person_name.name_text` is for people."""
    patient_id: str = ""
    patient_birth_date: str = ""
    study_date: str = ""
    """`20240131`; so are the others."""
    study_time: str = ""
    accession_number: str = ""
    study_description: str = ""
    modalities: tuple[str, ...] = ()
    """Of the study; of a series, its one."""
    study_instance_uid: str = ""
    number_of_series: int | None = None
    """In the study."""
    number_of_instances: int | None = None
    """In the study; of a series, in the series."""
    series_instance_uid: str = ""
    series_number: str = ""
    series_description: str = ""
    sop_instance_uid: str = ""
    sop_class_uid: str = ""
    instance_number: str = ""

    @property
    def counted(self) -> bool:
        """True if the PACS looked into the study, or into the series, to describe it."""
        told = (self.number_of_series, self.number_of_instances)
        return any(number is not None for number in told) or bool(self.modalities)

    @property
    def uid(self) -> str:
        """What is unique at its level."""
        return {
            Level.STUDY: self.study_instance_uid,
            Level.SERIES: self.series_instance_uid,
            Level.IMAGE: self.sop_instance_uid,
        }[self.level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """Something about the list that its reader should know, as a sentence."""

    text: str
    incomplete: bool = False
    """There may be more than was listed."""


ASK_BY_UID = "Ask for the study by its Study Instance UID"
"""What helps where answers prove nothing."""

Found = Match | Remark
