"""What tests of the application are built from; every value can be named."""

from pathlib import Path

from dicom_retrieve_tui.model.address import Endpoint, PeerAE
from dicom_retrieve_tui.model.choices import Method
from dicom_retrieve_tui.model.options import RetrieveOptions
from dicom_retrieve_tui.model.selection import Selection
from dicom_retrieve_tui.model.study_identity import StudyIdentity
from dicom_retrieve_tui.tui.queue_entry import StudyRequest


def options(
    output: str = "/nowhere", *, parallel: int = 1, listen: int | None = None, profile: str = "prod"
) -> RetrieveOptions:
    peer = PeerAE(ae_title="PACS1", endpoint=Endpoint(host="pacs.test", port=104))
    return RetrieveOptions(
        profile=profile,
        method=Method.C_GET,
        parallel=parallel,
        retries=0,
        peer=peer,
        output=Path(output),
        timeout_s=30,
        listen=None if listen is None else (None, listen),
    )


def wanted(*uids: str, patient: str = "") -> list[StudyRequest]:
    return [
        StudyRequest(
            selection=Selection(study_instance_uid=uid),
            identity=StudyIdentity(patient_name=patient),
        )
        for uid in uids
    ]


def uids(number: int, root: str = "1.2.840.99") -> list[str]:
    return [f"{root}.{n}" for n in range(1, number + 1)]
