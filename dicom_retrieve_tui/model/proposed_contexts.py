"""Presentation contexts to propose for storage: which transfer syntaxes for which SOP classes."""

from collections.abc import Iterable, Iterator

from dicom_retrieve_tui.model.sop_classes import (
    COMPRESSED_SYNTAXES,
    DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN,
    IMAGE_CLASSES,
    NATIVE_SYNTAXES,
    OTHER_CLASSES,
    RARE_SYNTAXES,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
    USUAL_CLASSES,
    USUAL_IMAGE_CLASSES,
    VIDEO_CLASSES,
    VIDEO_SYNTAXES,
    classes_of,
)

_WITH_PIXELS = frozenset(IMAGE_CLASSES)


def transfer_syntaxes(sop_class_uid: str) -> tuple[str, ...]:
    """Return the syntaxes to propose for a class, each in a context of its own.

    Compressed ones are for images only: some archives fail on a structured report in JPEG. An
    unknown class (private or new) may be an image.
    """
    if sop_class_uid in VIDEO_CLASSES:
        return NATIVE_SYNTAXES + COMPRESSED_SYNTAXES + VIDEO_SYNTAXES
    if sop_class_uid in USUAL_IMAGE_CLASSES or sop_class_uid not in OTHER_CLASSES:
        return (*NATIVE_SYNTAXES, *COMPRESSED_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)
    return (*NATIVE_SYNTAXES, DEFLATED_EXPLICIT_VR_LITTLE_ENDIAN)


def all_syntaxes(sop_class_uids: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Yield contexts for these classes in every transfer syntax, the likeliest first."""
    return ((uid, syntax) for uid in sop_class_uids for syntax in TRANSFER_SYNTAXES)


def all_contexts() -> Iterator[tuple[str, str]]:
    """Yield thousands of contexts, for every class of the standard, the likeliest first."""
    yield from ((uid, syntax) for uid in STORAGE_CLASSES for syntax in NATIVE_SYNTAXES)
    for syntaxes in (COMPRESSED_SYNTAXES, RARE_SYNTAXES):
        yield from ((uid, syntax) for uid in IMAGE_CLASSES for syntax in syntaxes)
    others = (uid for uid in STORAGE_CLASSES if uid not in _WITH_PIXELS)
    yield from ((uid, syntax) for uid in others for syntax in RARE_SYNTAXES[:2])


def known_contexts(sop_class_uids: Iterable[str]) -> list[tuple[str, str]]:
    """Return class and syntax of every context that instances of these classes may need."""
    return [(uid, syntax) for uid in sop_class_uids for syntax in transfer_syntaxes(uid)]


def guessed_contexts(modalities: frozenset[str]) -> list[tuple[str, str]]:
    """Return contexts to try if the PACS does not return SOP classes, the likeliest first.

    The classes of the modalities come first, in every syntax, then all others uncompressed, then
    the rest: the first hundred, which fit into a proposal, are nearly always enough.
    """
    likely = classes_of(modalities)
    native = [(uid, syntax) for uid in USUAL_CLASSES for syntax in NATIVE_SYNTAXES]
    return list(dict.fromkeys([*known_contexts(likely), *native, *known_contexts(USUAL_CLASSES)]))
