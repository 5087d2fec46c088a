"""Searches in a PACS by C-FIND: keys to ask for, matches, and which answers to trust.

Values are decoded text; the network encodes and decodes them.
Source: PS3.4 sections C.2.2.2 and C.6.2.1.
"""

import fnmatch
from dataclasses import dataclass, replace

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange, dicom_date
from dicom_retrieve_tui.model.sanitize import check_text, parts_of
from dicom_retrieve_tui.model.uids import uid_fault


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """The studies, series or instances to list. An empty key matches everything.

    Texts may contain the wildcards `*` and `?`. An invalid search raises `ConfigError`.
    """

    level: Level = Level.STUDY
    """What to list: the studies that match, their series, or the instances of these."""
    patient_id: str = ""
    patient_name: str = ""
    """In the form that is sent; see `person_name.name_key`."""
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
        """True if there is any key, so that the whole archive is not listed."""
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
    """One study, series or instance that a PACS lists, its texts decoded and safe for a screen.

    A series has the values of its study, and an instance those of its series. A text that the PACS
    omits is empty, and a number None.
    """

    level: Level
    patient_name: str = ""
    """As sent, `Yamada^Tarou=山田^太郎`; `person_name.name_text` formats it for a screen."""
    patient_id: str = ""
    patient_birth_date: str = ""
    study_date: str = ""
    """As sent, `20240131`; other dates likewise."""
    study_time: str = ""
    accession_number: str = ""
    study_description: str = ""
    modalities: tuple[str, ...] = ()
    """Of the study; the one of a series."""
    study_instance_uid: str = ""
    number_of_series: int | None = None
    """In the study."""
    number_of_instances: int | None = None
    """In the study; for a series, in the series."""
    series_instance_uid: str = ""
    series_number: str = ""
    series_description: str = ""
    sop_instance_uid: str = ""
    sop_class_uid: str = ""
    instance_number: str = ""

    @property
    def counted(self) -> bool:
        """True if the PACS counted series or instances, or listed modalities."""
        numbers = (self.number_of_series, self.number_of_instances)
        return any(number is not None for number in numbers) or bool(self.modalities)

    @property
    def uid(self) -> str:
        """The UID of its level."""
        return {
            Level.STUDY: self.study_instance_uid,
            Level.SERIES: self.series_instance_uid,
            Level.IMAGE: self.sop_instance_uid,
        }[self.level]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A note on the list, as a sentence."""

    text: str
    incomplete: bool = False
    """True if there may be more than was listed."""


ASK_BY_UID = "Ask for the study by its Study Instance UID"
"""The next step where answers prove nothing."""

Found = Match | Remark


STUDY_RETURN_KEYS = (
    tags.STUDY_DATE,
    tags.STUDY_TIME,
    tags.ACCESSION_NUMBER,
    tags.MODALITIES_IN_STUDY,
    tags.STUDY_DESCRIPTION,
    tags.PATIENT_NAME,
    tags.PATIENT_ID,
    tags.PATIENT_BIRTH_DATE,
    tags.STUDY_INSTANCE_UID,
    tags.NUMBER_OF_STUDY_RELATED_SERIES,
    tags.NUMBER_OF_STUDY_RELATED_INSTANCES,
)
_COUNTED_AT_STUDY = frozenset(
    {
        tags.MODALITIES_IN_STUDY,
        tags.NUMBER_OF_STUDY_RELATED_SERIES,
        tags.NUMBER_OF_STUDY_RELATED_INSTANCES,
    }
)
"""Keys that need a look at the series; some archives then fold all matches into one."""
_FEWEST_STUDY_KEYS = (tags.STUDY_INSTANCE_UID, tags.PATIENT_ID, tags.ACCESSION_NUMBER)

SERIES_RETURN_KEYS = (
    tags.MODALITY,
    tags.SERIES_DESCRIPTION,
    tags.SERIES_INSTANCE_UID,
    tags.SERIES_NUMBER,
    tags.NUMBER_OF_SERIES_RELATED_INSTANCES,
)
INSTANCE_RETURN_KEYS = (tags.SOP_CLASS_UID, tags.SOP_INSTANCE_UID, tags.INSTANCE_NUMBER)


def study_keys(search: Search) -> dict[int, str]:
    """Return the keys for the STUDY level."""
    return dict.fromkeys(STUDY_RETURN_KEYS, "") | {
        tags.STUDY_DATE: search.study_date.key if search.study_date else "",
        tags.ACCESSION_NUMBER: search.accession_number,
        tags.MODALITIES_IN_STUDY: search.modality,
        tags.STUDY_DESCRIPTION: search.study_description,
        tags.PATIENT_NAME: search.patient_name,
        tags.PATIENT_ID: search.patient_id,
        tags.STUDY_INSTANCE_UID: search.study_instance_uid,
    }


def fewest_study_keys(search: Search) -> dict[int, str]:
    """Return the keys that identify a study, without further return keys."""
    keys = study_keys(search)
    fewest = {tag: text for tag, text in keys.items() if text or tag in _FEWEST_STUDY_KEYS}
    # An archive that searches for modalities may fold its matches; this number shows it.
    return fewest | ({tags.NUMBER_OF_STUDY_RELATED_SERIES: ""} if search.modality else {})


def uncounted(keys: dict[int, str]) -> dict[int, str]:
    """Return the keys without those that need a look at the series of a study.

    Modalities are dropped even as a criterion: the series level shows them, too.
    """
    counted = _COUNTED_AT_STUDY | {tags.NUMBER_OF_SERIES_RELATED_INSTANCES}
    return {tag: text for tag, text in keys.items() if tag not in counted}


def series_keys(search: Search, study: Match) -> dict[int, str]:
    """Return the keys for the SERIES level, within one study."""
    return dict.fromkeys(SERIES_RETURN_KEYS, "") | {
        tags.STUDY_INSTANCE_UID: study.study_instance_uid,
        tags.SERIES_INSTANCE_UID: search.series_instance_uid,
        tags.MODALITY: search.modality,
    }


def instance_keys(search: Search, series: Match) -> dict[int, str]:
    """Return the keys for the IMAGE level, within one series."""
    return dict.fromkeys(INSTANCE_RETURN_KEYS, "") | {
        tags.STUDY_INSTANCE_UID: series.study_instance_uid,
        tags.SERIES_INSTANCE_UID: series.series_instance_uid,
        tags.SOP_INSTANCE_UID: search.sop_instance_uid,
    }


def study_match(values: dict[int, str]) -> Match:
    """Return the study of a response at the STUDY level."""
    return Match(
        level=Level.STUDY,
        patient_name=values.get(tags.PATIENT_NAME, ""),
        patient_id=values.get(tags.PATIENT_ID, ""),
        patient_birth_date=values.get(tags.PATIENT_BIRTH_DATE, ""),
        study_date=values.get(tags.STUDY_DATE, ""),
        study_time=values.get(tags.STUDY_TIME, ""),
        accession_number=values.get(tags.ACCESSION_NUMBER, ""),
        study_description=values.get(tags.STUDY_DESCRIPTION, ""),
        modalities=parts_of(values.get(tags.MODALITIES_IN_STUDY, "")),
        study_instance_uid=values.get(tags.STUDY_INSTANCE_UID, ""),
        number_of_series=tags.count_value(values.get(tags.NUMBER_OF_STUDY_RELATED_SERIES, "")),
        number_of_instances=tags.count_value(
            values.get(tags.NUMBER_OF_STUDY_RELATED_INSTANCES, "")
        ),
    )


def series_match(values: dict[int, str], study: Match) -> Match:
    """Return the series of `study` of a response at the SERIES level."""
    return replace(
        study,
        level=Level.SERIES,
        modalities=parts_of(values.get(tags.MODALITY, "")),
        number_of_instances=tags.count_value(
            values.get(tags.NUMBER_OF_SERIES_RELATED_INSTANCES, "")
        ),
        series_instance_uid=values.get(tags.SERIES_INSTANCE_UID, ""),
        series_number=values.get(tags.SERIES_NUMBER, ""),
        series_description=values.get(tags.SERIES_DESCRIPTION, ""),
    )


def instance_match(values: dict[int, str], series: Match) -> Match:
    """Return the instance of `series` of a response at the IMAGE level."""
    return replace(
        series,
        level=Level.IMAGE,
        sop_instance_uid=values.get(tags.SOP_INSTANCE_UID, ""),
        sop_class_uid=values.get(tags.SOP_CLASS_UID, ""),
        instance_number=values.get(tags.INSTANCE_NUMBER, ""),
    )


STUDY_DATE = "study date"
MODALITY = "modality"
"""Keys in words."""


def ignored_key(search: Search, match: Match) -> str | None:
    """Return the key that `match` contradicts, in words, or None.

    A PACS may ignore an optional key (PS3.4 section C.2.2.1.3) and list the whole archive. Names
    are not checked: a PACS may know other spellings.
    """
    uids = (
        (search.study_instance_uid, match.study_instance_uid, "Study Instance UID"),
        (search.series_instance_uid, match.series_instance_uid, "Series Instance UID"),
        (search.sop_instance_uid, match.sop_instance_uid, "SOP Instance UID"),
    )
    for wanted, returned, name in uids:
        if wanted and returned and returned != wanted:
            return name
    if not _date_fits(search.study_date, match.study_date):
        return STUDY_DATE
    if search.modality and match.modalities and not any_fits(search.modality, match.modalities):
        return MODALITY
    texts = (
        (search.patient_id, match.patient_id, "patient ID"),
        (search.accession_number, match.accession_number, "accession number"),
        (f"*{search.study_description}*", match.study_description, "study description"),
    )
    for pattern, returned, name in texts:
        values = (returned.strip(), *parts_of(returned))
        if pattern and returned.strip() and not any_fits(pattern, values):
            return name
    return None


def unproven_key(search: Search, match: Match) -> str | None:
    """Return the key, in words, that was searched for and that `match` does not return, or None.

    A PACS that ignores a key and does not return it may list any study: such a response is not a
    match. Modalities in Study is an exception, because the series level shows them, too.
    """
    texts = (
        (search.patient_id, match.patient_id, "patient ID"),
        (search.accession_number, match.accession_number, "accession number"),
        (search.patient_name, match.patient_name, "patient name"),
        (search.study_description, match.study_description, "study description"),
    )
    for pattern, returned, name in texts:
        if pattern.strip("*") and not returned.strip():
            return name
    if search.study_date is not None and dicom_date(match.study_date) is None:
        return STUDY_DATE
    if match.level is not Level.STUDY and search.modality and not match.modalities:
        return MODALITY
    return None


def _date_fits(wanted: DateRange | None, returned: str) -> bool:
    day = dicom_date(returned)
    return wanted is None or day is None or wanted.holds(day)


def any_fits(pattern: str, values: tuple[str, ...]) -> bool:
    """Return True if any of the values matches a pattern with wildcards, ignoring case."""
    # A bracket opens a set in fnmatch, but not in DICOM.
    glob = pattern.lower().replace("[", "[[]")
    return any(fnmatch.fnmatchcase(each.lower(), glob) for each in values)
