"""Data sets that Hypothesis draws: padded, they are kept; cut short, they never are."""

from collections.abc import Callable
from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_retrieve_tui.dataset.walk_result import MalformedDataSet, WalkResult
from dicom_retrieve_tui.dataset.walker import walk, walk_bytes
from tests.unit.encoded import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    explicit,
    implicit,
    item,
    sequence,
)

_WANTED = frozenset({0x00080016, 0x00080018, 0x0020000D, 0x0020000E})
_PIXEL_DATA = 0x7FE00010
_CONTEXTS = [EXPLICIT, IMPLICIT, BIG_ENDIAN, JPEG_BASELINE]
_VRS = ("UI", "LO", "UT", "OB", "UN", "US", "DS")
_VALUES = st.one_of(
    st.binary(max_size=40).map(lambda value: value[: len(value) // 2 * 2]),
    st.integers(0, 600).map(lambda size: bytes(2 * size)),
    st.integers(0, 600).map(lambda size: b"\xff" * (2 * size)),
    st.sampled_from([b"CS\0\0", b"UI\x06\x001.2.3\0", b"\xfe\xff\xdd\xe0\0\0\0\0"]),
)
_TAGS = st.lists(
    st.one_of(
        st.sampled_from(sorted(_WANTED)),
        st.integers(0x0009, 0x6000).flatmap(
            lambda group: st.integers(1, 0x3000).map(lambda element: group << 16 | element)
        ),
    ),
    min_size=1,
    max_size=8,
    unique=True,
)  # fmt: skip
_Encode = Callable[[int, str, bytes], bytes]
_ENCODERS: dict[str, _Encode] = {
    EXPLICIT: explicit,
    BIG_ENDIAN: partial(explicit, order=">"),
    IMPLICIT: lambda tag, _, value: implicit(tag, value),
}
quick = partial(settings, deadline=None, derandomize=True)


@st.composite
def _data_sets(draw: st.DrawFn, *, pixels: bool = True) -> tuple[str, bytes, set[int]]:
    """A regular data set: its syntax, its bytes, and where it may seem to end.

    That is before an element of the top level, and before the end of a sequence there.
    """
    syntax = draw(st.sampled_from(sorted(_ENCODERS)))
    encode, order = _ENCODERS[syntax], ">" if syntax == BIG_ENDIAN else "<"
    # Like every real one it begins with a low group, which tells the byte order.
    data, boundaries = encode(0x00080005, "CS", draw(_VALUES)), {0}
    for tag in sorted(draw(_TAGS)):
        boundaries.add(len(data))
        if tag not in _WANTED and draw(st.booleans()):
            body = encode(0x00080100, "SH", draw(_VALUES))
            items = [item(body, order=order, defined=draw(st.booleans()))]
            data += sequence(tag, *items, vr="" if syntax == IMPLICIT else "SQ", order=order)
            boundaries.add(len(data) - 8)
        else:
            vr = "UI" if tag in _WANTED else draw(st.sampled_from(_VRS))
            data += encode(tag, vr, draw(_VALUES))
    if pixels:
        boundaries.add(len(data))
        data += encode(_PIXEL_DATA, "OW", draw(_VALUES) + b"\1\2")
    return syntax, data, boundaries


def _walked(data: bytes, context: str) -> WalkResult | None:
    """What is read, the same from memory and from a file; None if it is refused."""
    results: list[WalkResult | None] = []
    for read in (
        partial(walk_bytes, data, context, _WANTED),
        partial(walk, lambda at, n: data[at : at + n], len(data), context, _WANTED),
    ):
        try:
            results.append(read())
        except MalformedDataSet:
            results.append(None)
    assert results[0] == results[1]
    return results[0]


@quick(max_examples=300)
@given(_data_sets())
def test_a_regular_data_set_is_regular(drawn: tuple[str, bytes, set[int]]) -> None:
    syntax, data, _ = drawn

    walked = _walked(data, syntax)

    assert walked is not None
    assert (walked.irregular, walked.transfer_syntax_uid) == ("", syntax)


@quick(max_examples=300)
@given(
    _data_sets(),
    st.one_of(
        st.integers(2, 3000).map(bytes),
        st.integers(2, 300).map(lambda size: b"\xff" * size),
        st.integers(2, 300).map(lambda size: b" " * size),
        st.lists(st.sampled_from([b"\0", b"\xff"]), max_size=40).map(
            lambda mixed: b"\0\0" + b"".join(mixed)
        ),
    ),
)
def test_any_padding_is_kept_and_changes_no_value(
    drawn: tuple[str, bytes, set[int]], padding: bytes
) -> None:
    syntax, data, _ = drawn
    whole = _walked(data, syntax)

    padded = _walked(data + padding, syntax)

    assert whole is not None
    assert padded is not None
    assert "padding" in padded.irregular
    assert (padded.values, padded.others) == (whole.values, {})


@quick(max_examples=1500)
@given(_data_sets(), st.sampled_from(_CONTEXTS), st.data())
def test_a_data_set_that_ends_within_an_element_is_refused_in_every_context(
    drawn: tuple[str, bytes, set[int]], context: str, more: st.DataObject
) -> None:
    _, data, boundaries = drawn
    size = more.draw(st.integers(1, len(data) - 1))

    walked = _walked(data[:size], context)

    # A lone byte of zero behind an even length may be padding, or the first of a tag.
    padded = size - 1 in boundaries and data[size - 1] in {0x00, 0xFF}
    assert walked is None or size in boundaries or padded


@quick(max_examples=500)
@given(
    _data_sets(), st.integers(0, 400), st.binary(min_size=1, max_size=4), st.sampled_from(_CONTEXTS)
)
def test_whatever_stands_in_a_data_set_it_is_read_or_refused(
    drawn: tuple[str, bytes, set[int]], at: int, garbage: bytes, context: str
) -> None:
    _, data, _ = drawn

    walked = _walked(data[:at] + garbage + data[at:], context)

    assert walked is None or walked.irregular or context == walked.transfer_syntax_uid
