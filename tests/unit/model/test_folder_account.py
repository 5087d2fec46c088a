from dicom_retrieve_tui.model.folder_account import UNFINISHED, StudyAccount, total_of


def test_what_came_since_an_attempt_was_interrupted_is_not_missing() -> None:
    study = StudyAccount(
        study_instance_uid="1.2", verdict=UNFINISHED, reason="", expected=100, stored=27, missing=83
    )

    totals = total_of([study], examples_max=1)

    assert (totals.stored, totals.missing, totals.left) == (27, 73, 73)
