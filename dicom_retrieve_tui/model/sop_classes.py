"""SOP classes and transfer syntaxes; `network.negotiation` chooses which of them to propose.

UIDs are written out, because importing a dictionary of them costs more than the retrieval of a
small study. The names in the comments are the standard's. A test compares the tables with pydicom's
dictionary, so that a new edition of the standard shows.
Source: PS3.4 annexes A, B.5 and C.6, PS3.5 annex A.
"""

from collections.abc import Iterable, Sequence

from dicom_retrieve_tui.model.choices import QueryModel

VERIFICATION = "1.2.840.10008.1.1"

STUDY_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.2.1"
STUDY_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.2.2"
STUDY_ROOT_GET = "1.2.840.10008.5.1.4.1.2.2.3"
PATIENT_ROOT_FIND = "1.2.840.10008.5.1.4.1.2.1.1"
PATIENT_ROOT_MOVE = "1.2.840.10008.5.1.4.1.2.1.2"
PATIENT_ROOT_GET = "1.2.840.10008.5.1.4.1.2.1.3"

FIND_CLASSES = (STUDY_ROOT_FIND, PATIENT_ROOT_FIND)
MOVE_CLASSES = (STUDY_ROOT_MOVE, PATIENT_ROOT_MOVE)
GET_CLASSES = (STUDY_ROOT_GET, PATIENT_ROOT_GET)
"""Study Root first, which needs no Patient ID."""

SERVICE_CLASSES = frozenset({VERIFICATION, *FIND_CLASSES, *MOVE_CLASSES, *GET_CLASSES})
"""All other SOP classes that we propose are storage classes."""

PATIENT_ROOT_CLASSES = frozenset({PATIENT_ROOT_FIND, PATIENT_ROOT_MOVE, PATIENT_ROOT_GET})


def in_model(classes: tuple[str, ...], model: QueryModel) -> tuple[str, ...]:
    """Return those of `classes` to propose in a query model."""
    if model is QueryModel.AUTO:
        return classes
    patient_root = model is QueryModel.PATIENT_ROOT
    return tuple(uid for uid in classes if (uid in PATIENT_ROOT_CLASSES) is patient_root)


IMPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2"
EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1"
DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN = "1.2.840.10008.1.2.1.99"
EXPLICIT_VR_BIG_ENDIAN = "1.2.840.10008.1.2.2"

NATIVE_SYNTAXES = (EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN)
"""For every class."""

COMPRESSED_SYNTAXES = (
    "1.2.840.10008.1.2.4.90",  # JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.91",  # JPEG 2000
    "1.2.840.10008.1.2.4.70",  # JPEG Lossless, first-order prediction
    "1.2.840.10008.1.2.4.50",  # JPEG Baseline
    "1.2.840.10008.1.2.4.51",  # JPEG Extended
    "1.2.840.10008.1.2.5",  # RLE Lossless
    "1.2.840.10008.1.2.4.80",  # JPEG-LS Lossless
    "1.2.840.10008.1.2.4.81",  # JPEG-LS Near-lossless
    "1.2.840.10008.1.2.4.57",  # JPEG Lossless
    "1.2.840.10008.1.2.4.201",  # High-Throughput JPEG 2000 Lossless
    "1.2.840.10008.1.2.4.203",  # High-Throughput JPEG 2000
)
"""For images, the commonest first."""

VIDEO_SYNTAXES = (
    "1.2.840.10008.1.2.4.102",  # MPEG-4 AVC/H.264 High Profile
    "1.2.840.10008.1.2.4.100",  # MPEG2 Main Profile / Main Level
    "1.2.840.10008.1.2.4.103",  # MPEG-4 AVC/H.264 BD-compatible
    "1.2.840.10008.1.2.4.107",  # HEVC/H.265 Main Profile
)
"""For the classes that carry video."""

