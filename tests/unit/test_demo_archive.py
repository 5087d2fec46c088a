"""The archive of the demonstration: people in several scripts, priors, and no UID twice."""

import unicodedata
from collections.abc import Sequence

import pytest

from dicom_retrieve_tui.demo.archive import demo_archive, year_of_studies
from dicom_retrieve_tui.demo.instances import DemoStudy


@pytest.fixture(scope="module")
def year() -> Sequence[DemoStudy]:
    return year_of_studies()


def test_twenty_patients_have_a_year_of_studies_and_some_have_priors(
    year: Sequence[DemoStudy],
) -> None:
    patients = [study.patient_id for study in year]
    days = sorted({str(study.instances[0].dataset.StudyDate) for study in year})

    assert len(set(patients)) == 20
    assert len(patients) > 40
    assert days[0] >= "20250407"
    assert days[-1] < "20260407"
    assert any(study.number_of_series > 3 for study in year)


def test_names_are_in_several_scripts(year: Sequence[DemoStudy]) -> None:
    names = "".join(str(study.instances[0].dataset.PatientName) for study in year)
    scripts = {unicodedata.name(letter).split()[0] for letter in names if letter.isalpha()}

    assert {
        "LATIN",
        "GREEK",
        "CYRILLIC",
        "CJK",
        "HIRAGANA",
        "HANGUL",
        "HEBREW",
        "ARABIC",
    } <= scripts


def test_no_uid_is_there_twice_and_the_same_ones_come_each_time(
    year: Sequence[DemoStudy],
) -> None:
    studies = demo_archive()
    uids = [each.sop_instance_uid for study in studies for each in study.instances]
    again = [each.sop_instance_uid for study in year for each in study.instances]

    assert len(set(uids)) == len(uids)
    assert uids[-len(again) :] == again
