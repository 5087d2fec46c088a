"""Well-formed streams of events, as runs of every kind would tell them."""

from dicom_retrieve_tui.model import events


def stored(study_uid: str, number: int, size_bytes: int = 1000) -> events.InstanceStored:
    return events.InstanceStored(
        study_instance_uid=study_uid,
        series_instance_uid=f"{study_uid}.1",
        sop_instance_uid=f"{study_uid}.1.{number}",
        sop_class_uid="1.2.840.10008.5.1.4.1.1.2",
        transfer_syntax_uid="1.2.840.10008.1.2.1",
        path=f"{study_uid}.1.{number}.dcm",
        size_bytes=size_bytes,
    )
