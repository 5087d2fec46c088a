"""The walk over a data set: real files, every beginning of them, and garbage."""

import warnings
from collections.abc import Iterator
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, Read
from dicom_retrieve_tui.dataset.walker import walk, walk_bytes
from tests.properties.samples import Sample, samples
from tests.unit.encoded import (
    BIG_ENDIAN,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    UNDEFINED,
    explicit,
    implicit,
)
from tests.unit.model.reading import (
    ID,
    PIXEL_DATA,
    SOP_INSTANCE_UID,
    UID,
    UID_AND_ID,
    accepts,
)

NOT_WHOLE = {
    "MR_truncated.dcm": "its pixel data are cut short",
    "rtplan_truncated.dcm": "it is cut short within a sequence",
    "no_meta.dcm": "a stray byte stands before it, and pydicom finds but one senseless element",
}
_ITEM_END = implicit(0xFFFEE00D, b"")
_SEQUENCE_END = implicit(0xFFFEE0DD, b"")
ALL = samples()
WHOLE = [sample for sample in ALL if sample.name not in NOT_WHOLE]
PLAIN = [sample for sample in WHOLE if sample.transfer_syntax_uid != DEFLATED]
SMALL = [s for s in PLAIN if len(s.data_set) <= 900 or s.name in {"rtstruct.dcm", "rtplan.dcm"}]
BIG = [sample for sample in PLAIN if sample not in SMALL]
quick = partial(settings, deadline=None, derandomize=True)


def test_the_corpus_is_there_and_has_every_encoding() -> None:
    syntaxes = {sample.transfer_syntax_uid for sample in WHOLE}

    assert len(ALL) > 100
    assert len(SMALL) > 20
    assert syntaxes > {IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED, JPEG_BASELINE}


@pytest.mark.parametrize("sample", WHOLE, ids=lambda sample: sample.name)
def test_a_whole_file_is_walked_to_its_end(sample: Sample) -> None:
    size = len(sample.data_set)
    peer_says = _read_with_pydicom(sample).get("SOPInstanceUID", "")

    from_memory = walk_bytes(sample.data_set, sample.transfer_syntax_uid, UID_AND_ID)
    from_file = walk(_any(sample.data_set), size, sample.transfer_syntax_uid, UID_AND_ID)

    assert from_memory == from_file
    assert from_memory.values.get(SOP_INSTANCE_UID, b"").decode().rstrip("\0 ") == peer_says


@pytest.mark.parametrize("name", NOT_WHOLE)
def test_a_damaged_file_is_refused(name: str) -> None:
    (sample,) = (sample for sample in ALL if sample.name == name)

    assert not accepts(sample.data_set, sample.transfer_syntax_uid)


@pytest.mark.parametrize("sample", SMALL, ids=lambda sample: sample.name)
def test_no_beginning_of_a_small_file_passes_for_whole(sample: Sample) -> None:
    whole, syntax = sample.data_set, sample.transfer_syntax_uid

    accepted = {size for size in range(len(whole)) if accepts(whole[:size], syntax)}

    assert accepted <= _boundaries(sample)


@quick(max_examples=75)
@given(st.sampled_from(BIG), st.data())
def test_no_beginning_of_a_big_file_passes_for_whole(sample: Sample, data: st.DataObject) -> None:
    size = data.draw(st.integers(0, len(sample.data_set) - 1))

    accepted = accepts(sample.data_set[:size], sample.transfer_syntax_uid)

    assert not accepted or size in _boundaries(sample)


def test_the_values_are_those_that_pydicom_finds() -> None:
    (sample,) = (sample for sample in WHOLE if sample.name == "CT_small.dcm")
    elements = dict(_raw_elements(_read_with_pydicom(sample)))

    values = walk_bytes(sample.data_set, sample.transfer_syntax_uid, frozenset(elements)).values

    assert len(values) > 200
    assert values == elements


def _any(data: bytes) -> Read:
    return lambda at, length: data[at : at + length]


def _read_with_pydicom(sample: Sample) -> Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pydicom remarks on what is odd in its own files
        return dcmread(sample.path, force=True)


def _raw_elements(dataset: Dataset) -> Iterator[tuple[int, bytes | None]]:
    for tag, element in dataset._dict.items():
        if isinstance(element, RawDataElement):
            yield int(tag), element.value


def _boundaries(sample: Sample) -> set[int]:
    """Where pydicom sees the elements of the top level begin, and where it may seem to end.

    What ends with an item of a sequence, or with the last fragment, lacks no more than a delimiter.
    """
    dataset = _read_with_pydicom(sample)
    boundaries = {at + 8 for at in _found(sample.data_set, _ITEM_END)}
    if sample.data_set.endswith(_SEQUENCE_END):
        boundaries.add(len(sample.data_set) - len(_SEQUENCE_END))
    for element in dataset._dict.values():
        at = element.value_tell if isinstance(element, RawDataElement) else element.file_tell
        assert at is not None
        long = element.VR in {"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "UC", "UN", "UR", "UT"}
        header = 12 if long and sample.transfer_syntax_uid != IMPLICIT else 8
        boundaries.add(at - header - sample.offset)
    return boundaries


def _found(data: bytes, what: bytes) -> Iterator[int]:
    at = data.find(what)
    while at >= 0:
        yield at
        at = data.find(what, at + 1)


@quick(max_examples=75)
@given(st.binary(max_size=300), st.sampled_from([IMPLICIT, EXPLICIT, BIG_ENDIAN, DEFLATED]))
def test_garbage_raises_nothing_but_that_it_is_malformed(data: bytes, syntax: str) -> None:
    from_memory = accepts(data, syntax)

    try:
        walk(_any(data), len(data), syntax, UID_AND_ID)
    except MalformedDataSet:
        assert not from_memory
    else:
        assert from_memory


_HEADS = st.sampled_from(
    [
        UID,
        ID,
        implicit(0xFFFEE000, b"", length=UNDEFINED),
        implicit(0xFFFEE00D, b""),
        implicit(0xFFFEE0DD, b""),
        implicit(0x00081140, b"", length=UNDEFINED),
        explicit(0x00081140, "SQ", b"", length=UNDEFINED),
        explicit(0x00091001, "UN", b"", length=UNDEFINED),
        explicit(PIXEL_DATA, "OB", b"", length=UNDEFINED),
    ]
)


@quick(max_examples=75)
@given(st.lists(_HEADS, max_size=12).map(b"".join), st.sampled_from([IMPLICIT, EXPLICIT]))
def test_shuffled_structure_raises_nothing_but_that_it_is_malformed(
    data: bytes, syntax: str
) -> None:
    assert accepts(data, syntax) in {True, False}
