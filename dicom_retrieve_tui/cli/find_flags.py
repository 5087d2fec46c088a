"""The flags that `find` has for itself; those of a retrieval come from the table of options."""

from dicom_retrieve_tui.cli.parser_base import own_option
from dicom_retrieve_tui.model.choices import Level

_LEVELS = tuple(level.lower() for level in Level)

FIND_FLAGS = (
    own_option("patient_id", "Patient ID", "ID"),
    own_option("patient_name", "'Doe' begins with Doe; 'Doe, John' is exactly that", "NAME"),
    own_option("accession", "Accession Number", "NUMBER"),
    own_option("date", "2024-01-31, 2024-01, 2024-01-01..2024-03-31, today", "DATES"),
    own_option("last", "today and the time before: 7d, 2w, 6m, 1y", "TIME"),
    own_option("modality", "modality of any series of the study, such as CT", "M"),
    own_option("description", "Study Description; most PACS are case-sensitive", "TEXT"),
    own_option("study_uid", "Study Instance UID", "UID"),
    own_option("series_uid", "one series of that study", "UID"),
    own_option("all", "everything, if no key is given"),
    own_option(
        "level", "study, series or image", "LEVEL", default=Level.STUDY.lower(), choices=_LEVELS
    ),
    own_option("split", "split the dates where the PACS limits its answers"),
)
"""In the order of the help."""
