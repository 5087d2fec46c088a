"""Studies of the demonstration PACS, built of plain attributes.

UIDs derive from names, so that the same study has the same UIDs every time.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID

from dicom_retrieve_tui.model.uids import (
    IMPLEMENTATION_CLASS_UID,
    IMPLEMENTATION_VERSION_NAME,
)

Attributes = Mapping[str, object]
"""Values by pydicom keyword."""

CHARACTER_SET = "ISO_IR 192"

_NAMESPACE = uuid.UUID("6c0d7a52-9f0b-4a5e-8a55-0d1f3a1c7b21")


@dataclass(frozen=True, slots=True)
class DemoInstance:
    """One SOP Instance, its file meta information included."""

    dataset: Dataset = field(repr=False)

    @property
    def sop_class_uid(self) -> str:
        """SOP Class UID (0008,0016)."""
        return str(self.dataset.SOPClassUID)

    @property
    def sop_instance_uid(self) -> str:
        """SOP Instance UID (0008,0018)."""
        return str(self.dataset.SOPInstanceUID)

    @property
    def series_instance_uid(self) -> str:
        """Series Instance UID (0020,000E)."""
        return str(self.dataset.SeriesInstanceUID)

    @property
    def transfer_syntax_uid(self) -> str:
        """Transfer Syntax UID (0002,0010): how the PACS stores it."""
        return str(self.dataset.file_meta.TransferSyntaxUID)

    def encode(self) -> bytes:
        """The data set in the syntax in which it is stored, without file meta information."""
        syntax = UID(self.transfer_syntax_uid)
        buffer = DicomBytesIO()
        buffer.is_implicit_VR = syntax.is_implicit_VR
        buffer.is_little_endian = syntax.is_little_endian
        write_dataset(buffer, self.dataset)
        return buffer.getvalue()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoStudy:
    """One study and its instances."""

    study_instance_uid: str
    patient_id: str
    description: str
    instances: tuple[DemoInstance, ...] = field(repr=False)

    @property
    def number_of_series(self) -> int:
        """Number of series."""
        return len({instance.series_instance_uid for instance in self.instances})

    @property
    def number_of_instances(self) -> int:
        """Number of instances."""
        return len(self.instances)


@dataclass(frozen=True, slots=True, kw_only=True)
class SeriesPlan:
    """A series before it has UIDs."""

    name: str
    """Unique in its study; the UIDs derive from it."""
    transfer_syntax_uid: str
    common: Attributes
    """The same in each instance: SOPClassUID, Modality, SeriesDescription and others."""
    instances: Iterable[Attributes]
    """Attributes that differ, pixels included."""


def build_study(name: str, common: Attributes, series: Iterable[SeriesPlan]) -> DemoStudy:
    """Build the instances of a study, series and instances numbered from 1.

    Args:
        name: Unique among studies; the UIDs derive from it.
        common: The same in each instance: patient and study.
    """
    study = {**common, "StudyInstanceUID": uid_for(name)}
    instances = tuple(
        instance
        for number, plan in enumerate(series, start=1)
        for instance in _build_series(name, number, study, plan)
    )
    return DemoStudy(
        study_instance_uid=uid_for(name),
        patient_id=str(common["PatientID"]),
        description=str(common["StudyDescription"]),
        instances=instances,
    )


def uid_for(*names: object) -> str:
    """Return the UID for these names. Source: PS3.5 annex B.2, UIDs derived from UUIDs."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, '/'.join(map(str, names))).int}"


def assign(dataset: Dataset, attributes: Attributes) -> None:
    """Set each attribute by its keyword."""
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)


def _build_series(
    study_name: str, number: int, study: Attributes, plan: SeriesPlan
) -> Iterator[DemoInstance]:
    for instance_number, attributes in enumerate(plan.instances, start=1):
        dataset = Dataset()
        assign(dataset, {"SpecificCharacterSet": CHARACTER_SET, **study, **plan.common})
        dataset.SeriesInstanceUID = uid_for(study_name, plan.name)
        dataset.SeriesNumber = number
        dataset.SOPInstanceUID = uid_for(study_name, plan.name, instance_number)
        dataset.InstanceNumber = instance_number
        assign(dataset, attributes)
        if "PixelData" in dataset:
            _finish_pixels(dataset, plan.transfer_syntax_uid)
        dataset.file_meta = _file_meta(dataset, plan.transfer_syntax_uid)
        yield DemoInstance(dataset)


def _finish_pixels(dataset: Dataset, transfer_syntax_uid: str) -> None:
    """Set the VR and the form of length of pixel data. Source: PS3.5 section 8.2 and annex A."""
    element = dataset["PixelData"]
    element.VR = "OW" if dataset.BitsAllocated > 8 else "OB"
    if UID(transfer_syntax_uid).is_encapsulated:
        element.VR = "OB"
        element.is_undefined_length = True


def _file_meta(dataset: Dataset, transfer_syntax_uid: str) -> FileMetaDataset:
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    meta.TransferSyntaxUID = UID(transfer_syntax_uid)
    meta.ImplementationClassUID = UID(IMPLEMENTATION_CLASS_UID)
    meta.ImplementationVersionName = IMPLEMENTATION_VERSION_NAME
    return meta
