"""Patients on the screen: every name and ID that is shown goes through here."""

from dicom_retrieve_tui.model.sanitize import clean_text

MASKED = "•••"


def shown_patient(text: str, *, hide: bool) -> str:
    """A patient's name or ID as the screen may show it; empty stays empty."""
    return MASKED if hide and text else clean_text(text)
