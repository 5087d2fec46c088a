"""Entries on the disk behave as those of a dictionary."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.cli.output.spooled_dict import SpooledDict


@dataclass(slots=True, weakref_slot=True)
class _Count:
    number: int
    names: tuple[str, ...] = ()


_STEPS = st.lists(
    st.tuples(st.sampled_from(["set", "delete", "change", "peek"]), st.integers(0, 9)),
    max_size=60,
)


@given(_STEPS)
def test_it_behaves_as_a_dictionary(steps: list[tuple[str, int]]) -> None:
    spooled, expected = SpooledDict(_Count, kept_max=2), dict[str, _Count]()
    for at, (step, number) in enumerate(steps):
        key = str(number)
        if step == "set":
            spooled[key], expected[key] = _Count(at), _Count(at)
        elif step == "peek":
            assert list(spooled.peek([key, "x"])) == [expected.get(key), None]
        elif key not in expected:
            with pytest.raises(KeyError):
                spooled[key] if step == "change" else spooled.__delitem__(key)
        elif step == "delete":
            assert spooled.pop(key) == expected.pop(key)
        else:
            spooled[key].number += 100
            expected[key].number += 100
        assert len(spooled) == len(expected)
        assert dict(spooled) == expected