RARE_SYNTAXES = (
    EXPLICIT_VR_BIG_ENDIAN,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    "1.2.840.10008.1.2.4.202",  # High-Throughput JPEG 2000 RPCL Lossless
    "1.2.840.10008.1.2.4.110",  # JPEG XL Lossless
    "1.2.840.10008.1.2.4.111",  # JPEG XL JPEG Recompression
    "1.2.840.10008.1.2.4.112",  # JPEG XL
    "1.2.840.10008.1.2.1.98",  # Encapsulated Uncompressed
    "1.2.840.10008.1.2.8.1",  # Deflated Image Frame
    "1.2.840.10008.1.2.4.92",  # JPEG 2000 Part 2 Multi-component Lossless
    "1.2.840.10008.1.2.4.93",  # JPEG 2000 Part 2 Multi-component
    *VIDEO_SYNTAXES,
    "1.2.840.10008.1.2.4.101",  # MPEG2 Main Profile / High Level
    "1.2.840.10008.1.2.4.104",  # MPEG-4 AVC/H.264 Level 4.2, 2D
    "1.2.840.10008.1.2.4.105",  # MPEG-4 AVC/H.264 Level 4.2, 3D
    "1.2.840.10008.1.2.4.106",  # MPEG-4 AVC/H.264 Stereo
    "1.2.840.10008.1.2.4.108",  # HEVC/H.265 Main 10 Profile
    "1.2.840.10008.1.2.4.100.1",  # The same in fragments
    "1.2.840.10008.1.2.4.101.1",
    "1.2.840.10008.1.2.4.102.1",
    "1.2.840.10008.1.2.4.103.1",
    "1.2.840.10008.1.2.4.104.1",
    "1.2.840.10008.1.2.4.105.1",
    "1.2.840.10008.1.2.4.106.1",
    "1.2.840.10008.1.2.4.94",  # JPIP Referenced: the data set names where its pixels are
    "1.2.840.10008.1.2.4.95",  # JPIP Referenced Deflate
    "1.2.840.10008.1.2.4.204",  # JPIP HTJ2K Referenced
    "1.2.840.10008.1.2.4.205",  # JPIP HTJ2K Referenced Deflate
    *(f"1.2.840.10008.1.2.4.{number}" for number in (52, 53, 54, 55, 56, 58, *range(59, 67))),
    # Retired JPEG processes, which old archives still have
    "1.2.840.10008.1.2.7.1",  # SMPTE ST 2110-20 Progressive
    "1.2.840.10008.1.2.7.2",  # SMPTE ST 2110-20 Interlaced
    "1.2.840.10008.1.2.7.3",  # SMPTE ST 2110-30 PCM Audio
    "1.2.840.10008.1.2.6.1",  # RFC 2557 MIME encapsulation, retired
    "1.2.840.10008.1.2.6.2",  # XML Encoding, retired
    "1.2.840.10008.1.20",  # Papyrus 3, retired
)
"""Syntaxes that are not in the first proposal for images, the likeliest first."""

TRANSFER_SYNTAXES = tuple(dict.fromkeys((*NATIVE_SYNTAXES, *COMPRESSED_SYNTAXES, *RARE_SYNTAXES)))
"""Every transfer syntax of the standard, the likeliest first."""

_LOSSLESS_SYNTAXES = frozenset(
    (
        *NATIVE_SYNTAXES,
        DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
        *("1.2.840.10008.1.2.1.98", "1.2.840.10008.1.2.8.1", "1.2.840.10008.1.2.5"),
        *(
            f"1.2.840.10008.1.2.4.{number}"
            for number in (57, 58, 65, 66, 70, 80, 90, 92, 110, 111, 201, 202)
        ),
    )
)
"""Syntaxes that keep every pixel value. Recompressed JPEG restores the original JPEG."""

_REFERENCED_SYNTAXES = frozenset(f"1.2.840.10008.1.2.4.{number}" for number in (94, 95, 204, 205))
"""Syntaxes whose pixel data are elsewhere, and are not sent."""


def preferred_syntax(offered: Sequence[str]) -> str:
    """Return the transfer syntax that our Storage SCP accepts, of several in one context.

    It is the first lossless one in little endian, because a sender lists its own syntax first; else
    the first lossy one, then big endian, then any other.
    """
    return min(offered, key=_rank)


def _rank(syntax: str) -> int:
    if syntax in _LOSSLESS_SYNTAXES:
        return 0
    if syntax == EXPLICIT_VR_BIG_ENDIAN:
        return 2
    return 3 if syntax in _REFERENCED_SYNTAXES or syntax not in TRANSFER_SYNTAXES else 1


_STORAGE = "1.2.840.10008.5.1.4.1.1."

VIDEO_CLASSES = frozenset(
    _STORAGE + tail
    for tail in (
        "77.1.1.1",  # Video Endoscopic Image
        "77.1.2.1",  # Video Microscopic Image
        "77.1.4.1",  # Video Photographic Image
        "3.1",  # Ultrasound Multi-frame Image
        "7.4",  # Multi-frame True Color Secondary Capture Image
        "12.1",  # X-Ray Angiographic Image
    )
)

