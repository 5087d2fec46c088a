"""Which storage classes and transfer syntaxes to negotiate. Source: PS3.4 annex B.5, PS3.5 annex A.

UIDs are written out, because importing a dictionary of them costs more than the retrieval of a
small study. The names in the comments are the standard's.
"""

from collections.abc import Iterable

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

_STORAGE = "1.2.840.10008.5.1.4.1.1."

_VIDEO_CLASSES = frozenset(
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

_IMAGE_CLASSES = frozenset(
    _STORAGE + tail for tails in _IMAGE_TAILS_BY_MODALITY.values() for tail in tails
)


def transfer_syntaxes(sop_class_uid: str) -> tuple[str, ...]:
    """The syntaxes to propose for a class, each in a context of its own.

    Compressed ones for images only: some archives choke on a structured report in JPEG. A class
    that we do not know (a private one, a new one) may well be an image.
    """
    if sop_class_uid in _VIDEO_CLASSES:
        return NATIVE_SYNTAXES + COMPRESSED_SYNTAXES + VIDEO_SYNTAXES
    if sop_class_uid in _IMAGE_CLASSES or sop_class_uid not in _OTHER_CLASSES:
        return (*NATIVE_SYNTAXES, *COMPRESSED_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    return (*NATIVE_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


_OTHER_CLASSES = frozenset(
    _STORAGE + tail for tails in _OTHER_TAILS_BY_MODALITY.values() for tail in tails
)


def known_contexts(sop_class_uids: Iterable[str]) -> list[tuple[str, str]]:
    """Class and syntax of every context that instances of these classes may need."""
    return [(uid, syntax) for uid in sop_class_uids for syntax in transfer_syntaxes(uid)]


def guessed_contexts(modalities: frozenset[str]) -> list[tuple[str, str]]:
    """Contexts to try where the PACS does not say which classes it holds, the likeliest first.

    The classes of the modalities in every syntax, then all others uncompressed, then the rest: the
    first hundred or so that fit into a proposal are enough for nearly everything.
    """
    tables = {**_IMAGE_TAILS_BY_MODALITY, **_OTHER_TAILS_BY_MODALITY}
    likely = [_STORAGE + tail for name in sorted(modalities) for tail in tables.get(name, ())]
    classes = dict.fromkeys(_STORAGE + tail for tails in tables.values() for tail in tails)
    native = [(uid, syntax) for uid in classes for syntax in NATIVE_SYNTAXES]
    return list(dict.fromkeys([*known_contexts(likely), *native, *known_contexts(classes)]))


def plainest_classes() -> dict[str, str]:
    """One storage class for each modality, the plainest, by the modality's code (0008,0060)."""
    tables = {**_IMAGE_TAILS_BY_MODALITY, **_OTHER_TAILS_BY_MODALITY}
    return {modality: _STORAGE + tails[0] for modality, tails in tables.items()}
