"""Types of the walk over a data set: its source, its result and its error."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

Read = Callable[[int, int], bytes]
"""`read(offset, length)` returns `length` bytes at `offset`, or fewer at the end.

No byte of a regular data set is read twice.
"""


_NO_OTHERS: Mapping[int, tuple[bytes, ...]] = MappingProxyType({})


class MalformedDataSet(ValueError):
    """The bytes are not a whole data set."""

    def __init__(self, what: str, at: int) -> None:
        super().__init__(f"{what}, at byte {at}")


class WalkResult(NamedTuple):
    """A data set that can be read to its end."""

    values: dict[int, bytes]
    """Raw values of the wanted elements, by tag; the first where there are several."""
    transfer_syntax_uid: str
    """The syntax in which it can be read."""
    irregular: str = ""
    """The first deviation from the standard, as a short phrase."""
    start: int = 0
    """Offset of its first element: behind a preamble and a file meta, if those were sent."""
    others: Mapping[int, tuple[bytes, ...]] = _NO_OTHERS
    """Further values of wanted elements that occur more than once."""
    padded: bool = False
    """True if padding follows its last element."""

    def candidates(self, tag: int) -> tuple[bytes, ...]:
        """Return every value of a wanted element, in the order of the data set."""
        first = (self.values[tag],) if tag in self.values else ()
        return first + self.others.get(tag, ())