_IMAGE_TAILS_BY_MODALITY: dict[str, tuple[str, ...]] = {
    "CT": ("2", "2.1", "2.2"),  # CT, Enhanced CT, Legacy Converted Enhanced CT
    "MR": ("4", "4.1", "4.3", "4.4"),  # MR, Enhanced MR, Enhanced MR Color, Legacy Converted
    "CR": ("1",),  # Computed Radiography
    "DX": ("1.1", "1.1.1"),  # Digital X-Ray, for presentation and for processing
    "MG": ("1.2", "1.2.1", "13.1.3"),  # Digital Mammography (2), Breast Tomosynthesis
    "IO": ("1.3", "1.3.1"),  # Digital Intra-Oral X-Ray
    "US": ("6.1", "3.1", "6.2"),  # Ultrasound, multi-frame, Enhanced US Volume
    "IVUS": ("6.1", "3.1"),
    "NM": ("20",),  # Nuclear Medicine
    "PT": ("128", "130"),  # Positron Emission Tomography, Enhanced PET
    "XA": ("12.1", "12.1.1", "13.1.1"),  # X-Ray Angiographic, Enhanced XA, X-Ray 3D Angiographic
    "RF": ("12.2", "12.2.1"),  # X-Ray Radiofluoroscopic, Enhanced XRF
    "OT": ("7", "7.2", "7.3", "7.4"),  # Secondary Capture and its multi-frame kinds
    "ES": ("77.1.1", "77.1.1.1"),  # VL Endoscopic, Video Endoscopic
    "GM": ("77.1.2", "77.1.2.1"),  # VL Microscopic, Video Microscopic
    "SM": ("77.1.3", "77.1.6"),  # VL Slide-Coordinates Microscopic, VL Whole Slide Microscopy
    "XC": ("77.1.4", "77.1.4.1"),  # VL Photographic, Video Photographic
    "OP": ("77.1.5.1", "77.1.5.2"),  # Ophthalmic Photography, 8 and 16 bit
    "OPT": ("77.1.5.4",),  # Ophthalmic Tomography
    "RTIMAGE": ("481.1",),  # RT Image
    "RTDOSE": ("481.2",),  # RT Dose
    "SEG": ("66.4",),  # Segmentation
}

_OTHER_TAILS_BY_MODALITY: dict[str, tuple[str, ...]] = {
    "SR": ("88.11", "88.22", "88.33", "88.34", "88.67"),  # Basic Text, Enhanced, Comprehensive,
    # Comprehensive 3D, X-Ray Radiation Dose
    "KO": ("88.59",),  # Key Object Selection
    "PR": ("11.1", "11.2"),  # Grayscale and Color Softcopy Presentation State
    "DOC": ("104.1", "104.2"),  # Encapsulated PDF, Encapsulated CDA
    "RTSTRUCT": ("481.3",),  # RT Structure Set
    "RTPLAN": ("481.5", "481.8"),  # RT Plan, RT Ion Plan
    "RTRECORD": ("481.4",),  # RT Beams Treatment Record
    "REG": ("66.1", "66.3"),  # Spatial Registration, Deformable Spatial Registration
    "ECG": ("9.1.1", "9.1.2"),  # 12-lead ECG, General ECG Waveform
    "RAW": ("66",),  # Raw Data
}

USUAL_IMAGE_CLASSES = frozenset(
    _STORAGE + tail for tails in _IMAGE_TAILS_BY_MODALITY.values() for tail in tails
)


OTHER_CLASSES = frozenset(
    _STORAGE + tail for tails in _OTHER_TAILS_BY_MODALITY.values() for tail in tails
)


