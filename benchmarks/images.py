"""One CT image as a pydicom data set."""

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import UID, CTImageStorage, ExplicitVRLittleEndian


def ct_image(
    *,
    name: str,
    study_uid: str,
    series_uid: str,
    sop_uid: UID,
    number: int,
    rows: int,
    pixels: bytes,
) -> Dataset:
    """An image of `rows` x `rows` pixels, as many attributes around them as most have."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = CTImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = sop_uid
    ds.StudyInstanceUID, ds.SeriesInstanceUID = study_uid, series_uid
    ds.PatientName, ds.PatientID = f"Bench^{name}", f"B-{name}"
    ds.PatientSex, ds.PatientBirthDate = "O", "19700101"
    ds.StudyDate, ds.StudyTime, ds.StudyID = "20240101", "120000", "1"
    ds.AccessionNumber, ds.ReferringPhysicianName = f"A-{name}", ""
    ds.Modality, ds.StudyDescription, ds.SeriesDescription = "CT", name, "benchmark"
    ds.SeriesNumber, ds.InstanceNumber = "1", str(number + 1)
    ds.Rows = ds.Columns = rows
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.PixelSpacing, ds.SliceThickness = ["0.7", "0.7"], "1"
    ds.ImagePositionPatient = ["0", "0", str(number)]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.PixelData = pixels
    ds["PixelData"].VR = "OW"
    return ds
