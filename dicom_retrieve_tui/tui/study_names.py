"""What a study is called on the screen: `CT Chest 2026-03-11, Example, Ada`. Pure."""

from dicom_retrieve_tui.model.sanitize import clean_text
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.model.verdict import Verdict
from dicom_retrieve_tui.tui.cut_text import cut, shown_patient

_DESCRIPTION_MAX = 48


def screen_verdict(verdict: Verdict) -> str:
    """Return a verdict in the words of the screen, where a cancelled study is a stopped one."""
    return "stopped" if verdict is Verdict.CANCELLED else str(verdict)


def study_name(identity: StudyIdentity, *, hide_patients: bool, part: str = "") -> str:
    """Return modality, description, date and patient; empty if nothing of that is known.

    For the screen only: it names a patient unless `hide_patients` masks it.

    Args:
        identity: What is known of the study.
        hide_patients: Mask the patient.
        part: What is requested of the study; empty for all of it.
    """
    title = cut(clean_text(identity.title), _DESCRIPTION_MAX)
    patient = shown_patient(identity.patient, hide=hide_patients)
    name = ", ".join(filter(None, (title, patient)))
    return f"{part} of {name}" if part and name else name
