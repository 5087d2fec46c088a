"""The SOP classes of the services that we use. Source: PS3.4 annexes A and C.6."""

from dicom_retrieve_tui.model.choices import QueryModel

VERIFICATION = "1.2.840.10008.1.1"

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"

FIND = (STUDY_ROOT_FIND, PATIENT_ROOT_FIND)
MOVE = (STUDY_ROOT_MOVE, PATIENT_ROOT_MOVE)
GET = (STUDY_ROOT_GET, PATIENT_ROOT_GET)
"""The model that we prefer first: Study Root needs no Patient ID."""

SERVICES = frozenset({VERIFICATION, *FIND, *MOVE, *GET})
"""All others are storage."""

PATIENT_ROOT = frozenset({PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET})


def in_model(classes: tuple[str, ...], model: QueryModel) -> tuple[str, ...]:
    """Those of `classes` that are to be proposed."""
    if model is QueryModel.AUTO:
        return classes
    patient_root = model is QueryModel.PATIENT_ROOT
    return tuple(uid for uid in classes if (uid in PATIENT_ROOT) is patient_root)
