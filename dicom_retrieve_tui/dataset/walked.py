"""What the walk over a data set takes and gives."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""`read(offset, length)` gives `length` bytes at `offset`, fewer at the end. Of a regular data set,
no byte is asked for twice."""


_NO_OTHERS: Mapping[int, tuple[bytes, ...]] = MappingProxyType({})


class Walked(NamedTuple):
    """A data set that can be read to its end."""

    values: dict[int, bytes]
    """Raw values of the wanted elements, by tag; the first where there are several."""
    transfer_syntax_uid: str
    """The syntax in which it can be read."""
    irregular: str = ""
    """The first thing in which it departs from the standard, in a short phrase."""
    start: int = 0
    """Where it begins: behind a preamble and a file meta, if those were sent with it."""
    others: Mapping[int, tuple[bytes, ...]] = _NO_OTHERS
    """Further values of wanted elements that stand there more than once."""

    padded: bool = False
    """True if padding follows its last element."""

    def candidates(self, tag: int) -> tuple[bytes, ...]:
        """Every value of a wanted element, in the order in which they stand."""
        first = (self.values[tag],) if tag in self.values else ()
        return first + self.others.get(tag, ())
