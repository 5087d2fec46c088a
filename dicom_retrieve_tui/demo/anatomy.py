"""Position and brightness of the organs of a phantom: ellipses of 16-bit pixels."""

from dicom_retrieve_tui.demo.phantom import Ellipse, grey


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
