"""No value of a study changes the words of a command."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.model.hook_command import StudyHook, parse_study_command


@given(st.text(), st.text())
def test_no_value_makes_a_further_word_or_another_placeholder(uid: str, folder: str) -> None:
    hook = StudyHook(study_instance_uid=uid, folder=folder, output="/data", instances=3)
    argv = parse_study_command("--on-study", "x {folder} {study} end").argv(hook.values)

    assert len(argv) == 4
    assert argv[1] == folder
    assert argv[2].replace(".", "").isalnum()
