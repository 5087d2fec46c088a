"""Whatever a command set has beside its own elements, these are read as they are."""

import struct

from hypothesis import given
from hypothesis import strategies as st

from dicom_retrieve_tui.network import command_set
from dicom_retrieve_tui.network.command_set import Command
from tests.peers import wire

_NUMBERS = (0x0002, 0x0100, 0x0110, 0x0120, 0x0800, 0x0900, 0x1000, 0x1020, 0x1021)
_OWN = st.dictionaries(
    st.sampled_from(_NUMBERS), st.binary(max_size=20), min_size=1, max_size=len(_NUMBERS)
).map(lambda values: values | {0x0100: b"\x20\x80"})
_FOREIGN = st.lists(
    st.tuples(
        st.integers(0, 9),
        st.integers(1, 0xFFFF),
        st.integers(0, 0xFFFF),
        st.binary(max_size=20).filter(lambda value: not value.isupper()),
    ),
    max_size=5,
)
_PADDING = st.integers(0, 7).map(bytes)


@given(_OWN, _FOREIGN, _PADDING)
def test_foreign_elements_change_no_value(
    own: dict[int, bytes], foreign: list[tuple[int, int, int, bytes]], padding: bytes
) -> None:
    elements = [wire.element(0, number, value) for number, value in own.items()]
    for at, group, number, value in foreign:
        elements.insert(at % (len(elements) + 1), wire.element(group, number, value))

    command = command_set.decode(b"".join(elements) + padding)

    assert _values(command) == _values(Command(own))
    assert bool(command.deviation) == bool(foreign or padding)


@given(st.permutations(_NUMBERS))
def test_the_order_of_elements_means_nothing(numbers: list[int]) -> None:
    elements = [wire.element(0, number, bytes([number & 7, 1])) for number in numbers]

    command = command_set.decode(b"".join(elements))

    assert [command.number(number) for number in numbers] == [0x100 + (n & 7) for n in numbers]
    assert not command.deviation


@given(st.dictionaries(st.sampled_from(_NUMBERS), st.integers(0, 0xFFFF)))
def test_explicit_vr_is_read_as_implicit_vr_is(values: dict[int, int]) -> None:
    values |= {0x0100: 0x8020}
    explicit = b"".join(
        struct.pack("<HH2sHH", 0, number, b"US", 2, value) for number, value in values.items()
    )

    command = command_set.decode(explicit)

    assert {number: command.number(number) for number in values} == values
    assert command.field == 0x8020
    assert "Explicit VR" in command.deviation


def _values(command: Command) -> list[bytes]:
    return [command.padded_uid(number) for number in _NUMBERS]
