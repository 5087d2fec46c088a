"""The studies that the peers hold: pydicom's test files, made into studies of invented patients.

UIDs follow from names, so they are the same in each run and may stand in `parametrize`. Only files
that come inside pydicom's wheel are used; nothing is downloaded.

Both peers are made with DCMTK, which encodes anew what it sends: sequences get a length, trailing
padding goes, a blank value becomes empty. What is to arrive bit for bit as the peer holds it must
be written that way from the start; `_normalise` sees to it.
"""

from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from uuid import NAMESPACE_OID, uuid5

from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.uid import UID

from tests.interop.files import StoredInstance, read_part10

PRIVATE_SOP_CLASS = "1.2.826.0.1.3680043.8.498.1.20"
"""A class that no peer can know."""

_MULTI_FRAME_TRUE_COLOR = "1.2.840.10008.5.1.4.1.1.7.4"
_COMPUTED_RADIOGRAPHY = "1.2.840.10008.5.1.4.1.1.1"


def uid_of(name: str) -> str:
    """A valid UID that follows from a name. Source: PS3.5 annex B.2."""
    return f"2.25.{uuid5(NAMESPACE_OID, name).int}"


@dataclass(frozen=True, slots=True)
class Source:
    """A file of pydicom's that instances are made from."""

    file: str
    modality: str
    copies: int = 1
    sop_class_uid: str | None = None
    """Instead of the file's own."""


@dataclass(frozen=True, slots=True)
class Instance:
    """One SOP Instance of the corpus, and where in its study it belongs."""

    study_instance_uid: str
    series_instance_uid: str
    file: bytes = field(repr=False)
    """The DICOM file."""
    stored: StoredInstance

    @property
    def sop_instance_uid(self) -> str:
        return self.stored.sop_instance_uid

    @property
    def sop_class_uid(self) -> str:
        return self.stored.sop_class_uid

    @property
    def transfer_syntax_uid(self) -> str:
        return self.stored.transfer_syntax_uid


@dataclass(frozen=True, slots=True)
class Study:
    """A study, as it is to be made."""

    patient_id: str
    patient_name: str
    series: tuple[tuple[Source, ...], ...]
    character_set: str = ""
    """Specific Character Set (0008,0005) of the name; empty for that of the source."""

    @property
    def study_instance_uid(self) -> str:
        return uid_of(self.patient_id)

    @property
    def series_instance_uids(self) -> tuple[str, ...]:
        return tuple(uid_of(f"{self.patient_id}/{i}") for i in range(1, len(self.series) + 1))

    @property
    def instances(self) -> tuple[Instance, ...]:
        return _instances_of(self)

    @property
    def sop_instance_uids(self) -> frozenset[str]:
        return frozenset(instance.sop_instance_uid for instance in self.instances)

    def instances_of_series(self, series_instance_uid: str) -> tuple[Instance, ...]:
        return tuple(i for i in self.instances if i.series_instance_uid == series_instance_uid)


@cache
def _instances_of(study: Study) -> tuple[Instance, ...]:
    return tuple(
        _made_from(source, study, series_number, instance_number)
        for series_number, sources in enumerate(study.series, start=1)
        for instance_number, source in enumerate(
            (source for source in sources for _ in range(source.copies)), start=1
        )
    )


def _made_from(source: Source, study: Study, series_number: int, instance_number: int) -> Instance:
    series_name = f"{study.patient_id}/{series_number}"
    data_set = dcmread(_path_of(source.file))
    data_set.SOPClassUID = UID(source.sop_class_uid or data_set.SOPClassUID)
    data_set.SOPInstanceUID = UID(uid_of(f"{series_name}/{instance_number}"))
    data_set.SeriesInstanceUID = uid_of(series_name)
    data_set.StudyInstanceUID = study.study_instance_uid
    data_set.SeriesNumber = str(series_number)
    data_set.InstanceNumber = str(instance_number)
    data_set.Modality = source.modality
    _identify(data_set, study)
    _normalise(data_set)
    data_set.file_meta.MediaStorageSOPClassUID = data_set.SOPClassUID
    data_set.file_meta.MediaStorageSOPInstanceUID = data_set.SOPInstanceUID
    buffer = BytesIO()
    dcmwrite(buffer, data_set, enforce_file_format=True)
    return Instance(
        study_instance_uid=study.study_instance_uid,
        series_instance_uid=data_set.SeriesInstanceUID,
        file=buffer.getvalue(),
        stored=read_part10(buffer.getvalue()),
    )


