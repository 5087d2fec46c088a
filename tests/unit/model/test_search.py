"""What may be searched for, what is asked at each level, and what is believed."""

from dataclasses import replace
from datetime import date

import pytest

from dicom_retrieve_tui.errors import ConfigError
from dicom_retrieve_tui.model import tags
from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.dates import DateRange
from dicom_retrieve_tui.model.search import (
    Match,
    Search,
    ignored_key,
    series_keys,
    series_match,
    study_keys,
    study_match,
)

_STUDY = Match(level=Level.STUDY, study_instance_uid="1.2.3", patient_name="Doe^John")


@pytest.mark.parametrize(
    ("keys", "said"),
    [
        ({"study_instance_uid": "1.*"}, "wildcard"),
        ({"series_instance_uid": "1.2"}, "needs the Study Instance UID"),
        ({"study_instance_uid": "1.2", "sop_instance_uid": "1.2.3"}, "needs the Series Instance"),
        ({"patient_id": "a\\b"}, "backslash"),
        ({"study_description": "a\nb"}, "control character"),
    ],
)
def test_an_invalid_search_is_not_made(keys: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        Search(**keys)  # type: ignore[arg-type]


@pytest.mark.parametrize("keys", [{}, {"patient_name": "*"}, {"patient_id": "", "modality": ""}])
def test_a_search_without_a_key_selects_nothing(keys: dict[str, str]) -> None:
    assert not Search(**keys).selective  # type: ignore[arg-type]


def test_a_search_with_any_key_is_selective() -> None:
    assert Search(study_date=DateRange(date(2024, 1, 1), None)).selective
    assert Search(accession_number="A1").selective


def test_studies_are_asked_for_with_every_key_and_no_empty_uid_as_one() -> None:
    keys = study_keys(
        Search(
            patient_id="P1",
            patient_name="Doe*",
            modality="CT",
            study_date=DateRange(date(2024, 1, 1), date(2024, 1, 31)),
        )
    )

    assert {tag: key for tag, key in keys.items() if key} == {
        tags.PATIENT_ID: "P1",
        tags.PATIENT_NAME: "Doe*",
        tags.MODALITIES_IN_STUDY: "CT",
        tags.STUDY_DATE: "20240101-20240131",
    }
    assert tags.SERIES_INSTANCE_UID not in keys


def test_series_are_asked_for_within_their_study() -> None:
    keys = series_keys(Search(modality="CT"), _STUDY)

    assert keys[tags.STUDY_INSTANCE_UID] == "1.2.3"
    assert keys[tags.MODALITY] == "CT"
    assert tags.MODALITIES_IN_STUDY not in keys


def test_a_series_keeps_what_is_known_of_its_study() -> None:
    series = series_match(
        {tags.SERIES_INSTANCE_UID: "1.2.3.1", tags.NUMBER_OF_SERIES_RELATED_INSTANCES: "12"}, _STUDY
    )

    assert (series.level, series.uid) == (Level.SERIES, "1.2.3.1")
    assert (series.patient_name, series.number_of_instances) == ("Doe^John", 12)


@pytest.mark.parametrize("text", ["", "-1", "many", "1" * 20])
def test_a_count_that_is_none_is_left_out(text: str) -> None:
    match = study_match({tags.NUMBER_OF_STUDY_RELATED_SERIES: text})

    assert match.number_of_series is None


_TOLD = replace(
    _STUDY,
    study_date="20240115",
    modalities=("CT", "SR"),
    patient_id="P1",
    accession_number="A1",
    study_description="CT Head [plain]",
)


@pytest.mark.parametrize(
    ("search", "ignored"),
    [
        (Search(), None),
        (Search(patient_id="P*", accession_number="a1", modality="SR"), None),
        (Search(study_description="head [plain]"), None),
        (Search(patient_name="Somebody else"), None),
        (Search(study_instance_uid="1.2.4"), "Study Instance UID"),
        (Search(study_date=DateRange(date(2024, 2, 1), None)), "study date"),
        (Search(modality="MR"), "modality"),
        (Search(patient_id="P2"), "patient ID"),
        (Search(accession_number="A"), "accession number"),
        (Search(study_description="knee"), "study description"),
    ],
)
def test_an_answer_that_contradicts_a_key_is_known(search: Search, ignored: str | None) -> None:
    assert ignored_key(search, _TOLD) == ignored


def test_what_a_pacs_leaves_out_contradicts_nothing() -> None:
    search = Search(modality="MR", patient_id="P2", study_date=DateRange(date(2024, 2, 1), None))

    assert ignored_key(search, _STUDY) is None
