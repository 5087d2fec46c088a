"""A study that a list names by its accession number or its patient, and not by its UID. Pure."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dicom_retrieve_tui.errors import ConfigError

if TYPE_CHECKING:
    from dicom_retrieve_tui.model.dates import DateRange
    from dicom_retrieve_tui.model.search import Search

_WILDCARDS = "*?"
_SEVERAL = re.compile(r"[\\\\/,;+ ]+")
_MODALITY = re.compile(r"[A-Z0-9_]{1,16}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Lookup:
    """What a line of a list has instead of a Study Instance UID; the PACS knows the UID.

    All that it has must be true of a study. A patient ID is shown nowhere: the number of its line
    tells who is meant.
    """

    line: int
    study_instance_uid: str = ""
    """Study Instance UID (0020,000D), where the series of the study have to be looked up."""
    accession_number: str = ""
    """Accession Number (0008,0050)."""
    patient_id: str = ""
    """Patient ID (0010,0020); beside an accession number, of its patient."""
    study_date: "DateRange | None" = None
    """Study Date (0008,0020)."""
    modalities: tuple[str, ...] = ()
    """Modalities in Study (0008,0061), all of them."""
    study_description: str = ""
    """Study Description (0008,1030), with wildcards."""
    series_description: str = ""
    """Series Description (0008,103E), with wildcards: only these series are wanted."""
    series_instance_uid: str | None = None
    sop_instance_uid: str | None = None
    """What of the study is wanted."""

    @classmethod
    def of(
        cls,
        *,
        line: int,
        study_date: str,
        modality: str,
        modalities_in_study: str,
        study_description: str,
        series_description: str,
        study_instance_uid: str = "",
        accession_number: str = "",
        patient_id: str = "",
        series_instance_uid: str | None = None,
        sop_instance_uid: str | None = None,
    ) -> "Lookup":
        """Return a lookup by the cells of a row.

        Raises:
            ConfigError: A criterion is invalid, or may mean several things.
        """
        return cls(
            line=line,
            study_instance_uid=study_instance_uid,
            accession_number=accession_number,
            patient_id=patient_id,
            study_date=_dates(study_date),
            modalities=_modalities(modality, modalities_in_study),
            study_description=_description("study description", study_description),
            series_description=_description("series description", series_description),
            series_instance_uid=series_instance_uid,
            sop_instance_uid=sop_instance_uid,
        )

    @property
    def search(self) -> "Search":
        """The question to the PACS."""
        from dicom_retrieve_tui.model.choices import Level  # noqa: PLC0415 - most lists hold UIDs
        from dicom_retrieve_tui.model.search import Search  # noqa: PLC0415

        return Search(
            level=Level.SERIES if self.series_description else Level.STUDY,
            study_instance_uid=self.study_instance_uid,
            accession_number=self.accession_number,
            patient_id=self.patient_id,
            study_date=self.study_date,
            modality=self.modalities[0] if self.modalities else "",
            study_description=self.study_description,
        )

    @property
    def subject(self) -> str:
        """What is looked for, to stand behind "with" or "of"."""
        if self.accession_number:
            subject = f"accession number {self.accession_number!r}"
        else:
            subject = "this patient ID" if self.patient_id else "this UID"
        return " and ".join([subject, *self._criteria()])

    def _criteria(self) -> list[str]:
        """The further criteria, in words."""
        criteria = [f"study date {self.study_date}"] if self.study_date else []
        criteria += [f"modality {each}" for each in self.modalities]
        if self.study_description:
            criteria.append(f"study description {self.study_description!r}")
        if self.series_description:
            criteria.append(f"series description {self.series_description!r}")
        return criteria


def _dates(text: str) -> "DateRange | None":
    if not text:
        return None
    from dicom_retrieve_tui.model.list_cells import cell_dates  # noqa: PLC0415 - likewise

    try:
        return cell_dates(text)
    except ConfigError as error:
        raise ConfigError(f"its StudyDate: {error}") from error


def _modalities(modality: str, in_study: str) -> tuple[str, ...]:
    """Return the modalities that a study must have.

    Raises:
        ConfigError: Several in the column of one may mean each of them, or any.
    """
    if len([each for each in _SEVERAL.split(modality) if each]) > 1:
        raise ConfigError(f"its Modality {modality!r} names several: write one row for each")
    named = [each for text in (modality, in_study) for each in _SEVERAL.split(text.upper()) if each]
    for each in named:
        if not _MODALITY.fullmatch(each):
            raise ConfigError(f"its Modality {each!r} is not a modality such as CT")
    return tuple(dict.fromkeys(named))


def _description(name: str, text: str) -> str:
    if "\\" in text or not text.isprintable():
        raise ConfigError(f"its {name} has a backslash or a control character")
    from dicom_retrieve_tui.model.list_cells import spoilt  # noqa: PLC0415 - likewise

    if fault := spoilt(text):
        raise ConfigError(f"its {name} {fault}")
    return text


def key_fault(text: str) -> str | None:
    """Return why `text` names no single accession number or patient, or None if it does."""
    if any(wildcard in text for wildcard in _WILDCARDS):
        return "has a wildcard, and a line stands for one"
    if len(text) > 64:
        return f"has {len(text)} characters, and 64 are the most"
    if "\\" in text or not text.isprintable():
        return "has a backslash or a control character"
    return None