def _identify(data_set: Dataset, study: Study) -> None:
    if study.character_set:
        data_set.SpecificCharacterSet = study.character_set.split("\\")
    data_set.PatientID = study.patient_id
    data_set.PatientName = study.patient_name
    data_set.PatientBirthDate = "19700101"
    data_set.StudyDate = "20200102"
    data_set.StudyTime = "030405"
    data_set.StudyID = study.patient_id
    data_set.AccessionNumber = f"A{study.patient_id}"


def _normalise(data_set: Dataset) -> None:
    data_set.pop("DataSetTrailingPadding", None)
    for element in data_set.iterall():
        if element.VR == "SQ":
            element.is_undefined_length = False
            for item in element.value:
                item.is_undefined_length_sequence_item = False
        elif isinstance(element.value, str) and not element.value.strip():
            element.value = ""
    if data_set.file_meta.TransferSyntaxUID.is_encapsulated:
        # Source: PS3.5 section A.4. Some of pydicom's files say OW.
        data_set["PixelData"].VR = "OB"


def _path_of(file: str) -> str:
    path = get_testdata_file(file, download=False)
    if not isinstance(path, str):
        raise FileNotFoundError(f"pydicom's wheel has no test file {file}")
    return path


_CT = Source("CT_small.dcm", "CT", copies=4)
_SECONDARY_CAPTURE = Source("SC_ybr_full_422_uncompressed.dcm", "OT")

CT_CHEST = Study("T-0001", "Test^Alpha", ((_CT,), (_CT,), (_CT,)))
"""Three series of four, Explicit VR Little Endian."""

MR_IMPLICIT = Study(
    "T-0002",
    "Yamada^Tarou=山田^太郎=やまだ^たろう",
    ((Source("MR_small_implicit.dcm", "MR", copies=3),),),
    "\\ISO 2022 IR 87",
)
"""Implicit VR Little Endian."""

US_JPEG_2000 = Study(
    "T-0003",
    "Hong^Gildong=洪^吉洞=홍^길동",
    ((Source("examples_jpeg2k.dcm", "US", copies=2),),) * 2,
    "\\ISO 2022 IR 149",
)
"""Two series of two, JPEG 2000 lossless."""

COMPRESSED = Study(
    "T-0004",
    "Wang^XiaoDong=王^小东",
    (
        (Source("examples_ybr_color.dcm", "US"),),
        (Source("SC_rgb_rle_2frame.dcm", "OT", sop_class_uid=_MULTI_FRAME_TRUE_COLOR),),
        (
            Source(
                "MR_small_jpeg_ls_lossless.dcm", "CR", copies=2, sop_class_uid=_COMPUTED_RADIOGRAPHY
            ),
        ),
    ),
    "GB18030",
)
"""30 frames in JPEG baseline, two frames in RLE, JPEG-LS lossless: each a class of its own."""

REPORTS = Study(
    "T-0005",
    "Prüfling^Jörg",
    ((Source("test-SR.dcm", "SR"), Source("reportsi.dcm", "SR")), (_SECONDARY_CAPTURE,)),
    "ISO_IR 100",
)
"""A comprehensive and a basic text SR, and an uncompressed secondary capture."""

MIXED = Study(
    "T-0006",
    "Wang^XiaoDong=王^小東",
    (
        (
            Source("MR_small.dcm", "MR"),
            Source("MR_small_implicit.dcm", "MR"),
            Source("MR_small_RLE.dcm", "MR"),
            Source("MR_small_jp2klossless.dcm", "MR"),
            Source("MR_small_jpeg_ls_lossless.dcm", "MR"),
        ),
        (Source("SC_rgb_jpeg_dcmtk.dcm", "OT"), _SECONDARY_CAPTURE, Source("image_dfl.dcm", "OT")),
    ),
    "ISO_IR 192",
)
"""One class in five transfer syntaxes, another in three, the last of them deflated."""

PRIVATE = Study(
    "T-0007",
    "Test^Eta",
    (
        (Source("MR_small.dcm", "OT", copies=2, sop_class_uid=PRIVATE_SOP_CLASS),),
        (Source("CT_small.dcm", "CT"),),
    ),
)
"""A private SOP class beside a plain CT."""

ONE_SYNTAX_PER_CLASS = (CT_CHEST, MR_IMPLICIT, US_JPEG_2000, COMPRESSED, REPORTS)
"""What any peer can hold and send; over all of them, each class has one transfer syntax."""

ALL_STUDIES = (*ONE_SYNTAX_PER_CLASS, MIXED, PRIVATE)

UNKNOWN_STUDY_INSTANCE_UID = uid_of("a study that no peer holds")
