"""Any bytes can be asked for their codestream."""

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.dataset.codestream import codestream_syntax
from tests.codestreams import KINDS


@given(st.one_of(st.binary(max_size=200), st.sampled_from(sorted(KINDS)).flatmap(
    lambda kind: st.integers(0, 60).map(lambda size: KINDS[kind][0][:size])
)))  # fmt: skip
def test_no_bytes_raise_anything(head: bytes) -> None:
    assert isinstance(codestream_syntax(head), str)
