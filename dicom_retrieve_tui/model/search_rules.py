"""The rules of a C-FIND: what is asked at each level, and what may be believed of the answers.

This module does no I/O; keys and values are text, and the network knows how they are encoded.
Source: PS3.4 sections C.2.2.2 and C.6.2.1.
"""

import fnmatch
from dataclasses import replace

from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange, dicom_date
from dicom_retrieve_tui.model.sanitize import parts_of
from dicom_retrieve_tui.model.search import Match, Search

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
"""Keys for which an archive looks at more than the study itself; some fold all matches into one."""
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
    """What to ask for at the STUDY level."""
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
    """Return what names a study and proves that it is meant; no other return key."""
    keys = study_keys(search)
    fewest = {tag: text for tag, text in keys.items() if text or tag in _FEWEST_STUDY_KEYS}
    # An archive that looks for modalities may fold its matches, which this number shows.
    return fewest | ({tags.NUMBER_OF_STUDY_RELATED_SERIES: ""} if search.modality else {})


def uncounted(keys: dict[int, str]) -> dict[int, str]:
    """Return the same question without keys that an archive has to look into studies for.

    Modalities are among them, also as a criterion: the series of a study tell them as well.
    """
    counted = _COUNTED_AT_STUDY | {tags.NUMBER_OF_SERIES_RELATED_INSTANCES}
    return {tag: text for tag, text in keys.items() if tag not in counted}


def series_keys(search: Search, study: Match) -> dict[int, str]:
    """What to ask for at the SERIES level, within one study."""
    return dict.fromkeys(SERIES_RETURN_KEYS, "") | {
        tags.STUDY_INSTANCE_UID: study.study_instance_uid,
        tags.SERIES_INSTANCE_UID: search.series_instance_uid,
        tags.MODALITY: search.modality,
    }


def instance_keys(search: Search, series: Match) -> dict[int, str]:
    """What to ask for at the IMAGE level, within one series."""
    return dict.fromkeys(INSTANCE_RETURN_KEYS, "") | {
        tags.STUDY_INSTANCE_UID: series.study_instance_uid,
        tags.SERIES_INSTANCE_UID: series.series_instance_uid,
        tags.SOP_INSTANCE_UID: search.sop_instance_uid,
    }


def study_match(values: dict[int, str]) -> Match:
    """The study that an answer at the STUDY level describes."""
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
    """The series of `study` that an answer at the SERIES level describes."""
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
    """The instance of `series` that an answer at the IMAGE level describes."""
    return replace(
        series,
        level=Level.IMAGE,
        sop_instance_uid=values.get(tags.SOP_INSTANCE_UID, ""),
        sop_class_uid=values.get(tags.SOP_CLASS_UID, ""),
        instance_number=values.get(tags.INSTANCE_NUMBER, ""),
    )


STUDY_DATE = "study date"
MODALITY = "modality"


def ignored_key(search: Search, match: Match) -> str | None:
    """The key that `match` contradicts, in words, or None: some archives ignore what is asked.

    A PACS may ignore an optional key (PS3.4 section C.2.2.1.3), and the whole archive comes. Names
    are left to it: one that knows other spellings finds more than we could justify.
    """
    uids = (
        (search.study_instance_uid, match.study_instance_uid, "Study Instance UID"),
        (search.series_instance_uid, match.series_instance_uid, "Series Instance UID"),
        (search.sop_instance_uid, match.sop_instance_uid, "SOP Instance UID"),
    )
    for wanted, told, name in uids:
        if wanted and told and told != wanted:
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
    for pattern, told, name in texts:
        if pattern and told.strip() and not any_fits(pattern, (told.strip(), *parts_of(told))):
            return name
    return None


def unproven_key(search: Search, match: Match) -> str | None:
    """Return the key, in words, that was asked for and that `match` does not return, or None.

    A PACS that ignores a key and does not return it answers with the studies of anyone: such an
    answer is not a match. Modalities in Study is an exception, for the series tell it as well.
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


def _date_fits(wanted: DateRange | None, told: str) -> bool:
    day = dicom_date(told)
    return wanted is None or day is None or wanted.holds(day)


def any_fits(pattern: str, told: tuple[str, ...]) -> bool:
    """True if any of the values matches the pattern, with wildcards and whatever its case."""
    # In fnmatch a bracket opens a set; in DICOM it is a bracket.
    glob = pattern.lower().replace("[", "[[]")
    return any(fnmatch.fnmatchcase(each.lower(), glob) for each in told)