_FURTHER_IMAGE_TAILS = (
    *("3", "5", "6", "12.3", "77.1", "77.2"),  # Retired: US (2), NM, XA Bi-Plane, VL trials
    *("6.3", "7.1", "30"),  # Photoacoustic, Multi-frame Single Bit SC, Parametric Map
    *("13.1.2", "13.1.4", "13.1.5"),  # X-Ray 3D Craniofacial, Breast Projection X-Ray (2)
    *("14.1", "14.2"),  # Intravascular Optical Coherence Tomography
    "128.1",  # Legacy Converted Enhanced PET
    *("77.1.5.5", "77.1.5.6", "77.1.5.7", "77.1.5.8"),  # Wide Field Ophthalmic, Ophthalmic OCT
    *("77.1.7", "77.1.8", "77.1.9"),  # Dermoscopic, Confocal Microscopy (2)
    *("81.1", "82.1"),  # Ophthalmic Thickness Map, Corneal Topography Map
    *("481.23", "481.24"),  # Enhanced RT Image (2)
    *("501.1", "501.2.1", "501.2.2", "501.4", "501.5", "501.6"),  # DICOS
    *("601.1", "601.2"),  # Eddy Current
)

_FURTHER_TAILS = (
    *("4.2", "66.2", "66.5", "66.6", "67"),  # MR Spectroscopy, Fiducials, Surfaces, Real World
    *("8", "9", "9.1", "10", "11", "129"),  # Retired: standalone overlay, curve, LUT
    *("9.1.3", "9.1.4", "9.2.1", "9.3.1", "9.4.1", "9.4.2", "9.5.1", "9.6.1", "9.6.2"),
    *("9.7.1", "9.7.2", "9.7.3", "9.7.4", "9.8.1"),  # Waveforms
    *(f"11.{number}" for number in range(3, 13)),  # Presentation states
    *("68.1", "68.2", "77.1.5.3"),  # Surface Scans, Stereometric Relationship
    *(f"78.{number}" for number in range(1, 9)),  # Ophthalmic measurements
    *("79.1", "80.1"),
    *("88.1", "88.2", "88.3", "88.4"),  # SR trials, retired
    *("88.35", "88.40", "88.50", "88.65", "88.68", "88.69"),  # Structured reports
    *(f"88.{number}" for number in range(70, 78)),
    *("90.1", "91.1", "104.3", "104.4", "104.5"),  # Assessments, annotations, 3D models
    *("131", "200.1", "200.2", "200.3", "200.7", "200.8", "201.1"),  # Protocols, Inventory
    *("481.6", "481.7", "481.9", *(f"481.{number}" for number in range(10, 23)), "481.25"),
    "501.3",  # DICOS Threat Detection Report
)

_CLASSES_ELSEWHERE = (
    *("1.2.840.10008.5.1.4.34.7", "1.2.840.10008.5.1.4.34.10", "1.2.840.10008.5.1.4.34.1"),
    # RT Delivery Instructions
    *("1.2.840.10008.5.1.4.38.1", "1.2.840.10008.5.1.4.39.1"),  # Hanging Protocol, Color Palette
    *(f"1.2.840.10008.5.1.4.{number}.1" for number in (43, 44, 45)),  # Implant templates
    *(f"1.2.840.10008.5.1.1.{number}" for number in (27, 29, 30)),  # Prints, retired
)

IMAGE_CLASSES = tuple(
    dict.fromkeys(
        _STORAGE + tail
        for tails in (*_IMAGE_TAILS_BY_MODALITY.values(), _FURTHER_IMAGE_TAILS)
        for tail in tails
    )
)
"""Every storage class that has pixels, the commonest first."""

STORAGE_CLASSES = (
    *IMAGE_CLASSES,
    *(
        _STORAGE + tail
        for tails in (*_OTHER_TAILS_BY_MODALITY.values(), _FURTHER_TAILS)
        for tail in tails
    ),
    *_CLASSES_ELSEWHERE,
)
"""Every storage class of the standard, retired ones included."""


USUAL_CLASSES = tuple(
    dict.fromkeys(
        _STORAGE + tail
        for tails in {**_IMAGE_TAILS_BY_MODALITY, **_OTHER_TAILS_BY_MODALITY}.values()
        for tail in tails
    )
)
"""The storage classes that series of any modality usually have."""


def classes_of(modalities: Iterable[str]) -> list[str]:
    """Return the storage classes that series of these modalities usually have."""
    tables = {**_IMAGE_TAILS_BY_MODALITY, **_OTHER_TAILS_BY_MODALITY}
    return [_STORAGE + tail for name in sorted(modalities) for tail in tables.get(name, ())]


def plainest_classes() -> dict[str, str]:
    """Return the simplest storage class of each modality, by its code (0008,0060)."""
    tables = {**_IMAGE_TAILS_BY_MODALITY, **_OTHER_TAILS_BY_MODALITY}
    return {modality: _STORAGE + tails[0] for modality, tails in tables.items()}
