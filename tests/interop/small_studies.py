"""Many small studies for an Orthanc of a test's own."""

import io
import zipfile
from collections.abc import Sequence

from pydicom import Dataset, dcmwrite
from pydicom.dataset import FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, SecondaryCaptureImageStorage


def small_studies(uids: Sequence[str], instances: int, filling_bytes: int = 0) -> bytes:
    """Return a ZIP archive of studies, for `Orthanc.take_zip`.

    Args:
        uids: Their Study Instance UIDs.
        instances: Instances of each.
        filling_bytes: An even number by which each instance is larger.
    """
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as files:
        for uid in uids:
            for number in range(1, instances + 1):
                files.writestr(f"{uid}-{number}.dcm", _instance(uid, number, filling_bytes))
    return content.getvalue()


def names_of(uids: Sequence[str], instances: int) -> list[str]:
    """Return the names of their files in a flat layout, in order."""
    return sorted(f"{uid}.1.{number}.dcm" for uid in uids for number in range(1, instances + 1))


def _instance(study: str, number: int, filling_bytes: int) -> bytes:
    data_set = Dataset()
    data_set.SOPClassUID = SecondaryCaptureImageStorage
    data_set.StudyInstanceUID, data_set.SeriesInstanceUID = study, f"{study}.1"
    data_set.SOPInstanceUID = f"{study}.1.{number}"
    data_set.PatientID, data_set.PatientName = study[-3:], "Test^Small"
    data_set.Modality = "OT"
    if filling_bytes:
        data_set.EncapsulatedDocument = bytes(filling_bytes)
    data_set.file_meta = FileMetaDataset()
    data_set.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    buffer = io.BytesIO()
    dcmwrite(buffer, data_set, enforce_file_format=True)
    return buffer.getvalue()
