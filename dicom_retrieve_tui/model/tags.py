"""The attributes that we know by name, as group and element in one number. Source: PS3.6."""

SOP_CLASS_UID = 0x00080016
SOP_INSTANCE_UID = 0x00080018
QUERY_RETRIEVE_LEVEL = 0x00080052
FAILED_SOP_INSTANCE_UID_LIST = 0x00080058
MODALITY = 0x00080060
SOP_CLASSES_IN_STUDY = 0x00080062
PATIENT_ID = 0x00100020
STUDY_INSTANCE_UID = 0x0020000D
SERIES_INSTANCE_UID = 0x0020000E
NUMBER_OF_SERIES_RELATED_INSTANCES = 0x00201209

IDENTITY = frozenset({SOP_CLASS_UID, SOP_INSTANCE_UID, STUDY_INSTANCE_UID, SERIES_INSTANCE_UID})
"""What an instance must say of itself."""


def uid_text(value: bytes) -> str:
    """The value of a UID without its padding. Source: PS3.5 section 9.1."""
    return value.decode("latin-1").strip("\0 ")
