"""What people call a study by."""

from dicom_retrieve_tui.model.choices import Level
from dicom_retrieve_tui.model.search import Match
from dicom_retrieve_tui.model.study_identity import StudyIdentity


def test_a_match_of_c_find_has_the_identity_of_its_study() -> None:
    match = Match(
        level=Level.STUDY,
        patient_name="Example^Ada=例^ア",
        patient_id="T-1",
        study_date="20260311",
        modalities=("CT", "SR"),
        study_description="Chest",
        accession_number="A1",
    )

    identity = StudyIdentity.of_match(match)

    assert identity.patient == "Example, Ada (例 ア)"
    assert identity.title == "CT/SR Chest 2026-03-11"
    assert identity.accession_number == "A1"


def test_without_a_name_the_patient_is_the_id() -> None:
    assert StudyIdentity(patient_id="T-1").patient == "T-1"


def test_a_text_that_is_not_a_date_is_shown_as_it_came() -> None:
    assert StudyIdentity(study_date="11.03.2026").day == "11.03.2026"


def test_a_modality_that_begins_the_description_is_not_repeated() -> None:
    identity = StudyIdentity(
        modalities=("CT",), study_description="CT chest", study_date="20260311"
    )

    assert identity.title == "CT chest 2026-03-11"
