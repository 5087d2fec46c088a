"""Series of uncompressed grey images: CT, MR and CR, each of a simple phantom.

Source of the attributes: PS3.3 annex A, the modules of each IOD.
"""

from collections.abc import Iterator

from dicom_retrieve_tui.demo.instances import Attributes, SeriesPlan, uid_for
from dicom_retrieve_tui.demo.phantom import Ellipse, draw, grained, grey
from dicom_retrieve_tui.model.sop_classes import EXPLICIT_VR_LITTLE_ENDIAN

_GRAIN = grey(0x001F)

_GREY_PIXELS: Attributes = {
    "SamplesPerPixel": 1,
    "PhotometricInterpretation": "MONOCHROME2",
    "BitsAllocated": 16,
    "BitsStored": 12,
    "HighBit": 11,
    "PixelRepresentation": 0,
}
_SLICE_SIDE = 128
_FILM_SIDE = 1024


def ct_series(
    study: str, description: str, *, slices: int, spacing_mm: float, kernel: str
) -> SeriesPlan:
    """Return axial slices through a chest: body, lungs, heart and spine, in Hounsfield units."""
    common: Attributes = {
        **_slice_attributes(study, spacing_mm=spacing_mm, pixel_mm=2.8),
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.2",
        "Modality": "CT",
        "SeriesDescription": description,
        "BodyPartExamined": "CHEST",
        "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"],
        "ScanOptions": "HELICAL MODE",
        "KVP": 120,
        "ConvolutionKernel": kernel,
        "RescaleIntercept": -1024,
        "RescaleSlope": 1,
        "RescaleType": "HU",
        "WindowCenter": 40,
        "WindowWidth": 400,
    }

    def images() -> Iterator[Attributes]:
        for index in range(slices):
            shapes = chest(0.6 + 0.4 * index / slices)
            pixels = _picture(shapes, _SLICE_SIDE, name=f"{study} {description} {index}")
            yield {**_position(index, spacing_mm), "PixelData": pixels}

    return SeriesPlan(
        name=description,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        common=common,
        instances=images(),
    )


def mr_series(
    study: str, description: str, *, slices: int, echo_ms: float, fluid: int
) -> SeriesPlan:
    """Return axial slices through a head: scalp, brain and ventricles.

    Args:
        fluid: How bright the ventricles are: dark in T1, bright in T2.
    """
    spacing_mm = 6.0
    common: Attributes = {
        **_slice_attributes(study, spacing_mm=spacing_mm, pixel_mm=1.8),
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.4",
        "Modality": "MR",
        "SeriesDescription": description,
        "BodyPartExamined": "HEAD",
        "ImageType": ["ORIGINAL", "PRIMARY", "M", "SE"],
        "ScanningSequence": "SE",
        "SequenceVariant": "SK",
        "ScanOptions": "",
        "MRAcquisitionType": "2D",
        "RepetitionTime": 4000 if echo_ms > 50 else 500,
        "EchoTime": echo_ms,
        "EchoTrainLength": 1,
        "MagneticFieldStrength": 1.5,
        "WindowCenter": 700,
        "WindowWidth": 1400,
    }

    def images() -> Iterator[Attributes]:
        for index in range(slices):
            shapes = head(1 - abs(2 * index / slices - 1) ** 2 / 2, fluid)
            pixels = _picture(shapes, _SLICE_SIDE, name=f"{study} {description} {index}")
            yield {**_position(index, spacing_mm), "PixelData": pixels}

    return SeriesPlan(
        name=description,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        common=common,
        instances=images(),
    )


def cr_series(study: str, description: str) -> SeriesPlan:
    """Return a chest from the front and from the side, on plates of 2 MB each."""
    common: Attributes = {
        **_GREY_PIXELS,
        "SOPClassUID": "1.2.840.10008.5.1.4.1.1.1",
        "Modality": "CR",
        "SeriesDescription": description,
        "BodyPartExamined": "CHEST",
        "ImageType": ["ORIGINAL", "PRIMARY"],
        "Rows": _FILM_SIDE,
        "Columns": _FILM_SIDE,
        "ImagerPixelSpacing": [0.35, 0.35],
        "KVP": 125,
        "WindowCenter": 1000,
        "WindowWidth": 2000,
    }
    views = (("PA", ["L", "F"], 1.0), ("LL", ["A", "F"], 0.7))

    def images() -> Iterator[Attributes]:
        for view, orientation, width in views:
            pixels = _picture(chest(width), _FILM_SIDE, name=f"{study} {view}")
            yield {
                "ViewPosition": view,
                "PatientOrientation": orientation,
                "PixelData": pixels,
            }

    return SeriesPlan(
        name=description,
        transfer_syntax_uid=EXPLICIT_VR_LITTLE_ENDIAN,
        common=common,
        instances=images(),
    )


def _picture(shapes: list[Ellipse], side: int, *, name: str) -> bytes:
    pixels = draw(shapes, over=bytes(2 * side * side), columns=side)
    return grained(pixels, mask=_GRAIN, name=name)


def _slice_attributes(study: str, *, spacing_mm: float, pixel_mm: float) -> Attributes:
    return {
        **_GREY_PIXELS,
        "Rows": _SLICE_SIDE,
        "Columns": _SLICE_SIDE,
        "PixelSpacing": [pixel_mm, pixel_mm],
        "SliceThickness": spacing_mm,
        "ImageOrientationPatient": [1, 0, 0, 0, 1, 0],
        "PatientPosition": "HFS",
        "FrameOfReferenceUID": uid_for(study, "frame of reference"),
        "PositionReferenceIndicator": "",
        "AcquisitionNumber": 1,
    }


def _position(index: int, spacing_mm: float) -> Attributes:
    down_mm = round(-index * spacing_mm, 2)
    return {"ImagePositionPatient": [-180, -180, down_mm], "SliceLocation": down_mm}


def chest(size: float) -> list[Ellipse]:
    """A section through body, lungs, heart and spine, 1024 above Hounsfield units.

    Args:
        size: How far down the chest we are, 1 where it is widest.
    """
    air, fat, muscle, bone = (grey(v) for v in (180, 930, 1080, 1700))
    return [
        Ellipse(0.5, 0.5, 0.46 * size, 0.36 * size, fat),
        Ellipse(0.5, 0.5, 0.43 * size, 0.33 * size, muscle),
        Ellipse(0.5 - 0.2 * size, 0.48, 0.16 * size, 0.24 * size, air),
        Ellipse(0.5 + 0.2 * size, 0.48, 0.16 * size, 0.24 * size, air),
        Ellipse(0.5 + 0.07 * size, 0.44, 0.12 * size, 0.11 * size, muscle),
        Ellipse(0.5, 0.5 + 0.22 * size, 0.05, 0.05, bone),
    ]


def head(size: float, fluid: int) -> list[Ellipse]:
    """A section through scalp, skull, brain and ventricles.

    Args:
        size: 1 where the head is widest.
        fluid: How bright the ventricles are.
    """
    scalp, skull, brain, ventricle = (grey(v) for v in (1100, 60, 700, fluid))
    return [
        Ellipse(0.5, 0.5, 0.36 * size, 0.45 * size, scalp),
        Ellipse(0.5, 0.5, 0.34 * size, 0.43 * size, skull),
        Ellipse(0.5, 0.5, 0.31 * size, 0.40 * size, brain),
        Ellipse(0.45, 0.48, 0.03 * size, 0.12 * size, ventricle),
        Ellipse(0.55, 0.48, 0.03 * size, 0.12 * size, ventricle),
    ]
