"""Which presentation contexts we propose."""

from dicom_retrieve_tui.model.sop_classes import (
    COMPRESSED_SYNTAXES,
    IMAGE_CLASSES,
    NATIVE_SYNTAXES,
    STORAGE_CLASSES,
    TRANSFER_SYNTAXES,
    plainest_classes,
)
from dicom_retrieve_tui.network.negotiation import (
    all_contexts,
    guessed_contexts,
    known_contexts,
)


def test_every_class_comes_in_every_syntax_that_it_may_have() -> None:
    contexts = list(all_contexts())

    assert len(set(contexts)) == len(contexts)
    assert {uid for uid, _ in contexts} == set(STORAGE_CLASSES)
    assert {(uid, syntax) for uid in IMAGE_CLASSES for syntax in TRANSFER_SYNTAXES} <= set(contexts)
    assert {(uid, syntax) for uid in STORAGE_CLASSES for syntax in NATIVE_SYNTAXES} <= set(contexts)


def test_the_first_proposals_are_all_of_the_standard() -> None:
    classes = plainest_classes().values()
    contexts = [*guessed_contexts(frozenset({"CT"})), *known_contexts(classes)]

    assert {uid for uid, _ in contexts} <= set(STORAGE_CLASSES)
    assert {syntax for _, syntax in contexts} <= set(TRANSFER_SYNTAXES)
    assert set(COMPRESSED_SYNTAXES) <= {syntax for _, syntax in contexts}
